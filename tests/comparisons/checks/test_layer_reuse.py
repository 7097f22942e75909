"""A layer that has run before: what it keeps from an earlier run."""

import copy

import numpy as np
import pytest

from gradtwin.comparisons.checks.layer import check_layer

from .written_layers import Attributes, Dicts, X

# --- An object that has run before.


class FirstInputKept(Attributes):
    """Keeps the input of its first run for good."""

    def forward(self, inputs):
        if not hasattr(self, "inputs"):
            self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases


class FirstMaskKept:
    """A rectifier whose mask is made once."""

    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x > 0 if self.mask is None else self.mask
        return np.maximum(x, 0)

    def backward(self, d):
        return d * self.mask


class Stacked(Dicts):
    """Adds to its gradients, and takes its inputs from a stack: right in whatever order it runs."""

    def __init__(self):
        super().__init__()
        self.stack = []
        self.grads = {"W": np.zeros((4, 3)), "b": np.zeros(3)}

    def forward(self, x):
        self.stack.append(x)
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] += self.stack.pop().T @ dout
        self.grads["b"] += dout.sum(axis=0)
        return dout @ self.params["W"].T


class ListsClearedByBackward(Attributes):
    """Right where forward and backward take turns, as in training; forward alone fills its list."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, inputs):
        self.rows += list(inputs)
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.inputs, self.rows = np.array(self.rows[: len(dvalues)]), []
        super().backward(dvalues)


class RunningSum:
    """Keeps a state on purpose, so that a second run has another value."""

    def __init__(self):
        self.state = np.zeros((1, 4))

    def forward(self, x):
        self.before = self.state
        self.state = np.tanh(x.sum(axis=0, keepdims=True))
        return x * (1 + self.before)

    def backward(self, d):
        return d * (1 + self.before)


@pytest.mark.parametrize(("layer", "of"), [(FirstInputKept(), "weights"), (FirstMaskKept(), "x")])
def test_what_is_kept_from_an_earlier_run_is_a_stale_value(layer, of):
    before = copy.deepcopy(vars(layer))
    report = check_layer(layer, X)
    [failed] = [check for check in report.checks if check.verdict == "mismatch"]
    assert failed.stage == "side-effect"
    assert [(cause.cause, cause.confirmed, cause.detail) for cause in failed.causes] == [("stale-value", True, of)]
    assert "earlier run" in str(report)
    np.testing.assert_equal(vars(layer), before)


@pytest.mark.parametrize("make", [Stacked, ListsClearedByBackward, RunningSum])
def test_what_else_is_kept_from_run_to_run_is_no_fault(make):
    report = check_layer(make(), X)
    assert report.ok, str(report)
