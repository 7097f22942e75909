"""Gradients at places that no name says: a right layer is never accused, and a wrong one with named gradients is."""

import numpy as np
import pytest

from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.model import check_model

RNG = np.random.default_rng(6)
X = RNG.normal(size=(3, 3))
TARGET = RNG.normal(size=(3, 3))
OTHERS = RNG.normal(size=(5, 3))


class Square:
    """y = x w, with w as large as x; where the gradient of w goes is said by `leave`."""

    def __init__(self):
        self.w = np.random.default_rng(1).normal(size=(3, 3))

    def forward(self, x):
        self.data = x
        return x @ self.w

    def backward(self, dout):
        return self.leave(self.data.T @ dout, dout @ self.w.T)

    def leave(self, dw, dx):
        self.dw = dw
        return dx


def layer(leave, base=Square):
    """Return a layer that leaves or returns its gradients so."""
    return type("Layer", (base,), {"leave": leave, "__module__": __name__})()


def leaving(**expressions):
    """Return a layer that leaves arrays in attributes, given as functions of (self, dw)."""

    def leave(self, dw, dx):
        for name, expression in expressions.items():
            setattr(self, name, expression(self, dw))
        return dx

    return layer(leave)


def gradient(_, dw):
    return dw


def half(_, dw):
    return dw / 2


RIGHT_AND_FOUND = {
    "forward's own array": leaving(update_w=gradient),
    "an unknown name": leaving(found=gradient),
    "private": leaving(_dw=gradient),
    "of Python's privacy": leaving(_Layer__dw=gradient),
    "another case": leaving(dW=gradient),
    "another name": leaving(dweights=gradient),
    "in words": leaving(weight_gradient=gradient),
    "nabla": leaving(nabla_w=gradient),
    "of a loss": leaving(dL_dw=gradient),
    "grad alone": leaving(grad=gradient),
    "a cache in backward": leaving(kept=lambda self, dw: self.data.copy(), update_w=gradient),
    "a copy of the input in backward": leaving(kept=lambda self, dw: self.data.copy(), found=gradient),
    "a copy of the weights": leaving(old=lambda self, dw: self.w.copy(), found=gradient),
    "beside a momentum buffer": leaving(velocity_of=lambda self, dw: 0.1 * dw, grad_w=gradient),
}


@pytest.mark.parametrize("name", RIGHT_AND_FOUND)
def test_a_right_gradient_is_found_under_any_name_that_is_the_only_one(name):
    report = check_layer(RIGHT_AND_FOUND[name], X)
    assert report.ok, str(report)
    assert "gradient of parameter w" in [check.name for check in report.checks]
    assert any(note.startswith("the gradient of w is at ") for note in report.extra["notes"])


def optimizer(self, dw):
    return {"v": 0.1 * dw}


RIGHT_AND_OPEN = {
    "a step": leaving(update_w=lambda self, dw: -0.1 * dw),
    "the momentum alone": leaving(velocity=half),
    "a gradient of something": leaving(gradient=half),
    "several": leaving(first=half, second=lambda self, dw: dw.T.copy()),
    "an optimizer's": leaving(optimizer=optimizer),
}


@pytest.mark.parametrize("name", RIGHT_AND_OPEN)
def test_what_was_guessed_is_open_and_says_what_to_pass(name):
    report = check_layer(RIGHT_AND_OPEN[name], X)
    assert report.verdict == "inconclusive", str(report)
    [opened] = [check for check in report.checks if check.verdict == "inconclusive"]
    assert opened.name == "gradient of parameter w"
    assert "grads=" in opened.causes[0].text
    assert [check.verdict for check in report.checks if check.name == "gradient of input 0 (x)"] == ["match"]


def test_the_place_that_was_taken_is_named_and_can_be_passed():
    made = leaving(update_w=half)
    text = check_layer(made, X).checks[-1].causes[0].text
    assert "was taken to be at update_w, by its shape" in text
    assert "grads={'w': 'update_w'}" in text
    assert check_layer(made, X, grads={"w": "update_w"}).verdict == "mismatch"


@pytest.mark.parametrize("name", ["dw", "_dw", "dW", "d_w", "w_grad", "grad_w", "dweights", "gW", "dL_dw", "nabla_w"])
def test_a_wrong_gradient_with_a_name_of_its_own_is_a_mismatch(name):
    report = check_layer(leaving(**{name: half}), X)
    [wrong] = [check for check in report.checks if check.verdict == "mismatch"]
    assert wrong.name == "gradient of parameter w"
    assert wrong.causes[0].cause == "factor"


@pytest.mark.parametrize("name", ["data", "gamma_of", "delta_t", "drop", "dense", "degrees", "guess"])
def test_what_begins_with_d_or_g_is_no_gradient_by_that(name):
    report = check_layer(leaving(**{name: lambda self, dw: self.data + 1, "dw": gradient}), X)
    assert report.ok, str(report)
    alone = check_layer(leaving(**{name: lambda self, dw: self.data + 1}), X)
    assert alone.verdict == "inconclusive", str(alone)


class Two:
    """y = x w1 w2, with equal shapes."""

    def __init__(self):
        self.w1, self.w2 = (np.random.default_rng(k).normal(size=(3, 3)) for k in (1, 2))

    def forward(self, x):
        self.x, self.h = x, x @ self.w1
        return self.h @ self.w2

    def backward(self, dout):
        dh = dout @ self.w2.T
        return self.leave(self.x.T @ dh, self.h.T @ dout, dh @ self.w1.T)

    def leave(self, dw1, dw2, dx):
        raise NotImplementedError


def updates(self, dw1, dw2, dx):
    self.update_w1, self.update_w2 = dw1, dw2
    return dx


def one_of_them(self, dw1, dw2, dx):
    self.dw1, self.buffer = dw1, dw2
    return dx


ORDERS = {
    "in order": (lambda self, dw1, dw2, dx: (dx, dw1, dw2), "match"),
    "backwards": (lambda self, dw1, dw2, dx: (dx, dw2, dw1), "inconclusive"),
    "the input's last": (lambda self, dw1, dw2, dx: (dw1, dw2, dx), "match"),
    "in attributes": (updates, "match"),
    "one by its name": (one_of_them, "match"),
    "in order, one of them wrong": (lambda self, dw1, dw2, dx: (dx, 2 * dw1, dw2), "mismatch"),
    "a key of its own": (lambda self, dw1, dw2, dx: (dx, {"w2": dw2, "w1": dw1}), "match"),
    "a key of another": (lambda self, dw1, dw2, dx: (dx, {"w2": dw1, "w1": dw2}), "mismatch"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_gradients_of_equal_shapes_in_any_order(name):
    leave, verdict = ORDERS[name]
    report = check_layer(layer(leave, Two), OTHERS)
    assert report.verdict == verdict, str(report)


def test_where_the_input_is_as_large_too_the_order_is_open():
    leave, _ = ORDERS["the input's last"]
    assert check_layer(layer(leave, Two), X).verdict == "inconclusive"
    assert check_layer(layer(leave, Two), X, grads={"x": 2, "w1": 0, "w2": 1}).ok


class Listed(Two):
    """Its parameters stand in a list too."""

    def __init__(self):
        super().__init__()
        self.params = [self.w1, self.w2]


@pytest.mark.parametrize(
    ("gradients", "verdict"),
    [
        (lambda dw1, dw2: [dw1, dw2], "match"),
        (lambda dw1, dw2: [dw2, dw1], "inconclusive"),
        (lambda dw1, dw2: [dw1, dw2 / 2], "mismatch"),
    ],
)
def test_a_list_of_gradients_in_another_order_than_the_parameters(gradients, verdict):
    def leave(self, dw1, dw2, dx):
        self.grads = gradients(dw1, dw2)
        return dx

    report = check_layer(layer(leave, Listed), OTHERS)
    assert report.verdict == verdict, str(report)


class Uneven(Square):
    """The same with a bias."""

    def __init__(self):
        super().__init__()
        self.b = np.ones(3)

    def forward(self, x):
        return super().forward(x) + self.b

    def backward(self, dout):
        return self.leave(self.data.T @ dout, dout.sum(0), dout @ self.w.T)


def test_returned_gradients_that_only_shapes_tell_apart():
    assert check_layer(layer(lambda self, dw, db, dx: (dx, db, dw), Uneven), OTHERS).ok
    wrong = check_layer(layer(lambda self, dw, db, dx: (dx, db / 2, dw), Uneven), OTHERS)
    assert wrong.verdict == "inconclusive", str(wrong)
    assert "grads={'b': 1}" in str(wrong).replace("\n", " ")
    ordered = check_layer(layer(lambda self, dw, db, dx: (dx, dw, db / 2), Uneven), OTHERS)
    assert ordered.verdict == "mismatch", "in the parameters' order"


def test_the_weights_gradient_returned_alone_is_not_taken_for_the_inputs():
    report = check_layer(layer(lambda self, dw, dx: dw), X)
    assert report.verdict == "inconclusive", str(report)


def test_swapped_gradients_of_two_inputs_are_a_mismatch():
    class Product:
        def forward(self, a, b):
            self.kept = a, b
            return a * b

        def backward(self, dout):
            a, b = self.kept
            return dout * a, dout * b

    assert check_layer(Product(), (X, X + 1)).verdict == "mismatch"


def test_a_wrong_gradient_by_name_is_a_mismatch_beside_one_that_is_open():
    def leave(self, dw, db, dx):
        self.update_w, self.db = dw / 2, db / 2
        return dx

    report = check_layer(layer(leave, Uneven), OTHERS)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts["gradient of parameter b"] == "mismatch"
    assert verdicts["gradient of parameter w"] == "inconclusive"
    [wrong] = [check for check in report.checks if check.verdict == "mismatch"]
    assert wrong.causes[0].cause == "factor"


class ForwardWrites(Square):
    """Its forward keeps something under the gradient's name."""

    def forward(self, x):
        self.gw = np.tanh(self.w)
        return super().forward(x)


class NeverWritten(Square):
    """Has room for the gradient, and forgets to fill it."""

    def __init__(self):
        super().__init__()
        self.dw = np.zeros((3, 3))


class Accumulates(Square):
    """Has room for the gradient under another name."""

    def __init__(self):
        super().__init__()
        self.update_w = np.zeros((3, 3))


def adds(self, dw, dx):
    self.update_w += dw
    return dx


def updates_alone(self, dw, dx):
    self.update_w = dw
    return dx


def test_a_name_that_only_forward_wrote_is_doubted():
    assert check_layer(layer(updates_alone, ForwardWrites), X).ok
    report = check_layer(leaving_on(ForwardWrites, found=gradient), X)
    assert report.verdict == "inconclusive", str(report)


def leaving_on(base, **expressions):
    return layer(type(leaving(**expressions)).leave, base)


def test_a_gradient_that_is_never_written_is_a_mismatch():
    report = check_layer(layer(lambda self, dw, dx: dx, NeverWritten), X)
    assert report.verdict == "mismatch", str(report)


def test_guesses_that_accumulate_or_clip_are_right():
    assert check_layer(layer(adds, Accumulates), X).ok
    assert check_layer(leaving(update_w=lambda self, dw: np.clip(dw, -0.1, 0.1)), X).ok


def test_a_narrower_copy_at_a_guessed_place_accuses_nobody():
    report = check_layer(leaving(kept=lambda self, dw: dw.astype(np.float32)), X)
    assert report.verdict == "inconclusive", str(report)
    assert check_layer(leaving(dw=lambda self, dw: dw.astype(np.float32)), X).verdict == "mismatch"


class InLists:
    """Two layers whose weights and gradients stand in lists."""

    def __init__(self, arrange):
        self.weights = [np.random.default_rng(k).normal(size=(3, 3)) for k in (1, 2)]
        self.arrange = arrange

    def forward(self, x):
        return x @ self.weights[0] @ self.weights[1]

    def loss(self, prediction, target):
        return np.mean((prediction - target) ** 2)

    def backprop(self, x, target):
        h = x @ self.weights[0]
        d = 2 * (h @ self.weights[1] - target) / target.size
        self.nabla_w = self.arrange(x.T @ (d @ self.weights[1].T), h.T @ d)


@pytest.mark.parametrize(
    ("arrange", "verdict"),
    [
        (lambda one, two: [one, two], "match"),
        (lambda one, two: [two, one], "inconclusive"),
        (lambda one, two: [one, two / 2], "mismatch"),
    ],
)
def test_lists_of_a_model(arrange, verdict):
    report = check_model(InLists(arrange), X, TARGET)
    assert report.verdict == verdict, str(report)


class Model:
    """A square layer, its loss and its backpropagation."""

    def __init__(self, name, factor=1.0):
        self.w, self.name, self.factor = np.random.default_rng(1).normal(size=(3, 3)), name, factor

    def forward(self, x):
        self.data = x
        return x @ self.w

    def loss(self, prediction, target):
        return np.mean((prediction - target) ** 2)

    def backprop(self, x, target):
        d = 2 * (x @ self.w - target) / target.size
        setattr(self, self.name, self.factor * x.T @ d)


@pytest.mark.parametrize(
    ("name", "factor", "verdict"),
    [
        ("update_w", 1.0, "match"),
        ("update_w", 0.5, "inconclusive"),
        ("dw", 1.0, "match"),
        ("dw", 0.5, "mismatch"),
        ("_dW", 0.5, "mismatch"),
    ],
)
def test_the_same_of_a_model(name, factor, verdict):
    report = check_model(Model(name, factor), X, TARGET)
    assert report.verdict == verdict, str(report)
