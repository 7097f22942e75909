"""Parameters that are no floating arrays: numbers are judged, and the others leave the check open."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.model import check_model

RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 3))


class Leaky:
    """A rectifier whose slope is a number; `factor` plants a fault."""

    factor = 1.0

    def __init__(self, slope=0.25):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, d):
        self.dslope = self.factor * np.sum(d * np.minimum(self.x, 0))
        return d * np.where(self.x > 0, 1.0, self.slope)


class Updates(Leaky):
    """Updates its slope itself."""

    def backward(self, d, learning_rate):
        dx = super().backward(d)
        self.slope -= learning_rate * self.dslope
        del self.dslope
        return dx


class InDict(Leaky):
    """Holds it in a dict, and returns its gradient in one."""

    def __init__(self, slope=0.25):
        self.params = {"a": slope}

    slope = property(lambda self: self.params["a"])

    def backward(self, d):
        dx = super().backward(d)
        return {"dx": dx, "da": self.dslope}


class Accumulates(Leaky):
    """Adds to its gradient."""

    def __init__(self, slope=0.25):
        super().__init__(slope)
        self.dslope = 0.0

    def backward(self, d):
        self.dslope += self.factor * np.sum(d * np.minimum(self.x, 0))
        return d * np.where(self.x > 0, 1.0, self.slope)


class AsRow(Leaky):
    """Leaves the gradient of a number in an array of one element."""

    def backward(self, d):
        dx = super().backward(d)
        self.dslope = np.array([self.dslope])
        return dx


CASES = [(kind, slope) for kind in (Leaky, Updates, InDict, Accumulates) for slope in (0.25, np.float64(0.25))]
CASES += [(AsRow, 0.25), (AsRow, np.float64(0.25)), (Leaky, np.array(0.25)), (Accumulates, np.array(0.25))]


@pytest.mark.parametrize(("kind", "slope"), CASES)
def test_a_number_with_a_gradient_is_a_parameter(kind, slope):
    layer = kind(slope)
    before = dict(vars(layer))
    report = check_layer(layer, X)
    name = "a" if kind is InDict else "slope"
    assert report.ok, str(report)
    assert [check.name for check in report.checks if "parameter" in check.name] == [f"gradient of parameter {name}"]
    assert vars(layer) == before
    wrong = check_layer(type("Wrong", (kind,), {"factor": 7.0})(slope), X)
    assert wrong.verdict == "mismatch", str(wrong)
    [failed] = [check for check in wrong.checks if check.verdict == "mismatch"]
    assert failed.name == f"gradient of parameter {name}"
    assert "factor" in [cause.cause for cause in failed.causes]


def test_a_number_of_a_float32_layer_is_judged_in_float32():
    report = check_layer(Leaky(), X.astype(np.float32))
    assert report.ok, str(report)
    assert {check.dtype for check in report.checks} == {"float32"}


class Settings(Leaky):
    """Holds numbers that are no parameters, in and out of its formula."""

    def __init__(self):
        super().__init__()
        self.eps, self.t, self.dt, self.rate, self.count = 1e-3, 1.0, 0.1, 0.5, 3

    def forward(self, x):
        return super().forward(x) * self.t * self.dt + self.eps * self.count

    def backward(self, d):
        self.rate *= 0.9
        return super().backward(d * self.t * self.dt)


def test_numbers_without_a_gradient_are_no_parameters():
    report = check_layer(Settings(), X)
    assert report.ok, str(report)
    assert [check.name for check in report.checks if "parameter" in check.name] == ["gradient of parameter slope"]


def test_a_number_may_be_named_or_left_out():
    wrong = type("Wrong", (Leaky,), {"factor": 7.0})
    assert check_layer(wrong(), X, params=["slope"]).verdict == "mismatch"
    assert check_layer(wrong(), X, params=[]).ok
    assert check_layer(wrong(), X, grads={"slope": None}).ok
    assert check_layer(wrong(), X, grads={"slope": lambda layer, _: layer.dslope / 7}).ok


class Dense:
    """y = x w + b, with parameters of any kind."""

    def __init__(self, w, b=0.0):
        self.w, self.b = w, b

    def forward(self, x):
        self.x = x
        return x @ np.asarray(self.w) + self.b

    def backward(self, d):
        self.dw, self.db = 7 * self.x.T @ d, d.sum()
        return d @ np.asarray(self.w).T


ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
OTHERS = {
    "int array": (np.array([[1, 2], [3, 4], [5, 6]]), 0.5, "w", "w is an array of dtype int64"),
    "list of floats": (ROWS, 0.5, "w", "w is a list"),
    "list of ints": ([[1, 2], [3, 4], [5, 6]], 0.5, "w", "w is a list"),
    "int": (np.array(ROWS), 0, "b", "b is an int"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_parameters_of_another_kind_leave_the_check_open(name):
    w, b, of, text = OTHERS[name]
    report = check_layer(Dense(w, b), X, grads={"w": lambda layer, _: layer.dw / 7} if of == "b" else None)
    assert report.verdict == "inconclusive", str(report)
    opened = {check.name: check.causes[0].text for check in report.checks if check.verdict == "inconclusive"}
    assert list(opened) == [f"gradient of parameter {of}"]
    assert opened[f"gradient of parameter {of}"].startswith(text)
    assert f"np.array({of}, float)" in opened[f"gradient of parameter {of}"]
    assert check_layer(Dense(w, b), X, grads={"w": None, "b": None}).ok


@pytest.mark.parametrize("name", ["int array", "list of floats", "int"])
def test_asking_for_a_parameter_of_another_kind_is_an_error(name):
    w, b, of, text = OTHERS[name]
    for arguments in ({"params": [of]}, {"grads": {of: f"d{of}"}}):
        with pytest.raises(gt.ArgumentTypeError, match=rf"{next(iter(arguments))}: {text}.*np\.array"):
            check_layer(Dense(w, b), X, **arguments)


class NoGradient(Dense):
    """Computes no gradient of its weights."""

    def backward(self, d):
        return d @ np.asarray(self.w).T


def test_weights_of_another_kind_without_a_gradient_leave_it_open():
    report = check_layer(NoGradient(np.array([[1, 2], [3, 4], [5, 6]])), X)
    assert report.verdict == "inconclusive", str(report)


class ReturnsAll(Dense):
    """Returns its gradients, and names none."""

    def backward(self, d):
        return d @ self.w.T, self.x.T @ d, 9 * d.sum()


@pytest.mark.parametrize("b", [0.5, 0])
def test_a_result_that_may_be_the_gradient_of_a_number_leaves_it_open(b):
    report = check_layer(ReturnsAll(np.array(ROWS), b), X)
    assert report.verdict == "inconclusive", str(report)
    [opened] = [check for check in report.checks if check.verdict == "inconclusive"]
    assert opened.name == "gradient of parameter b"
    assert "he result of backward at [2] may be" in opened.causes[0].text
    if b:
        assert check_layer(ReturnsAll(np.array(ROWS), b), X, grads={"b": 2}).verdict == "mismatch"


class Net:
    """A layer with a number, a loss and a backpropagation."""

    def __init__(self, factor=1.0):
        self.a, self.factor = 0.5, factor

    def forward(self, x):
        return self.a * x

    def loss(self, p, t):
        return np.sum((p - t) ** 2)

    def backprop(self, x, t):
        self.da = self.factor * np.sum(2 * (self.a * x - t) * x)


def test_a_number_of_a_model():
    assert check_model(Net(), X, X**2).ok
    assert check_model(Net(3.0), X, X**2).verdict == "mismatch"
