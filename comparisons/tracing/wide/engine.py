"""Wide arrays as shadows: each element's value in twice float64's precision."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.formula_constants import CONSTANT_ROUNDINGS, KINK_SCATTER, NOISE_UNIT, WIDE_SMALLEST
from gradtwin.comparisons.precision.wide import WideArray, apply, wide
from gradtwin.comparisons.tracing.buffers import Array
from gradtwin.comparisons.tracing.conversion import DIFFERENTIABLE
from gradtwin.comparisons.tracing.dispatch import Call, Rule

from . import rules
from .losses import Watch

#: The `ties` that keep NumPy's decisions.
KEPT = -1


@dataclass(frozen=True)
class Mode:
    """How a wide run differs from the plain one.

    Casts to a floating dtype narrower than `narrows` round. If `free`, wide values decide in NumPy's place. `ties`
    seeds a small noise in decisions against constants, by which an element on a threshold falls to either side of it;
    with `ties` of KEPT to the side that NumPy's first decision about it fits. `moved` is a number of the code that is
    moved by its rounding. `noise` seeds a rounding of every result by one more unit. Loops that
    values end make `more` iterations.
    """

    narrows: str = ""
    free: bool = False
    ties: int | None = None
    moved: float | None = None
    noise: int | None = None
    more: int = 0


PLAIN = Mode()


class WideEngine:
    """Wide values beside NumPy's: every floating array has one.

    NumPy's values decide which branch is taken, which element is the largest, on which side of a kink a value lies.
    `watch` records what each operation loses.
    """

    def __init__(self, mode: Mode = PLAIN, watch: Watch | None = None) -> None:
        self.watch = watch
        self.free = mode.free
        self.more = mode.more
        self._width = np.dtype(mode.narrows).itemsize if mode.narrows else 0
        #: How many results were computed.
        self.operations = 0
        #: Whether a value was cast to a narrower dtype.
        self.has_narrowed = False
        self._moved = mode.moved
        self._ties = mode.ties
        self._noises: dict[tuple[int, int], Any] = {}
        self._noise = None if mode.noise is None else np.random.default_rng(mode.noise)
        #: The numbers of many digits that the code has, which are rounded: by value, the roundoff of their use.
        self.constants: dict[float, float] = {}

    keeps_constants = True

    def rule_of(self, function: Any) -> Rule | None:
        """Return the wide form of a function that computes."""
        return rules.rule_of(function, self.free)

    def adopt(self, values: Array) -> Any:
        """Return the exact wide value of floating numbers."""
        return wide(values) if values.dtype.char in DIFFERENTIABLE else None

    def constant(self, values: Any, dtype: np.dtype[Any]) -> Any:
        """Return plain values as a wide array."""
        if isinstance(values, float | np.floating):
            values = self.number(values, dtype)
        return wide(values)

    def number(self, value: Any, dtype: np.dtype[Any]) -> Any:
        """Return a number of the code, or, where it is the one that is moved, its wide value with the move."""
        number = float(value)
        if not np.isfinite(number) or _is_short(number):
            return value
        u = float(np.finfo(dtype).eps) / 2
        self.constants[number] = max(u, self.constants.get(number, 0.0))
        if number != self._moved:
            return value
        return wide(number) + number * (CONSTANT_ROUNDINGS * u)

    def rounded(self, result: Any) -> Any:
        """Return a result, or, where the run has noise, one that is moved by a unit of wide arithmetic."""
        self.operations += 1
        if self._noise is None:
            return result
        signs = self._noise.choice([-1.0, 1.0], np.shape(result.high))
        return WideArray(result.high, result.low + result.high * signs * NOISE_UNIT)

    def result(self, shadow: Any) -> WideArray:
        """Return a result of the run."""
        return WideArray(np.array(shadow.high), np.array(shadow.low))

    def moved(self, values: Any, parts: Array) -> Any:
        """Return the wide values of some values, each moved by a part of itself."""
        return wide(values) * (1 + wide(parts))

    def error_of(self, value: Any, shadow: Any) -> Array:
        """Return the error of each element relative to its wide value, at most 1."""
        given, (high, low) = np.asarray(value, np.float64), (np.asarray(shadow.high), np.asarray(shadow.low))
        with np.errstate(all="ignore"):
            part = np.abs((given - high) - low) / np.abs(high)
        part = np.where(np.isfinite(part), np.minimum(part, 1.0), 1.0)
        equal = (given == high) & (low == 0) | ~np.isfinite(high)
        return np.where(equal, 0.0, part)

    def rounded_to(self, shadow: Any, value: Any) -> Any:
        """Return the wide values, rounded to the kind and dtype of NumPy's."""
        array = np.asarray(shadow.high).astype(np.asarray(value).dtype)
        return array if isinstance(value, np.ndarray) else type(value)(array)

    def watched(self, this: Call, value: Any, found: Any) -> Any:
        """Let the watch see an operation; return NumPy's value of it, or the mended one."""
        if self.watch is None:
            return value
        for one in found if isinstance(found, tuple) else (found,):
            if isinstance(one, WideArray):
                size = np.abs(one.high)
                self.watch.has_left_range |= bool(np.any(~np.isfinite(size) | (size > 0) & (size < WIDE_SMALLEST)))
        return self.watch.see(this, value, found, self)

    def beside(self, operand: Any, values: Any, lowers: Any) -> Any:
        """Return the operand of a decision against a constant, with the noise that breaks ties.

        The noise depends on NumPy's values alone, so that equal questions get equal answers. `lowers` says where the
        operand must be less than the threshold for the decision to be NumPy's; None where no side fits it.
        """
        if self._ties is None:
            return operand
        array = np.asarray(values)
        key = (zlib.crc32(array.tobytes()), array.size)
        if key not in self._noises:
            noise = np.random.default_rng([abs(self._ties), *key]).uniform(0.5, 1, array.shape)
            if self._ties == KEPT and lowers is not None:
                noise = np.where(lowers, -noise, noise)
            else:
                noise = noise * np.random.default_rng([abs(self._ties), *key, 1]).choice([-1.0, 1.0], array.shape)
            self._noises[key] = noise * 2.0**KINK_SCATTER
        return operand + self._noises[key]

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:  # noqa: ARG002
        """Return a wide array of zeros."""
        return WideArray(np.zeros(shape), np.zeros(shape))

    def shape(self, shadow: Any) -> tuple[int, ...]:
        """Return a wide array's shape."""
        return np.shape(shadow.high)

    def is_of(self, shadow: Any, dtype: np.dtype[Any]) -> bool:  # noqa: ARG002
        """Return True: a wide array can stand beside values of any floating dtype."""
        return True

    def cast(self, shadow: Any, dtype: np.dtype[Any]) -> Any:
        """Return the wide array itself, rounded where the code casts it to a narrower dtype than it works in."""
        if dtype.itemsize >= self._width:
            return shadow
        self.has_narrowed = True
        high = shadow.high.astype(dtype).astype(np.float64)
        return WideArray(high, np.zeros_like(high))

    def reshape(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return the same elements in another shape."""
        return WideArray(np.reshape(shadow.high, shape), np.reshape(shadow.low, shape))

    def transpose(self, shadow: Any, axes: Sequence[int]) -> Any:
        """Return the same elements with the axes in another order."""
        return WideArray(np.transpose(shadow.high, axes), np.transpose(shadow.low, axes))

    def broadcast(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return a wide array repeated to a shape."""
        return WideArray(np.broadcast_to(shadow.high, shape), np.broadcast_to(shadow.low, shape))

    def concatenate(self, flat: Sequence[Any]) -> Any:
        """Return flat wide arrays, one after the other."""
        return WideArray(np.concatenate([s.high for s in flat]), np.concatenate([s.low for s in flat]))

    def gather(self, flat: Any, index: Array) -> Any:
        """Return the elements of a flat wide array at these places."""
        return WideArray(flat.high[index], flat.low[index])

    def add_at(self, flat: Any, places: Array, data: Any) -> Any:
        """Return a flat wide array with `data` added at flat places."""
        summed = WideArray(flat.high.copy(), flat.low.copy())
        apply(np.add.at, (summed, places, data))
        return summed


def _is_short(number: float) -> bool:
    """Return whether a number has so few digits that it was meant exactly, such as 1, 0.5 or 1000."""
    mantissa = np.frexp(number)[0] * 2.0**26
    return bool(mantissa == np.rint(mantissa))
