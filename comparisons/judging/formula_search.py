"""The search for an element whose formula is wrong, along directions through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import ExactFunctions, NotExactError, Slope
from gradtwin.comparisons.precision.formula_constants import (
    ALIKE,
    HALF_WAY,
    JUDGED_ALONE,
    KINK_DIGITS,
    OPEN_BELOW,
    REAL_DIFFERENCE,
    SAME_FAR,
    SMALL_STEPS,
    WIDE_DIFFERENCES,
    WIDE_NOISE,
    WIDE_STEPS,
    ZERO_PART,
)

from .elements import Elements
from .formula_outcome import Fault, Formula
from .kinks import Kinks

#: Names the stream of the directions.
DIRECTIONS_STREAM = 0xD1CE

CONSTANTS = "numbers of the code that are rounded explain a difference in the last digits"


@dataclass(frozen=True)
class Along:
    """How far inputs are moved, as a power of two, and how many differences are extrapolated."""

    exponent: int
    count: int


class Search:
    """The search for an element whose formula is wrong."""

    def __init__(self, exact: ExactFunctions, elements: Elements, suspicion: Array, seed: int) -> None:
        self._exact = exact
        self._elements = elements
        self._suspicion = suspicion
        self._seed = seed
        self._moved: Array | None = None
        self._last = 0

    def run(self) -> list[Formula]:
        """Return the outcome for each gradient: of all together, or, where something is wrong, one by one."""
        elements = self._elements
        finite = np.isfinite(elements.high)
        if not finite.any():
            raise NotExactError("the gradient is not finite in wide arithmetic")
        found = self._prove(finite)
        if (found.fault is not None or found.open.any()) and self._exact.look_at_terms():
            found = self._prove(finite)
        if found.fault is None:
            return self._split([found] * len(elements.shapes), np.zeros_like(finite), np.zeros_like(finite))
        kinks = Kinks(self._exact, elements, self._seed, self._last, found.fault)
        jumping = outside = undecided = np.zeros_like(finite)
        is_kink = kinks.explain() and kinks.look_closer()
        if is_kink:
            changing, suspect = kinks.changing, self._suspicion > KINK_DIGITS
            candidates = (changing | suspect, changing) if kinks.is_own else (changing,)
            jumping = next((part for part in candidates if kinks.are_right(part)), jumping)
            outside, undecided = kinks.outside(jumping)
        if len(elements.shapes) == 1 and not jumping.any():
            return self._split([found], jumping, undecided)
        parts = []
        for k in range(len(elements.shapes)):
            own = elements.of(k)
            wrong = np.flatnonzero(outside & own)
            if wrong.size:
                parts.append(self._kink(int(wrong[0]), kinks))
            else:
                parts.append(self._prove_beside(own & finite & ~jumping, kinks if is_kink else None))
        return self._split(parts, kinks.changing & jumping if is_kink else jumping, undecided)

    def _prove_beside(self, left: Array, kinks: Kinks | None) -> Formula:
        """Return the outcome for these elements, without those whose derivative around is another."""
        found = self._prove(left)
        for _ in range(JUDGED_ALONE):
            at = self._last
            if found.fault is None or kinks is None or not kinks.jumps_at(at, found.fault.right):
                break
            left = left.copy()
            left[at] = False
            found = self._prove(left)
        return found

    def _split(self, parts: Sequence[Formula], at_kinks: Array, undecided: Array) -> list[Formula]:
        """Return the parts with each gradient's own elements that are open, at kinks and undecided."""
        nowhere = np.zeros_like(at_kinks)
        return [
            replace(
                part,
                open=self._elements.part(k, part.open if part.open.ndim else nowhere),
                at_kinks=self._elements.part(k, at_kinks & ~undecided),
                undecided=self._elements.part(k, undecided),
            )
            for k, part in enumerate(parts)
        ]

    def _kink(self, at: int, kinks: Kinks) -> Formula:
        """Return the fault of an element that is not between those around its kink."""
        _, index = self._elements.place(at)
        low, high = kinks.between(at)
        return Formula(digits=0.0, fault=Fault(index, float(self._elements.high[at]), (low + high) / 2, (low, high)))

    def _prove(self, left: Array) -> Formula:
        """Return the outcome for these elements, as if there were no kinks."""
        elements, left, judged = self._elements, left.copy(), left
        rng = np.random.default_rng([self._seed, DIRECTIONS_STREAM])
        resolved = np.zeros(left.shape)  # the size of an element over what is known of it
        notes: dict[str, None] = {}
        steps = [Along(e, n) for e, n in zip(WIDE_STEPS, WIDE_DIFFERENCES, strict=True)]
        for number, step in enumerate(steps):
            if not left.any() or steps[0].exponent < WIDE_STEPS[0]:  # where forward is steep, no further
                break
            weights = self._weights(rng, left)
            needed = np.where(elements.size > 0, elements.needed, ZERO_PART * elements.size.max(initial=0.0))
            try:
                slope, along = (self._slope(weights, step), step) if number else self._begin(weights, step)
            except NotExactError:
                if not number:
                    raise
                break  # so far forward has no value
            if not number:
                steps[0] = along
            apart = self._apart(weights, slope)
            entered = np.abs(weights)
            differs = apart > (needed * entered)[left].min() and self._differs(weights, slope, along)
            if differs and not self._is_constants(weights, apart, along):
                found = self._fault(weights, along)
                if found.fault is not None:
                    return found
            elif differs:
                notes[CONSTANTS] = None
            resolution = max(apart, slope.rounding)
            known = np.where(elements.size > 0, elements.size, self._exact.terms) * entered / resolution
            resolved[left] = np.fmax(resolved, known)[left]
            left &= ~((elements.size * entered >= resolution) if differs else (needed * entered >= resolution))
        nonzero = judged & (elements.size > 0) & (resolved > 0)
        open_ = judged & (resolved < OPEN_BELOW) & left
        if open_.any():
            open_ &= elements.size > WIDE_NOISE * self._moves()
        digits = float(np.log10(resolved[nonzero & ~open_].min(initial=np.inf)))
        return Formula(
            digits=digits if np.isfinite(digits) else None,
            open=open_ | ~np.isfinite(elements.high),
            notes=tuple(notes),
        )

    def _begin(self, weights: Array, along: Along) -> tuple[Slope, Along]:
        """Return the derivative at this step, or at a shorter one where forward is too steep for it."""
        for exponent in (along.exponent, *SMALL_STEPS):
            along = Along(exponent, along.count)
            slope = self._slope(weights, along)
            if not self._is_steep(weights, slope):
                break
            if exponent == WIDE_STEPS[0] and self._exact.look_at_terms():
                slope = self._slope(weights, along)
                if not self._is_steep(weights, slope):
                    break
        return slope, along

    def _is_steep(self, weights: Array, slope: Slope) -> bool:
        return slope.changed > KINK_DIGITS * self._scale(weights) + slope.rounding

    def _differs(self, weights: Array, slope: Slope, along: Along) -> bool:
        """Return whether the gradient is off along a direction by more than both errors: a shorter step agrees."""
        apart, scale = self._apart(weights, slope), self._scale(weights)
        if apart <= REAL_DIFFERENCE * (slope.error(scale) + self._noise(weights)):
            return False
        again = self._slope(weights, Along(along.exponent - 2, along.count))
        if abs(float(again.value - slope.value)) * REAL_DIFFERENCE > apart:
            return False
        if along.exponent <= WIDE_STEPS[1]:
            return True
        # So far a formula may be another one. A shorter step must see the elements, if not their last digits, or the
        # derivative be the same over a long way, and not zero, as it is on average over a long way of a wave.
        near = self._slope(weights, Along(WIDE_STEPS[1], along.count))
        error, between = near.error(scale), abs(float(near.value - slope.value))
        if error <= KINK_DIGITS * scale:
            return between <= REAL_DIFFERENCE * error
        half_way = self._slope(weights, Along(along.exponent - HALF_WAY, along.count))
        return abs(float(half_way.value - slope.value)) <= SAME_FAR * abs(float(slope.value))

    def _scale(self, weights: Array) -> float:
        return float(np.sum(np.abs(weights) * self._elements.size))

    def _noise(self, weights: Array) -> float:
        """Return the error of the gradient's own wide value along a direction."""
        return WIDE_NOISE * float(np.sum(np.abs(weights) * self._moves()))

    def _moves(self) -> Array:
        """Return how far one more rounding of all results moves each element of the gradient."""
        if self._moved is None:
            again = Elements.like(self._elements, self._exact.gradients(noise=self._seed))
            self._moved = np.abs(again.minus(self._elements)) * self._elements.reach
        return self._moved

    def _weights(self, rng: np.random.Generator, left: Array) -> Array:
        """Return random weights with the signs of the elements; less for large ones.

        Then one that is off by the same part of itself shows as much, whatever its size, and faults that are a factor
        add up.
        """
        size = self._elements.size
        with np.errstate(all="ignore"):
            even = np.fmin(1.0, ALIKE * size[left].max(initial=0.0) / size)
        high = self._elements.high
        signs = np.where(high == 0, rng.choice([-1.0, 1.0], left.shape), np.sign(high)) * rng.uniform(
            0.5, 1, left.shape
        )
        return np.asarray(np.where(left, signs * np.where(size > 0, even, 1.0), 0.0))

    def _slope(self, weights: Array, along: Along, moved: float | None = None) -> Slope:
        return self._exact.slope(self._elements.direction(weights), along.exponent, along.count, moved)

    def _apart(self, weights: Array, slope: Slope) -> float:
        return abs(float(self._elements.along(weights) - slope.value))

    def _is_constants(self, weights: Array, apart: float, along: Along) -> bool:
        """Return whether the roundings of the code's own numbers explain a difference along a direction."""
        given, right = self._elements.along(weights), self._slope(weights, along).value
        bound = 0.0
        for number in tuple(self._exact.constants):
            moved = Elements.like(self._elements, self._exact.gradients(moved=number))
            change = moved.along(weights) - given - (self._slope(weights, along, number).value - right)
            bound += abs(float(change))
        return apart <= bound

    def _fault(self, weights: Array, along: Along) -> Formula:
        """Return the element behind a difference; none where each is as right as it needs to be."""
        at = self._locate(weights, along)
        weights = _masked(weights, np.array([at]))
        slope = self._slope(weights, along)
        self._last = at
        _, index = self._elements.place(at)
        moved = float(weights[at] * self._elements.reach[at])
        fault = Fault(index, float(self._elements.high[at]), float(slope.value) / moved)
        apart, size = self._apart(weights, slope), max(abs(fault.given), abs(fault.right)) * abs(moved)
        if apart <= self._elements.needed[at] * abs(weights[at]):
            return Formula()
        return Formula(digits=max(0.0, float(np.log10(size / apart))) if apart else None, fault=fault)

    def _locate(self, weights: Array, along: Along) -> int:
        """Return the element that is left when the half is kept, again and again, that is further off."""
        candidates = np.flatnonzero(weights)
        order = np.lexsort((self._elements.size[candidates], self._suspicion[candidates]))[::-1]
        candidates = candidates[order]
        first = self._off(_masked(weights, candidates[:1]), along)
        if (
            first > float(self._elements.needed[candidates[0]]) * abs(weights[candidates[0]])
            and self._suspicion[candidates[0]] > KINK_DIGITS
        ):
            return int(candidates[0])
        whole = self._off(_masked(weights, candidates), along)
        while candidates.size > 1:  # of two parts one has at least half of the whole difference
            one, other = np.array_split(candidates, 2)
            part = self._off(_masked(weights, one), along)
            is_here = part >= whole / 2
            candidates, whole = (one, part) if is_here else (other, whole - part)
        return int(candidates[0])

    def _off(self, weights: Array, along: Along) -> float:
        """Return how far the gradient is off along a direction, beyond the slope's error."""
        slope = self._slope(weights, along)
        return self._apart(weights, slope) - slope.error(self._scale(weights)) - self._noise(weights)


def _masked(weights: Array, chosen: Array) -> Array:
    """Return the weights of these elements alone."""
    kept = np.zeros(weights.shape)
    kept[chosen] = weights[chosen]
    return kept
