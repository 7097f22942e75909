"""Reductions and products against the same NumPy functions on arrays of mpmath's numbers."""

import numpy as np
import pytest
from wide_accuracy import MP, exact, objects, plant, units_off, widened

from gradtwin.comparisons.precision.wide import WideArray, apply, products, wide

RNG = np.random.default_rng(7)
A, B, C = (widened(RNG.standard_normal(shape), i) for i, shape in enumerate([(6, 9), (9, 4), (3, 6, 9)]))
V, W = (widened(RNG.standard_normal(n), i) for i, n in ((4, 12), (5, 5)))
LONG = widened(RNG.standard_normal(1000) * np.ldexp(1.0, RNG.integers(-20, 20, 1000)), 6)
POSITIVE = widened(RNG.uniform(0.5, 2, (5, 6)), 7)

#: The largest errors that were seen, over the sum of the terms' sizes, rounded up.
SUM, PRODUCT, ONE_BY_ONE = 1, 2, 4


def variance(x, axis=None, ddof=0):
    """Σ (x − mean)²/(n − ddof), of objects."""
    centre = np.sum(x, axis=axis, keepdims=True) / MP.mpf(x.size if axis is None else x.shape[axis])
    return np.sum((x - centre) ** 2, axis=axis) / MP.mpf((x.size if axis is None else x.shape[axis]) - ddof)


def roots(x):
    return np.vectorize(MP.sqrt, otypes=[object])(x)


#: name → (function, arguments, options, exact function where it is not NumPy's own, budget)
CASES = {
    "sum": (np.sum, (LONG,), {}, None, SUM),
    "sum of columns": (np.sum, (C,), {"axis": 1}, None, SUM),
    "sum of two axes": (np.sum, (C,), {"axis": (0, 2), "keepdims": True}, None, SUM),
    "add.reduce": (np.add.reduce, (C,), {"axis": -1}, None, SUM),
    "mean": (np.mean, (C,), {"axis": 1}, lambda x, axis: np.sum(x, axis=axis) / MP.mpf(x.shape[axis]), SUM),
    "prod": (np.prod, (POSITIVE,), {"axis": 0}, None, ONE_BY_ONE),
    "multiply.reduce": (np.multiply.reduce, (POSITIVE,), {}, None, ONE_BY_ONE),
    "cumsum": (np.cumsum, (A,), {"axis": 1}, None, SUM),
    "cumprod": (np.cumprod, (POSITIVE,), {"axis": 1}, None, ONE_BY_ONE),
    "add.accumulate": (np.add.accumulate, (A,), {"axis": 0}, None, SUM),
    "var": (np.var, (A,), {"axis": 0, "ddof": 1}, variance, PRODUCT),
    "std": (np.std, (A,), {}, lambda x: roots(variance(x)), PRODUCT),
    "max": (np.max, (A,), {"axis": 0}, None, 0),
    "min": (np.min, (A,), {"axis": 1}, None, 0),
    "sort": (np.sort, (A,), {"axis": 0}, None, 0),
    "median": (np.median, (A,), {"axis": 0}, lambda x, axis: np.sort(x, axis=axis)[2:4].sum(axis=0) / MP.mpf(2), SUM),
    "diff": (np.diff, (A,), {}, None, SUM),
    "norm": (np.linalg.norm, (A,), {"axis": 1}, lambda x, axis: roots(np.sum(x * x, axis=axis)), PRODUCT),
    "trace": (np.trace, (A,), {}, None, SUM),
    "matmul": (np.matmul, (A, B), {}, None, PRODUCT),
    "stacked matmul": (np.matmul, (C, B), {}, None, PRODUCT),
    "dot": (np.dot, (C, B), {}, None, PRODUCT),
    "inner": (np.inner, (A, A), {}, None, PRODUCT),
    "vdot": (np.vdot, (V, V), {}, lambda x, y: np.sum(x * y), PRODUCT),
    "outer": (np.outer, (V, W), {}, None, PRODUCT),
    "multiply.outer": (np.multiply.outer, (V, W), {}, None, PRODUCT),
    "tensordot": (np.tensordot, (C, C), {"axes": ((0, 2), (0, 2))}, None, PRODUCT),
    "einsum": (np.einsum, ("bij,jk->bki", C, B), {}, None, PRODUCT),
    "einsum of three": (np.einsum, ("ij,jk,ij->k", A, B, A), {}, None, ONE_BY_ONE),
    "convolve": (np.convolve, (V, W), {"mode": "same"}, None, PRODUCT),
    "correlate": (np.correlate, (V, W), {"mode": "full"}, None, PRODUCT),
}
if hasattr(np, "vecdot"):
    CASES["vecdot"] = (np.vecdot, (A, A), {}, lambda x, y: np.sum(x * y, axis=-1), PRODUCT)


def measure(name):
    function, arguments, options, rule, _ = CASES[name]
    columns = [exact(x) if isinstance(x, WideArray) else x for x in arguments]
    sizes = [np.abs(x) if isinstance(x, np.ndarray) else x for x in columns]
    expected = (rule or function)(*columns, **options)
    scale = (rule or function)(*sizes, **options) if name not in ("diff", "sort", "min", "median") else None
    scale = {"diff": np.sum(np.abs(exact(A))), "median": np.sum(np.abs(exact(A)))}.get(name, scale)
    if name in ("var", "std"):
        scale = None
    return units_off(apply(function, arguments, options), expected, scale)


@pytest.mark.parametrize("name", CASES)
def test_errors_keep_to_the_budget(name):
    assert measure(name) <= CASES[name][-1]


@pytest.mark.parametrize("where", ["arguments", "result"])
@pytest.mark.parametrize("name", CASES)
def test_a_lost_low_half_is_caught(monkeypatch, name, where):
    """The negative control."""
    plant(monkeypatch, CASES[name][0], where)
    assert measure(name) > CASES[name][-1]


def product_error(a, b):
    """Relative to Σ|terms|."""
    x, y = exact(a), exact(b)
    return units_off(a @ b, x @ y, np.abs(x) @ np.abs(y))


@pytest.mark.parametrize("shape", [(40, 60, 30), (33, 128, 17), (17, 700, 9), (1, 400, 1), (300, 2, 3)])
def test_products_by_slices(shape, monkeypatch):
    m, k, n = shape
    rng = np.random.default_rng(m)
    a, b = widened(rng.standard_normal((m, k)), 1), widened(rng.standard_normal((k, n)), 2)
    rows, columns = rng.integers(0, m, 4), rng.integers(0, n, 4)
    monkeypatch.setattr(products, "_DIRECT", 10**9)  # never term by term
    expected = exact(a[rows]) @ exact(b[:, columns])
    scale = np.abs(exact(a[rows])) @ np.abs(exact(b[:, columns]))
    assert units_off((a @ b)[rows][:, columns], expected, scale) <= SUM


def test_slices_are_exact():
    """BLAS adds no rounding: what slices give is the same in any order of the inner index."""
    rng = np.random.default_rng(3)
    x, y = (rng.standard_normal((50, 200)), rng.standard_normal((200, 40)))
    zero = np.zeros(())
    order = rng.permutation(200)
    pairs = [((x, 0 * x), (y, 0 * y)), ((x[:, order], 0 * x), (y[order], 0 * y))]
    first, second = (products._by_slices(*pair) for pair in pairs)
    assert zero == np.max(np.abs(first[0] - second[0])) == np.max(np.abs(first[1] - second[1]))
    assert np.max(np.abs(x @ y - x[:, order] @ y[order])) > 0, "the control: float64's own product depends on it"


@pytest.mark.parametrize("spread", [0, 20, 100, 300])
def test_products_of_all_sizes(spread):
    """Factors whose sizes are far apart: an element that is 1e-100 of the others is as right as they are."""
    rng = np.random.default_rng(spread)
    sizes = [10.0 ** rng.uniform(-spread / 2, spread / 2, shape) for shape in ((24, 40), (40, 20))]
    a, b = (widened(rng.standard_normal(s.shape) * s, i) for i, s in enumerate(sizes))
    assert product_error(a, b) <= PRODUCT


def test_products_that_cancel():
    """The error stays relative to the terms where their sum vanishes."""
    rng = np.random.default_rng(9)
    half = rng.standard_normal((20, 30))
    a = wide(np.concatenate([half, half], axis=1))
    b = wide(np.concatenate([np.ones((30, 8)), -np.ones((30, 8))]))
    assert np.array_equal((a @ b).high, np.zeros((20, 8)))


def error_beside_infinities(a, b):
    """Let three elements be infinite or NaN; return the error of the others, relative to Σ|terms|."""
    a, b = a.copy(), b.copy()
    a[1, 2], a[3, 0], b[4, 1] = np.inf, np.nan, -np.inf
    product = a @ b
    with np.errstate(invalid="ignore"):
        plain = a.high @ b.high
    finite = np.isfinite(plain)
    assert np.array_equal(product.high[~finite], plain[~finite], equal_nan=True)
    assert not product.low[~finite].any()
    rows, columns = np.flatnonzero(finite.any(axis=1)), np.flatnonzero(finite.any(axis=0))
    x, y = exact(a[rows]), exact(b[:, columns])
    return units_off(product[rows][:, columns], x @ y, np.abs(x) @ np.abs(y))


@pytest.mark.parametrize(("a", "b"), [(A, B), (np.tile(A, (9, 9)), np.tile(B, (9, 9)))], ids=["small", "large"])
def test_infinite_factors_stay_in_their_rows(monkeypatch, a, b):
    assert error_beside_infinities(a, b) <= PRODUCT
    plant(monkeypatch, np.matmul, "result")
    assert error_beside_infinities(a, b) > PRODUCT, "the control"


def test_empty_products():
    assert (wide(np.zeros((3, 0))) @ wide(np.zeros((0, 2)))).shape == (3, 2)
    assert np.sum(wide(np.zeros(0))).high == 0
    assert np.prod(wide(np.zeros((0, 2))), axis=0).high.tolist() == [1, 1]
    with pytest.raises(ValueError, match="identity"):
        np.max(wide(np.zeros(0)))


@pytest.mark.parametrize(("a", "b"), [((2, 3), (4, 5)), ((3,), (4,)), ((2, 3), ()), ((2, 2, 3), (3, 3, 1))], ids=str)
def test_shapes_that_do_not_fit_are_refused(a, b):
    with pytest.raises(ValueError, match=r"matmul|broadcast"):
        wide(np.ones(a)) @ wide(np.ones(b))


def test_at_counts_every_occurrence():
    x, index = widened(RNG.standard_normal(6)), [0, 2, 2, 2, 5, 0]
    values = widened(RNG.standard_normal(6), 8)
    expected = exact(x)
    np.add.at(expected, index, exact(values))
    y = x.__copy__()
    np.add.at(y, index, values)
    assert units_off(y, expected, objects([MP.mpf(10)] * 6)) <= SUM
    assert not units_off(x[index][:2], exact(x)[index][:2])
