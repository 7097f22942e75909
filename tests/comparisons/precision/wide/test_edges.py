"""Infinities, NaN, zeros and their signs, the largest and the smallest numbers, integers, conversions, refusals."""

import copy
import math
from fractions import Fraction

import numpy as np
import pytest
from wide_accuracy import (
    MP,
    UNIT,
    Points,
    elementwise_cases,
    exact,
    is_pair,
    measure,
    objects,
    plant,
    units_off,
    widened,
    without_low,
)

from gradtwin.comparisons.precision.wide import NoWideFormError, WideArray, apply, wide
from gradtwin.comparisons.precision.wide.ufuncs import BLOCK, DECISIONS, FORMULAS

LARGEST, SMALLEST, TINY = np.finfo(float).max, 5e-324, np.finfo(float).tiny
EDGES = np.array([
    0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, LARGEST, -LARGEST, SMALLEST, -SMALLEST, TINY, 1e-308,
    1e154, 1e-160, 709.8, -745.5, 1e300, 2.0**53, 1e22,
])  # fmt: skip


def value_of(x):
    return Fraction(float(x.high)) + Fraction(float(x.low))


#: Each ufunc's exact function, the scale of its error and its budget.
RULES = {ufunc: (rule, scale, budget) for ufunc, rule, _, scale, budget in elementwise_cases(Points(count=1))}
RULES[np.sign] = MP.sign, None, 0
QUOTIENTS = np.remainder, np.fmod, np.floor_divide
#: Quotients beyond 2¹⁰⁶ are rounded.
RULES[np.floor_divide] = *RULES[np.floor_divide][:2], 0.5


def edges_of(ufunc):
    return (EDGES,) if ufunc.nin == 1 else tuple(x.ravel() for x in np.meshgrid(EDGES, EDGES))


def check_edges(ufunc):
    """Compare zeros and what is not finite with NumPy's; return the other points, as columns, and their results."""
    arguments = edges_of(ufunc)
    with np.errstate(all="ignore"):
        plain = ufunc(*arguments)
        tiny = np.abs(arguments[0] / arguments[-1]) < 1e-15 if ufunc in QUOTIENTS else np.zeros(plain.shape, bool)
    result = apply(ufunc, tuple(map(wide, arguments)))
    finite = np.isfinite(plain) & np.isfinite(result.high)
    differing = ~finite & ~((plain == result.high) | (np.isnan(plain) & np.isnan(result.high)))
    # where NumPy's own value overflows on the way, the wide one may be finite
    assert not (differing & ~np.isfinite(result.high)).any()
    assert not result.low[~np.isfinite(result.high)].any()
    assert is_pair(result[np.isfinite(result.high)])
    if ufunc not in (np.maximum, np.minimum, np.fmax, np.fmin):
        zero = finite & (plain == 0) & (result.high == 0)
        assert np.array_equal(np.signbit(result.high[zero]), np.signbit(plain[zero]))
    by_sign = ufunc in (np.copysign, np.arctan2) and np.any([(x == 0) & np.signbit(x) for x in arguments], axis=0)
    whole = finite & (by_sign | ~np.all(np.isfinite(arguments), axis=0))
    assert np.array_equal(result.high[whole], plain[whole]), "mpmath has no sign of zero; float64 is exact there"
    rest = finite & ~whole & ~tiny
    return [x[rest] for x in arguments], result[rest]


def off_at_edges(ufunc):
    """Return the error in units of 2⁻¹⁰⁴, beyond the smallest number."""
    rule, scale, _ = RULES[ufunc]
    columns, result = check_edges(ufunc)
    with MP.workprec(4800 if ufunc in QUOTIENTS else MP.prec):  # the integers between the edges' sizes
        rows = list(zip(*map(exact, columns), strict=True))
        expected = objects([MP.mpf(rule(*row)) for row in rows])
        sizes = objects([abs(scale(*row)) for row in rows]) if scale else abs(expected)
        return units_off(result, expected, sizes + MP.mpf(SMALLEST) / UNIT)


@pytest.mark.parametrize("ufunc", RULES, ids=lambda u: u.__name__)
def test_edges_are_numpys_and_mpmaths(request, ufunc):
    if ufunc is np.arctan:
        request.applymarker(pytest.mark.xfail(strict=True, reason="arctan of the largest number loses its low half"))
    assert off_at_edges(ufunc) <= RULES[ufunc][-1]


@pytest.mark.parametrize(
    "ufunc", [u for u in RULES if RULES[u][-1] and u not in (np.square, np.fmod)], ids=lambda u: u.__name__
)
def test_a_low_half_lost_at_edges_is_caught(monkeypatch, ufunc):
    """The negative control."""
    plant(monkeypatch, ufunc, "result")
    assert off_at_edges(ufunc) > RULES[ufunc][-1]


def test_every_formula_has_edges():
    assert set(RULES) == set(FORMULAS)


@pytest.mark.parametrize("ufunc", DECISIONS, ids=lambda u: u.__name__)
def test_decisions_are_numpys(ufunc):
    x, y = np.meshgrid(EDGES, EDGES)
    arguments = (x, y)[: ufunc.nin]
    result = ufunc(*map(wide, arguments))
    assert isinstance(result, np.ndarray)
    with np.errstate(all="ignore"):
        assert np.array_equal(result, ufunc(*arguments), equal_nan=result.dtype.kind == "f")


@pytest.mark.parametrize("ufunc", [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal])
def test_the_low_half_decides(ufunc):
    ones = wide(np.ones(3), np.array([-1e-20, 0, 1e-20]))
    assert np.array_equal(ufunc(ones, 1.0), ufunc(np.array([-1, 0, 1]), 0))
    assert np.array_equal(ufunc(1.0, ones), ufunc(0, np.array([-1, 0, 1])))


def test_products_near_the_largest_number():
    x = wide(LARGEST / 2, 1e275)
    assert value_of(x * 2.0) == 2 * value_of(x)
    assert value_of((x / 4.0) * 4.0) == value_of(x)
    assert (x * 4.0).high == np.inf
    assert (x * 4.0).low == 0
    assert abs(value_of(x / x) - 1) < Fraction(2) ** -104


def test_quotients_and_roots_of_small_numbers():
    """Their rounding errors are below the smallest number, but the results are not."""
    x = wide(3e-300)
    assert abs(value_of(x / 7e-300) - Fraction(3e-300) / Fraction(7e-300)) < Fraction(2) ** -106
    root = np.sqrt(wide(3e-310))
    assert abs(value_of(root) ** 2 / Fraction(3e-310) - 1) < Fraction(2) ** -104
    assert value_of(np.hypot(wide(3e-320), wide(4e-320))) == Fraction(float(np.hypot(3e-320, 4e-320)))
    assert value_of(np.hypot(wide(3 * 2.0**1000), wide(4 * 2.0**1000))) == 5 * Fraction(2) ** 1000


def test_functions_at_the_edge_of_their_domain():
    """Where the high half alone stands on a pole."""
    below, above = wide(-1.0, -1e-20), wide(-1.0, 1e-20)
    assert np.isnan(np.log1p(below).high)
    assert np.isfinite(np.arctanh(wide(1.0, -1e-20)).high)
    assert np.isnan(np.arctanh(wide(1.0, 1e-20)).high)
    assert np.isnan(np.arccosh(wide(1.0, -1e-20)).high)
    assert np.isnan(np.arcsin(wide(1.0, 1e-20)).high)
    assert np.isfinite(np.log1p(above).high)


@pytest.mark.parametrize(
    ("ufunc", "x"),
    [(np.log1p, wide([-1.0], [1e-20])), (np.arccos, wide([1.0], [-1e-20])), (np.arccosh, wide([1.0], [1e-20]))],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_values_beside_the_edge_of_a_domain(monkeypatch, ufunc, x):
    rule, _, budget = RULES[ufunc]
    assert measure(ufunc, rule, (x,)) <= budget
    plant(monkeypatch, ufunc, "result")
    assert measure(ufunc, rule, (x,)) > budget, "the control"


@pytest.mark.parametrize(
    "number", [2**53 + 1, -(2**60) - 1, 10**20 + 1, 2**63 - 1, 2**64 - 1, 0, True, np.float32(0.1), np.int64(2**62 + 3)]
)
def test_numbers_are_exact(number):
    expected = Fraction(number.item() if isinstance(number, np.generic) else number)
    assert value_of(wide(number)) == value_of(wide(0.0) + number) == value_of(number + wide(0.0)) == expected
    assert value_of(wide([number, number])[1]) == expected
    assert int(wide(number)) == int(expected)


def test_arrays_are_exact():
    for kind in (np.bool_, np.int8, np.uint64, np.int64, np.float16, np.float32, ">f8", np.longdouble):
        x = np.array([0, 1, 7, 100]).astype(kind)
        assert [value_of(item) for item in wide(x)] == [Fraction(float(item)) for item in x], kind
    large = np.array([2**63 - 1, -(2**63), 5])
    assert [value_of(item) for item in wide(large)] == [Fraction(int(item)) for item in large]
    if np.finfo(np.longdouble).nmant > 52:
        assert value_of(wide(np.longdouble(1) + np.longdouble(2.0) ** -60)) == 1 + Fraction(2) ** -60
    assert wide(10**400).high == np.inf
    nested = wide([[1.0, wide(2.0, 1e-20)], [wide(3.0), 4]])
    assert value_of(nested[0, 1]) == 2 + Fraction(1e-20)


def test_narrowing_is_refused():
    x = widened([1.0, 2.0])
    for narrow in (np.asarray, np.array, lambda a: float(a[0]), lambda a: complex(a[0]), math.exp, np.linalg.eig):
        with pytest.raises((NoWideFormError, AttributeError)):
            narrow(x if narrow is not math.exp else x[0])
    with pytest.raises(NoWideFormError, match="which can't hold a wide array"):
        np.add(x, x, out=np.zeros(2))
    with pytest.raises(NoWideFormError, match="into a plain one"):
        apply(__import__("operator").setitem, (np.zeros(2), slice(None), x))
    plain = np.zeros(2)
    with pytest.raises(NoWideFormError):
        plain += x
    with pytest.raises(NoWideFormError, match="expected a function with a wide form"):
        np.gcd(x, x)
    with pytest.raises(NoWideFormError, match="complex128"):
        x + 1j
    with pytest.raises(NoWideFormError, match=r"np\.fft"):
        np.fft.fft(x)


def test_blocks_are_what_a_whole_is():
    rng = np.random.default_rng(0)
    x, y = widened(rng.standard_normal((3, BLOCK))), widened(rng.standard_normal((BLOCK,)), 1)
    whole, part = x * y, x[1] * y
    assert np.array_equal(whole.high[1], part.high)
    assert np.array_equal(whole.low[1], part.low)
    transposed = np.exp(x.T)
    assert np.array_equal(transposed.high, np.exp(x).high.T)
    assert transposed.low.strides == transposed.high.strides


def test_in_place_and_out():
    x = widened([1.0, 2.0, 3.0])
    same, before = x, exact(x).tolist()
    x += 1
    assert same is x
    assert exact(x).tolist() == [v + 1 for v in before] or is_pair(x)
    out = wide(np.zeros(3))
    assert np.exp(x, out=out) is out
    assert np.array_equal(out.high, np.exp(x).high)
    np.exp(x, out=out, where=np.array([True, False, False]))
    scalar = x[0]
    other = scalar
    scalar += 1
    assert scalar.high == other.high + 1, "a scalar is not changed in place"
    masked = np.log(x, where=np.array([True, False, True]))
    assert masked.high[1] == 0
    total = np.sum(x, where=np.array([True, False, True]), initial=5.0)
    expected = objects([exact(x)[[0, 2]].sum() + 5]).reshape(())
    assert units_off(total, expected) <= 1 < units_off(without_low(total), expected)


def test_an_array_looks_like_numpys():
    x = widened(np.arange(6.0).reshape(2, 3))
    assert isinstance(x, np.ndarray)
    assert isinstance(x, WideArray)
    assert isinstance(x[0, 0], np.float64)
    assert (x.shape, x.ndim, x.size, x.dtype, len(x), x.T.shape) == ((2, 3), 2, 6, np.float64, 2, (3, 2))
    assert [row.shape for row in x] == [(3,), (3,)]
    assert repr(x).startswith("wide(")
    assert copy.deepcopy(x).low.base is None
    assert 3.0 in wide([3.0])
    assert bool(wide(1.0))
    assert not bool(wide(0.0))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = x.nothing
    assert x.astype(int).tolist() == [[0, 1, 2], [3, 4, 5]] or x.astype(int).dtype == int
    assert x.astype(np.float32).low.any()
    assert round(x, 1).shape == (2, 3)
    assert not x.imag.high.any()
    assert x.real is x
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
