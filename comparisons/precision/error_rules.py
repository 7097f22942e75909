"""How rounding errors pass through NumPy's functions: one rule each, found by `BoundedArray`.

A rule takes error-carrying arrays and returns one. Most give their value, the error carried from the operands, and how
often they round; `_result` makes the bound of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.backends.precision import Precision

from .bounded_array import (
    FUNCTIONS,
    UFUNCS,
    BoundedArray,
    Reals,
    bounded,
    safe_from_underflow,
)
from .constants import ELEMENTARY_ROUNDINGS, QUOTIENT_ROUNDINGS, SQRT_ROUNDINGS


def _result(
    value: Reals,
    carried: Reals | float,
    terms: Reals,
    roundings: Reals | float,
    operands: tuple[BoundedArray, ...],
    *,
    quantum: float = 0.0,
    scale: Reals | None = None,
    underflow: Reals | float | bool = True,
    infinite: Reals | None = None,
) -> BoundedArray:
    """Return `value` with the error carried from the operands and a new one, `roundings · u · (terms + carried)`.

    `underflow` gives where, or how often, a rounding may end below the normal range; True takes it from the value.
    """
    form = operands[0].format
    judged = form.judged
    magnitude = np.abs(value).astype(np.float64)
    exact = quantum > 0 and bool(np.all(terms <= quantum * (0.5 / judged.u))) and quantum >= safe_from_underflow(judged)
    if exact:
        error = carried + np.zeros_like(magnitude)
    else:
        error = carried + roundings * form.u * (terms + carried)
        if underflow is True:
            near_zero = magnitude - error < judged.smallest_normal / judged.u
            if near_zero.any():
                near_zero &= (value != 0) | (error > 0)
                error = error + np.where(near_zero, judged.smallest_normal * np.maximum(roundings, 1), 0)
        else:
            error = error + underflow * judged.smallest_normal
    if not (magnitude + error < judged.largest).all():
        error = np.where(np.isnan(error), np.inf, error)
        error = np.where(magnitude + error >= judged.largest, np.inf, error)  # may overflow, or not: nothing is known
        if not np.isfinite(value).all():
            error = np.where(_certainly_not_finite(value, operands, infinite), 0.0, error)
    cotangent = any(x.cotangent for x in operands)
    return BoundedArray(
        value,
        error,
        np.asarray(terms if scale is None else scale, dtype=np.float64),
        form,
        quantum if exact else 0.0,
        cotangent,
    )


def _certainly_not_finite(value: Reals, operands: tuple[BoundedArray, ...], infinite: Reals | None) -> Reals:
    """Return where a value is infinite or NaN because a known operand is, and not by overflow.

    `infinite` marks where operands that are not finite take part; by default they broadcast with the value.
    """
    if infinite is None:
        infinite = np.zeros(value.shape, bool)
        for x in operands:
            infinite = infinite | ~np.isfinite(x.value)
    # An operand that may be flushed to zero turns an infinity into inf · 0 = NaN.
    known = not any(((x.error > 0) & (x.error >= np.abs(x.value))).any() for x in operands)
    return np.asarray(~np.isfinite(value) & infinite & known)


def _magnitude(x: BoundedArray) -> Reals:
    magnitude: Reals = np.abs(x.value).astype(np.float64)
    return magnitude


def _scale(x: BoundedArray) -> Reals:
    """Return the size of the terms of a factor's operand: a cotangent passes it on, others have the value itself."""
    return x.scale if x.cotangent else _magnitude(x)


def _product_scale(a: BoundedArray, b: BoundedArray, terms: Reals, product: Callable[[Reals, Reals], Reals]) -> Reals:
    return product(_scale(a), _scale(b)) if a.cotangent or b.cotangent else terms


def _add(a: BoundedArray, b: BoundedArray, sign: int = 1) -> BoundedArray:
    value = a.value + sign * b.value
    terms = _scale(a) + _scale(b)
    carried = a.error + b.error
    magnitude = np.abs(value).astype(np.float64)
    return _result(value, carried, magnitude, 1, (a, b), quantum=min(a.quantum, b.quantum), scale=terms)


def _subtract(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    return _add(a, b, -1)


def _multiply(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = a.value * b.value
    am, bm = _magnitude(a), _magnitude(b)
    terms = am * bm
    carried = am * b.error + a.error * (bm + b.error)
    # 0 · x is exactly 0 even where the product of the magnitudes underflows in the wide format.
    hidden = (terms == 0) & (am > 0) & (bm > 0)
    carried = carried + np.where(hidden, a.format.judged.smallest_normal, 0)
    scale = _product_scale(a, b, terms, np.multiply)
    return _result(value, carried, terms, 1, (a, b), quantum=a.quantum * b.quantum, scale=scale)


def _divide(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = a.value / b.value
    magnitude = np.abs(value).astype(np.float64)
    bm = _magnitude(b)
    decided = bm > b.error
    carried = np.where(decided, (a.error + magnitude * b.error) / np.where(decided, bm - b.error, 1), np.inf)
    carried = np.where((a.value == 0) & (a.error == 0) & decided, 0, carried)
    carried = carried + np.where((value == 0) & (a.value != 0), a.format.judged.smallest_normal, 0)
    # Dividing by a power of two is exact, but for underflow.
    mantissa = np.frexp(bm)[0]
    exact_divisor = bool(np.all(mantissa == 0.5)) and not b.error.any() and b.size == 1
    quantum = a.quantum / float(bm.max()) if exact_divisor else 0.0
    roundings = 0 if exact_divisor else QUOTIENT_ROUNDINGS
    scale = _scale(a) / bm if a.cotangent else magnitude
    return _result(value, carried, magnitude, roundings, (a, b), quantum=quantum, scale=scale)


def _sqrt(x: BoundedArray) -> BoundedArray:
    value = np.sqrt(x.value)
    low = x.value - x.error
    spread = np.where(low > 0, x.error / np.sqrt(np.abs(low)), np.sqrt(np.abs(x.value) + x.error)).astype(np.float64)
    carried = np.where(x.error == 0, 0, np.where(low < 0, np.inf, spread))
    magnitude = np.abs(value).astype(np.float64)
    return _result(value, carried, magnitude, SQRT_ROUNDINGS, (x,))


def _elementary(
    function: Callable[[Reals], Reals], carry: Callable[[Reals, Reals, Reals], Reals]
) -> Callable[[BoundedArray], BoundedArray]:
    """Return the rule of an elementary function; `carry(x, error of x, value)` bounds how its error passes through."""

    def rule(x: BoundedArray) -> BoundedArray:
        value = np.asarray(function(x.value))
        magnitude = np.abs(value).astype(np.float64)
        carried = np.where(x.error == 0, 0, carry(x.value.astype(np.float64), x.error, magnitude))
        # A number that isn't certainly 0 may be flushed, or lost in the wide format too.
        judged = x.format.judged
        sure = (value == 0) & (x.value == 0)
        underflow = np.where(sure, 0.0, magnitude < judged.smallest_normal / judged.u) * ELEMENTARY_ROUNDINGS
        return _result(value, carried, magnitude, ELEMENTARY_ROUNDINGS, (x,), underflow=underflow)

    return rule


def _log_error(x: Reals, error: Reals) -> Reals:
    """Return the largest change of ln x by the error of x: −ln(1 − error / x), infinite where x may be 0."""
    return np.where(error < x, -np.log1p(-error / x), np.inf)


def _power(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    """aᵇ of a positive a, as e^(b ln a)."""
    value = np.asarray(np.power(a.value, b.value))
    magnitude = np.abs(value).astype(np.float64)
    exponent = (_magnitude(b) + b.error) * _log_error(a.value.astype(np.float64), a.error)
    exponent = exponent + np.abs(np.log(_magnitude(a))) * b.error
    return _result(value, magnitude * np.expm1(exponent), magnitude, ELEMENTARY_ROUNDINGS, (a, b))


def _absolute(x: BoundedArray) -> BoundedArray:
    return BoundedArray(np.abs(x.value), x.error.copy(), x.scale.copy(), x.format, x.quantum, x.cotangent)


def _choose(larger: np.ufunc) -> Callable[[BoundedArray, BoundedArray], BoundedArray]:
    """Return the rule of np.maximum or np.minimum, which moves by no more than the operand chosen does."""

    def rule(a: BoundedArray, b: BoundedArray) -> BoundedArray:
        value = larger(a.value, b.value)
        decided = np.abs(a.value - b.value) > a.error + b.error
        chosen = np.where(value == a.value, a.error, b.error)
        error = np.where(decided, chosen, np.maximum(a.error, b.error))
        scale = np.where(value == a.value, _scale(a), _scale(b))
        return BoundedArray(value, error, scale, a.format, min(a.quantum, b.quantum), a.cotangent or b.cotangent)

    return rule


def _max(x: BoundedArray, axis: Any = None, keepdims: bool = False) -> BoundedArray:
    value, error = (np.asarray(np.max(part, axis=axis, keepdims=keepdims)) for part in (x.value, x.error))
    return BoundedArray(value, error, np.abs(value).astype(np.float64), x.format, x.quantum, x.cotangent)


def _argmax(x: BoundedArray, axis: int) -> BoundedArray:
    """Return the position of the first largest element; its error covers the axis where another may be it."""
    first = np.argmax(x.value, axis=axis, keepdims=True)
    best, best_error = (np.take_along_axis(part, first, axis) for part in (x.value, x.error))
    slack = x.error + best_error
    rivals = (slack > 0) & ~(best - x.value > slack)
    np.put_along_axis(rivals, first, False, axis)
    value = first.squeeze(axis).astype(x.format.wide)
    error = rivals.any(axis=axis) * float(x.shape[axis])
    return BoundedArray(value, error, value.astype(np.float64), x.format, 1.0)


def _pad(x: BoundedArray, width: Any, *, constant_values: float = 0) -> BoundedArray:
    form = x.format
    value = np.pad(x.value, width, constant_values=constant_values)
    error, scale = np.pad(x.error, width), np.pad(x.scale, width, constant_values=abs(constant_values))
    quantum = min(x.quantum, BoundedArray.of(constant_values, form).quantum)
    return BoundedArray(value, error, scale, form, quantum, x.cotangent)


def _zeros_like(x: BoundedArray, *, shape: tuple[int, ...]) -> BoundedArray:
    return BoundedArray.of(np.zeros(shape), x.format)


def _matmul(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = np.asarray(np.matmul(a.value, b.value))
    am, bm = _magnitude(a), _magnitude(b)
    terms = np.asarray(np.matmul(am, bm))
    carried = np.zeros_like(terms)
    if b.error.any():
        carried = carried + np.matmul(am, b.error)
    if a.error.any():
        carried = carried + np.matmul(a.error, bm + b.error)
    length = a.shape[-1]
    scale = _product_scale(a, b, terms, np.matmul)
    underflow = _underflows(_smallest(am) * _smallest(bm), length, a.format.judged)
    infinite = None
    if not np.isfinite(value).all():
        rows, columns = (~np.isfinite(x.value) * 1.0 for x in (a, b))
        infinite = np.matmul(rows, np.ones(b.shape)) + np.matmul(np.ones(a.shape), columns) > 0
        infinite &= np.matmul(_finite(am), _finite(bm)) < a.format.judged.largest
    return _result(
        value,
        carried,
        terms,
        length,
        (a, b),
        quantum=a.quantum * b.quantum,
        scale=np.asarray(scale),
        underflow=underflow,
        infinite=infinite,
    )


def _sum(x: BoundedArray, axis: Any, keepdims: bool) -> BoundedArray:
    value = np.asarray(np.sum(x.value, axis=axis, keepdims=keepdims))
    magnitude = _magnitude(x)
    terms = np.asarray(np.sum(magnitude, axis=axis, keepdims=keepdims))
    carried = np.asarray(np.sum(x.error, axis=axis, keepdims=keepdims))
    length = x.size // value.size if value.size else 0
    scale = np.asarray(np.sum(x.scale, axis=axis, keepdims=keepdims)) if x.cotangent else terms
    underflow = _underflows(_smallest(magnitude), length, x.format.judged)
    roundings = max(length - 1, 0)  # the terms are there already: K − 1 additions
    infinite = np.any(~np.isfinite(x.value), axis=axis, keepdims=keepdims)
    infinite &= np.sum(_finite(magnitude), axis=axis, keepdims=keepdims) < x.format.judged.largest
    return _result(
        value,
        carried,
        terms,
        roundings,
        (x,),
        quantum=x.quantum,
        scale=scale,
        underflow=underflow,
        infinite=infinite,
    )


def _finite(magnitude: Reals) -> Reals:
    """Return the finite elements, which must not overflow among themselves beside an infinite one; 0 for the others."""
    return np.where(np.isfinite(magnitude), magnitude, 0.0)


def _smallest(magnitude: Reals) -> float:
    nonzero = magnitude[magnitude > 0]
    return float(nonzero.min()) if nonzero.size else math.inf


def _underflows(smallest_term: float, length: int, judged: Precision) -> int:
    """Return how often a sum's terms or partial sums can end below the normal range.

    Sums of terms that are at least tiny/u are multiples of tiny, so none of them is subnormal.
    """
    return 2 * length if smallest_term < judged.smallest_normal / judged.u else 0


def _mean(x: BoundedArray, axis: Any = None, keepdims: bool = False) -> BoundedArray:
    total = _sum(x, axis, keepdims)
    count = x.size // total.size if total.size else 0
    return _divide(total, BoundedArray.of(count, x.format))


def _compare(test: Callable[[Reals, Reals], Reals]) -> Callable[[BoundedArray, BoundedArray], BoundedArray]:
    """Return a comparison whose result is 0 or 1, with error 1 where the operands' errors leave it undecided."""

    def compare(a: BoundedArray, b: BoundedArray) -> BoundedArray:
        value = np.asarray(test(a.value, b.value)).astype(a.format.wide)
        slack = a.error + b.error
        undecided = (slack > 0) & ~(np.abs(a.value - b.value) > slack)
        return BoundedArray(value, undecided.astype(np.float64), np.abs(value).astype(np.float64), a.format, 1.0)

    return compare


def _where(condition: Any, chosen: Any, other: Any) -> BoundedArray:
    form = next(x.format for x in (condition, chosen, other) if isinstance(x, BoundedArray))
    condition, chosen, other = (bounded(x, form) for x in (condition, chosen, other))
    taken = condition.value != 0
    value = np.where(taken, chosen.value, other.value)
    gap = np.abs(chosen.value - other.value).astype(np.float64)
    either = gap + chosen.error + other.error
    error = np.where(condition.error > 0, either, np.where(taken, chosen.error, other.error))
    scale = np.where(taken, _scale(chosen), _scale(other))
    cotangent = chosen.cotangent or other.cotangent
    return BoundedArray(value, error, scale, form, min(chosen.quantum, other.quantum), cotangent)


def _negative(x: BoundedArray) -> BoundedArray:
    return BoundedArray(-x.value, x.error.copy(), x.scale.copy(), x.format, x.quantum, x.cotangent)


# fmt: off
UFUNCS.update({
    np.add:           _add,
    np.subtract:      _subtract,
    np.multiply:      _multiply,
    np.divide:        _divide,
    np.negative:      _negative,
    np.square:        lambda x: _multiply(x, x),
    np.sqrt:          _sqrt,
    np.exp:           _elementary(np.exp, lambda x, error, value: value * np.expm1(error)),
    np.log:           _elementary(np.log, lambda x, error, value: _log_error(x, error)),
    np.log1p:         _elementary(np.log1p, lambda x, error, value: _log_error(1 + x, error)),
    np.tanh:          _elementary(np.tanh, lambda x, error, value: error),
    np.power:         _power,
    np.absolute:      _absolute,
    np.maximum:       _choose(np.maximum),
    np.minimum:       _choose(np.minimum),
    np.matmul:        _matmul,
    np.greater:       _compare(np.greater),
    np.greater_equal: _compare(np.greater_equal),
    np.less:          _compare(np.less),
    np.less_equal:    _compare(np.less_equal),
    np.equal:         _compare(np.equal),
    np.not_equal:     _compare(np.not_equal),
})
FUNCTIONS.update({
    np.sum:        lambda x, axis=None, keepdims=False: _sum(x, axis, keepdims),
    np.mean:       _mean,
    np.max:        _max,
    np.argmax:     _argmax,
    np.where:      _where,
    np.pad:        _pad,
    np.zeros_like: _zeros_like,
})
# fmt: on
