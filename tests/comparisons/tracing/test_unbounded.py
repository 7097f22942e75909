"""Shadows without bounds: each function beside mpmath, and beside wide arithmetic; what a watch sees of them."""

import mpmath
import numpy as np
import pytest

from gradtwin.comparisons.tracing.wide import UnboundedEngine, Watch, WideEngine, compute

BITS = 300
X, Y = np.array([0.3, 0.7, 0.9]), np.array([1.5, 0.2, 2.5])

ONE = [
    np.negative, np.reciprocal, np.square, np.absolute, np.fabs, np.sqrt, np.cbrt, np.exp, np.exp2, np.expm1, np.log,
    np.log1p, np.log2, np.log10, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.arcsin, np.arccos, np.arctan,
    np.arcsinh, np.arctanh, np.sum, np.mean, np.var, np.std, np.prod, np.cumsum, np.max, np.min, np.add.reduce,
]  # fmt: skip
TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.power, np.float_power, np.arctan2, np.hypot, np.logaddexp,
    np.maximum, np.minimum, np.dot, np.matmul, np.inner, np.outer,
]  # fmt: skip


def run(engine, function, *inputs):
    computed = compute(engine, (function,), lambda functions, given: [functions[0](*given)], inputs)
    assert not computed.escapes, computed.escapes
    return computed.results[0]


def unbounded(function, *inputs, bits=BITS):
    return run(UnboundedEngine(Watch(), bits), function, *inputs)


def apart(one, two):
    """The largest difference of two wide arrays, relative to them."""
    difference = (one.high - two.high) + (one.low - two.low)
    return float(np.max(np.abs(difference) / np.abs(two.high)))


@pytest.mark.parametrize("function", [*ONE, *TWO], ids=lambda function: getattr(function, "__name__", str(function)))
def test_each_function_agrees_with_wide_arithmetic(function):
    inputs = (X,) if function in ONE else (X, Y)

    def call(*given):
        return function(*given)

    assert apart(unbounded(call, *inputs), run(WideEngine(), call, *inputs)) < 2.0**-99


def test_a_value_in_float64_alone_is_seen():
    """The negative control: a function of which the low half is lost."""
    low = run(WideEngine(), lambda x: np.exp(x), X)
    low.low[:] = 0
    assert apart(unbounded(lambda x: np.exp(x), X), low) > 2.0**-60


def test_arrays_are_moved_about_as_numpy_moves_them():
    def mixed(x):
        y = np.concatenate([x.reshape(3, 1), np.exp(x)[:, None]], axis=1).T
        y[0, 1] = x[2] ** 2
        return np.where(y > 0.5, y, -y)[::-1].sum(axis=0)

    assert apart(unbounded(mixed, X), run(WideEngine(), mixed, X)) < 2.0**-99


def test_nothing_overflows_and_digits_are_enough():
    value = unbounded(lambda x: np.log(1 + np.exp(x)), np.array([800.0, -700.0]), bits=4800)
    assert value.high[0] == 800
    with mpmath.workdps(700):
        assert value.high[1] == float(mpmath.log1p(mpmath.exp(-700)))
    few = unbounded(lambda x: np.log(1 + np.exp(x)), np.array([-700.0]), bits=300)
    assert few.high[0] == 0  # of too few bits


@pytest.mark.parametrize("function", [lambda x: np.log(x), lambda x: np.sqrt(x), lambda x: 1 / (x + 1)])
def test_where_there_is_no_value_it_is_not_a_number(function):
    assert np.isnan(unbounded(function, np.array([-1.0])).high[0])


def test_a_watch_sees_an_overflow_in_float32_alone():
    watch = Watch()
    run(WideEngine(watch=watch), lambda x: np.exp(x) / 2, np.array([100.0], np.float32))
    [loss, *_] = watch.losses()
    assert (loss.operation.expression.text, loss.kind, loss.operand) == ("np.exp(x)", "overflow", 100.0)


def test_mending_one_operation_gives_its_exact_value():
    def cancelling(x):
        return 1 - np.cos(x)

    x = np.array([1e-8])
    watch = Watch()
    run(WideEngine(watch=watch), cancelling, x)
    [loss, *_] = watch.losses()
    assert loss.kind == "cancellation"
    mended = compute(
        WideEngine(watch=Watch(mended=loss.operation)), (cancelling,), lambda f, given: [f[0](*given)], (x,)
    )
    with mpmath.workdps(60):
        exact = float(1 - mpmath.cos(mpmath.mpf(1e-8)))
    assert (cancelling(x)[0], mended.values[0][0]) == (0, exact)
