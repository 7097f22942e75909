"""check_layer: its arguments, what is missing, and what is no layer."""

import functools

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer

from .written_layers import COLUMNS, Attributes, ColumnMajor, Dicts, X, weights


def test_a_scale_may_be_a_number():
    assert check_layer(ColumnMajor(), COLUMNS, param_scale=0.2).ok
    assert not check_layer(ColumnMajor(), COLUMNS, param_scale=0.25).ok


class Ambiguous:
    """Two gradients of one shape under names that say nothing."""

    def __init__(self):
        self.p, self.q = weights(4, 4), np.ones((4, 4))

    def forward(self, x):
        self.x = x
        return x @ self.p + x @ self.q

    def backward(self, g):
        return g @ (self.p + self.q).T, self.x.T @ g, self.x.T @ g, self.x.T @ g


def test_ambiguity_asks_for_grads():
    with pytest.raises(gt.ArgumentValueError, match=r"grads.*p, q.*grads="):
        check_layer(Ambiguous(), X)
    assert check_layer(Ambiguous(), X, grads={"p": 1, "q": lambda layer, returned: returned[2]}).ok


def test_params_choose():
    report = check_layer(Dicts(), X, params=["W"])
    assert [c.name for c in report.checks if "parameter" in c.name] == ["gradient of parameter W"]
    with pytest.raises(gt.ArgumentValueError, match=r"params: 'V'.*W, b"):
        check_layer(Dicts(), X, params=["V"])


def test_grads_say_where():
    class Odd(Attributes):
        def backward(self, dvalues):
            self.first, self.second = self.dweights_of(dvalues), {"it": self.dbiases_of(dvalues)}
            return self.dinputs_of(dvalues)

    assert check_layer(Odd(), X, grads={"weights": "first", "biases": "second['it']"}).ok
    with pytest.raises(gt.ArgumentValueError, match=r"grads: 'W'.*weights"):
        check_layer(Odd(), X, grads={"W": "first"})


@pytest.mark.parametrize(
    "where",
    ["d_weigths", 7, "second['its']", lambda layer, returned: layer.d_weigths, lambda layer, returned: None],
    ids=["attribute", "position", "key", "function that raises", "function of nothing"],
)
def test_grads_that_are_not_there_are_an_error(where):
    """A misspelt name must not leave the parameter out."""
    with pytest.raises(gt.ArgumentValueError, match=r"grads: for 'weights' got"):
        check_layer(Attributes(), X, grads={"weights": where})


def test_missing_things_are_named():
    class NoBackward:
        def forward(self, x):
            return x

    class Needs(Dicts):
        def forward(self, x, padding_value):
            return super().forward(x * padding_value)

        def backward(self, dout):
            return super().backward(dout) * 1.5

    with pytest.raises(gt.ArgumentValueError, match=r"backward.*no method"):
        check_layer(NoBackward(), X)
    with pytest.raises(gt.ArgumentValueError, match=r"'padding_value'.*forward_args"):
        check_layer(Needs(), X)
    assert check_layer(Needs(), X, forward_args={"padding_value": 1.5}).ok
    report = check_layer(Needs(), X, forward_args={"padding_value": 2.0})
    assert [c.name for c in report.checks if c.verdict == "mismatch"] == ["gradient of input 0 (x)"]


def test_a_factory_that_raises_is_judged():
    class Unmade(Dicts):
        def __init__(self, activation="tanh"):
            raise KeyError(activation)

    report = check_layer(Unmade, X, variants=[{"activation": "relu"}])
    assert report.verdict == "mismatch"
    assert [(check.stage, check.causes[0].cause) for check in report.checks] == [("contract", "raises")] * 2
    assert "the factory raised KeyError: 'relu'" in report.checks[1].causes[0].text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0}, "learning_rate"),
        ({"param_scale": "batch/2"}, "param_scale"),
        ({"param_scale": "1/batch", "batch_axis": None}, "batch_axis"),
        ({"variants": [{}]}, "expected its class, or a function that makes one"),
        ({"forward": "fly"}, "no method 'fly'"),
        ({"batch_axis": 7}, r"batch_axis: got 7, and x has shape \(5, 4\)"),
    ],
)
def test_impossible_arguments(arguments, message):
    with pytest.raises(gt.ArgumentValueError, match=message):
        check_layer(Dicts(), X, **arguments)


def test_nothing_found_is_an_error():
    class Silent(Dicts):
        def backward(self, dout):
            pass

    with pytest.raises(gt.ArgumentValueError, match="grads"):
        check_layer(Silent(), X)


def test_methods_may_be_functions():
    def forward(layer, x):
        return layer.forward(x) * 2

    def backward(layer, g):
        return layer.backward(2 * g)

    assert check_layer(Dicts(), X, forward=forward, backward=backward).ok


def test_what_is_no_layer_and_what_is_no_input_is_said():
    with pytest.raises(gt.ArgumentValueError, match="forward: ndarray has no method"):
        check_layer(np.ones(3), X)
    with pytest.raises(gt.ArgumentValueError, match=r"x: got shape \(0, 4\)"):
        check_layer(Dicts(), X[:0])


class Called(Dicts):
    """An object that is called."""

    backward = None

    def __call__(self, x):
        return self.forward(x)

    def grad(self, dout):
        return Dicts.backward(self, dout)


def test_an_object_that_is_called_with_x_is_no_factory():
    class Half(Called):
        def grad(self, dout):
            return super().grad(dout) / 2

    assert check_layer(Called(), X, backward="grad").ok
    assert check_layer(Half(), X, backward="grad").verdict == "mismatch"
    with pytest.raises(gt.ArgumentValueError, match="backward: Called has no method"):
        check_layer(Called(), X)
    assert check_layer(functools.partial(Dicts), X).ok, "a factory is called without arguments"


def test_the_place_that_is_named_is_never_of_the_package():
    class Inverse:
        forward = staticmethod(np.linalg.inv)

        def backward(self, dout):
            return dout

    report = check_layer(Inverse(), X)
    assert report.verdict == "inconclusive", "it may be x that is no square"
    assert "LinAlgError" in str(report)
    assert ".py:" not in str(report)
