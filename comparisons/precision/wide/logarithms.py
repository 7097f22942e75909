"""log, log1p, log2, log10 and the inverse hyperbolic functions: by a table and the series of the area tangent."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tables
from .arithmetic import divide, multiply, number, over, plus, plus_smaller, scale, sqrt, times
from .guarded import above, choose, is_finite, unary
from .words import Array, Pair, distill, two_prod, two_square, two_sum

_TERMS = 8


def _tail(s: Pair) -> Pair:
    """Return 2 atanh s − 2 s for |s| ≤ 2⁻⁹."""
    c = tables.coefficients("atanh")
    p, e = two_square(s[0])
    square = two_sum(p, e + 2 * (s[0] * s[1]))
    rest = c[_TERMS - 1][0]
    for n in range(_TERMS - 2, 2, -1):
        rest = rest * square[0] + c[n][0]
    v = plus_smaller(c[2], two_prod(square[0], rest))
    v = plus_smaller(c[1], times(square, v))
    high, low = times(times(square, v), s)
    return 2 * high, 2 * low


def _reduce(x: Pair) -> tuple[Any, Any, Any, Pair]:
    """Reduce x = 2ᵏ m, m c ≈ 1; return k, c's row, c and m."""
    mantissa, k = np.frexp(x[0])
    k = k - (mantissa < np.sqrt(0.5))
    m = np.ldexp(x[0], -k), np.ldexp(x[1], -k)
    row = tables.log_row(m[0])
    return k, row, tables.log_table()[0][row], m


def _distance(m: Pair, c: Any) -> list[Any]:
    """Return the four doubles whose sum is m c − 1."""
    p, e = two_prod(m[0], c)
    return [p - 1, e, *two_prod(m[1], c)]


def log_formula(x: Pair, rest: Any = 0.0) -> Pair:
    """Log(x + rest) = k log 2 − log c + 2 atanh(r/(2 + r)) with r = m c − 1; rest is below the last bit of x."""
    k, row, c, m = _reduce(x)
    first, second, third, fourth = _distance(m, c)
    r = plus(two_sum(first, second), (third, fourth))
    s = over(r, plus(number(2), r))
    _, *table = tables.log_table()
    ln2 = tables.ln2_pieces()
    start = two_sum(k * ln2[0], k * ln2[1])
    start = plus((start[0], start[1] + k * ln2[2]), (table[0][row], table[1][row]))
    high, low = plus(start, plus_smaller((2 * s[0], 2 * s[1]), _tail(s)))
    return two_sum(high, low + rest / x[0])


def log_in_three(x: Pair) -> list[Array]:
    """Return log x as three doubles, for powers."""
    k, row, c, m = _reduce(x)
    r = distill(_distance(m, c), 3)
    below = 2 + r[0]
    s = r[0] / below
    error = [*r, -2 * s]
    for part in r[:2]:
        p, e = two_prod(-s, part)
        error += [p, e]
    error.append(-s * r[2])
    left = distill(error, 2)
    more = over((left[0], left[1]), plus(number(2), (r[0], r[1])))
    tail = _tail(two_sum(s, more[0]))
    _, *table = tables.log_table()
    ln2 = [k * piece for piece in tables.ln2_pieces()]
    return distill([*ln2, *(column[row] for column in table), 2 * s, 2 * more[0], 2 * more[1], *tail], 3)


def _log1p(x: Pair) -> Pair:
    s, e = two_sum(x[0], 1.0)
    low, rest = two_sum(e, x[1])
    return log_formula(two_sum(s, low), rest)


def _log2(x: Pair) -> Pair:
    """Return k + log m/log 2."""
    mantissa, k = np.frexp(x[0])
    k = k - (mantissa < np.sqrt(0.5))
    m = np.ldexp(x[0], -k), np.ldexp(x[1], -k)
    return plus((k.astype(np.float64), np.zeros(())), times(log_formula(m), tables.as_pair(1 / tables.MP.ln2)))


def _log10(x: Pair) -> Pair:
    return times(log_formula(x), tables.as_pair(1 / tables.MP.ln10))


log = unary(log_formula, np.log, above(0))
log1p = unary(_log1p, np.log1p, above(-1))
log2 = unary(_log2, np.log2, above(0))
log10 = unary(_log10, np.log10, above(0))


# Inverse hyperbolic functions.


def _of_large(a: Pair) -> Pair:
    """Return log 2a."""
    return plus(log_formula(a), tables.constant("ln2"))


def _arcsinh(x: Pair) -> Pair:
    """Return asinh x = log(1 + a + a²/(1 + √(1 + a²))) with a = |x|."""
    sign = np.copysign(1.0, x[0])
    a = x[0] * sign, x[1] * sign
    is_large = a[0] > 1e20
    b = choose(is_large, number(1), a)
    square = multiply(b, b)
    y = _log1p(plus(b, over(square, plus(number(1), sqrt(plus(number(1), square))))))
    y = choose(is_large, _of_large(choose(is_large, a, number(1))), y)
    return y[0] * sign, y[1] * sign


def _arccosh(x: Pair) -> Pair:
    """Return acosh x = log(1 + t + √(t (t + 2))) with t = x − 1."""
    is_large = x[0] > 1e20
    t = plus(choose(is_large, number(2), x), number(-1))
    y = _log1p(plus(t, sqrt(times(t, plus(t, number(2))))))
    return choose(is_large, _of_large(x), y)


def _arctanh(x: Pair) -> Pair:
    """Return atanh x = log(1 + 2a/(1 − a))/2 with a = |x|."""
    sign = np.copysign(1.0, x[0])
    a = x[0] * sign, x[1] * sign
    y = _log1p(scale(divide(a, plus(number(1), (-a[0], -a[1]))), 1))
    return y[0] * (sign / 2), y[1] * (sign / 2)


arcsinh = unary(_arcsinh, np.arcsinh, is_finite)
arccosh = unary(_arccosh, np.arccosh, above(1), 2)
arctanh = unary(_arctanh, np.arctanh, lambda x: above(-1)(x) & above(-1)((-x[0], -x[1])))
