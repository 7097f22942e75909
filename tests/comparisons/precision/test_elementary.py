"""The one budget that is measured, not derived: how far elementary functions are off, in units in the last place."""

import numpy as np
import pytest

from gradtwin.backends import get_backend
from gradtwin.backends.precision import precision_of
from gradtwin.backends.quiet_import import import_tensorflow
from gradtwin.comparisons.precision.bounded_array import BoundedArray, Format
from gradtwin.comparisons.precision.constants import ELEMENTARY_ULPS

tf = import_tensorflow()
POINTS = 200_000
RNG = np.random.default_rng(17)

#: name → (NumPy's function in a wider format, TensorFlow's, points over the range where the result is a normal number)
FUNCTIONS = {
    "exp": (np.exp, tf.exp, RNG.uniform(-85, 85, POINTS)),
    "log": (np.log, tf.math.log, np.ldexp(RNG.uniform(0.5, 2, POINTS), RNG.integers(-120, 120, POINTS))),
    "log1p": (np.log1p, tf.math.log1p, np.ldexp(RNG.uniform(0, 1, POINTS), RNG.integers(-100, 2, POINTS))),
    "tanh": (np.tanh, tf.tanh, RNG.standard_normal(POINTS) * np.ldexp(1.0, RNG.integers(-20, 4, POINTS))),
    "power": (
        lambda x: np.power(np.asarray(0.999, x.dtype), x),
        lambda x: tf.pow(tf.constant(0.999, x.dtype), x),
        np.rint(RNG.uniform(0, 1000, POINTS)),
    ),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), tf.sigmoid, RNG.uniform(-80, 80, POINTS)),
    "softplus": (lambda x: np.log1p(np.exp(x)), tf.nn.softplus, RNG.uniform(-80, 80, POINTS)),
}


def ulps_off(result, exact):
    """The largest error in units in the last place of the right result."""
    return float(np.max(np.abs(result.astype(exact.dtype) - exact) / np.spacing(np.abs(exact).astype(result.dtype))))


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_tensorflow_keeps_to_the_budget(name, dtype, compiled):
    wide, function, points = FUNCTIONS[name]
    x = points.astype(dtype)
    constant = np.asarray(0.999, dtype)
    longer = np.float64 if dtype == "float32" else np.longdouble
    exact = np.power(constant.astype(longer), x.astype(longer)) if name == "power" else wide(x.astype(longer))
    run = tf.function(function, jit_compile=True) if compiled else function
    assert ulps_off(run(tf.constant(x)).numpy(), exact) <= ELEMENTARY_ULPS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "log", "log1p", "tanh"])
def test_numpy_keeps_to_the_budget(name, dtype):
    wide, _, points = FUNCTIONS[name]
    x = points.astype(dtype)
    longer = np.float64 if dtype == "float32" else np.longdouble
    assert ulps_off(wide(x), wide(x.astype(longer))) <= ELEMENTARY_ULPS


def test_the_budget_is_no_larger_than_it_must_be():
    """It holds, and neither half nor double of it would."""
    wide, function, points = FUNCTIONS["tanh"]
    worst = 0.0
    for dtype, longer in ((np.float32, np.float64), (np.float64, np.longdouble)):
        x = points.astype(dtype)
        worst = max(worst, ulps_off(function(tf.constant(x)).numpy(), wide(x.astype(longer))))
    assert ELEMENTARY_ULPS / 2 < worst <= ELEMENTARY_ULPS


@pytest.mark.parametrize("name", ["exp", "log", "log1p", "tanh"])
def test_the_error_of_an_operand_is_carried(name):
    """Whatever the operand is within its error, the result lies within its own."""
    function = getattr(np, name)
    form = Format(precision_of(np.dtype(np.float32)), np.dtype(np.float64))
    value = RNG.uniform(0.5, 3, 1000)
    error = value * np.ldexp(1.0, RNG.integers(-20, -2, 1000))
    result = function(BoundedArray(value, error, np.abs(value), form))
    for moved in (value - error, value + error, value + error * RNG.uniform(-1, 1, 1000)):
        assert (np.abs(function(moved) - result.value) <= result.error).all()
    tighter = function(BoundedArray(value, error / 4, np.abs(value), form)).error
    assert (np.abs(function(value + error) - result.value) > tighter).any()


def test_a_tie_that_rounding_may_break_is_undecided():
    form = Format(precision_of(np.dtype(np.float32)), np.dtype(np.float64))
    rows = np.array([[1.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    exact = BoundedArray.of(rows, form).argmax(axis=-1)
    assert exact.value.tolist() == [1, 2]
    assert not exact.error.any()
    unsure = BoundedArray(rows, np.full(rows.shape, 0.25), rows, form).argmax(axis=-1)
    assert (unsure.error > 0).tolist() == [True, False]


def test_stable_forms_do_not_overflow():
    x = np.array([-1000.0, -800, 0, 800, 1000])
    backend = get_backend("numpy")
    with np.errstate(all="raise", under="ignore"):
        for name in ("sigmoid", "softplus", "tanh", "relu", "leaky-relu"):
            y, [x_bar] = backend.value_and_gradients(name, x, y_bar=np.ones_like(x))
            assert np.isfinite(y).all()
            assert np.isfinite(x_bar).all()
        loss, gradients = backend.value_and_gradients("log-loss-logits", x, np.full(5, 0.5), y_bar=np.ones(()))
        assert np.isfinite(loss)
        assert all(np.isfinite(g).all() for g in gradients)
        y, [x_bar] = backend.value_and_gradients("softmax", x[np.newaxis], y_bar=np.ones((1, 5)))
        assert y.sum() == 1
        assert np.isfinite(x_bar).all()
