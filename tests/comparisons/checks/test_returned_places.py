"""Results of backward that only their place tells apart accuse nobody; the names in its return statement do."""

import numpy as np
import pytest

from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.model import check_model

RNG = np.random.default_rng(6)
X = RNG.normal(size=(5, 4))
SQUARE = RNG.normal(size=(3, 3))
TARGET = RNG.normal(size=(5, 3))


class Dense:
    """y = x w + b; how its gradients are returned is up to each class."""

    factor = 1.0

    def __init__(self, inputs=4):
        rng = np.random.default_rng(1)
        self.w, self.b = rng.normal(size=(inputs, 3)), rng.normal(size=3)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b


class NamedStep(Dense):
    """Returns a step, not a gradient, by names that are of no gradient."""

    def backward(self, d):
        step, shift = -0.1 * (self.x.T @ d), -0.1 * d.sum(axis=0)
        return d @ self.w.T, step, shift


class Penalty(Dense):
    """Keeps the gradient under another name, and returns something else of its shape."""

    def backward(self, d):
        self.found, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ self.w.T, 2 * self.w


class Named(Dense):
    """Returns gradients by their names."""

    def backward(self, d):
        dw = self.factor * (self.x.T @ d)
        db = d.sum(axis=0)
        return d @ self.w.T, dw, db


class Reordered(Dense):
    """The same in an order of its own, that of the input last."""

    def backward(self, d):
        dw = self.factor * (self.x.T @ d)
        db = d.sum(axis=0)
        dx = d @ self.w.T
        return db, dw, dx


class OtherNames(Dense):
    """By other names for the same, one of them an attribute."""

    def backward(self, d):
        self.grad_weights = None
        grad_kernel, self.grad_bias = self.factor * (self.x.T @ d), d.sum(axis=0)
        return d @ self.w.T, grad_kernel, self.grad_bias


class SomeGradients(Dense):
    """By names of gradients that are of no parameter."""

    def backward(self, d):
        grad_1, grad_2 = self.factor * (self.x.T @ d), d.sum(axis=0)
        return d @ self.w.T, grad_1, grad_2


class Anonymous(Dense):
    """By no names."""

    def backward(self, d):
        return d @ self.w.T, self.factor * (self.x.T @ d), d.sum(axis=0)


class Overwritten(Dense):
    """Returns the weights, which are no gradient, beside gradients in attributes."""

    def backward(self, d):
        self.dw, self.db = self.factor * (self.x.T @ d), d.sum(axis=0)
        w, b = self.w, self.b
        return d @ w.T, w, b


def wrong(kind):
    return type("Wrong", (kind,), {"factor": 2.0, "__module__": __name__})


@pytest.mark.parametrize("kind", [NamedStep, Penalty])
def test_results_that_may_be_no_gradients_accuse_nobody(kind):
    report = check_layer(kind(), X)
    assert report.verdict == "inconclusive", str(report)
    opened = [check for check in report.checks if check.verdict == "inconclusive"]
    assert all("pass grads=" in check.causes[0].text for check in opened)
    assert "nothing disagrees" not in str(report), "the text says that the array is wrong"
    assert not any(note.startswith("the gradient of w is") for note in report.extra["notes"])


@pytest.mark.parametrize("kind", [Named, Reordered, OtherNames, SomeGradients, Anonymous, Overwritten])
def test_right_gradients_are_found(kind):
    report = check_layer(kind(), X)
    assert report.ok, str(report)
    assert sum("parameter" in check.name for check in report.checks) == 2


@pytest.mark.parametrize("kind", [Named, Reordered, OtherNames, SomeGradients, Overwritten, Anonymous])
def test_a_wrong_gradient_in_the_return_statement_is_a_mismatch(kind):
    report = check_layer(wrong(kind)(), X)
    assert report.verdict == "mismatch", str(report)
    assert [c.name for c in report.checks if c.verdict == "mismatch"] == ["gradient of parameter w"]


def test_a_wrong_gradient_by_its_place_is_open_and_says_what_to_pass():
    report = check_layer(wrong(NamedStep)(), X)
    assert report.verdict == "inconclusive", str(report)
    opened = [check for check in report.checks if check.verdict == "inconclusive"]
    assert "grads={'w': 1}" in opened[0].causes[0].text
    assert check_layer(wrong(NamedStep)(), X, grads={"w": 1, "b": 2}).verdict == "mismatch"


class Swapped(Dense):
    """Gradients of one shape, the input's last."""

    def __init__(self):
        self.w = SQUARE

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        dw, dx = self.x.T @ d, d @ self.w.T
        return dw, dx


def test_names_decide_between_gradients_of_one_shape():
    assert check_layer(Swapped(), SQUARE + 1).ok


class Net:
    """Returns its gradients from its backpropagation."""

    def __init__(self, factor=1.0):
        self.w, self.b, self.factor = RNG.normal(size=(4, 3)), np.ones(3), factor

    def forward(self, x):
        return x @ self.w + self.b

    def loss(self, p, t):
        return np.sum((p - t) ** 2)

    def backprop(self, x, t):
        d = 2 * (self.forward(x) - t)
        dw, db = self.factor * (x.T @ d), d.sum(axis=0)
        return dw, db


class AnonymousNet(Net):
    """The same without names."""

    def backprop(self, x, t):
        dw, db = super().backprop(x, t)
        return dw * 1, db * 1


def test_the_results_of_a_model():
    assert check_model(Net(), X, TARGET).ok
    assert check_model(Net(2.0), X, TARGET).verdict == "mismatch"
    assert check_model(AnonymousNet(), X, TARGET).ok
    assert check_model(AnonymousNet(2.0), X, TARGET).verdict == "mismatch"
