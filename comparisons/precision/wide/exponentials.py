"""exp, exp2, expm1 and the hyperbolic functions: by a table, a short series and a power of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tables
from .arithmetic import number, over, plus, plus_smaller, scale, times
from .guarded import between, choose, is_finite, unary
from .words import Pair, quick_two_sum, two_prod, two_square, two_sum

#: Terms of eˢ − 1 for |s| ≤ 2⁻⁹: those from s⁶/720 on are needed in float64 only.
_IN_PAIRS, _TERMS = 6, 12


def _series(s: Pair) -> Pair:
    """Return eˢ − 1 for |s| ≤ 2⁻⁹."""
    c = tables.coefficients("exp")
    tail = c[_TERMS - 1][0]
    for n in range(_TERMS - 2, _IN_PAIRS - 1, -1):
        tail = tail * s[0] + c[n][0]
    v: Pair = quick_two_sum(*_plus_product(c[_IN_PAIRS - 1], s[0], tail))
    for n in range(_IN_PAIRS - 2, 1, -1):
        v = plus_smaller(c[n], times(s, v))
    return plus_smaller(s, times(_square(s), v))


def _plus_product(c: Pair, a: Any, b: Any) -> Pair:
    p, e = two_prod(a, b)
    s, f = quick_two_sum(c[0], p)
    return s, f + (c[1] + e)


def _square(x: Pair) -> Pair:
    p, e = two_square(x[0])
    return quick_two_sum(p, e + 2 * (x[0] * x[1]))


def _reduce(x: Pair) -> tuple[Any, Any, Pair]:
    """Reduce x = k log 2 + j/256 + s; return k, the table's row for j, and s."""
    first, second, third = tables.ln2_pieces()
    k = np.rint(x[0] / (first + second))
    s, e = two_sum(x[0], -k * first)
    t, f = two_sum(x[1], -k * second)
    j = np.rint(s * tables.EXP_STEPS)
    high, low = two_sum(s - j / tables.EXP_STEPS, t)
    return k.astype(np.int64), tables.exp_row(j), two_sum(high, low + (e + (f - k * third)))


def _near_one(row: Any, s: Pair) -> Pair:
    """Return e^(j/256 + s) − 1."""
    table, q = tables.take(tables.expm1_table(), row), _series(s)
    return plus(plus(table, q), times(table, q))


def exp_scaled(x: Pair, shift: int = 0) -> Pair:
    """2ᵏ eˣ, whose own eˣ may overflow."""
    k, row, s = _reduce(x)
    return scale(plus(number(1), _near_one(row, s)), k + shift)


def _exp2(x: Pair) -> Pair:
    k = np.rint(x[0])
    rest = times(two_sum(x[0] - k, x[1]), tables.constant("ln2"))
    j = np.rint(rest[0] * tables.EXP_STEPS)
    s = two_sum(rest[0] - j / tables.EXP_STEPS, rest[1])
    return scale(plus(number(1), _near_one(tables.exp_row(j), s)), k.astype(np.int64))


def expm1_formula(x: Pair) -> Pair:
    """eˣ − 1 = 2ᵏ (e^(x − k log 2) − 1) + (2ᵏ − 1)."""
    k, row, s = _reduce(x)
    near = _near_one(row, s)
    power = np.ldexp(1.0, k)
    return choose(k == 0, near, plus(scale(near, k), two_sum(power, -1.0)))


exp = unary(exp_scaled, np.exp, between(-745.2, 709.79), 0)
exp2 = unary(_exp2, np.exp2, between(-1075, 1024), 0)
expm1 = unary(expm1_formula, np.expm1, between(-745, 709.4), 0)


# Hyperbolic functions, by their values at |x|.


def _signed(x: Pair, y: Pair) -> Pair:
    sign = np.copysign(1.0, x[0])
    return y[0] * sign, y[1] * sign


def _size(x: Pair) -> Pair:
    sign = np.copysign(1.0, x[0])
    return x[0] * sign, x[1] * sign


def _sinh(x: Pair) -> Pair:
    """Return sinh x = (E + E/(E + 1))/2 with E = eˣ − 1; eˣ/2 − e⁻ˣ/2 for large x."""
    a = _size(x)
    e = expm1_formula(choose(a[0] < 1, a, number(1)))
    small = plus(e, over(e, plus(e, number(1))))
    half = exp_scaled(a, -1)
    large = plus(half, scale(over(number(-1), choose(a[0] < 300, half, number(1e200))), -2))
    return _signed(x, choose(a[0] < 1, (small[0] / 2, small[1] / 2), large))


def _cosh(x: Pair) -> Pair:
    """Return cosh x = eˣ/2 + e⁻ˣ/2."""
    a = _size(x)
    half = exp_scaled(a, -1)
    return plus(half, scale(over(number(1), choose(a[0] < 300, half, number(1e200))), -2))


def _tanh(x: Pair) -> Pair:
    """Return tanh x = E/(E + 2) with E = e²ˣ − 1, and 1 − 2/(E + 2) for large x."""
    a = _size(x)
    a = choose(a[0] < 40, a, number(40))
    e = expm1_formula((2 * a[0], 2 * a[1]))
    small = over(e, plus(e, number(2)))
    large = plus(number(1), over(number(-2), plus(e, number(2))))
    return _signed(x, choose(a[0] < 1, small, large))


sinh = unary(_sinh, np.sinh, between(-710.47, 710.47))
cosh = unary(_cosh, np.cosh, between(-710.47, 710.47))
tanh = unary(_tanh, np.tanh, is_finite)
