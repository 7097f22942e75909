"""The evidence of a mismatch: the elements around the worst one, and the level of each element's error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, is_floating

#: Levels of error over allowed, by their upper limits: 0 is equal, up to the fifth is allowed, the last has no limit.
LIMITS = (0.0, *(10.0**exponent for exponent in range(-3, 16)), math.inf)

#: The first level that is not allowed.
BEYOND = LIMITS.index(1.0) + 1

#: A level as a character of the map; UNKNOWN if the allowed error is not known.
DIGITS, UNKNOWN = "0123456789abcdefghijk", "-"

#: Rows and columns of the window, and of the map.
WINDOW, MOST_CELLS = 9, 64


@dataclass(frozen=True)
class Ballot:
    """A third vote on one element, `value ± error`; `one_sided` holds the left and right derivative at a kink."""

    index: tuple[int, ...]
    value: float
    error: float
    method: str
    one_sided: tuple[float, float] | None


@dataclass(frozen=True)
class Evidence:
    """The evidence of a mismatch beside its worst element.

    The window is at most 9 × 9 elements of the last two axes around the worst one, from `start` on: both sides, and the
    places where they disagree. `levels` is the whole array as rows of its last axis, one character for an element, or
    for the largest of a block; `histogram` counts the elements of each level. `ulps` is the distance of the worst
    element's values, in units in the last place of the larger one.
    """

    shape: tuple[int, ...]
    start: tuple[int, ...]
    left: tuple[tuple[float, ...], ...]
    right: tuple[tuple[float, ...], ...]
    wrong: tuple[tuple[bool, ...], ...]
    levels: tuple[str, ...]
    histogram: tuple[int, ...]
    ulps: float | None
    vote: Ballot | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence for the JSON report."""
        return {**vars(self), "vote": self.vote and vars(self.vote)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Evidence:
        """Return the evidence that `to_dict` made these fields from."""
        vote = fields["vote"]
        return cls(
            shape=tuple(fields["shape"]),
            start=tuple(fields["start"]),
            left=tuple(tuple(map(float, row)) for row in fields["left"]),
            right=tuple(tuple(map(float, row)) for row in fields["right"]),
            wrong=tuple(map(tuple, fields["wrong"])),
            levels=tuple(fields["levels"]),
            histogram=tuple(fields["histogram"]),
            ulps=fields["ulps"],
            vote=None if vote is None else _read_ballot(vote),
        )


def make_evidence(
    left: Array, right: Array, difference: Array, allowed: Array, wrong: Array, at: tuple[int, ...]
) -> Evidence:
    """Return the evidence of two arrays that disagree; `at` is the worst element."""
    levels = _levels(difference, allowed, wrong)
    window, start = _window(left.shape, at)
    return Evidence(
        left.shape,
        start,
        _rows(left.astype(np.float64)[window]),
        _rows(right.astype(np.float64)[window]),
        _rows(wrong[window]),
        _map(levels.reshape(-1, levels.shape[-1] if levels.ndim else 1)),
        tuple(np.bincount(levels[levels >= 0], minlength=len(LIMITS)).tolist()),
        _ulps(left[at], right[at]),
    )


def _levels(difference: Array, allowed: Array, wrong: Array) -> Array:
    """Return each element's level, -1 where it has none."""
    fraction = np.divide(difference, allowed, out=np.zeros(difference.shape), where=difference != 0)
    fraction[np.isnan(fraction)] = np.inf  # a NaN on one side only
    levels = np.searchsorted(LIMITS, fraction)
    levels = np.where(wrong, np.maximum(levels, BEYOND), levels)  # a quotient just above 1 may be rounded to it
    return np.where(np.isfinite(allowed), levels, -1)


def _window(shape: tuple[int, ...], at: tuple[int, ...]) -> tuple[tuple[int | slice, ...], tuple[int, ...]]:
    """Return what selects the window, and the index of its first element."""
    firsts = [max(0, min(i - WINDOW // 2, n - WINDOW)) for i, n in zip(at[-2:], shape[-2:], strict=True)]
    return (*at[:-2], *(slice(first, first + WINDOW) for first in firsts)), (*at[:-2], *firsts)


def _rows(window: Array) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, np.atleast_2d(window).tolist()))


def _map(levels: Array) -> tuple[str, ...]:
    """Return a matrix of levels as text, the largest of each block where it is larger than the map."""
    for axis in (0, 1):
        starts = np.linspace(0, levels.shape[axis], min(levels.shape[axis], MOST_CELLS), endpoint=False).astype(int)
        levels = np.maximum.reduceat(levels, starts, axis=axis)
    return tuple("".join((DIGITS + UNKNOWN)[level] for level in row) for row in levels.tolist())


def _ulps(left: Any, right: Any) -> float | None:
    """Return how far two numbers are apart, in ulps of the coarser of their formats; None where one is not finite."""
    formats = [x.dtype for x in (left, right) if is_floating(x.dtype)]
    if not formats or not (np.isfinite(left) and np.isfinite(right)):
        return None
    coarser = min(formats, key=lambda dtype: dtype.itemsize)
    ulp = np.spacing(np.fmax(np.abs(left), np.abs(right)).astype(coarser))
    apart = abs(float(left) - float(right)) / float(ulp)
    return apart if math.isfinite(apart) else None


def _read_ballot(fields: dict[str, Any]) -> Ballot:
    sides: Sequence[Any] | None = fields["one_sided"]
    return Ballot(
        tuple(fields["index"]),
        float(fields["value"]),
        float(fields["error"]),
        fields["method"],
        None if sides is None else (float(sides[0]), float(sides[1])),
    )
