"""Sum, product, quotient and square root of pairs of doubles.

Joldes, Muller & Popescu, *ACM Trans. Math. Softw.* 44, 2017: a sum is within 3 u², a product within 5 u², a quotient
within 10 u² of the exact one, with u = 2⁻⁵³. Lefèvre, Louvet, Muller, Picot & Rideau, *ACM Trans. Math. Softw.* 49,
2023: a square root is within 25/8 u².
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .words import Pair, quick_two_sum, two_prod, two_square, two_sum

#: Beyond 2^±900 a product's last bits may overflow, or fall below the smallest double.
_LARGEST = 2.0**900


def number(value: float) -> Pair:
    """Return a double as a pair."""
    return np.float64(value), np.float64(0)  # type: ignore[return-value]


def normalize(high: Any, low: Any) -> Pair:
    """Return the sum of two doubles as a pair."""
    s, e = two_sum(high, low)
    return repair(s, e, high)


def repair(high: Any, low: Any, plain: Any) -> Pair:
    """Return a pair with float64's own value where that is not finite, and float64's sign of zero."""
    good = np.isfinite(low)
    if not good.all():
        high, low = np.where(good, high, plain), np.where(good, low, 0)
    if not high.all():
        high = np.where((high == 0) & (plain == 0), plain, high)
    return high, low


def plus(x: Pair, y: Pair) -> Pair:
    """Return x + y of finite numbers."""
    s, e = two_sum(x[0], y[0])
    t, f = two_sum(x[1], y[1])
    h, e = quick_two_sum(s, e + t)
    return quick_two_sum(h, e + f)


def plus_smaller(x: Pair, y: Pair) -> Pair:
    """Return x + y of finite numbers that don't cancel, |x| ≥ |y|."""
    s, e = quick_two_sum(x[0], y[0])
    return quick_two_sum(s, e + (x[1] + y[1]))


def times(x: Pair, y: Pair) -> Pair:
    """Return x y of finite numbers, the product too."""
    p, e = two_prod(x[0], y[0])
    return quick_two_sum(p, e + ((x[0] * y[1] + x[1] * y[0]) + x[1] * y[1]))


def over(x: Pair, y: Pair) -> Pair:
    """Return x / y of finite numbers of ordinary size."""
    q = x[0] / y[0]
    p, e = two_prod(q, y[0])
    rest = (((x[0] - p) - e) + x[1]) - q * y[1]
    return quick_two_sum(q, rest / (y[0] + y[1]))


def add(x: Pair, y: Pair) -> Pair:
    """Return x + y."""
    high, low = plus(x, y)
    return repair(high, low, x[0] + y[0])


def negative(x: Pair) -> Pair:
    """−x."""
    return -x[0], -x[1]


def subtract(x: Pair, y: Pair) -> Pair:
    """Return x − y."""
    return add(x, (-y[0], -y[1]))


def multiply(x: Pair, y: Pair) -> Pair:
    """Return x y."""
    high, low = times(x, y)
    plain = x[0] * y[0]
    return repair(high, low, plain) if np.isfinite(low).all() else _rescaled(times, x, y, plain, 1)


def square(x: Pair) -> Pair:
    """x²."""
    p, e = two_square(x[0])
    h, low = quick_two_sum(p, e + (2 * (x[0] * x[1]) + x[1] * x[1]))
    return repair(h, low, p) if np.isfinite(low).all() else _rescaled(times, x, x, p, 1)


def divide(x: Pair, y: Pair) -> Pair:
    """Return x / y."""
    plain = x[0] / y[0]
    if _is_extreme(x[0]) or _is_extreme(y[0]):
        return _rescaled(over, x, y, plain, -1)
    high, low = over(x, y)
    return repair(high, low, plain)


def reciprocal(x: Pair) -> Pair:
    """1 / x."""
    return divide(number(1), x)


def sqrt(x: Pair) -> Pair:
    """√x."""
    root = np.sqrt(x[0])
    if not _is_extreme(x[0]):
        high, low = _sqrt(x)
        return repair(high, low, root)
    inside = (x[0] > 0) & np.isfinite(x[0])
    x = np.where(inside, x[0], 1.0), np.where(inside, x[1], 0.0)
    exponent = _exponent(x[0]) // 2
    high, low = scale(_sqrt(scale(x, -2 * exponent)), exponent)
    return np.where(inside, high, root), np.where(inside, low, 0.0)


def _sqrt(x: Pair) -> Pair:
    root = np.sqrt(x[0])
    p, e = two_square(root)
    rest = ((x[0] - p) - e) + x[1]
    return quick_two_sum(root, rest / (2 * root))


def scale(x: Pair, exponent: Any) -> Pair:
    """Return x · 2ᵏ; exact, unless the result's last bits fall below the smallest double."""
    high, low = np.ldexp(x[0], exponent), np.ldexp(x[1], exponent)
    return normalize(high, low)


def _is_extreme(x: Any) -> bool:
    """Return whether elements are so large or small that rounding errors of products of theirs might be lost."""
    if not x.size:
        return False
    size = np.abs(x)
    return not (size.max() < _LARGEST and size.min() > 1 / _LARGEST)


def _exponent(x: Any) -> Any:
    """Return k with 2ᵏ⁻¹ ≤ |x| < 2ᵏ; 0 where x is 0 or not finite."""
    return np.frexp(np.where(np.isfinite(x), x, 0))[1].astype(np.int64)


def _rescaled(function: Callable[[Pair, Pair], Pair], x: Pair, y: Pair, plain: Any, sign: int) -> Pair:
    """Return a product (sign 1) or quotient (−1) by way of factors near 1."""
    ordinary = np.isfinite(x[0]) & np.isfinite(y[0]) & (y[0] != 0)
    x, y = ((np.where(ordinary, high, 1.0), np.where(ordinary, low, 0.0)) for high, low in (x, y))
    ex, ey = _exponent(x[0]), _exponent(y[0])
    high, low = scale(function(scale(x, -ex), scale(y, -ey)), ex + sign * ey)
    return repair(np.where(ordinary, high, plain), np.where(ordinary, low, 0), plain)
