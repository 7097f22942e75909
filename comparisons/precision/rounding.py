"""The part of a difference that rounding explains, measured on the functions themselves: stochastic arithmetic.

Some functions can't be run on error-carrying arrays: TensorFlow's backward pass, and arbitrary user code. Their
rounding error is measured. The inputs are moved by a few units in the last place, and both gradients are computed
again. A real disagreement stays the same to many digits, and rounding changes each time. The spread of the *difference*
of the two sides is therefore the size of their rounding errors, for any algorithm, dtype and scale. (Vignes, *A
stochastic arithmetic for reliable scientific computation*, 1993; Parker, *Monte Carlo arithmetic*, 1997.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array

from .constants import (
    ABSORBED_BELOW,
    CANCELLED,
    DEVIATIONS,
    FEW_ROUNDINGS,
    FLOAT64_PER_FLOAT32,
    SAFETY,
    UNITS_MOVED,
)


def nudge(x: Array, seed: int) -> Array:
    """Move every element by up to UNITS_MOVED units in the last place; equal values alike, whole numbers not at all.

    Ties therefore stay ties. Signs, zeros, labels, masks and the sides of kinks stay the same.
    """
    if x.dtype.kind != "f" or x.size == 0:
        return x
    native, result = x.dtype.newbyteorder("="), np.empty_like(x)
    # In blocks: a large array takes no more memory than its result, and none leaves the cache.
    with (
        np.errstate(all="ignore"),
        np.nditer(
            [x, result],
            flags=["external_loop", "buffered"],
            op_flags=[["readonly"], ["writeonly"]],
            op_dtypes=[native, native],
        ) as blocks,
    ):
        for block, moved in blocks:
            _nudge_block(block, moved, seed)
    return result


def nudge_input(x: Any, seed: int) -> Any:
    """Nudge an argument of a user's function: an array, or a number; others are returned as they are."""
    if isinstance(x, np.ndarray):
        return nudge(x, seed)
    return float(nudge(np.asarray(x), seed)) if isinstance(x, float) else x


def _nudge_block(x: Array, moved: Array, seed: int) -> None:
    """Write the nudged elements of a 1-D array."""
    wide = x.astype(np.float64, copy=False)
    mixed = np.abs(wide).view(np.uint64)
    for shift, factor in ((29, 0x9E3779B97F4A7C15 + 2 * seed), (32, 0xBF58476D1CE4E5B9)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed >>= np.uint64(40)
    units = mixed.astype(np.float64)
    units *= 2 * UNITS_MOVED / 2.0**24
    units -= UNITS_MOVED
    np.rint(units, out=units)
    units *= float(np.finfo(x.dtype).eps)
    units += 1
    units *= wide
    moved[...] = units
    np.copyto(moved, x, where=x == np.rint(x))  # an infinity is a whole number too, and NaN stays NaN


def allowed_difference(base: tuple[Array, Array], others: Sequence[tuple[Array, Array]]) -> Array:
    """Return, for each element of two arrays, the largest difference that rounding explains.

    `base` are both sides at the point that is judged, `others` both sides at nudged points. A term absorbed by a larger
    one is lost every time, which no spread shows: see `scaled_error`, `wider_error` and `absorbed_error` for that.
    """
    left, right = base
    formats = [np.finfo(side.dtype) for side in base if side.dtype.kind == "f"]
    u = max((float(info.eps) for info in formats), default=0.0) / 2
    tiny = max((float(info.smallest_normal) for info in formats), default=0.0)
    with np.errstate(all="ignore"):  # in place: the arrays may be large
        allowed = np.asarray(np.abs(left, dtype=np.float64))
        np.fmax(allowed, np.abs(right, dtype=np.float64), out=allowed)
        flushed = (allowed > 0) & (allowed < (tiny / u if u else 0.0))  # TensorFlow flushes subnormals to zero
        allowed[~np.isfinite(allowed)] = 0.0
        allowed *= FEW_ROUNDINGS * u
        allowed[flushed] += tiny
        if others:
            allowed += SAFETY * _spread(_difference(left, right), [_difference(a, b) for a, b in others])
    return allowed


def cancelled_error(base: tuple[Array, Array], terms: int) -> Array:
    """Return SAFETY roundings of the median element, or of so many times the element itself where that is less.

    More than SAFETY for sums of very many terms, whose errors grow as √terms. It spares most float64 sums the
    measurement at nudged points, which costs as much as all the rest. A single 0 in other formats, where so much would
    hide a fault.
    """
    if any(side.dtype != np.float64 for side in base):
        return np.zeros(())
    u = float(np.finfo(np.float64).eps) / 2
    with np.errstate(all="ignore"):
        size = np.asarray(np.fmax(np.abs(base[0], dtype=np.float64), np.abs(base[1], dtype=np.float64)))
        typical = float(np.median(size)) if size.size else 0.0
        np.minimum(size * max(CANCELLED, size.size), typical if np.isfinite(typical) else 0.0, out=size)
        size *= max(SAFETY, DEVIATIONS * terms**0.5) * u
        return size


def _difference(left: Array, right: Array) -> Array:
    return np.asarray(np.subtract(left, right, dtype=np.float64))


def scaled_error(judged: Array, other: Array, wide: Array) -> Array:
    """Return the rounding error of a float64 gradient from that of a float32 one: |g32 − g64| · 2⁻²⁹, elementwise.

    To first order rounding errors are linear in the unit roundoff, and the difference of the two formats at one point
    is float32's error. It shows what no nudge does: terms that are absorbed by larger ones every time. `other` and
    `wide` are the gradient in float32 and float64; of a float32 gradient that is `judged` the difference is its error.
    """
    with np.errstate(all="ignore"):
        error = np.abs(other.astype(np.float64) - wide.astype(np.float64))
        error = np.where(np.isfinite(error), error, 0.0)
    return error if judged.dtype == np.float32 else SAFETY * error * FLOAT64_PER_FLOAT32


def wider_error(judged: Array, wide: Array, right: Array, allowed: Array) -> Array:
    """Return the rounding error of a float64 gradient, |g64 − g80|, where g80 is right to `allowed`; 0 elsewhere.

    An error that the same code still has in a wider format is not rounding, and gets no allowance.
    """
    if judged.dtype != np.float64:
        return np.zeros(judged.shape)
    with np.errstate(all="ignore"):
        error = np.abs((judged - wide).astype(np.float64))
        is_right = np.abs((wide - right).astype(np.float64)) <= allowed
    return np.where(is_right & np.isfinite(error), error, 0.0)


def absorbed_error(base: tuple[Array, Array], operands: float) -> Array:
    """Return the error of float64 elements that are zero by cancellation: SAFETY · u · operands; 0 for all others.

    `operands` is the size of the terms of the elements. Elements that are smaller by a third of the digits have
    absorbed terms that TensorFlow, which has no wider format, loses every time. In float32 `scaled_error` shows that.
    """
    if all(side.dtype != np.float64 for side in base):
        return np.zeros(())
    eps = float(np.finfo(np.float64).eps)
    small = ABSORBED_BELOW * operands
    left, right = base
    is_zero = np.asarray((left < small) & (left > -small) & (right < small) & (right > -small))
    return is_zero * (SAFETY * eps / 2 * operands) if is_zero.any() else np.zeros(())


def vanished(judged: Array, wide: Array, operands: Array) -> Array:
    """Return where a gradient is 0 and the wider one is not, by more than absorption explains.

    There something overflowed, or fell below the smallest number, on its way: the formula is at fault, not rounding.
    """
    info = np.finfo(judged.dtype if judged.dtype.kind == "f" else np.float64)
    with np.errstate(all="ignore"):
        absorbed = np.fmax(SAFETY * float(info.eps) / 2 * operands, float(info.smallest_normal))
        return np.asarray((judged == 0) & (np.abs(wide) > absorbed))


def _spread(difference: Array, again: list[Array]) -> Array:
    """Return the root mean square of how the difference varies: of each element, or of the whole array if larger."""
    squares = np.asarray([(d - difference) ** 2 / 2 for d in again])
    squares = np.where(np.isfinite(squares), squares, 0.0)
    each = np.sqrt(squares.mean(axis=0))
    present = squares[squares > 0]
    typical = float(np.sqrt(np.median(present))) if present.size else 0.0
    return np.asarray(np.maximum(each, typical))
