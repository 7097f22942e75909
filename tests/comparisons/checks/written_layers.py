"""Layer objects in the styles people write them, for the tests of check_layer."""

import numpy as np

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


def snapshot(value):
    """Return everything in an object, arrays as bytes."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [snapshot(item) for item in value]
    return snapshot(vars(value)) if hasattr(value, "__dict__") else value
