"""Layers of other kinds than dense ones, and losses, for the tests of check_layer."""

import itertools

import numpy as np

from .written_layers import weights


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
