"""Wrong layers are mismatches, with the cause, and are left as they were."""

import copy
import itertools

import numpy as np
import pytest

from gradtwin.comparisons.checks.layer import check_layer

from .other_layers import BatchNorm, Conv, Dropout, Embedding, Mse, Relu, RnnCell, SoftmaxWithLoss
from .written_layers import COLUMNS, IMAGES, ONE_HOT, Attributes, ColumnMajor, Dicts, SelfUpdating, X, snapshot, weights


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
