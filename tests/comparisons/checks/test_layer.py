"""Layer objects in the styles people write them: right ones match, wrong ones don't, and all are left as they were."""

import copy
import functools
import itertools

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.results.json_text import to_json

RNG = np.random.default_rng(2)
X = RNG.normal(size=(5, 4))
COLUMNS = RNG.normal(size=(4, 5))
IMAGES = RNG.normal(size=(2, 3, 6, 5))
ONE_HOT = np.eye(4)[[0, 2, 1, 3, 1]]


def weights(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


# --- Right layers.


class Attributes:
    """Gradients in attributes; the output, the input's gradient too, in attributes alone."""

    def __init__(self, n=4, m=3):
        self.weights = weights(n, m)
        self.biases = np.zeros((1, m))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = self.dweights_of(dvalues)
        self.dbiases = self.dbiases_of(dvalues)
        self.dinputs = self.dinputs_of(dvalues)

    def dweights_of(self, d):
        return self.inputs.T @ d

    def dbiases_of(self, d):
        return d.sum(axis=0, keepdims=True)

    def dinputs_of(self, d):
        return d @ self.weights.T


class Dicts:
    """Parameters in one dict, gradients in another."""

    def __init__(self):
        self.params = {"W": weights(4, 3), "b": np.zeros(3)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class Lists:
    """Parameters and gradients in lists, written in place."""

    def __init__(self):
        self.w, self.b = weights(4, 3), np.zeros(3)
        self.params = [self.w, self.b]
        self.grads = [np.ones_like(self.w), np.ones_like(self.b)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


class Accumulating:
    """Gradients added to arrays that start at something."""

    def __init__(self):
        self.W = weights(4, 3)
        self.W_grad = np.ones((4, 3))

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, g):
        self.W_grad += self.x.T @ g
        return g @ self.W.T


class ReturnsAll:
    """backward returns (dx, dW, db), with no attribute of them."""

    def __init__(self):
        self.kernel, self.offset = weights(4, 3), np.zeros(3)

    def forward(self, x):
        self.cached = x
        return x @ self.kernel + self.offset

    def backward(self, dout):
        return dout @ self.kernel.T, self.cached.T @ dout, dout.sum(0)


class WithCache:
    """forward returns (out, cache); backward takes it and returns (dx, dict)."""

    def __init__(self):
        self.W, self.b = weights(4, 3), np.zeros(3)

    def forward(self, x):
        return x @ self.W + self.b, (x, self.W)

    def backward(self, dout, cache):
        x, w = cache
        return dout @ w.T, {"W": x.T @ dout, "b": dout.sum(axis=0)}


class SelfUpdating:
    """Per-sample SGD inside backward."""

    def __init__(self):
        self.weights, self.bias = weights(4, 3), weights(1, 3)

    def forward_propagation(self, input_data):
        self.input = input_data
        return np.dot(self.input, self.weights) + self.bias

    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        self.weights -= learning_rate * np.dot(self.input.T, output_error)
        self.bias = self.bias - learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error


class OwnRate(SelfUpdating):
    """The learning rate is the layer's own."""

    def __init__(self):
        super().__init__()
        self.lr = 0.05

    def backward_propagation(self, output_error):
        return super().backward_propagation(output_error, self.lr)


class Lazy:
    """Built in its first forward."""

    def __init__(self, units=3):
        self.units = units
        self.W = None

    def forward(self, x):
        if self.W is None:
            self.W = np.random.randn(x.shape[-1], self.units)
            self.b = np.zeros(self.units)
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(0)
        return d @ self.W.T


class ColumnMajor:
    """Samples are columns; gradients are means over them; private names."""

    def __init__(self):
        self.__W, self.__b = weights(3, 4), np.zeros((3, 1))

    def forward_pass(self, A_prev):
        self.__A = A_prev
        return self.__W @ A_prev + self.__b

    def backward_pass(self, dZ):
        m = self.__A.shape[1]
        self.__dW = dZ @ self.__A.T / m
        self.__db = dZ.sum(axis=1, keepdims=True) / m
        return self.__W.T @ dZ


class Parameter:
    """A value with its gradient."""

    def __init__(self, data):
        self.data = data
        self.grad = None


class WithParameterObjects:
    """Parameters are objects of their own."""

    def __init__(self):
        self.W, self.b = Parameter(weights(4, 3)), Parameter(np.zeros(3))

    def __call__(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, g):
        self.W.grad = self.x.T @ g
        self.b.grad = g.sum(0)
        return g @ self.W.data.T


class BatchNorm:
    """Batch statistics in training, running ones kept."""

    eps = 1e-5

    def __init__(self):
        self.gamma, self.beta = np.ones(4), np.zeros(4)
        self.running_mean, self.running_var = np.zeros(4), np.ones(4)

    def forward(self, x, train_flg=True):
        if not train_flg:
            return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + self.eps) + self.beta
        mu, var = x.mean(axis=0), x.var(axis=0)
        self.running_mean = 0.9 * self.running_mean + 0.1 * mu
        self.running_var = 0.9 * self.running_var + 0.1 * var
        self.std = np.sqrt(var + self.eps)
        self.xn = (x - mu) / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.xn).sum(0), dout.sum(0)
        return self.dx_of(dout * self.gamma)

    def dx_of(self, d):
        return (d - d.mean(0) - self.xn * (d * self.xn).mean(0)) / self.std


class Dropout:
    """Draws its mask from NumPy's global generator."""

    def __init__(self, ratio=0.4):
        self.ratio = ratio

    def forward(self, x, training):
        self.mask = (np.random.rand(*x.shape) > self.ratio) / (1 - self.ratio) if training else np.ones(x.shape)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Relu:
    """An activation."""

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class Conv:
    """Cross-correlation by loops, with stride and padding."""

    def __init__(self, stride=1, pad=0):
        self.W, self.b = weights(4, 3, 3, 2), np.zeros(4)
        self.stride, self.pad = stride, pad

    def windows(self, x):
        s, (kh, kw) = self.stride, self.W.shape[2:]
        rows, cols = (x.shape[2] - kh) // s + 1, (x.shape[3] - kw) // s + 1
        for i, j in itertools.product(range(rows), range(cols)):
            yield i, j, (slice(None), slice(None), slice(i * s, i * s + kh), slice(j * s, j * s + kw))

    def forward(self, x):
        p = self.pad
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        *_, (i, j, _) = self.windows(self.x)
        out = np.zeros((len(x), len(self.W), i + 1, j + 1))
        for i, j, at in self.windows(self.x):
            out[:, :, i, j] = np.tensordot(self.x[at], self.W, ((1, 2, 3), (1, 2, 3))) + self.b
        return out

    def backward(self, dout):
        self.dW, self.db = np.zeros_like(self.W), dout.sum(axis=(0, 2, 3))
        dx = np.zeros_like(self.x)
        for i, j, at in self.windows(self.x):
            self.dW += np.tensordot(dout[:, :, i, j], self.x[at], ((0,), (0,)))
            dx[at] += np.tensordot(dout[:, :, i, j], self.W, ((1,), (0,)))
        return self.cropped(dx)

    def cropped(self, dx):
        p = self.pad
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]


class RnnCell:
    """tanh(x Wx + h Wh + b), two inputs."""

    def __init__(self):
        self.Wx, self.Wh, self.b = weights(4, 3), weights(3, 3), np.zeros(3)

    def forward(self, x, h_prev):
        self.cache = x, h_prev
        self.h = np.tanh(x @ self.Wx + h_prev @ self.Wh + self.b)
        return self.h

    def backward(self, dh):
        x, h_prev = self.cache
        d = dh * self.slope()
        self.dWx, self.dWh, self.db = x.T @ d, h_prev.T @ d, d.sum(0)
        return d @ self.Wx.T, d @ self.Wh.T

    def slope(self):
        return 1 - self.h**2


class Clipping(Attributes):
    """Cuts its gradients."""

    def dweights_of(self, d):
        return np.clip(super().dweights_of(d), -0.1, 0.1)


class OneSample:
    """Takes one sample at a time."""

    def __init__(self):
        self.w = weights(3, 4)

    def forward(self, x):
        self.x = x.reshape(4)
        return self.w @ self.x

    def backward(self, d):
        self.dw = np.outer(d, self.x)
        return self.w.T @ d


class Stepping(Attributes):
    """Its own optimizer step comes after backward."""

    def update(self, lr):
        self.weights -= lr * self.dweights
        self.biases -= lr * self.dbiases
        self.dweights = self.dbiases = None


class Embedding:
    """Integer input."""

    def __init__(self):
        self.W = weights(6, 3)

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)


class Mse:
    """A loss object."""

    def forward(self, y_pred, y_true):
        return np.mean((y_pred - y_true) ** 2)

    def backward(self, y_pred, y_true):
        return 2 * (y_pred - y_true) / y_pred.size


class SoftmaxWithLoss:
    """Keeps what it needs; its backward takes a 1."""

    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return np.array([-np.sum(t * np.log(self.y)) / len(x)])

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.t)


RIGHT = {
    "attributes": (Attributes, X, {}),
    "dicts": (Dicts, X, {}),
    "lists": (Lists, X, {}),
    "accumulating": (Accumulating, X, {}),
    "returned": (ReturnsAll, X, {}),
    "cache": (WithCache, X, {}),
    "self-updating": (SelfUpdating, X, {}),
    "self-updating, small rate": (SelfUpdating, X, {"learning_rate": 0.01}),
    "own rate": (OwnRate, X, {}),
    "lazy": (Lazy, X, {}),
    "column-major": (ColumnMajor, COLUMNS, {"batch_axis": -1, "param_scale": "1/batch"}),
    "parameter objects": (WithParameterObjects, X, {}),
    "batch norm": (BatchNorm, X, {}),
    "dropout": (Dropout, X, {}),
    "relu": (Relu, X, {}),
    "conv": (Conv, IMAGES, {"variants": [{"stride": 2}, {"stride": 2, "pad": 1}]}),
    "rnn cell": (RnnCell, (X, weights(5, 3)), {}),
    "clipping": (Clipping, X, {}),
    "one sample": (OneSample, X, {}),
    "optimizer step": (Stepping, X, {"optimizer_step": "update", "learning_rate": 0.5}),
    "embedding": (Embedding, np.array([0, 3, 3, 1]), {}),
    "mse": (Mse, X, {"target": RNG.normal(size=X.shape)}),
    "softmax with loss": (SoftmaxWithLoss, X, {"target": ONE_HOT}),
}


def wrong(base, **methods):
    """Return a class with methods of it replaced."""
    return type(base.__name__, (base,), {"__module__": base.__module__, **methods})


def conv_unpadded_by_one(self, dx):
    return dx[:, :, : dx.shape[2] - 2 * self.pad, : dx.shape[3] - 2 * self.pad]


def conv_stride_forgotten(self, dout):
    dx = Conv.backward(self, dout)
    self.dW = np.zeros_like(self.W)
    for i, j in itertools.product(*map(range, dout.shape[2:])):
        at = self.x[:, :, i : i + self.W.shape[2], j : j + self.W.shape[3]]
        self.dW += np.tensordot(dout[:, :, i, j], at, ((0,), (0,)))
    return dx


def dict_backward(w=lambda g: g, b=lambda g: g, x=lambda g: g):
    def backward(self, dout):
        dx = Dicts.backward(self, dout)
        self.grads["W"], self.grads["b"] = w(self.grads["W"]), b(self.grads["b"])
        return x(dx)

    return backward


def updates_first(self, output_error, learning_rate):
    self.weights -= learning_rate * np.dot(self.input.T, output_error)
    self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
    return np.dot(output_error, self.weights.T)


def climbs(self, output_error, learning_rate):
    input_error = np.dot(output_error, self.weights.T)
    self.weights += learning_rate * np.dot(self.input.T, output_error)
    self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
    return input_error


def averages(self, output_error, learning_rate):
    input_error = np.dot(output_error, self.weights.T)
    self.weights -= learning_rate * np.dot(self.input.T, output_error) / len(output_error)
    self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
    return input_error


def raises(self, dout):
    raise KeyError("cache")


def relu_in_place(self, x):
    self.mask = x <= 0
    x[self.mask] = 0
    return x


def rnn_forgets_bias(self, dh):
    found = RnnCell.backward(self, dh)
    self.db = dh.sum(0)
    return found


def dropout_rescales_not(self, dout):
    return dout * (self.mask > 0)


def embedding_overwrites(self, dout):
    self.dW = np.zeros_like(self.W)
    self.dW[self.idx] = dout


#: name → (class, x, arguments, check that must fail, causes of which the first must be one)
WRONG = {
    "sign": (wrong(Dicts, backward=dict_backward(w=np.negative)), X, {}, "parameter W", {"sign"}),
    "factor 2": (wrong(Dicts, backward=dict_backward(b=lambda g: 2 * g)), X, {}, "parameter b", {"factor"}),
    "mean undeclared": (
        wrong(Dicts, backward=dict_backward(w=lambda g: g / 5)),
        X,
        {},
        "parameter W",
        {"factor", "mean-for-sum"},
    ),
    "column-major mean undeclared": (ColumnMajor, COLUMNS, {}, "parameter W", {"factor", "mean-for-sum"}),
    "zeroed": (wrong(Dicts, backward=dict_backward(b=lambda g: 0 * g)), X, {}, "parameter b", {"zeroed"}),
    "input factor": (wrong(Dicts, backward=dict_backward(x=lambda g: g / 2)), X, {}, "input 0 (x)", {"factor"}),
    "transposed": (
        wrong(Attributes, dweights_of=lambda self, d: d.T @ self.inputs),
        X,
        {},
        "contract",
        {"transpose", "shape"},
    ),
    "bias not summed": (wrong(Attributes, dbiases_of=lambda self, d: d), X, {}, "contract", {"missing-sum", "shape"}),
    "bias of first row": (wrong(Attributes, dbiases_of=lambda self, d: d[:1]), X, {}, "parameter biases", None),
    "weights reversed": (
        wrong(Attributes, dinputs_of=lambda self, d: d @ self.weights.T[:, ::-1]),
        X,
        {},
        "input 0",
        None,
    ),
    "upstream ignored": (
        wrong(Attributes, dbiases_of=lambda self, d: np.ones_like(self.biases)),
        X,
        {},
        "parameter biases",
        None,
    ),
    "regularised": (
        wrong(Attributes, dweights_of=lambda self, d: self.inputs.T @ d + 0.1 * self.weights),
        X,
        {},
        "parameter weights",
        {"missing-term"},
    ),
    "update before use": (wrong(SelfUpdating, backward_propagation=updates_first), X, {}, "input 0", None),
    "uphill": (wrong(SelfUpdating, backward_propagation=climbs), X, {}, "parameter weights", {"sign"}),
    "own mean": (
        wrong(SelfUpdating, backward_propagation=averages),
        X,
        {"learning_rate": 0.1},
        "parameter weights",
        {"factor", "mean-for-sum"},
    ),
    "raises": (wrong(Dicts, backward=raises), X, {}, "contract", {"raises"}),
    "input overwritten": (wrong(Relu, forward=relu_in_place), X, {}, "side effects", {"mutated-input", "raises"}),
    "batch norm without mean": (wrong(BatchNorm, dx_of=lambda self, d: d / self.std), X, {}, "input 0", None),
    "batch norm half": (
        wrong(BatchNorm, dx_of=lambda self, d: (d - d.mean(0)) / self.std),
        X,
        {},
        "input 0",
        None,
    ),
    "gamma forgotten": (
        wrong(BatchNorm, backward=lambda self, d: (BatchNorm.backward(self, d), self.dx_of(d))[1]),
        X,
        {},
        "input 0",
        None,
    ),
    "dropout unscaled": (wrong(Dropout, backward=dropout_rescales_not), X, {}, "input 0", {"factor"}),
    "relu passes all": (wrong(Relu, backward=lambda self, d: d.copy()), X, {}, "input 0", None),
    "relu of the gradient": (wrong(Relu, backward=lambda self, d: d * (d > 0)), X, {}, "input 0", None),
    "conv crop": (
        wrong(Conv, cropped=conv_unpadded_by_one),
        IMAGES,
        {"variants": [{"pad": 1}]},
        "input 0 (x) (pad=1)",
        None,
    ),
    "conv stride": (
        wrong(Conv, backward=conv_stride_forgotten),
        IMAGES,
        {"variants": [{"stride": 2}]},
        "parameter W (stride=2)",
        None,
    ),
    "rnn slope": (wrong(RnnCell, slope=lambda self: 1 - self.h), (X, weights(5, 3)), {}, "parameter Wx", None),
    "rnn bias": (wrong(RnnCell, backward=rnn_forgets_bias), (X, weights(5, 3)), {}, "parameter b", None),
    "embedding": (wrong(Embedding, backward=embedding_overwrites), np.array([0, 3, 3, 1]), {}, "parameter W", None),
    "mse factor": (
        wrong(Mse, backward=lambda self, p, t: (p - t) / p.size),
        X,
        {"target": ONE_HOT},
        "input 0",
        {"factor"},
    ),
    "loss not averaged": (
        wrong(SoftmaxWithLoss, backward=lambda self, dout=1: self.y - self.t),
        X,
        {"target": ONE_HOT},
        "input 0",
        {"factor", "mean-for-sum"},
    ),
}


def snapshot(value):
    """Return everything in an object, arrays as bytes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [snapshot(item) for item in value]
    return snapshot(vars(value)) if hasattr(value, "__dict__") else value


@pytest.mark.parametrize("name", RIGHT)
def test_right_layers_match(name):
    kind, x, arguments = RIGHT[name]
    layer = kind if "variants" in arguments else kind()
    before = None if layer is kind else (snapshot(layer), {key: id(item) for key, item in vars(layer).items()})
    state, given = np.random.get_state()[1].tobytes(), copy.deepcopy(x)
    report = check_layer(layer, x, **arguments)
    assert report.ok, str(report)
    assert sum(check.stage == "gradient" for check in report.checks) >= 1
    assert np.random.get_state()[1].tobytes() == state
    assert snapshot(given) == snapshot(x)
    if before is not None:
        assert before == (snapshot(layer), {key: id(item) for key, item in vars(layer).items()})


@pytest.mark.parametrize("name", WRONG)
def test_wrong_layers_do_not(name):
    kind, x, arguments, failing, causes = WRONG[name]
    layer = kind if "variants" in arguments else kind()
    before = None if layer is kind else snapshot(layer)
    given = copy.deepcopy(x)
    report = check_layer(layer, x, **arguments)
    assert snapshot(given) == snapshot(x)
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert failed, str(report)
    assert any(failing in check.name for check in failed), [check.name for check in failed]
    found = [cause.cause for check in failed for cause in check.causes]
    assert causes is None or causes & set(found[:2]), (found, str(report))
    assert before is None or before == snapshot(layer)


def test_names_and_notes():
    report = check_layer(Attributes(), X)
    names = [check.name for check in report.checks if check.stage == "gradient"]
    assert names == ["gradient of input 0 (inputs)", "gradient of parameter weights", "gradient of parameter biases"]
    notes = report.extra["notes"]
    assert "the gradient of weights is at dweights" in notes
    assert any("biases is 0" in note for note in notes)
    assert report.extra["oracle"] == "traced"
    assert read_report(to_json(report))["command"] == "check"


def test_running_means_are_no_parameters():
    names = [check.name for check in check_layer(BatchNorm(), X).checks]
    assert not any("running" in name for name in names)


def test_a_scale_may_be_a_number():
    assert check_layer(ColumnMajor(), COLUMNS, param_scale=0.2).ok
    assert not check_layer(ColumnMajor(), COLUMNS, param_scale=0.25).ok


def test_one_sample_is_said():
    assert any("first sample" in note for note in check_layer(OneSample(), X).extra["notes"])


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


def test_float32_layers_are_judged_in_float32():
    layer = Attributes()
    layer.weights, layer.biases = layer.weights.astype(np.float32), layer.biases.astype(np.float32)
    report = check_layer(layer, X.astype(np.float32))
    assert report.ok, str(report)
    assert report.checks[1].dtype == "float32"


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


class Constants(Dicts):
    """Holds an encoding, a mask, a mean and a scale, which are no parameters."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(2)
        self.encoding, self.mask = rng.normal(size=X.shape), np.array([1.0, 0.0, 1.0] * 20)[: X[0].size]
        self.running_mean, self.scale = rng.normal(size=X[0].size), np.full(X[0].size, 0.5)

    def forward(self, x):
        return super().forward((x + self.encoding - self.running_mean) * self.mask * self.scale)

    def backward(self, dout):
        return super().backward(dout) * self.mask * self.scale


class NoWeights(Constants):
    """Computes no gradient of its weights."""

    def backward(self, dout):
        dx = super().backward(dout)
        del self.grads["W"]
        return dx


class NoWeightsAtAll:
    """Holds them in a list, and computes none of their gradients."""

    def __init__(self):
        self.weights = [np.random.default_rng(0).normal(size=(X.shape[1], 2))]

    def forward(self, x):
        return x @ self.weights[0]

    def backward(self, dout):
        return dout @ self.weights[0].T


@pytest.mark.parametrize(("layer", "name"), [(NoWeights, "W"), (NoWeightsAtAll, "weights[0]")])
def test_weights_without_a_gradient_are_undecided(layer, name):
    report = check_layer(layer(), X)
    undecided = [check for check in report.checks if check.verdict == "inconclusive"]
    assert report.verdict == "inconclusive", str(report)
    assert [check.name for check in undecided] == [f"gradient of parameter {name}"]
    assert "pass its place by grads=" in str(report).replace("\n", " ")
    with pytest.raises(gt.GradientMismatch):
        gt.assert_layer(layer(), X)


def test_constants_need_no_gradient():
    report = check_layer(Constants(), X)
    assert report.ok, str(report)
    assert [note for note in report.extra["notes"] if "it is not judged" in note]
    assert check_layer(NoWeights(), X, params=["b"]).ok, "left out as a constant"
    assert check_layer(Constants(), X, params=["W", "mask"]).verdict == "inconclusive", "asked for"


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
