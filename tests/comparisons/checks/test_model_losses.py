"""The losses of whole networks: of the input or the prediction, with a gradient or without."""

import numpy as np
import pytest

from gradtwin.comparisons.checks.model import check_model

from .written_models import TARGET, Dense, Mse, Network, Tanh, Training, WithLoss, X, weights


@pytest.mark.parametrize("name", ["g", "dout", "output_grad", "error", "loss_gradient", "y_bar"])
def test_a_backward_that_takes_the_loss_s_gradient_gets_it(name):
    namespace = {}
    exec(f"def backward(self, {name}):\n    return WithLoss.backward(self, {name})", {"WithLoss": WithLoss}, namespace)
    model = type("Model", (Network,), {"backward": namespace["backward"]})(Dense(4, 6), Tanh(), Dense(6, 3))
    report = check_model(model, X, TARGET, loss=Mse())
    assert report.ok, str(report)


class LossWithin(Network):
    """Its backpropagation begins with the gradient of its loss, which stands nowhere else."""

    def loss(self, p, t):
        return np.mean((p - t) ** 2)

    def backward(self, p, t):
        d = self.start(p, t)
        for layer in reversed(self.layers):
            d = layer.backward(d)

    def start(self, p, t):
        return 2 * (p - t) / p.size


class HalvedStart(LossWithin):
    """Lost the 2 of the square."""

    def start(self, p, t):
        return (p - t) / p.size


class LinearTanh(Tanh):
    """Forgot the square."""

    def backward(self, d):
        return d * (1 - self.y)


def test_layers_are_judged_alone_where_the_loss_s_gradient_stands_nowhere_else():
    assert check_model(LossWithin(Dense(4, 6), Tanh(), Dense(6, 3)), X, TARGET).ok
    report = check_model(LossWithin(Dense(4, 6), LinearTanh(), Dense(6, 3)), X, TARGET)
    assert "the first wrong layer is layer 1, LinearTanh" in report.extra["notes"][0]
    first = next(check for check in report.checks if check.verdict == "mismatch")
    assert "(layer 1, LinearTanh)" in first.name, "the layer that is wrong stands first"
    assert str(report).startswith("MISMATCH  LinearTanh: the gradient of input 0 (x) (layer 1, LinearTanh) differs")
    assert report.reproduce.startswith("gt.check_model(LossWithin, x,")
    report = check_model(HalvedStart(Dense(4, 6), Tanh(), Dense(6, 3)), X, TARGET)
    assert report.verdict == "mismatch"
    assert any("each layer is right alone; the gradient of the loss that" in note for note in report.extra["notes"])


def with_loss_of(first, second, model=Training):
    """Return a model whose loss takes the prediction under this name."""
    namespace = {}
    text = f"def compute_loss(self, {first}, {second}): return 0.5 * np.sum(({first} - {second}) ** 2)"
    exec(text, globals(), namespace)
    return type("Model", (model,), namespace)()


class ForgottenSlope(Training):
    """Its first weights' gradient lacks the slope of the sigmoid."""

    def backprop(self, x, y, output, learning_rate):
        d = output - y
        self.weights2 -= learning_rate * self.layer1.T @ d
        self.weights1 -= learning_rate * x.T @ (d @ self.weights2.T)


@pytest.mark.parametrize("names", [("x", "t"), ("A", "Y"), ("inputs", "labels"), ("y_hat", "y")], ids=",".join)
@pytest.mark.parametrize("x", [X, X[:, [0]]], ids=["shapes that differ", "shapes that broadcast"])
def test_a_loss_of_the_prediction_may_call_it_anything(names, x):
    """x of one column broadcasts with the target: the loss of it raises nothing, and is of no use."""
    arguments = {"learning_rate": 0.1}
    right, wrong = with_loss_of(*names), with_loss_of(*names, model=ForgottenSlope)
    right.weights1 = wrong.weights1 = weights(x.shape[1], 6)
    report = check_model(right, x, TARGET, **arguments)
    assert report.ok, str(report)
    assert check_model(wrong, x, TARGET, **arguments).verdict == "mismatch"


def test_a_loss_that_raises_either_way_is_told_of_loss():
    report = check_model(with_loss_of("A", "Y"), X, np.ones((7, 7)), learning_rate=0.1)
    assert report.verdict == "inconclusive", "the target may be at fault"
    assert "Pass loss=, a function of (prediction, target)" in str(report).replace("\n", " ")
