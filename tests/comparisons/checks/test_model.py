"""Whole networks with their own backpropagation: right ones match, and the first wrong layer is named."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.model import check_model

from .written_models import (
    TARGET,
    Dense,
    LossOfInput,
    Mse,
    Network,
    Ordered,
    Tanh,
    Training,
    TwoLayers,
    WithLoss,
    X,
    weights,
)


class Softmax:
    """Leaves its rule to the loss."""

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, d):
        return d


class CrossEntropy:
    """Differentiates softmax as well."""

    def forward(self, p, t):
        return -np.sum(t * np.log(p)) / len(p)

    def backward(self, p, t):
        return (p - t) / len(p)


class LossReturnsGradients:
    """loss(X, y) gives the loss and the gradients at once."""

    def __init__(self):
        self.params = {"W": weights(4, 3)}

    def loss(self, X, y):
        scores = X @ self.params["W"]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(p[np.arange(len(y)), y]))
        p[np.arange(len(y)), y] -= 1
        return loss, {"W": X.T @ p / len(y)}


def mse(prediction, target):
    return np.mean((prediction - target) ** 2)


def backprop(model, x, target):
    d = 2 * (model.layers[-1].forward(model.layers[0].forward(x)) - target) / target.size
    for layer in reversed(model.layers):
        d = layer.backward(d)


class LossOfInputAlone(LossOfInput):
    """Its loss takes x, and is nowhere of the prediction."""

    last_layer = property(lambda self: None, lambda self, value: None)

    def loss(self, x, t):
        return mse(self.predict(x), t)

    def gradient(self, x, t):
        d = self.predict(x)
        d = 2 * (d - t) / d.size
        for layer in reversed(self.layers.values()):
            d = layer.backward(d)


def with_layer(model, name, layer):
    made = model()
    made.layers[name] = layer
    return made


RIGHT = {
    "fused softmax": (lambda: Network(Dense(4, 6), Tanh(), Dense(6, 3), Softmax()), TARGET, {"loss": CrossEntropy()}),
    "own loss": (lambda: WithLoss(Dense(4, 6), Tanh(), Dense(6, 3)), TARGET, {}),
    "two layers": (TwoLayers, TARGET, {}),
    "loss with gradients": (LossReturnsGradients, np.array([0, 2, 1, 1, 0]), {}),
    "training": (Training, TARGET, {"learning_rate": 0.1}),
    "functions": (lambda: Network(Dense(4, 6), Dense(6, 3)), TARGET, {"loss": mse, "backprop": backprop}),
    "ordered": (Ordered, TARGET, {}),
    "loss of x": (LossOfInput, TARGET, {}),
    "loss of x alone": (LossOfInputAlone, TARGET, {}),
    "loss of x, layers alone": (type("Layers", (LossOfInput,), {"gradient": None}), TARGET, {}),
}


class HalfTanh(Tanh):
    """Evaluates the slope at the wrong place."""

    def backward(self, d):
        return d * (1 - self.y)


class MeanBias(Dense):
    """Averages the bias's gradient."""

    def backward(self, d):
        dx = super().backward(d)
        self.db = self.db / len(d)
        return dx


class Untransposed(Dense):
    """Its input's gradient is of the reversed weights."""

    def backward(self, d):
        return super().backward(d)[:, ::-1]


class SummedMse(Mse):
    """Forgets to average."""

    def backward(self):
        return 2 * self.d


class WrongSlope(TwoLayers):
    """Without the square."""

    def slope(self):
        return 1 - self.h


class WrongOrder(WithLoss):
    """Goes through the layers without turning round: the first layer is left out."""

    def backward(self, grad):
        for layer in reversed(self.layers[1:]):
            grad = layer.backward(grad)
        self.layers[0].backward(2 * grad)


def network(*layers, loss=None):
    return lambda: Network(*layers), {"loss": loss or Mse()}


#: model, arguments, and what the note must name.
WRONG = {
    "activation": (*network(Dense(4, 6), HalfTanh(), Dense(6, 3)), "layer 1, HalfTanh"),
    "bias below": (*network(MeanBias(4, 6), Tanh(), Dense(6, 3)), "layer 0, MeanBias"),
    "bias above": (*network(Dense(4, 6), Tanh(), MeanBias(6, 3)), "layer 2, MeanBias"),
    "two of them": (*network(MeanBias(4, 6), HalfTanh(), MeanBias(6, 3)), "layer 2, MeanBias"),
    "input gradient": (*network(Dense(4, 6), Tanh(), Untransposed(6, 3)), "layer 2, Untransposed"),
    "loss": (*network(Dense(4, 6), Tanh(), Dense(6, 3), loss=SummedMse()), "the loss"),
    "beside a fused softmax": (
        *network(Dense(4, 6), HalfTanh(), Dense(6, 3), Softmax(), loss=CrossEntropy()),
        "layer 1, HalfTanh",
    ),
    "put together": (lambda: WrongOrder(Dense(4, 6), Tanh(), Dense(6, 3)), {}, "the way that the model combines them"),
    "no layers": (WrongSlope, {}, ""),
    "activation, loss of x": (lambda: with_layer(LossOfInput, "tanh", HalfTanh()), {}, "layer 1, HalfTanh"),
    "bias, loss of x": (lambda: with_layer(LossOfInput, "out", MeanBias(6, 3)), {}, "layer 2, MeanBias"),
    "activation, loss of x alone": (lambda: with_layer(LossOfInputAlone, "tanh", HalfTanh()), {}, "layer 1, HalfTanh"),
}


def snapshot(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [snapshot(item) for item in value]
    return snapshot(vars(value)) if hasattr(value, "__dict__") and not callable(value) else repr(value)


@pytest.mark.parametrize("name", RIGHT)
def test_right_models_match(name):
    make, target, arguments = RIGHT[name]
    model = make()
    before = snapshot(model), snapshot(X), snapshot(target)
    report = check_model(model, X, target, **arguments)
    assert report.ok, str(report)
    assert sum("parameter" in check.name for check in report.checks) >= 1
    assert before == (snapshot(model), snapshot(X), snapshot(target))


@pytest.mark.parametrize("name", WRONG)
def test_the_first_wrong_layer_is_named(name):
    make, arguments, named = WRONG[name]
    model = make()
    before = snapshot(model)
    report = check_model(model, X, TARGET, **arguments)
    assert report.verdict == "mismatch", str(report)
    notes = report.extra["notes"]
    assert any(named in note for note in notes), notes
    if named.startswith("layer"):
        assert any(named in check.name and check.verdict == "mismatch" for check in report.checks)
    assert before == snapshot(model)


def test_a_wrong_layer_gets_a_cause():
    make, arguments, _ = WRONG["bias below"]
    report = check_model(make(), X, TARGET, **arguments)
    failed = [check for check in report.checks if check.name == "gradient of parameter b (layer 0, MeanBias)"]
    assert {"factor", "mean-for-sum"} & {cause.cause for cause in failed[0].causes}


def test_missing_things_are_named():
    with pytest.raises(gt.ArgumentValueError, match="loss"):
        check_model(Network(Dense(4, 3)), X, TARGET)
    with pytest.raises(gt.ArgumentValueError, match="backprop"):
        check_model(Network(Dense(4, 3)), X, TARGET, loss=mse)
    with pytest.raises(gt.ArgumentValueError, match="not in the model"):
        check_model(Network(Dense(4, 3)), X, TARGET, loss=Mse(), layers=[Tanh()])
    with pytest.raises(gt.ArgumentTypeError, match="x:"):
        check_model(Network(Dense(4, 3)), (X, X), TARGET, loss=Mse())
