"""How much of a difference rounding explains, measured on the functions themselves: stochastic arithmetic.

Where a function can't be run on error-carrying arrays (TensorFlow's backward pass, arbitrary user code), its rounding
error is measured. The inputs are moved by a few units in the last place, and both gradients are computed again. What
the two sides really disagree about stays the same to many digits; what is rounding is drawn anew each time. So the
spread of the *difference* of the two sides is the size of their rounding errors, whatever the algorithm, its dtype or
its scale. (Vignes, *A stochastic arithmetic for reliable scientific computation*, 1993; Parker, *Monte Carlo
arithmetic*, 1997.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradtwin.backends.interface import Array

#: A difference may be this many times the measured size of rounding. Rounding errors of K terms lie within √K and K of
#: their root mean square; the size itself is measured from a few draws. Largest ratio seen on the corpus of correct
#: gradients, all seeds: see tests/comparisons/test_rounding.py, which measures it again.
SAFETY = 64.0

#: A difference of so many roundings of the value itself is never judged: a handful of operations, each rounding once.
FEW_ROUNDINGS = 16.0

#: Inputs are moved by up to so many units in the last place: enough to draw the roundings anew, too few to change
#: what a function computes.
UNITS_MOVED = 32


def nudge(x: Array, seed: int) -> Array:
    """Move every element by up to UNITS_MOVED units in the last place; equal values alike, whole numbers not at all.

    Ties therefore stay ties, signs, zeros, labels and masks stay what they are, and so does each side of a kink.
    """
    if x.dtype.kind != "f" or x.size == 0:
        return x
    bits = np.abs(np.asarray(x, np.float64)).view(np.uint64) if x.ndim else np.abs(np.float64(x)).view(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (bits ^ (bits >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15 + 2 * seed)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
    units = (mixed >> np.uint64(40)).astype(np.float64) / 2.0**24 * 2 - 1
    step = np.rint(units * UNITS_MOVED) * float(np.finfo(x.dtype).eps)
    still = ~np.isfinite(x) | (x == np.rint(x))
    with np.errstate(all="ignore"):
        moved = (np.asarray(x, np.float64) * np.where(still, 1.0, 1.0 + step)).astype(x.dtype)
    return np.asarray(np.where(still, x, moved), dtype=x.dtype)


def allowed_difference(
    base: tuple[Array, Array], others: Sequence[tuple[Array, Array]], operands: float = 0.0
) -> Array:
    """Return, for each element of two arrays, the largest difference that rounding explains.

    `base` are both sides at the point that is judged, `others` both sides at nudged points. `operands` is the size of
    what the elements were formed from, where that is known: a term absorbed by a larger one is lost every time, which
    no spread shows.
    """
    left, right = (side.astype(np.float64) for side in base)
    formats = [np.finfo(side.dtype) for side in base if side.dtype.kind == "f"]
    u = max((float(info.eps) for info in formats), default=0.0) / 2
    tiny = max((float(info.smallest_normal) for info in formats), default=0.0)
    with np.errstate(all="ignore"):
        size = np.fmax(np.abs(left), np.abs(right))
        few = u * (FEW_ROUNDINGS * np.where(np.isfinite(size), size, 0.0) + SAFETY * operands)
        flushed = np.where((size > 0) & (size * u < tiny), tiny, 0.0)  # TensorFlow flushes subnormals to zero
        spread = _spread(left - right, [a.astype(np.float64) - b for a, b in others])
    return np.asarray(few + flushed + SAFETY * spread)


def scaled_error(judged: Array, other: Array, wide: Array) -> Array:
    """Return the rounding error of a float64 gradient from that of a float32 one: |g32 − g64| · 2⁻²⁹, elementwise.

    To first order rounding errors are linear in the unit roundoff, and the difference of the two formats at one point
    is float32's error. It shows what no nudge does: terms that are absorbed by larger ones every time. `other` and
    `wide` are the gradient in float32 and float64; of a float32 gradient that is `judged` the difference is its error.
    """
    with np.errstate(all="ignore"):
        error = np.abs(other.astype(np.float64) - wide.astype(np.float64))
        error = np.where(np.isfinite(error), error, 0.0)
    return error if judged.dtype == np.float32 else SAFETY * error * 2.0**-29


def wider_error(judged: Array, wide: Array, right: Array, allowed: Array) -> Array:
    """Return the rounding error of a float64 gradient, |g64 − g80|, where g80 is right to `allowed`; 0 elsewhere.

    What the same code still gets wrong in a wider format is not rounding, and nothing is allowed for it.
    """
    if judged.dtype != np.float64:
        return np.zeros(judged.shape)
    with np.errstate(all="ignore"):
        error = np.abs((judged - wide).astype(np.float64))
        is_right = np.abs((wide - right).astype(np.float64)) <= allowed
    return np.where(is_right & np.isfinite(error), error, 0.0)


def _spread(difference: Array, again: list[Array]) -> Array:
    """Return the root mean square of how the difference varies: of each element, or of the whole array if larger."""
    if not again:
        return np.zeros_like(difference)
    squares = np.asarray([(d - difference) ** 2 / 2 for d in again])
    squares = np.where(np.isfinite(squares), squares, 0.0)
    each = np.sqrt(squares.mean(axis=0))
    present = squares[squares > 0]
    typical = float(np.sqrt(np.median(present))) if present.size else 0.0
    return np.asarray(np.maximum(each, typical))
