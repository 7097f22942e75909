"""Each rule of the tables, one by one; the conventions where a derivative doesn't exist; and views and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special  # noqa: F401  (its rules are loaded where it is)

from gradtwin.comparisons.tracing import trace_forward
from gradtwin.comparisons.tracing.dispatch import RULES
from gradtwin.comparisons.tracing.scipy_rules import load_scipy

from . import test_trace
from .forwards import Case, unit
from .numerical import differentiate

load_scipy()
UFUNCS = sorted({f for f in RULES if isinstance(f, np.ufunc) and f.signature is None}, key=lambda f: f.__name__)
#: A ufunc's domain, where it is not (0.1, 0.9).
MOVED = {np.arccosh: 1.0}
#: Nothing flows back through these: they are constant wherever they have a derivative.
WITHOUT_SLOPE = {np.ceil, np.floor, np.floor_divide, np.heaviside, np.rint, np.sign, np.spacing, np.trunc}


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_ufunc(ufunc: np.ufunc) -> None:
    shift = MOVED.get(ufunc, 0.0)

    def forward(*x: Any) -> Any:
        return ufunc(*[item + shift for item in x])

    shapes = [(2, 3), (3,)][: ufunc.nin]
    case = Case(
        ufunc.__name__, forward, lambda rng: tuple(unit(*shape)(rng) for shape in shapes), tuple(range(ufunc.nin)), None
    )
    test_trace.test_value_and_gradient(case)
    test_trace.test_tape_value(case)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtypes", [("f4", "f4"), ("f4", "f8"), ("f2", "f4"), ("f8", "i4")])
def test_dtype_is_numpys(ufunc: np.ufunc, dtypes: tuple[str, str]) -> None:
    inputs = [np.array([1, 1], dtype=dtype) for dtype in dtypes[: ufunc.nin]]
    with np.errstate(all="ignore"):
        trace = trace_forward(lambda *x: ufunc(*x), tuple(inputs), (0,))
        assert trace.escapes == ()
        assert trace.value().dtype == ufunc(*inputs).dtype
    (bar,) = trace.gradient(np.ones(2, dtype=trace.result.dtype))
    if ufunc in WITHOUT_SLOPE:
        assert bar is None
    else:
        assert bar.dtype == inputs[0].dtype


SCALARS = [2, 2.0, True, np.float32(2), np.float64(2), np.array(2.0), np.array(2.0, np.float32), np.int64(2)]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: f"{type(s).__name__}-{getattr(s, 'dtype', '')}")
def test_promotion_of_scalars(dtype: str, scalar: Any) -> None:
    def forward(x: Any) -> Any:
        return x[0] * scalar + x.sum() / scalar, x * scalar, scalar - x, x**scalar, x[:1].item() * scalar

    x = np.array([1.5, 2.5], dtype)
    for k, expected in enumerate(forward(x)):
        trace = trace_forward(forward, (x,), (0,))
        assert type(trace.result[k]) is type(expected)
        assert np.result_type(trace.result[k]) == np.result_type(expected)
        assert trace.value(lambda result, k=k: result[k]).dtype == np.result_type(expected)


def gradient(forward: Any, *inputs: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        trace = trace_forward(forward, inputs, tuple(range(len(inputs))))
    assert trace.escapes == ()
    return [None if bar is None else bar.tolist() for bar in trace.gradient(np.ones_like(trace.result))]


def test_conventions_are_tensorflows() -> None:
    zero, tie = np.zeros(1), np.array([1.0, 1.0, 0.0])
    assert gradient(lambda x: np.maximum(0, x), zero) == [[0.0]]
    assert gradient(np.maximum, zero, zero.copy()) == [[1.0], [0.0]]
    assert gradient(np.minimum, zero, zero.copy()) == [[1.0], [0.0]]
    assert gradient(np.abs, zero) == [[0.0]]
    assert gradient(np.max, tie) == [[0.5, 0.5, 0.0]]
    assert gradient(lambda x: np.clip(x, 0, 1), np.array([-1.0, 0.0, 0.5, 1.0, 2.0])) == [[0.0, 1.0, 1.0, 1.0, 0.0]]
    assert gradient(lambda x: np.where(x > 0, x, 0), np.array([0.0, 1.0])) == [[0.0, 1.0]]


def test_an_unused_infinite_derivative_is_no_nan() -> None:
    x = np.array([0.0, 4.0])
    assert gradient(lambda x: np.where(x > 0, np.sqrt(x), 0), x) == [[0.0, 0.25]]
    assert gradient(lambda x: np.where(x > 0, np.log(x), 0), x) == [[0.0, 0.25]]
    assert gradient(lambda x: np.where(x > 0, 1 / x, 0), x) == [[0.0, -0.0625]]
    assert gradient(lambda x: np.where(x > 0, x**0.5, 0), x) == [[0.0, 0.25]]
    assert gradient(lambda x: np.where(x > 0, x / (x + x), x), x) == [[1.0, 0.0]]
    assert gradient(lambda x: x**0 + x**1 + x**2, x) == [[1.0, 9.0]]
    assert gradient(lambda x: np.power(x, np.array([0, 2])), x) == [[0.0, 8.0]]
    assert gradient(lambda x: np.divide(1, x, out=np.zeros(2), where=x > 0), x) == [[0.0, -0.0625]]
    assert gradient(np.prod, np.array([0.0, 2.0, 3.0])) == [[6.0, 0.0, 0.0]]
    assert gradient(lambda x: np.cumprod(x)[-1], np.array([0.0, 2.0, 3.0])) == [[6.0, 0.0, 0.0]]
    (bar,) = gradient(
        lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x))), np.array([-800.0, 0.0])
    )
    assert bar == [0.0, 0.25]


def test_a_used_infinite_derivative_is_not_hidden() -> None:
    assert gradient(np.sqrt, np.zeros(1)) == [[np.inf]]
    assert np.isnan(gradient(lambda x: np.linalg.norm(x), np.zeros(2))[0]).all()


LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "offset": lambda x: np.concatenate([[np.zeros(4)], x])[1:],
}


def of_any_layout(x: Any) -> Any:
    z = x.ravel(order="K") * np.arange(12.0) + x.T.flatten()
    return np.sin(z) + x.reshape(-1)[3] + x[::-1].dot(np.ones(4)).sum()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layouts(layout: str) -> None:
    x, y_bar = np.random.default_rng(1).normal(size=(3, 4)), np.random.default_rng(2).normal(size=12)
    given = LAYOUTS[layout](x)
    trace = trace_forward(of_any_layout, (given,), (0,))
    np.testing.assert_array_equal(trace.result, of_any_layout(given))
    estimate, error, _ = differentiate(lambda x: of_any_layout(LAYOUTS[layout](x)), (x,), 0, y_bar)
    assert (np.abs(trace.gradient(y_bar)[0] - estimate) <= error).all()


def test_writes_follow_numpys_layout() -> None:
    """A reshape that copies takes no writes back; one that doesn't, does."""

    def forward(x: Any) -> Any:
        flat = x.reshape(-1)
        flat[0] = 5.0
        return x * 2

    for x, expected in ((np.ones((3, 4)), 0.0), (np.ones((3, 5))[:, :4], 2.0), (np.ones((4, 3)).T, 2.0)):
        trace = trace_forward(forward, (x,), (0,))
        assert trace.gradient(np.ones((3, 4)))[0][0, 0] == expected
        assert (x == 1).all()
        assert trace.result[0, 0] == forward(x)[0, 0]
