"""Differences that rounding does not explain: a kink, a fault of the reference's, or the user's.

First the points around: at a kink both sides agree there, and the gradient jumps. Then a third vote, on the forward
alone, at the worst elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.guards.time_limits import TimeIsUp
from gradtwin.comparisons.oracles.interface import UntrustedError
from gradtwin.comparisons.oracles.reference import ReferenceOracle
from gradtwin.comparisons.oracles.traced import TracedOracle
from gradtwin.comparisons.oracles.votes import Vote, directional, vote
from gradtwin.comparisons.precision.constants import (
    DISPLACEMENT,
    FIRST_VOTES,
    MOST_VOTES,
    NEIGHBOUR_DRAWS,
    NEIGHBOURS,
    UNDECIDED_PART,
)
from gradtwin.comparisons.precision.rounding import allowed_difference, nudge
from gradtwin.comparisons.precision.size import root_mean_square
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.results.evidence import Ballot
from gradtwin.comparisons.subjects.arrays import copies
from gradtwin.comparisons.subjects.functions import Place
from gradtwin.comparisons.subjects.interface import ContractError

from .evaluator import UPSTREAM_STREAM, Evaluator, Notes
from .exceeding import exceeds, excess_of
from .point import Point


@dataclass(frozen=True)
class Settled:
    """The oracle's gradient as the dispute left it, the cause if it is the reference that is wrong, the first vote."""

    right: Array
    causes: tuple[Cause, ...] = ()
    vote: Ballot | None = None


def settle(evaluator: Evaluator, point: Point, k: int, allowed: Array, seed: int, notes: Notes) -> Settled:
    """Decide whose fault the differences in the k-th gradient are; for the others take the values of `right`.

    If both sides are NaN, a finite vote takes the oracle's place.
    """
    right = point.right[k].astype(np.float64, copy=False)
    left = point.left[k].reshape(right.shape).astype(np.float64, copy=False)
    differing = exceeds(left, right, allowed) | (np.isnan(left) & np.isnan(right))
    if not differing.any() or point.style == "jacobian":
        return Settled(right)
    name = point.words[point.wrt[k]]
    by_differences = evaluator.oracle.name == "finite-differences"  # whose errors reach both sides of a kink
    is_kink = not by_differences and _between_neighbours(evaluator, point, k, left, differing, allowed, seed)
    if is_kink:
        notes |= _note_ties(evaluator, point, k, left, differing, allowed, seed)
        count = int(differing.sum())
        entries = f"{count} {'entry' if count == 1 else 'entries'} at points without a derivative"
        notes[f"kink: {name} has {entries}; the gradient there lies between those of the points around"] = None
        return Settled(np.where(differing, left, right))
    order = np.argsort(np.where(differing, excess_of(left, right, allowed), -1.0), axis=None)[::-1]
    order = order[: int(differing.sum())]
    said = {"user": 0, "kink": 0, "reference": 0, "open": 0}
    settled = right.copy()
    first: Ballot | None = None
    for number, flat in enumerate(order[:MOST_VOTES]):
        if number >= FIRST_VOTES and said["user"]:
            break
        index = tuple(int(i) for i in np.unravel_index(flat, left.shape))
        ballot = _cast(evaluator, point, k, index, seed)
        if first is None and ballot is not None:
            first = Ballot(index, **vars(ballot))
        says, value = _third_vote(evaluator, point, k, index, left[index], right[index], allowed[index], ballot)
        said[says] += 1
        if says in ("kink", "reference"):
            settled[index] = left[index]
        elif says == "user" and np.isnan(right[index]):
            settled[index] = value
    if said["user"]:
        return Settled(np.where(np.isnan(left) & ~np.isnan(settled), settled, right), vote=first)
    if said["kink"]:
        notes |= _note_ties(evaluator, point, k, left, differing, allowed, seed)
        points = f"{said['kink']} point{'s' if said['kink'] > 1 else ''} without a derivative"
        notes[f"kink: {name} has {points}; the gradient lies between the one-sided derivatives"] = None
    if said["reference"] and isinstance(evaluator.oracle, ReferenceOracle):
        text = f"the gradient of {name} is right, and the reference's is wrong, by a third vote on forward alone."
        narrow = evaluator.oracle.narrow_operation(point.inputs)
        if narrow is not None:
            text += f" It has {narrow} narrower than float64 inside: make it float64, or check at float32 inputs."
        return Settled(right, (Cause("reference", True, narrow or "", text),), first)
    if said["reference"]:
        points = f"{said['reference']} point{'s' if said['reference'] > 1 else ''}"
        notes[f"the traced gradient of {name} is wrong at {points}; the vote agrees with yours"] = None
    return Settled(settled, vote=first)


def unresolved(evaluator: Evaluator, point: Point, k: int, allowed: Array, seed: int) -> bool:
    """Return whether a gradient is lost in rounding: smaller than the allowed error almost everywhere, and not zero.

    A gradient that is zero by cancellation looks the same; the third vote, at its largest element, decides.
    """
    size = np.abs(point.right[k], dtype=np.float64)
    if not size.size or point.style == "jacobian" or not np.isfinite(size).all() or not size.any():
        return False
    lost = size <= 2 * allowed  # where half of it would pass too
    squares = (size / size.max()) ** 2
    if np.sum(squares[lost]) < UNDECIDED_PART * np.sum(squares):
        return False
    index = tuple(int(i) for i in np.unravel_index(np.argmax(size), size.shape))
    ballot = _cast(evaluator, point, k, index, seed)
    return ballot is not None and np.isfinite(ballot.value) and abs(ballot.value) > ballot.error


def _between_neighbours(
    evaluator: Evaluator, point: Point, k: int, left: Array, differing: Array, allowed: Array, seed: int
) -> bool:
    """Return whether the differing entries are at a kink, each between the gradients of the points around it.

    Around a kink the two sides agree and the gradient jumps; around a fault they differ as they do at it.
    """
    seen: list[Array] = []
    rounding = np.zeros(left.shape)
    rng = np.random.default_rng([seed, UPSTREAM_STREAM, 2])
    for number in range(NEIGHBOURS):
        moved = [_displaced(x, rng) if i in point.wrt else x for i, x in enumerate(point.inputs)]
        sides = _sides_at(evaluator, point, k, moved, left.shape)
        if sides is None:
            return False
        if not number:  # where this point's numbers are round, its neighbours' rounding is larger
            nudges = [_nudged(moved, point, seed + draw) for draw in range(1, 1 + NEIGHBOUR_DRAWS)]
            drawn = [_sides_at(evaluator, point, k, nudged, left.shape) for nudged in nudges]
            rounding = allowed_difference(sides, [other for other in drawn if other is not None])
        # A fault would show around as it does here; only rounding may differ.
        if np.any(exceeds(*sides, allowed + rounding)[differing]):
            return False
        seen.append(sides[1].astype(np.float64))
    with np.errstate(all="ignore"):
        around = np.asarray(seen)
        lowest, highest = around.min(axis=0), around.max(axis=0)
        jump = highest - lowest
        slack = allowed + 2 * NEIGHBOURS * DISPLACEMENT * np.fmax(np.abs(lowest), np.abs(highest))
        # Where many kinks meet, their extremes together are seldom met by chance: the jumps seen may be half of all.
        two_sided = ((around <= lowest + slack) | (around >= highest - slack)).all(axis=0)
        beyond = slack + np.where(two_sided, 0.0, jump)
        inside = (lowest - beyond <= left) & (left <= highest + beyond) & (jump > slack)
    return bool(np.all(inside[differing]))


def _note_ties(
    evaluator: Evaluator, point: Point, k: int, left: Array, kinks: Array, allowed: Array, seed: int
) -> Notes:
    """Note a gradient at kinks without forward's slope along a direction that moves equal elements alike.

    Two elements that tie for a maximum may share the gradient in any way, but together they have all of it.
    Nothing where forward has no slope along the direction either: at the kink of a relu, any part will do.
    """
    x = np.asarray(point.inputs[point.wrt[k]])
    values, which = np.unique(x, return_inverse=True)
    weights = np.random.default_rng([seed, UPSTREAM_STREAM, 3]).uniform(0.5, 1, values.size)
    direction = np.where(np.isin(x, x[kinks]), weights[which].reshape(x.shape), 0.0)
    inputs = copies(point.inputs)
    slope = _moved(lambda f: directional(f, inputs, [point.wrt[k]], [direction], point.y_bar, seed=seed), evaluator)
    if slope is None or slope.one_sided is not None or not np.isfinite(slope.value):
        return {}
    if abs(np.sum(direction * left) - slope.value) <= slope.error + np.sum(direction * allowed):
        return {}
    name = point.words[point.wrt[k]]
    return {f"kink: the elements of {name} that tie don't share one gradient: their gradients add up wrongly": None}


def _sides_at(
    evaluator: Evaluator, point: Point, k: int, inputs: Sequence[Any], shape: tuple[int, ...]
) -> tuple[Array, Array] | None:
    """Return both sides' k-th gradient at other inputs, None where either has none."""
    upstream = np.ones_like(point.y) if point.y_bar is None else point.y_bar
    try:
        evaluation = evaluator.user.run(Place(inputs, lambda y: upstream))
        theirs = evaluator.oracle.ask(inputs, point.wrt, upstream).gradients[k]
    except (ContractError, UntrustedError):
        return None
    gradients = [g for g in evaluation.gradients if g is not None]
    if theirs is None or len(gradients) <= k or gradients[k].size != theirs.size:
        return None
    return gradients[k].reshape(shape), theirs.reshape(shape)


def _nudged(inputs: Sequence[Any], point: Point, seed: int) -> list[Any]:
    return [nudge(x, seed) if i in point.wrt and isinstance(x, np.ndarray) else x for i, x in enumerate(inputs)]


def _third_vote(
    evaluator: Evaluator,
    point: Point,
    k: int,
    index: tuple[int, ...],
    mine: Any,
    theirs: Any,
    allowed: Any,
    ballot: Vote | None,
) -> tuple[str, float]:
    """Return whose fault a difference is, `user`, `reference`, `kink` or, where it is unclear, `open`; and the vote"""
    if ballot is None:
        return "open", np.nan
    if ballot.one_sided is not None and np.isnan(mine):
        return "open", np.nan  # there is no derivative that could be finite
    if ballot.one_sided is not None:
        low, high = sorted(ballot.one_sided)
        slack = ballot.error + allowed
        if low - slack <= mine <= high + slack:
            return "kink", ballot.value
        return "user", ballot.value
    if not np.isfinite(ballot.value):
        return "open", np.nan
    error = ballot.error + (allowed if np.isfinite(allowed) else 0.0)
    mine_fits = abs(mine - ballot.value) <= error
    theirs_fits = abs(theirs - ballot.value) <= error
    if mine_fits and not theirs_fits:
        return "reference", ballot.value
    if mine_fits and theirs_fits:
        if evaluator.oracle.name != "reference":
            return "open", ballot.value
        return _second_opinion(evaluator, point, k, index, mine, allowed), ballot.value
    return "user", ballot.value


def _cast(evaluator: Evaluator, point: Point, k: int, index: tuple[int, ...], seed: int) -> Vote | None:
    """Return the vote on one element, None if forward can't be run at moved inputs."""
    inputs = copies(point.inputs)
    return _moved(lambda forward: vote(forward, inputs, point.wrt[k], index, point.y_bar, seed=seed), evaluator)


def _moved(ask: Callable[[Callable[..., Any]], Vote], evaluator: Evaluator) -> Vote | None:
    """Return a vote on the user's forward, None where it does not bear being moved."""
    try:
        with np.errstate(all="ignore"):
            return ask(evaluator.user.moved_value)
    except (Exception, TimeIsUp):  # whatever a user's function raises away from the point that is judged
        return None


def _second_opinion(evaluator: Evaluator, point: Point, k: int, index: tuple[int, ...], mine: Any, allowed: Any) -> str:
    """Where the vote is too coarse, ask the traced forward: some of TensorFlow's own gradients are float32-accurate."""
    try:
        upstream = np.ones_like(point.y) if point.y_bar is None else point.y_bar
        traced = TracedOracle(evaluator.user).ask(point.inputs, point.wrt, upstream).gradients[k]
    except UntrustedError:
        return "open"
    return "reference" if traced is not None and abs(mine - traced[index]) <= allowed else "open"


def _displaced(x: Any, rng: np.random.Generator) -> Any:
    """Move every element, zeros too, by a small part of the array's typical size, either way."""
    array = np.asarray(x)
    step = (
        DISPLACEMENT
        * (root_mean_square(array) or 1.0)
        * rng.uniform(0.5, 1, array.shape)
        * rng.choice([-1.0, 1.0], array.shape)
    )
    moved = np.asarray(array + step, dtype=array.dtype)
    return float(moved) if isinstance(x, float) else moved
