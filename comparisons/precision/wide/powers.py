"""Powers, cube roots, hypotenuses and sums of exponentials in log space."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tables
from .arithmetic import add, multiply, number, plus, scale, sqrt, subtract, times
from .exponentials import exp, exp2
from .guarded import binary, choose, is_finite, unary
from .logarithms import log1p, log_in_three
from .words import Pair, distill, two_prod, two_square, two_sum

#: Larger exponents have the same powers: 0, 1 and infinity.
_LARGEST_EXPONENT = 2.0**1000


def _power(x: Pair, y: Pair) -> Pair:
    """xʸ = exp(y log x), y log x in three doubles: its absolute error is the power's relative one."""
    sign = np.where(x[0] < 0, -1.0, 1.0)
    y = choose(np.abs(y[0]) < _LARGEST_EXPONENT, y, (np.copysign(_LARGEST_EXPONENT, y[0]), 0 * y[1]))
    a = log_in_three((x[0] * sign, x[1] * sign))
    terms: list[Any] = [a[2] * y[0], a[1] * y[1]]
    for left, right in ((a[1], y[0]), (a[0], y[1]), (a[0], y[0])):
        terms += list(two_prod(left, right))[::-1]
    first, second, third = distill(terms, 3)
    high, low = exp((first, second))
    high, low = two_sum(high, np.where(np.isfinite(high), low + high * third, 0))
    sign = np.where((sign < 0) & is_odd(y), -1.0, 1.0)
    return high * sign, low * sign


def is_integer(x: Pair) -> Any:
    """Return where a number is an integer."""
    return (np.floor(x[0]) == x[0]) & (np.floor(x[1]) == x[1])


def is_odd(x: Pair) -> Any:
    """Return where a number is an odd integer."""
    odd_high, odd_low = np.remainder(x[0], 2) == 1, np.remainder(x[1], 2) == 1
    return is_integer(x) & (odd_high != odd_low)


def _has_formula(x: Pair, y: Pair) -> Any:
    plain = np.power(x[0], y[0])
    ordinary = np.isfinite(x[0]) & np.isfinite(y[0]) & (x[0] != 0) & np.isfinite(plain) & (plain != 0)
    return ordinary & ((x[0] > 0) | is_integer(y))


def _plain_power(x: Any, y: Any) -> Any:
    return np.power(np.asarray(x, np.float64), y)


_any_power = binary(_power, _plain_power, _has_formula, 1.0)


def power(x: Pair, y: Pair) -> Pair:
    """xʸ; a square is a product and a power of ½ a root, as in NumPy."""
    if np.size(y[0]) == 1 and not np.any(y[1]):
        exponent = float(np.reshape(y[0], ()))
        simple = {1.0: lambda: add(x, number(0)), 2.0: lambda: multiply(x, x), 0.5: lambda: sqrt(x)}.get(exponent)
        if simple is not None:
            high, low = simple()
            return high + 0 * y[0], low + 0 * y[0]
    x, y = _together(x, y)
    high, low = _any_power(x, y)
    negative = (x[0] < 0) & np.isfinite(x[0]) & np.isfinite(y[0]) & ~is_integer(y)
    return np.where(negative, np.nan, high), np.where(negative, 0, low)


def _together(x: Pair, y: Pair) -> tuple[Pair, Pair]:
    a, b, c, d = np.broadcast_arrays(*x, *y)
    return (a, b), (c, d)


def _cbrt(x: Pair) -> Pair:
    """∛x by one step of Newton's from float64's root r: t = (x − r³)/(3 r² + 3 r t)."""
    exponent = 3 * (np.frexp(x[0])[1].astype(np.int64) // 3)
    x = scale(x, -exponent)
    root = np.cbrt(x[0])
    squared = two_square(root)
    cube = times(squared, (root, np.zeros(())))
    rest = plus(x, (-cube[0], -cube[1]))[0]
    t = rest / (3 * squared[0])
    t = rest / (3 * squared[0] + 3 * root * t)
    return scale(two_sum(root, t), exponent // 3)


cbrt = unary(_cbrt, np.cbrt, lambda x: np.isfinite(x[0]) & (x[0] != 0))


def _hypot(x: Pair, y: Pair) -> Pair:
    """√(x² + y²), scaled by a power of two so that nothing overflows."""
    x, y = _together(x, y)
    exponent = np.frexp(np.maximum(np.abs(x[0]), np.abs(y[0])))[1].astype(np.int64)
    x, y = scale(x, -exponent), scale(y, -exponent)
    return scale(sqrt(plus(times(x, x), times(y, y))), exponent)


hypot = binary(_hypot, np.hypot, lambda x, y: np.isfinite(x[0]) & np.isfinite(y[0]), 1.0)


def is_less(x: Pair, y: Pair) -> Any:
    """Return x < y."""
    return (x[0] < y[0]) | ((x[0] == y[0]) & (x[1] < y[1]))


def _logaddexp(x: Pair, y: Pair) -> Pair:
    """log(eˣ + eʸ) = max + log(1 + e^−|x − y|)."""
    x, y = _together(x, y)
    less = is_less(x, y)
    largest, smallest = choose(less, y, x), choose(less, x, y)
    return add(largest, log1p(exp(subtract(smallest, largest))))


def _logaddexp2(x: Pair, y: Pair) -> Pair:
    """log₂(2ˣ + 2ʸ)."""
    x, y = _together(x, y)
    less = is_less(x, y)
    largest, smallest = choose(less, y, x), choose(less, x, y)
    more = times(log1p(exp2(subtract(smallest, largest))), tables.as_pair(1 / tables.MP.ln2))
    return add(largest, more)


def _both_finite(x: Pair, y: Pair) -> Any:
    return is_finite(x) & is_finite(y)


logaddexp = binary(_logaddexp, np.logaddexp, _both_finite)
logaddexp2 = binary(_logaddexp2, np.logaddexp2, _both_finite)
