"""From-scratch repositories: layer classes with attributes and caches, masks, out=, im2col, embeddings, registries."""

# ruff: noqa: RUF059  (written as people write them)

from __future__ import annotations

import copy
import functools
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from numpy import dot, exp, zeros
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from .forwards import case, labels, normal, one_hot, unit

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(size=(3, 2))
BIASES = {"hidden": RNG.normal(size=2), "scale": [RNG.normal(size=2), 2.0]}


class Layer:
    def __init__(self):
        self.input = None


class Dense(Layer):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weights = RNG.normal(size=(n_in, n_out))
        self.bias = np.zeros((1, n_out)) + 0.1

    def forward(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output


class WeightsFirst(Layer):
    def __init__(self):
        self.params = {"W": RNG.normal(size=(2, 3)), "b": np.zeros((2, 1))}

    def __call__(self, x):
        self.cache = (x, self.params["W"])
        return self.params["W"].dot(x.T) + self.params["b"]


case(normal(4, 3))(Dense(3, 2).forward)
case(normal(4, 3), name="WeightsFirst.__call__")(WeightsFirst())


class Activation:
    def __init__(self, function):
        self.function = function

    def forward(self, x):
        self.x = x
        return self.function(x)


def leaky(x, slope=0.01):
    return np.where(x > 0, x, x * slope)


def masked_relu(x):
    x = x.copy()
    x[x < 0] = 0
    return x


def in_place_relu(x):
    x[x <= 0] = 0.0
    return x


def out_relu(x):
    y = np.empty_like(x)
    np.maximum(x, 0, out=y)
    return y


def own_out(x):
    np.multiply(x, 2, out=x)
    return np.tanh(x, x)


def elu(x, alpha=1.0):
    return np.where(x >= 0, x, alpha * (np.exp(x) - 1))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * np.power(x, 3))))


def selu(x):
    return 1.0507009873554805 * ((x > 0) * x + (x <= 0) * 1.6732632423543772 * (np.exp(x) - 1))


def mish(x):
    return x * np.tanh(np.log1p(np.exp(x)))


def softplus_stable(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def list_comprehension_relu(x):
    return np.array([[max(0, v) for v in row] for row in x])


def flat_loop(x):
    y = np.zeros(x.size)
    for i, v in enumerate(x.ravel()):
        y[i] = v if v > 0 else 0.1 * v
    return y.reshape(x.shape)


def ndenumerate_loop(x):
    y = np.zeros(x.shape)
    for index, v in np.ndenumerate(x):
        y[index] = v * abs(v)
    return y


def ndindex_loop(x):
    y = np.ones_like(x)
    for i, j in np.ndindex(*x.shape):
        y[i][j] *= x[i, j] ** 2
    return y


vectorized = np.vectorize(lambda v: v if v > 0 else exp(v) - 1)

for function in (
    leaky, masked_relu, in_place_relu, out_relu, own_out, elu, gelu, selu, mish, softplus_stable, hard_sigmoid,
    list_comprehension_relu, flat_loop, ndenumerate_loop, ndindex_loop,
):  # fmt: skip
    case(normal(3, 4))(function)
case(normal(3, 4), name="vectorized")(lambda x: vectorized(x) + np.vectorize(np.tanh)(x))
case(normal(3, 4), name="Activation(partial)")(Activation(functools.partial(leaky, slope=0.2)).forward)
case(normal(3, 4), name="Activation(np.tanh)")(Activation(np.tanh).forward)
case(normal(3, 4), name="partial")(functools.partial(leaky, slope=0.3))

ACTIVATIONS = {"relu": lambda x: x * (x > 0), "tanh": np.tanh, "linear": lambda x: x}


@case(normal(4, 3))
def module_globals_and_registry(x):
    h = ACTIVATIONS["tanh"](x.dot(WEIGHTS) + BIASES["hidden"])
    return ACTIVATIONS["relu"](h * BIASES["scale"][0]) * BIASES["scale"][1]


@case(normal(4, 3))
def names_from_numpy(x):
    total = zeros(2)
    for row in x:
        total = total + exp(dot(row, WEIGHTS))
    return total


@case(normal(4, 3))
def plain_method_of_held_array(x, W=WEIGHTS):
    return W.T.dot(x.T)


@case(normal(4, 3))
def import_inside(x):
    import math

    import numpy
    from numpy import zeros_like

    y = zeros_like(x)
    y[:, 0] = numpy.sum(x, axis=1) * math.pi
    y += numpy.zeros(3) + math.exp(float(x[0, 0]))
    return y


def closure_factory(n):
    W, cache = RNG.normal(size=(3, n)), {}

    def forward(x):
        cache["z"] = W.T.dot(x.T)
        return np.tanh(cache["z"]) * n

    return forward


case(normal(4, 3), name="closure")(closure_factory(2))


@case(normal(2, 2, 5, 5), normal(3, 2, 3, 3), normal(3))
def conv_im2col_indices(x, w, b):
    N, C, H, W = x.shape
    F, _, fh, fw = w.shape
    i0 = np.tile(np.repeat(np.arange(fh), fw), C)
    j0 = np.tile(np.arange(fw), fh * C)
    i1, j1 = np.repeat(np.arange(H), W), np.tile(np.arange(W), H)
    i, j = i0.reshape(-1, 1) + i1.reshape(1, -1), j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), fh * fw).reshape(-1, 1)
    x_padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant")
    cols = x_padded[:, k, i, j].transpose(1, 2, 0).reshape(fh * fw * C, -1)
    res = w.reshape(F, -1).dot(cols) + b.reshape(-1, 1)
    return res.reshape(F, H, W, N).transpose(3, 0, 1, 2)


@case(normal(2, 5, 5), normal(2, 3, 3))
def conv_as_strided(x, w):
    x = np.ascontiguousarray(x)
    n, h, v = x.strides
    windows = as_strided(x, shape=(2, 3, 3, 3, 3), strides=(n, h, v, h, v))
    return (
        np.tensordot(windows, w, axes=([3, 4], [1, 2]))
        + sliding_window_view(x, (3, 3), axis=(1, 2)).max(axis=(3, 4))[..., None]
    )


@case(normal(2, 1, 4, 4))
def im2col_loops(images):
    N, C, H, W = images.shape
    col = np.zeros((N, C, 2, 2, 2, 2))
    for y in range(2):
        for x in range(2):
            col[:, :, y, x, :, :] = images[:, :, y : y + 4 : 2, x : x + 4 : 2]
    col = col.transpose(0, 4, 5, 1, 2, 3).reshape(N * 4, -1)
    return np.max(col, axis=1) + col.mean(axis=1)


@case(normal(2, 2, 4, 4))
def pool_by_reshape(x):
    r = x.reshape(2, 2, 2, 2, 2, 2)
    return np.amax(r, axis=(3, 5)) - r.min(axis=3).mean(axis=4)


@case(normal(6, 4), normal(4, 3))
def upsample_and_crop(x, w):
    y = x.repeat(2, axis=0).repeat(2, axis=1)
    y = np.kron(x, np.ones((1, 1)))[::-1] + np.roll(y, 1, axis=0)[::2, ::2]
    return np.flip(y @ w, 1) + np.rot90(x[:3, :3], 2).sum()


@case(normal(5, 3), labels(4, 5), normal(4, 3))
def embedding_with_add_at(table, ids, dout):
    counts = np.zeros_like(table)
    np.add.at(counts, ids, dout)
    return table[ids].mean(axis=0) + counts


@case(normal(5, 3), normal(5, 2))
def hstack_and_c_(a, b):
    X = np.c_[np.ones(5), a, b]
    Y = np.r_[a, np.zeros((1, 3))]
    Z = np.concatenate((np.hstack([a, b]), np.ones((5, 1))), axis=1)
    return X.sum() + (Y**2).sum() + np.vstack((a[0], b[0, 0] * np.ones(3))) @ Z[:3, :2]


@case(normal(3, 4))
def appends_to_lists(x):
    outs, total = [], []
    for row in x:
        outs.append(np.tanh(row))
        total.append(row.sum())
    mean = sum(outs) / len(outs)
    return np.array(outs) * np.array(total)[:, None] + mean + np.append(mean[:3], total[0])


@case(normal(4, 3), one_hot(4, 3), wrt=(0,))
def integer_targets_dot(p, y):
    y = y.astype(int)
    return y.T.dot(p) + np.sum(p[y == 1]) + (p > 0).astype(np.float64).T.dot(p)


@case(unit(4, 3), one_hot(4, 3), wrt=(0,))
def cross_entropy_with_clip(p, y):
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return -np.mean(np.sum(y * np.log(p + 1e-9), axis=1)) + -np.log(p[range(4), y.argmax(1)]).mean()


@case(normal(4, 3), normal(4, 3))
def losses(p, t):
    mse = np.square(p - t).mean()
    mae = np.abs(p - t).mean()
    huber = np.where(np.abs(p - t) <= 1.0, 0.5 * (p - t) ** 2, np.abs(p - t) - 0.5).sum()
    rmse = np.sqrt(((p - t) ** 2).mean())
    cos = (p * t).sum() / (np.linalg.norm(p) * np.linalg.norm(t))
    return mse + mae + huber + rmse + cos + np.log(np.cosh(p - t)).sum()


@dataclass
class Norm:
    dim: int
    running: np.ndarray = field(default_factory=lambda: np.zeros(3))
    training: bool = True

    def forward(self, x):
        self.running *= 0.9
        self.running += 0.1 * x.mean(axis=0)
        self.centered = x - x.mean(0)
        self.std = np.sqrt(np.mean(self.centered**2, 0) + 1e-8)
        return self.centered / self.std


case(normal(5, 3))(Norm(3).forward)


class Buffered:
    """Keeps its output in an array made beforehand."""

    def __init__(self):
        self.out = np.empty((4, 2))
        self.layers = [Dense(3, 3), Activation(np.tanh), Dense(3, 2)]
        self.history = []

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        self.out[:] = x
        np.exp(self.out, out=self.out)
        self.history.append(float(self.out.sum()))
        return self.out * 1.0


case(normal(4, 3))(Buffered().forward)


class Network:
    """A network that counts its calls, keeps its weights in lists, and forwards by zip."""

    def __init__(self):
        self.sizes = [3, 4, 2]
        self.weights = [RNG.normal(size=(y, x)) for x, y in zip(self.sizes[:-1], self.sizes[1:], strict=True)]
        self.biases = [RNG.normal(size=(y, 1)) for y in self.sizes[1:]]

    def feedforward(self, a):
        self.zs = []
        for b, w in zip(self.biases, self.weights, strict=True):
            z = np.dot(w, a) + b
            self.zs.append(z)
            a = 1.0 / (1.0 + np.exp(-z))
        return a


case(normal(3, 1))(Network().feedforward)


class Recurrent:
    """Keeps states in dicts by time step, with a copy of the previous one."""

    def __init__(self):
        self.p = SimpleNamespace(U=RNG.normal(size=(4, 3)), W=RNG.normal(size=(4, 4)), V=RNG.normal(size=(2, 4)))

    def loss(self, xs):
        hs, ys, loss = {-1: np.zeros((4, 1))}, {}, 0
        for t in range(len(xs)):
            x = np.zeros((3, 1))
            x[t % 3] = 1
            hs[t] = np.tanh(self.p.U @ (x + xs[t].reshape(3, 1)) + self.p.W @ hs[t - 1])
            ys[t] = self.p.V @ hs[t]
            ps = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
            loss += -np.log(ps[t % 2, 0])
        self.last = np.copy(hs[len(xs) - 1])
        return loss


case(normal(3, 3))(Recurrent().loss)

State = namedtuple("State", "h c")


@case(normal(2, 3), normal(3, 3), select=lambda r: r.h)
def named_tuple_state(x, W):
    state = State(h=np.zeros((2, 3)), c=copy.deepcopy(x))
    for _ in range(2):
        state = State(h=np.tanh(state.h @ W + state.c), c=state.c * 0.5)
    return state


@case(normal(2, 3), normal(3, 3), select=lambda r: r["out"])
def dict_of_results(x, W):
    cache = OrderedDict()
    cache["z"] = x @ W
    cache["out"] = cache["z"].clip(min=0) + np.sign(cache["z"]) * cache["z"] ** 2
    return cache
