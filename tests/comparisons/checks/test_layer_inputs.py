"""The inputs of a layer: gradients that backward owes them, and inputs that forward refuses."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.model import check_model

RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 4))
WHOLE = np.arange(20).reshape(5, 4) - 7
TARGET = RNG.normal(size=(5, 3))


class Dense:
    """y = x w; `left` says what backward returns."""

    def __init__(self):
        self.w = np.random.default_rng(1).normal(size=(4, 3))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return self.left(d @ self.w.T)

    def left(self, dx):
        return dx


class Forgets(Dense):
    """Computes the gradient of x, and returns nothing."""

    def left(self, dx):
        return None


class NamesNone(Dense):
    """States that x has no gradient."""

    def left(self, dx):
        return None, self.dw


class KeepsWrong(Dense):
    """Leaves a wrong gradient of x in an attribute."""

    def left(self, dx):
        self.dx = 5 * dx


class Wrong(Dense):
    """Returns a wrong gradient of x."""

    def left(self, dx):
        return 5 * dx


class Nested(Dense):
    """Returns lists of numbers."""

    factor = 1.0

    def left(self, dx):
        return (self.factor * dx).tolist()


class NestedWrong(Nested):
    """The same, and wrong."""

    factor = 2.0


class Embedding:
    """Rows by their numbers, which have no gradient."""

    def __init__(self, returned=None):
        self.w = np.random.default_rng(1).normal(size=(8, 3))
        self.returned = returned

    def forward(self, rows):
        self.rows = rows
        return self.w[rows]

    def backward(self, d):
        self.dw = np.zeros_like(self.w)
        np.add.at(self.dw, self.rows, d)
        return self.returned


class ReturnsOnlyDw(Embedding):
    """Returns its parameter's gradient alone."""

    def backward(self, d):
        super().backward(d)
        returned = self.dw
        del self.dw
        return returned


class Rectifier:
    """Keeps the integers that it gets."""

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, d):
        return 2 * d * self.mask


def undecided(report):
    return {check.name: check.causes[0].text for check in report.checks if check.verdict == "inconclusive"}


@pytest.mark.parametrize("layer", [Wrong(), KeepsWrong(), Dense()], ids=lambda layer: type(layer).__name__)
def test_a_gradient_of_whole_numbers_is_not_judged_and_the_report_is_open(layer):
    report = check_layer(layer, WHOLE)
    [text] = undecided(report).values()
    assert report.verdict == "inconclusive", str(report)
    assert "x.astype(float)" in text
    assert "grads={'x': None}" in text
    assert not any("no gradient of x was found" in note for note in report.extra["notes"])
    assert check_layer(layer, WHOLE, grads={"x": None}).ok
    expected = "match" if type(layer) is Dense else "mismatch"
    assert check_layer(layer, WHOLE.astype(float)).verdict == expected


@pytest.mark.parametrize("layer", [Embedding(), ReturnsOnlyDw()], ids=lambda layer: type(layer).__name__)
def test_numbers_of_rows_need_no_gradient(layer):
    report = check_layer(layer, np.array([1, 5, 5, 2]))
    assert report.ok, str(report)
    assert "rows is an array of dtype int64, which has no gradient" in report.extra["notes"]


def test_a_gradient_of_numbers_of_rows_is_open():
    assert check_layer(Embedding(np.ones(4)), np.array([1, 5, 5, 2])).verdict == "inconclusive"


def test_an_output_of_whole_numbers_names_the_conversion():
    with pytest.raises(gt.ArgumentTypeError, match=r"dtype int64.*astype"):
        check_layer(Rectifier(), WHOLE)


def test_a_forgotten_gradient_of_x_is_open():
    report = check_layer(Forgets(), X)
    assert report.verdict == "inconclusive", str(report)
    assert undecided(report) == {
        "gradient of input 0 (x)": "backward returned nothing for x. Return its gradient, or pass its place by grads=. "
        "If the layer needs none, because it is the first one, pass grads={'x': None}."
    }
    assert "Forgets: 1 gradient was not judged; no other disagrees with autodiff of forward." in str(report)


def test_a_first_layer_states_that_it_has_no_gradient_of_x():
    report = check_layer(Forgets(), X, grads={"x": None})
    assert report.ok, str(report)
    assert "the gradient of x is not judged: grads= states that there is none" in report.extra["notes"]
    assert check_layer(NamesNone(), X, grads={"w": 1}).ok, "an explicit None states it too"


def test_what_grads_names_as_none_is_not_judged():
    assert check_layer(Wrong(), X).verdict == "mismatch"
    assert check_layer(Wrong(), X, grads={"x": None}).ok
    assert check_layer(Dense(), X, grads={"w": None}).ok


def test_a_gradient_in_lists_is_judged():
    assert check_layer(Nested(), X).ok
    assert check_layer(NestedWrong(), X).verdict == "mismatch"


class Power:
    """The power of a complex signal."""

    def forward(self, z):
        self.z = z
        return np.abs(z) ** 2

    def backward(self, d):
        return 2 * d * self.z


class PowerOfParts(Power):
    """The same with a parameter."""

    def __init__(self):
        self.a = np.array([1.5, 2.0, 0.5, -1.0])

    def forward(self, z):
        return super().forward(z) * self.a

    def backward(self, d):
        self.da = (d * np.abs(self.z) ** 2).sum(axis=0)
        return super().backward(d * self.a)


def test_a_gradient_of_complex_numbers_is_open():
    [text] = undecided(check_layer(PowerOfParts(), X + 1j)).values()
    assert "Pass two floating inputs, its real and its imaginary part." in text
    with pytest.raises(gt.ArgumentTypeError, match="z: z is an array of dtype complex128"):
        check_layer(Power(), X + 1j)


class TwoInputs:
    """y = a b; backward returns the gradient of the first alone."""

    def forward(self, a, b):
        self.b = b
        return a * b

    def backward(self, d):
        return d * self.b


def test_the_second_input_s_gradient_may_not_be_forgotten():
    report = check_layer(TwoInputs(), (X, X + 1))
    assert list(undecided(report)) == ["gradient of input 1 (b)"]
    assert check_layer(TwoInputs(), (X, X + 1), grads={"b": None}).ok
    assert check_layer(TwoInputs(), (X, WHOLE)).ok, "whole numbers have no gradient"


class NumbersFirst:
    """Rows by their numbers, times x: the only gradient that is returned is that of x."""

    def forward(self, rows, x):
        self.rows = rows
        return x[rows]

    def backward(self, d):
        dx = np.zeros((5, 4))
        np.add.at(dx, self.rows, d)
        return dx


def test_the_only_result_is_the_gradient_of_the_only_floating_input():
    assert check_layer(NumbersFirst(), (np.array([0, 3, 3]), X)).ok


# --- Inputs that forward refuses.


class Asserts(Dense):
    """Refuses in its own words."""

    def forward(self, x):
        assert x.shape[1] == 4, "four columns"
        return super().forward(x)


@pytest.mark.parametrize("layer", [Dense(), Asserts()], ids=lambda layer: type(layer).__name__)
def test_an_input_that_forward_refuses_accuses_nobody(layer):
    report = check_layer(layer, X[:, :3])
    assert report.verdict == "inconclusive", str(report)
    [text] = undecided(report).values()
    assert "forward raised" in text
    assert "x of shape (5, 3)" in text
    assert "it could not be checked" in str(report)


class Unfinished(Dense):
    """Refuses every input."""

    def forward(self, x):
        raise NotImplementedError


class Misspelt(Dense):
    """Uses a name that is not there."""

    def forward(self, x):
        return x @ self.weight


@pytest.mark.parametrize("layer", [Unfinished(), Misspelt()], ids=lambda layer: type(layer).__name__)
def test_a_forward_that_no_input_helps_is_a_mismatch(layer):
    report = check_layer(layer, X)
    assert report.verdict == "mismatch", str(report)
    assert ": (in" not in str(report), "an exception without a message"


class SquareLoss:
    """A loss object."""

    def forward(self, p, t):
        self.r = p - t
        return np.sum(self.r**2)

    def backward(self):
        return 2 * self.r


def test_a_target_that_a_loss_refuses_accuses_nobody():
    report = check_layer(SquareLoss(), X, target=np.ones((5, 7)))
    assert report.verdict == "inconclusive", str(report)
    [text] = undecided(report).values()
    assert "p of shape (5, 4)" in text
    assert "target of shape (5, 7)" in text


class Net:
    """Two layers, a loss, a backpropagation."""

    def __init__(self, first=None):
        self.layers = [first or Dense()]

    def forward(self, x):
        return self.layers[0].forward(x)

    def loss(self, p, t):
        return np.mean((p - t) ** 2)

    def backprop(self, x, t):
        p = self.forward(x)
        self.layers[0].backward(2 * (p - t) / p.size)


def test_an_input_or_a_target_that_a_model_refuses_accuses_nobody():
    report = check_model(Net(), X[:, :3], TARGET)
    assert report.verdict == "inconclusive", str(report)
    assert "x of shape (5, 3)" in str(report)
    assert "target" not in str(report), "the model refuses x alone"
    report = check_model(Net(), X, TARGET[:3])
    assert report.verdict == "inconclusive", str(report)
    assert "target of shape (3, 3)" in str(report)
    assert "x of shape" not in str(report), "the model takes x"


def test_a_model_does_not_need_the_gradient_of_x():
    assert check_model(Net(Forgets()), X, TARGET).ok
    report = check_model(Net(Dense()), WHOLE, TARGET)
    assert report.ok, str(report)
    assert not any("no gradient of x was found" in note for note in report.extra["notes"])


class WrongWeights(Forgets):
    """The same, with a wrong gradient of its weights."""

    def backward(self, d):
        super().backward(d)
        self.dw = 2 * self.dw


def test_the_first_layer_of_a_model_is_judged_without_the_gradient_of_x():
    report = check_model(Net(WrongWeights()), X, TARGET)
    assert report.verdict == "mismatch"
    assert not undecided(report), str(report)


@pytest.mark.parametrize("made", [[Dense()], (Dense(),), {"one": Dense()}])
def test_layers_alone_are_no_model(made):
    with pytest.raises(gt.ArgumentTypeError, match=r"model: got .*; expected an object that holds the layers"):
        check_model(made, X, TARGET, loss=SquareLoss())


def test_a_missing_method_is_an_error_of_the_call():
    with pytest.raises(gt.ArgumentValueError, match="forward: object has no method"):
        check_model(object(), X, TARGET, loss=SquareLoss(), backprop=lambda model, x, t: None)
