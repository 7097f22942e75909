"""sin, cos, tan and their inverses: by a table and short series; large angles element by element with mpmath."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tables
from .arithmetic import multiply, number, over, plus, plus_smaller, sqrt, times
from .elementwise import by_mpmath
from .guarded import Unary, choose, is_finite, unary
from .words import Pair, quick_two_sum, two_prod, two_square, two_sum

#: Up to here π/2 in pieces of 32 bits, times the number of quarter turns, is exact.
LARGEST_ANGLE = 2.0**20
_TERMS = 7


def _series(name: str, square: Pair) -> Pair:
    """Return c₁ + c₂ s² + c₃ s⁴ + …, without c₀; those from c₃ on are needed in float64 only."""
    c = tables.coefficients(name)
    tail = c[_TERMS - 1][0]
    for n in range(_TERMS - 2, 2, -1):
        tail = tail * square[0] + c[n][0]
    v = plus_smaller(c[2], two_prod(square[0], tail))
    return plus_smaller(c[1], times(square, v))


def sin_cos(r: Pair) -> tuple[Pair, Pair]:
    """Return sine and cosine of |r| ≤ 3.15, by those of j/128."""
    row = np.rint(r[0] * tables.ANGLE_STEPS)
    s = two_sum(r[0] - row / tables.ANGLE_STEPS, r[1])
    p, e = two_square(s[0])
    square = quick_two_sum(p, e + 2 * (s[0] * s[1]))
    sine = plus_smaller(s, times(s, times(square, _series("sin", square))))
    less = times(square, _series("cos", square))
    index, sign = np.abs(row).astype(np.intp), np.sign(row)
    columns = [column[index] for column in tables.angle_table()]
    a, b = (columns[0] * sign, columns[1] * sign), (columns[2], columns[3])
    up = plus(a, plus(times(a, less), times(b, sine)))
    minus = times(a, sine)
    return up, plus(b, plus(times(b, less), (-minus[0], -minus[1])))


def _reduce(x: Pair) -> tuple[Any, Pair]:
    """Reduce x = k π/2 + r."""
    pieces = tables.half_pi_pieces()
    k = np.rint(x[0] / pieces[0])
    r = two_sum(x[0] - k * pieces[0], x[1])
    for piece in pieces[1:]:
        r = plus(r, (-k * piece, np.zeros(())))
    return k.astype(np.int64) % 4, r


def _turned(quarter: Any, sine: Pair, cosine: Pair) -> Pair:
    """Return the sine a number of quarter turns further."""
    y = choose(quarter % 2 == 1, cosine, sine)
    sign = np.where(quarter >= 2, -1.0, 1.0)
    return y[0] * sign, y[1] * sign


def _sin(x: Pair) -> Pair:
    k, r = _reduce(x)
    return _turned(k, *sin_cos(r))


def _cos(x: Pair) -> Pair:
    k, r = _reduce(x)
    return _turned((k + 1) % 4, *sin_cos(r))


def _tan(x: Pair) -> Pair:
    k, r = _reduce(x)
    sine, cosine = sin_cos(r)
    return over(_turned(k, sine, cosine), _turned((k + 1) % 4, sine, cosine))


def _of_any_angle(formula: Unary, name: str) -> Unary:
    """Return a formula for angles up to 2²⁰ that leaves larger ones to mpmath."""
    exact = by_mpmath(getattr(tables.MP, name), getattr(np, name))

    def function(x: Pair) -> Pair:
        large = np.abs(x[0]) >= LARGEST_ANGLE
        if not large.any():
            return formula(x)
        high, low = (np.array(part) for part in formula(choose(large, number(0.5), x)))
        high[large], low[large] = exact((x[0][large], x[1][large]))
        return high, low

    return unary(function, getattr(np, name), is_finite)


sin, cos, tan = _of_any_angle(_sin, "sin"), _of_any_angle(_cos, "cos"), _of_any_angle(_tan, "tan")


# Inverses: from float64's angle θ by one step, t = tan(angle − θ) = (y cos θ − x sin θ)/(x cos θ + y sin θ).


def _angle(y: Pair, x: Pair) -> Pair:
    """Return the angle of the point (x, y), neither coordinate of which is infinite and not both are zero."""
    start = np.arctan2(y[0], x[0])
    sine, cosine = sin_cos((start, np.zeros(())))
    across = times(x, sine)
    above = plus(times(y, cosine), (-across[0], -across[1]))[0]
    return two_sum(start, above / (x[0] * cosine[0] + y[0] * sine[0]))


def _arctan(x: Pair) -> Pair:
    return _angle(x, number(1))


def _leg(x: Pair) -> Pair:
    """√(1 − x²) = √((1 − x) (1 + x))."""
    return sqrt(multiply(plus(number(1), (-x[0], -x[1])), plus(number(1), x)))


def _arcsin(x: Pair) -> Pair:
    return _angle(x, _leg(x))


def _arccos(x: Pair) -> Pair:
    return _angle(_leg(x), x)


def _in_unit(x: Pair) -> Any:
    size = np.sign(x[0])
    return (np.abs(x[0]) < 1) | ((np.abs(x[0]) == 1) & (x[1] * size <= 0))


arcsin = unary(_arcsin, np.arcsin, _in_unit)
arccos = unary(_arccos, np.arccos, _in_unit)


def _end_angle(high: Any) -> Pair:
    """Return multiples of π/4, which NumPy gives for points on an axis or at infinity, with their low half."""
    quarter = tables.as_pair(tables.MP.pi / 4)
    times_quarter = np.rint(high / quarter[0])
    return high, times_quarter * quarter[1]


def arctan(x: Pair) -> Pair:
    """Return the arc tangent."""
    finite = np.isfinite(x[0])
    high, low = unary(_arctan, np.arctan, is_finite)(x)
    if finite.all():
        return high, low
    ends = _end_angle(np.arctan(x[0]))
    return choose(np.isinf(x[0]), ends, (high, low))


def arctan2(y: Pair, x: Pair) -> Pair:
    """Return the angle of the point (x, y)."""
    y, x = (tuple(np.broadcast_arrays(*p, x[0] + y[0])[:2]) for p in (y, x))  # type: ignore[assignment]
    plain = np.arctan2(y[0], x[0])
    inside = np.isfinite(x[0]) & np.isfinite(y[0]) & ~((x[0] == 0) & (y[0] == 0))
    exponent = np.frexp(np.where(inside, np.maximum(np.abs(x[0]), np.abs(y[0])), 1.0))[1]
    one = np.ones(()), np.zeros(())
    scaled = [tuple(np.ldexp(part, -exponent) for part in choose(inside, p, one)) for p in (y, x)]
    high, low = _angle(*scaled)  # type: ignore[arg-type]
    ends = _end_angle(plain)
    inside &= high != 0
    result = choose(inside, (high, low), ends)
    return np.where(np.isnan(plain), plain, result[0]), np.where(np.isnan(plain), 0, result[1])
