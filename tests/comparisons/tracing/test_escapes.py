"""Nothing leaves a trace unseen: negative controls, errors, and faults planted in the rules."""

from __future__ import annotations

import builtins
import ctypes
import json
import pickle
from typing import Any

import numpy as np
import pytest

from gradtwin.comparisons.tracing import Trace, UntraceableError, trace_forward
from gradtwin.comparisons.tracing.tape.elementwise import elementwise
from gradtwin.comparisons.tracing.tape.framework import tf
from gradtwin.comparisons.tracing.tape.rules import RULES
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

from . import forwards, repository_forwards, test_trace
from .forwards import normal

X = np.array([[0.5, -1.5], [2.0, 0.25]])


def through_objects(x):
    return x * np.sum(np.asarray(x).astype(object))


def through_pickle(x):
    return x * pickle.loads(pickle.dumps(x))


def through_ctypes(x):
    address = x.ctypes.data
    return x * ctypes.c_double.from_address(address).value


def through_hex(x):
    return x * float.fromhex(float(x[0, 0]).hex())


def through_text(x):
    return x * float(f"{x[0, 0]:.4f}")


def through_eval(x):
    return x * eval(repr(x[0, 0].item()))


def through_shuffle(x):
    y = x.copy()
    np.random.RandomState(0).shuffle(y)
    return y


def through_ratio(x):
    numerator, denominator = x[0, 0].as_integer_ratio()
    return x * (numerator / denominator)


def through_json(x):
    return x * np.array(json.loads(json.dumps([float(str(v)) for v in x[0]])))


def through_percent_text(x):
    return x * float("%.3f" % x[0, 0])  # noqa: UP031


def through_bytes(x):
    return x * np.frombuffer(x.tobytes()).reshape(2, 2)


def through_memory(x):
    return x * np.asarray(memoryview(x.data))


def through_integer_view(x):
    return x * x.view(np.int64).view(np.float64)


def through_int(x):
    return x * (int(x[0, 0] * 1000) / 1000)


def through_complex(x):
    return np.abs(np.fft.fft(x))


def through_unsupported(x):
    return x * np.linalg.eigvals(x @ x.T)


def through_gcd_like_ufunc(x):
    return x + np.nextafter(x, 10.0)


def through_modf(x):
    return np.modf(x)[0]


def through_frexp(x):
    return np.frexp(x)[0]


def through_structured_view(x):
    return x * x.view([("a", float)])["a"]


def through_long_double(x):
    return x * np.sum(x.astype(np.longdouble)).astype(float)


def through_matrix(x):
    return np.asarray(np.matrix(x) * np.matrix(x))


def through_masked(x):
    return np.ma.masked_less(x, 0).filled(0.0) * x


def through_nditer(x):
    y = np.zeros(x.shape)
    for i, v in enumerate(np.nditer(x)):
        y.flat[i] = v * 2
    return y


def through_unknown_array(x):
    y = UNREACHED[0]()
    np.multiply(x, 2, out=y)
    return y * 1.0


def through_method_of_unknown_array(x):
    return UNREACHED[0]().dot(x)


def through_assignment_to_unknown_array(x):
    y = UNREACHED[0]()
    y[...] = x
    return y


def through_array_module(x):
    import array

    return x * np.array(array.array("d", x[0]))


class Hidden:
    """WorkerPool out an array that no attribute shows."""

    def __call__(self):
        return pickle.loads(pickle.dumps(X))


UNREACHED = [Hidden()]

ESCAPING = [value for name, value in list(globals().items()) if name.startswith("through_")]


def run(forward: Any) -> tuple[Trace | None, str]:
    try:
        return trace_forward(forward, (X.copy(),), (0,)), ""
    except UntraceableError as error:
        return None, str(error)


@pytest.mark.parametrize("forward", ESCAPING, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_escape_is_logged(forward: Any) -> None:
    trace, refusal = run(forward)
    if trace is None:
        assert forward.__name__ in refusal
        assert __file__ in refusal
        return
    assert trace.escapes
    assert any(escape.function.endswith(forward.__name__) or escape.file == __file__ for escape in trace.escapes)
    with pytest.raises(UntraceableError, match=r"can't be trusted"):
        trace.gradient(np.ones_like(trace.result))


def test_an_escape_names_what_where_and_the_line() -> None:
    (escape,) = trace_forward(through_bytes, (X,), (0,)).escapes
    assert "tobytes" in escape.what
    assert (escape.function, escape.file) == ("through_bytes", __file__)
    assert escape.line == through_bytes.__code__.co_firstlineno + 1


def test_what_does_not_depend_on_the_inputs_may_leave() -> None:
    def forward(x, t):
        return x * float.fromhex(float(t.sum()).hex()) + np.asarray(pickle.loads(pickle.dumps(t)))

    trace = trace_forward(forward, (X.copy(), X.copy()), (0,))
    assert trace.escapes == ()
    np.testing.assert_array_equal(trace.gradient(np.ones((2, 2)))[0], np.full((2, 2), X.sum()))


def stateful() -> Any:
    class Layer:
        def __init__(self) -> None:
            self.W = np.ones((2, 2))
            self.seen = [np.zeros(2)]

        def forward(self, x: Any, error: type[BaseException]) -> Any:
            self.W *= 2
            self.x = x
            self.seen.append(x)
            raise error("stop")

    return Layer()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_everything_is_put_back_when_forward_raises(error: type[BaseException]) -> None:
    layer = stateful()
    W, seen, names, importer = layer.W, list(layer.seen), dict(globals()), builtins.__import__
    with pytest.raises(UntraceableError if error is ZeroDivisionError else error):
        trace_forward(layer.forward, (X.copy(), error), (0,))
    assert vars(layer).keys() == {"W", "seen"}
    assert layer.W is W
    assert len(layer.seen) == 1
    assert layer.seen[0] is seen[0]
    np.testing.assert_array_equal(W, np.ones((2, 2)))
    assert {name: id(value) for name, value in names.items()}.items() <= {
        name: id(value) for name, value in globals().items()
    }.items()
    assert "float" not in globals()
    assert builtins.__import__ is importer


def test_an_error_names_the_line() -> None:
    layer = stateful()
    with pytest.raises(UntraceableError, match=r"ZeroDivisionError: stop in forward \(.*test_escapes.py:\d+\)"):
        trace_forward(layer.forward, (X.copy(), ZeroDivisionError), (0,))


def test_nested_traces() -> None:
    inner_gradients = []

    def inner(z):
        return np.tanh(z) * np.sum(z)

    def outer(x):
        inner_gradients.append(trace_forward(inner, (UNREACHED[0](),), (0,)).gradient([[1, 1], [1, 1]])[0])
        return np.exp(x)

    trace = trace_forward(outer, (X.copy(),), (0,))
    np.testing.assert_array_equal(trace.gradient(np.ones((2, 2)))[0], trace.value())
    np.testing.assert_array_equal(
        inner_gradients[0], trace_forward(inner, (X.copy(),), (0,)).gradient(np.ones((2, 2)))[0]
    )
    assert np.zeros(1).__class__ is type(np.zeros(1))


PLANTED = {
    "a wrong derivative": (np.tanh, elementwise(lambda x: tf.tanh(x) + 0 * tf.square(x) + x - tf.stop_gradient(x))),
    "a wrong value": (np.tanh, elementwise(lambda x: tf.tanh(x * (1 + 2**-30)))),
    "a dropped connection": (np.tanh, elementwise(lambda x: tf.stop_gradient(tf.tanh(x)))),
    "a wrong sign": (np.add, elementwise(lambda a, b: a + 2 * tf.stop_gradient(b) - b)),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_planted_in_a_rule_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, rule = PLANTED[fault]
    case = forwards.Case("planted", planted, lambda rng: (normal(2, 3)(rng), normal(3, 2)(rng)), (0, 1), None)
    check(case)
    monkeypatch.setitem(RULES, function, rule)
    with pytest.raises(AssertionError):
        check(case)


def planted(x: Any, w: Any) -> Any:
    return np.tanh(x.dot(w) + x[0, 0]) + w[0]


def check(case: forwards.Case) -> None:
    test_trace.test_value_and_gradient(case)
    test_trace.test_tape_value(case)


def test_arguments_are_checked() -> None:
    with pytest.raises(ArgumentTypeError, match=r"input 0: got an array of int64; expected .* float"):
        trace_forward(np.sum, (np.arange(3),), (0,))
    with pytest.raises(ArgumentValueError, match="wrt: got 1"):
        trace_forward(np.sum, (X,), (1,))
    trace = trace_forward(lambda x: (x, x * 2), (X,), (0,))
    with pytest.raises(ArgumentTypeError, match="select"):
        trace.gradient(X)
    with pytest.raises(ShapeError, match="y_bar"):
        trace.gradient(np.ones(3), select=lambda result: result[1])


def test_none_is_not_zero() -> None:
    trace = trace_forward(lambda x, w: x * 2 + 0 * x, (X.copy(), X.copy()), (0, 1))
    gradient, unconnected = trace.gradient(np.ones((2, 2)))
    assert unconnected is None
    np.testing.assert_array_equal(gradient, np.full((2, 2), 2.0))
    assert trace_forward(lambda x: x > 0, (X,), (0,)).gradient(np.ones((2, 2)) > 0) == (None,)


def test_parameters_of_an_object() -> None:
    layer = repository_forwards.Dense(2, 3)
    layer.weights = np.arange(6.0).reshape(2, 3)  # whole numbers, so that every product is exact
    running, x = np.zeros(3), np.arange(8.0).reshape(4, 2)
    layer.running = running
    layer.tied = layer.weights.T
    y_bar = np.arange(-6.0, 6.0).reshape(4, 3)
    held = {"weights": layer.weights, "bias": layer.bias, "running": running, "tied": layer.tied, "unknown": np.ones(2)}
    trace = trace_forward(layer.forward, (x,), (0,), parameters=held)
    bars = trace.parameter_gradient(y_bar)
    np.testing.assert_array_equal(bars["weights"], x.T @ y_bar)
    np.testing.assert_array_equal(bars["tied"], (x.T @ y_bar).T)  # it shares the weights' memory
    np.testing.assert_array_equal(bars["bias"], y_bar.sum(axis=0, keepdims=True))
    assert bars["running"] is None
    assert bars["unknown"] is None
    (x_bar,) = trace.gradient(y_bar, select=lambda _: layer.output)
    np.testing.assert_array_equal(x_bar, y_bar @ layer.weights.T)
    assert layer.weights is held["weights"]
    assert type(layer.output) is np.ndarray
    trace.restore()
    assert layer.input is None
    assert not hasattr(layer, "output")


def test_nothing_is_written_to_but_the_object_moves_on() -> None:
    layer = repository_forwards.Norm(3)
    running, kept = layer.running, layer.running.copy()
    trace = trace_forward(layer.forward, (normal(5, 3)(np.random.default_rng(3)),), (0,))
    np.testing.assert_array_equal(running, kept)
    assert layer.running is not running
    assert (layer.running != kept).all()
    trace.restore()
    assert layer.running is running


def notes(forward: Any, *inputs: Any) -> str:
    return " | ".join(trace_forward(forward, inputs, (0,)).notes)


def test_lints() -> None:
    m = np.arange(1.0, 4.0)
    assert "(3,) with (3, 1) became (3, 3)" in notes(lambda p, t: np.mean((p - t) ** 2), m, m[:, None])
    assert "became" not in notes(lambda p, t: np.mean((p - t) ** 2), m, m)
    assert "float32" in notes(lambda x: x * np.float32(0.1), m)
    assert "float32" not in notes(lambda x: x * 0.1, m)

    def tanh(x):
        return 1.7 * np.tanh(x)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def softmax(x):
        return np.exp(x) / np.exp(x).sum(axis=0)

    assert "'tanh' differ" in notes(tanh, m)
    assert "differ" not in notes(sigmoid, m)
    assert "differ" not in notes(softmax, X)
    assert "branch" in notes(lambda x: x if x.sum() > 0 else -x, m)
    assert "branch" not in notes(lambda x: x * 2, m)
    assert "truncates" in notes(lambda x: [np.zeros(3, dtype=int).__setitem__(0, x[0]), x][1], m)
