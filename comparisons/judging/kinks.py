"""Kinks in wide arithmetic: the gradients at points around, and whether the one at the kink lies between them.

Points are taken at random close to the one that is judged; there wide values decide which branch holds. Where the
user's formula is right around, a difference at the point itself is a kink's. An element at a kink of its own
must lie between its values around. Elements that tie must together be a mean of the gradients around, which is to say
in their convex hull (Clarke, *Optimization and Nonsmooth Analysis*, 1983, theorem 2.5.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import Direction, ExactFunctions, NotExactError
from gradtwin.comparisons.precision.formula_constants import (
    AROUND_DIGITS,
    BESIDE_PART,
    FRANK_WOLFE_STEPS,
    FURTHEST,
    JUDGED_ALONE,
    KINK_DIGITS,
    KINK_SAMPLES,
    KINK_SAMPLES_AT_FIRST,
    KINK_SHIFT,
    KINK_STEP,
    MEAN_SLACK,
    MOVED_ONE_BY_ONE,
    NEARER,
    NEARER_FOR,
    POINTS_AT_A_FAULT,
    REAL_DIFFERENCE,
    SEEN_DIGITS,
    TIED_MOST,
    TIED_ROUNDS,
    WIDE_UNIT,
)

from .elements import Elements
from .formula_outcome import Fault

#: Names the stream of the points around.
AROUND_STREAM = 0x41D3


class Kinks:
    """The gradients around a point, and what they say of the one there."""

    def __init__(self, exact: ExactFunctions, elements: Elements, seed: int, at: int, fault: Fault) -> None:
        self._elements = elements
        self._rng = np.random.default_rng([seed, AROUND_STREAM])
        self._far: list[Array] = []
        self._near: list[Array] = []
        self._around: list[Array] = []
        self._exact = exact
        self._gradient: Callable[[ExactFunctions], Elements | None] = self._own_gradient
        self._at_fault, self._fault = at, fault
        size = max(float(np.sum(elements.size)), abs(fault.right - fault.given) * float(elements.reach[at]))
        #: The size of what is to be seen.
        self._scale = size
        self._further = self._further_for(size)

    def _further_for(self, size: float) -> int:
        """Return by how much all is done further away, to see what is small beside the terms of φ at all."""
        terms = self._exact.terms
        further = math.ceil(math.log2(terms / size)) - NEARER_FOR if 0 < size < terms else 0
        return min(max(0, further), FURTHEST)

    def explain(self) -> bool:
        """Return whether a kink may explain a fault: the formula is right at points around, or forward itself jumps.

        The gradient around is the user's own. Where that can't be run there or is wrong, it is forward's derivative, if
        the elements are few.
        """
        if self._look(self._own_gradient):
            return True
        self._gradient = self._derivative
        if self._elements.high.size > JUDGED_ALONE:
            return False
        jumps = any(self.jumps_at(self._at_fault, self._fault.right) for _ in range(POINTS_AT_A_FAULT))
        return jumps and self._look(self._derivative)

    def _look(self, gradient: Callable[[ExactFunctions], Elements | None]) -> bool:
        """Take the gradients at the first points, each in the same direction far and near."""
        self._far, self._near, self._around = [], [], []
        for _ in range(KINK_SAMPLES_AT_FIRST):
            weights = self._random()
            at = self._at(weights, NEARER)
            near, far = gradient(at), gradient(self._at(weights, 0))
            if near is None or far is None or not self._is_right(at, near):
                return False
            self._near.append(near.high)
            self._far.append(far.high)
            self._around.append(near.high)
        return True

    def look_closer(self) -> bool:
        """Take the gradients at all points around; return whether they can be taken, and forward's derivative jumps.

        Among the points are those where earlier elements are larger, and smaller, and where thresholds fall as they did
        at the point itself: code picks the first of equal elements, or one side of a threshold, for all alike.
        """
        from gradtwin.comparisons.tracing.wide import KEPT

        count = self._elements.high.size
        order = (np.arange(count) + 1) / (count + 1)
        special: list[tuple[Array, int | None]] = [(1 - order, KEPT), (order, None), (-order, KEPT), (order - 1, None)]
        drawn = [(self._random(), number if number % 2 else None) for number in range(KINK_SAMPLES)]
        for number, (weights, ties) in enumerate((*special, *drawn)):
            found = self._gradient(self._at(weights, NEARER, ties))
            far = self._gradient(self._at(weights, 0)) if ties is None and number < KINK_SAMPLES / 2 else None
            if found is None:
                return False
            self._around.append(found.high)
            if far is not None:
                self._near.append(found.high)
                self._far.append(far.high)
        return self.is_own or bool(self.changing.any())

    @property
    def is_own(self) -> bool:
        """Whether the gradients around are the user's own, and not forward's derivative."""
        return self._gradient == self._own_gradient

    @property
    def changing(self) -> Array:
        """Where the gradient jumps: what a slope changes is less as the points are nearer, and a jump is not."""
        near, far = self._spread(self._near), self._spread(self._far)
        seen = KINK_DIGITS * self._size()
        if not self.is_own:  # differences have an error of their own
            step = 2.0**self._step
            seen = np.fmax(seen, REAL_DIFFERENCE * WIDE_UNIT * self._exact.terms / step / self._elements.reach)
        return np.asarray((near > seen) & (near * 2.0 ** (-NEARER / 2) > far))

    def between(self, at: int) -> tuple[float, float]:
        """Return the least and the largest value of an element around."""
        values = np.array(self._around)[:, at]
        return float(values.min()), float(values.max())

    def outside(self, chosen: Array) -> tuple[Array, Array]:
        """Return which of the chosen elements are not between the gradients around, and which are undecided."""
        around, own = np.array(self._around), self._elements.high
        slack = KINK_DIGITS * self._size()
        wrong = chosen & ((own < around.min(axis=0) - slack) | (own > around.max(axis=0) + slack))
        undecided = np.zeros_like(wrong)
        places = np.flatnonzero(chosen & (np.ptp(around, axis=0) > slack))
        for tied in self._groups(places):
            if len(tied) == 1 or wrong[tied].any():
                continue
            if not self._is_mean(tied):
                (undecided if len(tied) > TIED_MOST else wrong)[tied] = True
        return wrong, undecided

    def are_right(self, chosen: Array) -> bool:
        """Return whether the formula is seen to be right at these elements, at a point nearby."""
        if not chosen.any() or not self.is_own:
            return True
        before, size = self._further, float(np.sum(self._elements.size[chosen]))
        self._further = self._further_for(size)
        at = self._at(self._random(), NEARER)
        found = self._gradient(at)
        try:
            if found is None:
                return False
            sizes = np.abs(found.high * found.reach)
            weights = np.where(chosen, self._rng.uniform(0.5, 1, chosen.shape) * np.sign(found.high), 0.0)
            slope = at.slope(found.direction(weights), self._step, 1)
            seen = SEEN_DIGITS * max(size, float(np.sum(sizes[chosen])))
            apart = abs(float(found.along(weights) - slope.value))
            return bool(apart <= seen and slope.rounding <= seen)
        except NotExactError:
            return False
        finally:
            self._further = before

    def jumps_at(self, at: int, frozen: float) -> bool:
        """Return whether the derivative by an element around is another than the one of the branch that was taken."""
        around = self._at(self._random(), NEARER)
        try:
            slope = around.slope(self._one(at), self._step, 1)
        except NotExactError:
            return False
        reach = float(self._elements.reach[at])
        value, error = float(slope.value) / reach, slope.rounding / reach
        return bool(abs(value - frozen) > KINK_DIGITS * max(abs(value), abs(frozen)) + REAL_DIFFERENCE * error)

    def _groups(self, places: Array) -> list[Array]:
        """Return groups of elements that tie together: moving one changes the gradient by the others.

        Of very many elements those are one group of which the points around don't show all pairs of sides.
        """
        if len(places) > MOVED_ONE_BY_ONE:
            return groups_of(_not_seen_apart(np.array(self._around)[:, places]), places)
        linked = np.eye(len(places), dtype=bool)
        still = self._gradient(self._at(np.zeros(self._elements.high.shape), 0))
        for row, place in enumerate(places):
            for sign in (1.0, -1.0):
                weights = np.zeros(self._elements.high.shape)
                weights[place] = sign
                moved = self._gradient(self._at(weights, NEARER))
                if still is None or moved is None:
                    linked[row] = True
                    continue
                apart = np.abs(moved.minus(still))
                linked[row] |= (apart > KINK_DIGITS * self._size())[places]
        return groups_of(linked | linked.T, places)

    def _is_mean(self, tied: Array) -> bool:
        """Return whether tied elements are together a mean of those around; new points are taken where it seems not."""
        size = self._size()[tied]
        own = self._elements.high[tied] / size
        points = [values[tied] / size for values in self._around]
        for _ in range(TIED_ROUNDS):
            away = away_from_mean(np.array(points), own)
            if away is None:
                return True
            weights = np.zeros(self._elements.high.shape)
            weights[tied] = away / np.abs(away).max()
            for sign in (1.0, -1.0):
                found = self._gradient(self._at(sign * weights + self._random() * BESIDE_PART, NEARER))
                if found is None:
                    return True  # nothing is known, and nobody accused
                points.append(found.high[tied] / size)
        return False

    @property
    def _step(self) -> int:
        return KINK_STEP + NEARER + self._further

    def _size(self) -> Array:
        largest = np.abs(np.array([*self._around, *self._far])).max(axis=0)
        return np.asarray(np.fmax(np.fmax(largest, np.abs(self._elements.high)), np.finfo(np.float64).tiny))

    def _spread(self, values: list[Array]) -> Array:
        """Return how far gradients are from the one at the point; forward's derivatives from one another."""
        array = np.array(values)
        return np.asarray(np.abs(array - self._elements.high).max(axis=0) if self.is_own else np.ptp(array, axis=0))

    def _random(self) -> Array:
        return self._rng.uniform(-1, 1, self._elements.high.shape)

    def _at(self, weights: Array, exponent: int, ties: int | None = None) -> ExactFunctions:
        distance = 2.0 ** (KINK_SHIFT + self._further + exponent)
        return self._exact.shifted(self._elements.direction(weights * distance), ties)

    def _own_gradient(self, at: ExactFunctions) -> Elements | None:
        try:
            return Elements.like(self._elements, at.gradients())
        except (NotExactError, ValueError):
            return None

    def _derivative(self, at: ExactFunctions) -> Elements | None:
        try:
            slopes = [float(at.slope(self._one(k), self._step, 1).value) for k in range(self._elements.high.size)]
        except NotExactError:
            return None
        return self._elements.with_values(np.array(slopes) / self._elements.reach)

    def _one(self, place: int) -> Direction:
        weights = np.zeros(self._elements.high.shape)
        weights[place] = 1.0
        return self._elements.direction(weights)

    def _is_right(self, at: ExactFunctions, elements: Elements) -> bool:
        """Return whether the formula agrees with the derivative at a point around."""
        weights = self._rng.choice([-1.0, 1.0], elements.high.shape) * self._rng.uniform(0.5, 1, elements.high.shape)
        try:
            slope = at.slope(elements.direction(weights), self._step, 1)
        except NotExactError:
            return False
        apart = abs(float(elements.along(weights) - slope.value))
        allowed = REAL_DIFFERENCE * slope.rounding + AROUND_DIGITS * self._scale
        return bool(apart <= allowed <= KINK_DIGITS * self._scale)


def _not_seen_apart(around: Array) -> Array:
    """Return which pairs of elements don't show all four pairs of sides."""
    sides = around > (around.min(axis=0) + around.max(axis=0)) / 2
    apart = np.ones((around.shape[1],) * 2, bool)
    for one in (sides, ~sides):
        for other in (sides, ~sides):
            apart &= one.T.astype(float) @ other.astype(float) > 0
    return np.asarray(~apart)


def groups_of(linked: Array, places: Array) -> list[Array]:
    """Return the connected groups of a graph, as the places of their members."""
    left, groups = set(range(len(places))), []
    while left:
        group, new = set(), {left.pop()}
        while new:
            group |= new
            new = {int(j) for i in new for j in np.flatnonzero(linked[i])} - group
        left -= group
        groups.append(places[sorted(group)])
    return groups


def away_from_mean(points: Array, point: Array) -> Array | None:
    """Return the way from the nearest mean of points, with weights ≥ 0, to a point; None if it is such a mean itself.

    Found by the pairwise steps of Frank & Wolfe's method.
    """
    shifted = points - point
    weights = np.full(len(points), 1.0 / len(points))
    for _ in range(FRANK_WOLFE_STEPS):
        at = weights @ shifted
        if np.abs(at).max() <= 2 * KINK_DIGITS:
            return None
        values = shifted @ at
        toward = int(np.argmin(values))
        held = np.flatnonzero(weights > 0)
        away = int(held[np.argmax(values[held])])
        move = shifted[toward] - shifted[away]
        length = float(move @ move)
        if values[away] - values[toward] <= KINK_DIGITS**2 or length == 0:
            break
        step = min(weights[away], max(0.0, -float(at @ move) / length))
        weights[toward] += step
        weights[away] -= step
    at = weights @ shifted
    return None if np.abs(at).max() <= MEAN_SLACK * KINK_DIGITS else np.asarray(-at)
