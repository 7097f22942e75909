"""Whole networks in the styles people write them, for the tests of check_model."""

import collections

import numpy as np

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


class WithLoss(Network):
    """Keeps its loss object, and runs its own backward pass."""

    def __init__(self, *layers):
        super().__init__(*layers)
        self.loss_fn = Mse()

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
