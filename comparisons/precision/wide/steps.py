"""Comparisons by value, signs, integer parts, remainders: functions that decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .arithmetic import divide, multiply, normalize, number, plus, repair, subtract
from .guarded import binary, choose, is_finite, unary
from .words import Pair, two_prod, two_sum

# Comparisons.


def less(x: Pair, y: Pair) -> Any:
    """Return x < y."""
    return (x[0] < y[0]) | ((x[0] == y[0]) & (x[1] < y[1]))


def less_equal(x: Pair, y: Pair) -> Any:
    """Return x ≤ y."""
    return (x[0] < y[0]) | ((x[0] == y[0]) & (x[1] <= y[1]))


def equal(x: Pair, y: Pair) -> Any:
    """Return x = y."""
    return (x[0] == y[0]) & (x[1] == y[1])


def maximum(x: Pair, y: Pair) -> Pair:
    """Return the larger number, or NaN where one is."""
    return choose(np.isnan(x[0]) | (less_equal(y, x) & ~np.isnan(y[0])), x, y)


def minimum(x: Pair, y: Pair) -> Pair:
    """Return the smaller number, or NaN where one is."""
    return choose(np.isnan(x[0]) | (less_equal(x, y) & ~np.isnan(y[0])), x, y)


def fmax(x: Pair, y: Pair) -> Pair:
    """Return the larger number, or the one that is not NaN."""
    return choose(np.isnan(y[0]) | less_equal(y, x), x, y)


def fmin(x: Pair, y: Pair) -> Pair:
    """Return the smaller number, or the one that is not NaN."""
    return choose(np.isnan(y[0]) | less_equal(x, y), x, y)


# Signs.


def absolute(x: Pair) -> Pair:
    """|x|."""
    return np.abs(x[0]), np.where(np.signbit(x[0]), -x[1], x[1])


def copysign(x: Pair, y: Pair) -> Pair:
    """|x| with the sign of y."""
    flip = np.signbit(x[0]) != np.signbit(y[0])
    return np.copysign(x[0], y[0]), np.where(flip, -x[1], x[1])


def _plain(x: Any) -> Pair:
    return x, np.zeros(np.shape(x))


def sign(x: Pair) -> Pair:
    """−1, 0 or 1."""
    return _plain(np.sign(x[0]))


def heaviside(x: Pair, y: Pair) -> Pair:
    """0, y or 1 for negative, zero and positive x."""
    return choose(x[0] == 0, y, _plain(np.heaviside(x[0], 0.5)))


# Integer parts: the high half decides unless it is an integer itself.


def _integer_part(function: Callable[..., Any]) -> Callable[[Pair], Pair]:
    def formula(x: Pair) -> Pair:
        high = function(x[0])
        return normalize(high, np.where(high == x[0], function(x[1]), 0))

    return unary(formula, function, is_finite)


floor, ceil = _integer_part(np.floor), _integer_part(np.ceil)


def trunc(x: Pair) -> Pair:
    """Return x without its digits after the point."""
    return choose(x[0] < 0, ceil(x), floor(x))


def _rint(x: Pair) -> Pair:
    """Return the nearest integer, the even one of two: where the high half is halfway, the low one decides."""
    high = np.rint(x[0])
    left = x[0] - high
    past = np.where(left * x[1] > 0, np.where(np.abs(left) == 0.5, np.sign(x[1]), 0.0), 0.0)
    return normalize(high + past, np.where(left == 0, np.rint(x[1]), 0))


rint = unary(_rint, np.rint, is_finite)


# Quotients and remainders.

_LARGEST_QUOTIENT, _FAR = 2.0**50, 2.0**900


def _quotient(step: Callable[[Pair], Pair], whole: Callable[[Fraction], int], part: int) -> Callable[..., Pair]:
    """Return the function q (part 0) or x − q y (part 1), q being an integer part of x/y.

    Quotients beyond 2⁵⁰, and those of the largest and smallest numbers, are computed in rational arithmetic.
    """

    def formula(x: Pair, y: Pair) -> Pair:
        a, b, c, d = np.broadcast_arrays(*x, *y)
        x, y = (a, b), (c, d)
        far = ~((np.abs(x[0] / y[0]) < _LARGEST_QUOTIENT) & (np.abs(x[0]) < _FAR) & (np.abs(y[0]) > 1 / _FAR))
        near = choose(far, number(1), x), choose(far, number(1), y)
        q = step(divide(*near))
        more = step(divide(_left(near[0], q, near[1]), near[1]))  # rounding may have passed an integer
        q = plus(q, more)
        high, low = (np.array(half) for half in (q, _left(near[0], q, near[1]))[part])
        for at in zip(*np.nonzero(far), strict=True):
            left, right = (Fraction(float(p[0][at])) + Fraction(float(p[1][at])) for p in (x, y))
            q_exact = whole(left / right)
            high[at], low[at] = _halves((q_exact, left - q_exact * right)[part])
        return high, low

    return formula


def _halves(x: Fraction | int) -> tuple[float, float]:
    try:
        high = float(x)
    except OverflowError:
        return (np.inf if x > 0 else -np.inf), 0.0
    return high, float(x - Fraction(high))


def _left(x: Pair, q: Pair, y: Pair) -> Pair:
    """Return x − q y, the large parts first, so that little is lost where they cancel."""
    p, e = two_prod(q[0], y[0])
    rest = subtract(x, (p, e))
    for a, b in ((q[0], y[1]), (q[1], y[0]), (q[1], y[1])):
        p, e = two_prod(a, b)
        rest = subtract(rest, (p, e))
    return rest


def _divisible(x: Pair, y: Pair) -> Any:
    return np.isfinite(x[0]) & np.isfinite(y[0]) & (y[0] != 0)


def _remainder(x: Pair, y: Pair) -> Pair:
    high, low = _quotient(floor, math.floor, 1)(x, y)
    return np.where(high == 0, np.copysign(high, y[0]), high), low


def _fmod(x: Pair, y: Pair) -> Pair:
    high, low = _quotient(trunc, math.trunc, 1)(x, y)
    return np.where(high == 0, np.copysign(high, x[0]), high), low


remainder = binary(_remainder, np.remainder, _divisible, 1.0)
fmod = binary(_fmod, np.fmod, _divisible, 1.0)
floor_divide = binary(_quotient(floor, math.floor, 0), np.floor_divide, _divisible, 1.0)


def round_to(x: Pair, decimals: int = 0) -> Pair:
    """Return x rounded to decimals, as NumPy rounds: the nearest integer of x 10ⁿ, over 10ⁿ."""
    if not decimals:
        return rint(x)
    factor = np.float64(10.0 ** abs(decimals)), np.float64(0)
    if decimals > 0:
        return divide(rint(multiply(x, factor)), factor)  # type: ignore[arg-type]
    return multiply(rint(divide(x, factor)), factor)  # type: ignore[arg-type]


def modf(x: Pair) -> tuple[Pair, Pair]:
    """Return the part after the point, and the integer part."""
    whole = trunc(x)
    infinite = np.isinf(x[0])
    part = subtract((np.where(infinite, 0, x[0]), x[1]), choose(infinite, _plain(0 * x[1]), whole))
    return repair(np.copysign(part[0], x[0]), part[1], part[0]) if not np.all(part[0]) else part, whole


def ldexp(x: Pair, exponent: Any) -> Pair:
    """Return x 2ᵏ."""
    high, low = two_sum(np.ldexp(x[0], exponent), np.ldexp(x[1], exponent))
    return repair(high, low, np.ldexp(x[0], exponent))
