"""The elements of all gradients as one vector, in wide arithmetic, and directions through them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import Direction
from gradtwin.comparisons.precision.formula_constants import FORMULA_ROUNDINGS, WIDE_SMALLEST
from gradtwin.comparisons.precision.size import root_mean_square


class Elements:
    """All elements of all gradients as one vector: the wide values, the inputs' sizes, what each needs to be right."""

    def __init__(self, inputs: Sequence[Any], wrt: tuple[int, ...], gradients: Sequence[Any]) -> None:
        self.wrt = wrt
        self.shapes = [np.shape(inputs[i]) for i in wrt]
        sizes = [int(np.prod(shape)) for shape in self.shapes]
        self._ends = np.cumsum([0, *sizes])
        self.high = np.concatenate([np.reshape(g.high, -1) for g in gradients])
        self.low = np.concatenate([np.reshape(g.low, -1) for g in gradients])
        self.reach = np.concatenate([_reach(np.asarray(inputs[i])) for i in wrt])
        roundoffs = [float(np.finfo(np.asarray(inputs[i]).dtype).eps) / 2 for i in wrt]
        with np.errstate(all="ignore"):
            size = np.abs(self.reach * self.high)
        self.size = np.where(np.isfinite(size) & (size >= WIDE_SMALLEST), size, 0.0)
        #: Whether the gradient is so small that nothing of it is seen in wide arithmetic.
        self.is_tiny = bool(self.high.any() and not self.size.any())
        self.roundoff = np.repeat(roundoffs, sizes)
        self.needed = FORMULA_ROUNDINGS * self.roundoff * self.size

    @classmethod
    def like(cls, other: Elements, gradients: Sequence[Any]) -> Elements:
        """Return the elements of other gradients of the same inputs."""
        again = copy.copy(other)
        again.high = np.concatenate([np.reshape(g.high, -1) for g in gradients])
        again.low = np.concatenate([np.reshape(g.low, -1) for g in gradients])
        return again

    def with_values(self, values: Array) -> Elements:
        """Return the elements of another gradient of the same inputs, known to float64."""
        again = copy.copy(self)
        again.high, again.low = values, np.zeros_like(values)
        return again

    def direction(self, weights: Array) -> Direction:
        """Return a direction of flat weights, relative to the inputs' sizes."""
        moves = weights * self.reach
        return {
            i: moves[self._ends[k] : self._ends[k + 1]].reshape(self.shapes[k])
            for k, i in enumerate(self.wrt)
            if moves[self._ends[k] : self._ends[k + 1]].any()
        }

    def along(self, weights: Array) -> Fraction:
        """Return Σ direction · gradient, in wide arithmetic."""
        from gradtwin.comparisons.precision.wide import WideArray, apply

        moves = weights * self.reach
        used = np.flatnonzero(moves)
        total = apply(np.sum, (WideArray(self.high[used], self.low[used]) * moves[used],))
        return Fraction(float(total.high)) + Fraction(float(total.low))

    def minus(self, other: Elements) -> Array:
        """Return the differences of the elements of two gradients."""
        return np.asarray((self.high - other.high) + (self.low - other.low))

    def place(self, flat: int) -> tuple[int, tuple[int, ...]]:
        """Return which gradient an element is of, and its index there."""
        k = int(np.searchsorted(self._ends, flat, side="right")) - 1
        return k, tuple(int(i) for i in np.unravel_index(flat - self._ends[k], self.shapes[k]))

    def of(self, k: int) -> Array:
        """Return which elements are the k-th gradient's."""
        flags = np.zeros(self.high.shape, bool)
        flags[self._ends[k] : self._ends[k + 1]] = True
        return flags

    def part(self, k: int, flat: Array) -> Array:
        """Return the k-th gradient's part of something that all elements have."""
        return np.asarray(flat[self._ends[k] : self._ends[k + 1]].reshape(self.shapes[k]))

    def values(self, k: int) -> Array:
        """Return the k-th gradient, rounded to float64."""
        return self.part(k, self.high)


def _reach(x: Array) -> Array:
    """Return how far each element of an input can be moved: by its own size, or the typical one where it is 0."""
    wide = np.abs(x.astype(np.float64)).reshape(-1)
    typical = root_mean_square(wide) or 1.0
    return np.asarray(np.where(wide > 0, wide, typical))
