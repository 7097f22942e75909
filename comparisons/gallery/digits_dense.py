"""The faults of `digits-dense`: a wrong relu, its derivative, derivatives at the output, a missing batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.checks.layer import check_layer

from .interface import PublishedFault, Version

_RNG = np.random.default_rng(4)
_X = _RNG.normal(size=(4, 3))
_P, _T = _RNG.uniform(size=(10, 3)), np.eye(3)[[0, 2, 1, 1, 0, 2, 0, 1, 2, 0]]


def relu(x: Array) -> Array:
    """Y = X / (max X + 1) where X > 0, else 0."""
    return np.asarray(x / (np.max(x) + 1) * (x > 0))


def relu_derivative(x: Array) -> Array:
    """Y' = 1 where X ≥ 0, else 0."""
    return 1 * (x >= 0)


def relu_vjp(y_bar: Array, x: Array) -> Array:
    """X̄ = Ȳ / (m + 1) where X > 0, and where X is its maximum m, less Σ Ȳ Y / (m + 1)."""
    m = np.max(x)
    x_bar = y_bar / (m + 1) * (x > 0)
    x_bar[x == m] -= np.sum(y_bar * relu(x)) / (m + 1)
    return np.asarray(x_bar)


def relu_corrected(x: Array) -> Array:
    """Y = max(X, 0)."""
    return np.maximum(x, 0)


def relu_corrected_derivative(x: Array) -> Array:
    """Y' = 1 where X > 0, else 0."""
    return 1.0 * (x > 0)


def relu_of_tensorflow(x: Any) -> Any:
    """Y = max(X, 0), in TensorFlow."""
    import tensorflow as tf

    return tf.nn.relu(x)


def sigmoid(x: Array) -> Array:
    """Y = 1 / (1 + e⁻ˣ)."""
    return np.asarray(1 / (1 + np.exp(-x)))


def sigmoid_derivative(x: Array) -> Array:
    """Y' = sigmoid(X) (1 − sigmoid(X))."""
    return np.asarray(sigmoid(x) * (1 - sigmoid(x)))


class ActivationAtOutput:
    """Y = sigmoid(X), with the derivative evaluated at Y."""

    def forward(self, x: Array) -> Array:
        """Y = sigmoid(X)."""
        self.output = sigmoid(x)
        return self.output

    def backward(self, error: Array) -> Array:
        """X̄ = Ȳ · sigmoid'(Y)."""
        return error * sigmoid_derivative(self.output)


class Activation:
    """Y = sigmoid(X), with the derivative evaluated at X."""

    def forward(self, x: Array) -> Array:
        """Y = sigmoid(X)."""
        self.x = x
        return sigmoid(x)

    def backward(self, error: Array) -> Array:
        """X̄ = Ȳ · sigmoid'(X)."""
        return error * sigmoid_derivative(self.x)


def loss(p: Array, t: Array) -> Any:
    """L = Σ over examples of the mean of (p − t)² over outputs."""
    return np.sum(np.mean((p - t) ** 2, axis=1))


def whole_batches(p: Array, t: Array, batch: int = 4) -> Array:
    """P̄ = 2 (P − T) / outputs, batch by batch; the rest after the last whole batch gets none."""
    p_bar = np.zeros_like(p)
    for k in range(len(p) // batch):
        rows = slice(k * batch, (k + 1) * batch)
        p_bar[rows] = 2 * (p[rows] - t[rows]) / p.shape[1]
    return p_bar


def all_batches(p: Array, t: Array, batch: int = 4) -> Array:
    """P̄ = 2 (P − T) / outputs, batch by batch, the last one as short as it is."""
    p_bar = np.zeros_like(p)
    for start in range(0, len(p), batch):
        rows = slice(start, start + batch)
        p_bar[rows] = 2 * (p[rows] - t[rows]) / p.shape[1]
    return p_bar


FAULTS = (
    PublishedFault(
        slug="digits-relu-rescaled",
        source="digits-dense",
        sentence="The function named relu divides by one more than the largest element. Every output therefore depends "
        "on all inputs of the whole batch.",
        faulty=Version(
            (relu,),
            lambda: check_gradient(relu, derivative=relu_derivative, inputs=(_X,), reference=relu_of_tensorflow),
        ),
        causes=("forward",),
        corrected=Version(
            (relu_corrected, relu_corrected_derivative),
            lambda: check_gradient(
                relu_corrected, derivative=relu_corrected_derivative, inputs=(_X,), reference=relu_of_tensorflow
            ),
        ),
    ),
    PublishedFault(
        slug="digits-relu-derivative",
        source="digits-dense",
        sentence="The derivative that was published with this relu is the step function. It lacks the division, and "
        "the path through the largest element. (The correction is the gradient of the function as it is.)",
        faulty=Version((relu, relu_derivative), lambda: check_gradient(relu, derivative=relu_derivative, inputs=(_X,))),
        causes=("partial",),
        corrected=Version((relu_vjp,), lambda: check_gradient(relu, vjp=relu_vjp, inputs=(_X,))),
    ),
    PublishedFault(
        slug="digits-derivative-at-output",
        source="digits-dense",
        sentence="Every derivative is evaluated at the stored output of the activation, and belongs at its input.",
        faulty=Version((ActivationAtOutput,), lambda: check_layer(ActivationAtOutput, _X)),
        causes=("stale-value",),
        corrected=Version((Activation,), lambda: check_layer(Activation, _X)),
    ),
    PublishedFault(
        slug="digits-last-batch",
        source="digits-dense",
        sentence="The loss counts the last, incomplete batch, and this batch never gets a gradient.",
        faulty=Version((loss, whole_batches), lambda: check_gradient(loss, grad=whole_batches, inputs=(_P, _T), wrt=0)),
        causes=("partial",),
        corrected=Version((all_batches,), lambda: check_gradient(loss, grad=all_batches, inputs=(_P, _T), wrt=0)),
    ),
)
