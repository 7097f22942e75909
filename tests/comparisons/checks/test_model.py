"""Whole networks with their own backpropagation: right ones match, and the first wrong layer is named."""

import collections

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.model import check_model

RNG = np.random.default_rng(4)
X, TARGET = RNG.normal(size=(5, 4)), np.eye(3)[[0, 2, 1, 1, 0]]


def weights(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


class Dense:
    """A layer with its gradients in attributes."""

    def __init__(self, n, m):
        self.W, self.b = weights(n, m), np.zeros((1, m))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(axis=0, keepdims=True)
        return d @ self.W.T


class Tanh:
    """An activation."""

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, d):
        return d * (1 - self.y**2)


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


class Mse:
    """A loss of its own."""

    def forward(self, p, t):
        self.d = p - t
        return np.mean(self.d**2)

    def backward(self):
        return 2 * self.d / self.d.size


class Network:
    """Layers in a list."""

    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x


class WithLoss(Network):
    """Keeps its loss object, and runs its own backward pass."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.loss_fn = Mse()

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)


class TwoLayers:
    """A class for the whole model: predict, loss, gradient."""

    def __init__(self):
        self.params = {"W1": weights(4, 6), "b1": np.zeros(6), "W2": weights(6, 3), "b2": np.zeros(3)}

    def predict(self, x):
        p = self.params
        self.h = np.tanh(x @ p["W1"] + p["b1"])
        return self.h @ p["W2"] + p["b2"]

    def loss(self, x, t):
        return np.mean((self.predict(x) - t) ** 2)

    def gradient(self, x, t):
        y = self.predict(x)
        d = 2 * (y - t) / y.size
        grads = {"W2": self.h.T @ d, "b2": d.sum(axis=0)}
        d = d @ self.params["W2"].T * self.slope()
        return grads | {"W1": x.T @ d, "b1": d.sum(axis=0)}

    def slope(self):
        return 1 - self.h**2


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


class Training:
    """forward, then a backward that updates."""

    def __init__(self):
        self.weights1, self.weights2 = weights(4, 6), weights(6, 3)

    def feedforward(self, x):
        self.layer1 = 1 / (1 + np.exp(-x @ self.weights1))
        return self.layer1 @ self.weights2

    def compute_loss(self, y_pred, y_true):
        return 0.5 * np.sum((y_pred - y_true) ** 2)

    def backprop(self, x, y, output, learning_rate):
        d = output - y
        hidden = d @ self.weights2.T * self.layer1 * (1 - self.layer1)
        self.weights2 -= learning_rate * self.layer1.T @ d
        self.weights1 -= learning_rate * x.T @ hidden


def mse(prediction, target):
    return np.mean((prediction - target) ** 2)


def backprop(model, x, target):
    d = 2 * (model.layers[-1].forward(model.layers[0].forward(x)) - target) / target.size
    for layer in reversed(model.layers):
        d = layer.backward(d)


class Ordered:
    """Layers in an ordered dict, the loss as the last layer."""

    def __init__(self):
        self.layers = collections.OrderedDict(affine=Dense(4, 6), tanh=Tanh(), out=Dense(6, 3))
        self.last_layer = Mse()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x


class LossOfInput(Ordered):
    """Its loss takes x, and hands the prediction to the last layer."""

    def loss(self, x, t):
        return self.last_layer.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        d = self.last_layer.backward()
        for layer in reversed(self.layers.values()):
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


@pytest.mark.parametrize("name", ["g", "dout", "output_grad", "error", "loss_gradient", "y_bar"])
def test_a_backward_that_takes_the_loss_s_gradient_gets_it(name):
    namespace = {}
    exec(f"def backward(self, {name}):\n    return WithLoss.backward(self, {name})", globals(), namespace)
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


class HiddenGradients(TwoLayers):
    """Returns its gradients under names of its own, and keeps them too."""

    def gradient(self, x, t):
        self.kept = {f"its_{name}": g for name, g in super().gradient(x, t).items()}
        return {f"of_{name}": g for name, g in self.kept.items()}


@pytest.mark.parametrize("where", ["kept['its_{}']", "of_its_{}", None], ids=["attribute", "key", "function"])
def test_grads_say_where_a_model_s_are(where):
    def grads(swapped):
        names = {"W1": "W1", "W2": "W2", "b1": "W1" if swapped else "b1", "b2": "b2"}
        if where is None:
            return {name: lambda model, _, of=of: model.kept[f"its_{of}"] for name, of in names.items()}
        return {name: where.format(of) for name, of in names.items()}

    assert check_model(HiddenGradients(), X, TARGET, grads=grads(swapped=False)).ok
    assert check_model(HiddenGradients(), X, TARGET, grads=grads(swapped=True)).verdict == "mismatch"


def test_grads_that_are_not_there_are_an_error():
    with pytest.raises(gt.ArgumentValueError, match=r"grads: for 'W1' got 'dW1'"):
        check_model(TwoLayers(), X, TARGET, grads={"W1": "dW1"})


class ReturnsKeyed(LossOfInput):
    """Its layers hold arrays of `params`, and its gradient is a dict like that."""

    def __init__(self):
        super().__init__()
        held = {"1": self.layers["affine"], "2": self.layers["out"]}
        self.params = {f"{name}{i}": getattr(layer, name) for i, layer in held.items() for name in ("W", "b")}

    def gradient(self, x, t):
        super().gradient(x, t)
        a, b = self.layers["affine"], self.layers["out"]
        return {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": b.db}


class LosesBias(ReturnsKeyed):
    """What it returns is not what its layers found."""

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        return grads | {"b1": 0 * grads["b1"]}


def test_what_gradient_returns_is_judged_before_what_the_layers_keep():
    report = check_model(ReturnsKeyed(), X, TARGET)
    assert report.ok, str(report)
    assert "the gradient of b1 is the result of backward at ['b1']" in report.extra["notes"]
    report = check_model(LosesBias(), X, TARGET)
    assert [check.name for check in report.checks if check.verdict == "mismatch"] == ["gradient of parameter b1"]
    assert any("the way that the model combines them" in note for note in report.extra["notes"])


class Forgetful(TwoLayers):
    """Leaves the second bias out."""

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        del grads["b2"]
        return grads


def test_a_parameter_without_a_gradient_is_undecided():
    report = check_model(Forgetful(), X, TARGET)
    undecided = [check.name for check in report.checks if check.verdict == "inconclusive"]
    assert (report.verdict, undecided) == ("inconclusive", ["gradient of parameter b2"])


class OtherKeys(LossOfInput):
    """Returns a dict whose keys are not what its parameters are called."""

    def gradient(self, x, t):
        super().gradient(x, t)
        a, b = self.layers["affine"], self.layers["out"]
        return {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": self.scale(b.db)}

    def scale(self, g):
        return g


class OtherKeysWrong(OtherKeys):
    """What it returns is not what its layers found."""

    def scale(self, g):
        return 2 * g


def test_what_is_returned_and_belongs_to_no_parameter_is_undecided():
    assert check_model(OtherKeys(), X, TARGET).ok
    report = check_model(OtherKeysWrong(), X, TARGET)
    undecided = [check.name for check in report.checks if check.verdict == "inconclusive"]
    assert (report.verdict, undecided) == ("inconclusive", ["gradient returned at ['b2']"])
    grads = {"layers['out'].b": "b2"}
    assert check_model(OtherKeys(), X, TARGET, grads=grads).ok
    assert check_model(OtherKeysWrong(), X, TARGET, grads=grads).verdict == "mismatch"


class UnusedBias(TwoLayers):
    """Holds a bias that its output does not depend on, with the gradient that is right for it, or a wrong one."""

    wrong = 0.0

    def __init__(self):
        super().__init__()
        self.params["b3"] = np.ones(3)

    def gradient(self, x, t):
        return super().gradient(x, t) | {"b3": np.full(3, self.wrong)}


def test_an_unused_parameter_s_gradient_is_zero():
    assert check_model(UnusedBias(), X, TARGET).ok
    assert check_model(type("Wrong", (UnusedBias,), {"wrong": 2.0})(), X, TARGET).verdict == "inconclusive"
    assert check_model(TwoLayers(), X, TARGET, params=["W1", "b1"]).ok, "what was not asked for is not missed"
