"""The faults of `sincos`: in-place relu, prediction by pre-activations, an overflow, a factor 2, an integer mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.gradient import check_gradient

from .interface import PublishedFault, Version

_RNG = np.random.default_rng(2)
_Z = _RNG.normal(size=(4, 3))
_LARGE = np.array([-800.0, -2.0, 0.5, 3.0])
_PREDICTED, _WANTED = _RNG.uniform(size=7), _RNG.uniform(size=7)
_X, _W1, _W2 = _RNG.uniform(size=(5, 1)), _RNG.normal(size=(16, 2)), _RNG.normal(size=(2, 16))


def relu_overwriting(x: Array) -> Array:
    """Y = max(X, 0), written into X."""
    return np.maximum(x, 0, out=x)


def relu(x: Array) -> Array:
    """Y = max(X, 0)."""
    return np.maximum(x, 0)


def relu_prime(x: Array) -> Array:
    """Y' = 1 where X > 0, else 0."""
    return np.where(x > 0, 1.0, 0.0)


def predict_by_preactivations(x: Array, w1: Array, w2: Array) -> Array:
    """Y = relu(Z W₂ᵀ), where the network was trained as relu(relu(Z) W₂ᵀ); Z = [1 X] W₁ᵀ."""
    z = np.hstack([np.ones_like(x), x]) @ w1.T
    return relu(z @ w2.T)


def predict(x: Array, w1: Array, w2: Array) -> Array:
    """Y = relu(relu(Z) W₂ᵀ);  Z = [1 X] W₁ᵀ."""
    z = np.hstack([np.ones_like(x), x]) @ w1.T
    return relu(relu(z) @ w2.T)


def backprop(y_bar: Array, x: Array, w1: Array, w2: Array) -> tuple[Array, Array]:
    """W̄₂ = Δᵀ relu(Z),  W̄₁ = (Δ W₂ · relu'(Z))ᵀ [1 X];  Δ = Ȳ · relu'(relu(Z) W₂ᵀ)."""
    inputs = np.hstack([np.ones_like(x), x])
    z = inputs @ w1.T
    delta = y_bar * relu_prime(relu(z) @ w2.T)
    return (delta @ w2 * relu_prime(z)).T @ inputs, delta.T @ relu(z)


def trained(x: Any, w1: Any, w2: Any) -> Any:
    """Y = relu(relu(Z) W₂ᵀ);  Z = [1 X] W₁ᵀ: the network that was trained, in TensorFlow."""
    import tensorflow as tf

    z = tf.concat([tf.ones_like(x), x], axis=1) @ tf.transpose(w1)
    return tf.nn.relu(tf.nn.relu(z) @ tf.transpose(w2))


def sigmoid(x: Array) -> Array:
    """Y = 1 / (1 + e⁻ˣ)."""
    return np.asarray(1 / (1 + np.exp(-x)))


def sigmoid_prime_overflowing(x: Array) -> Array:
    """Y' = e⁻ˣ / (1 + e⁻ˣ)²: ∞/∞ where X is far below 0."""
    return np.asarray(np.exp(-x) / (1 + np.exp(-x)) ** 2)


def sigmoid_prime(x: Array) -> Array:
    """Y' = Y (1 − Y)."""
    return np.asarray(sigmoid(x) * (1 - sigmoid(x)))


def cost(y: Array, t: Array) -> Any:
    """L = Σ (y − t)²."""
    return np.sum((y - t) ** 2)


def cost_prime_halved(y: Array, t: Array) -> Array:
    """y_bar = y − t."""
    return y - t


def cost_prime(y: Array, t: Array) -> Array:
    """y_bar = 2 (y − t)."""
    return 2 * (y - t)


def relu_backward_in_integers(y_bar: Array, x: Array) -> Array:
    """x_bar = y_bar · (x > 0), in the mask's own memory, which holds whole numbers."""
    x_bar = (x > 0).astype(int)
    x_bar[...] = x_bar * y_bar
    return x_bar


def relu_backward(y_bar: Array, x: Array) -> Array:
    """x_bar = y_bar · (x > 0)."""
    x_bar = (x > 0).astype(x.dtype)
    x_bar[...] = x_bar * y_bar
    return x_bar


FAULTS = (
    PublishedFault(
        slug="sincos-relu-overwrites-input",
        source="sincos",
        sentence="relu writes its result into its own input. This destroys the pre-activation that was stored for the "
        "backward pass, and later code reads the activation instead.",
        faulty=Version(
            (relu_overwriting, relu_prime),
            lambda: check_gradient(relu_overwriting, derivative=relu_prime, inputs=(_Z,)),
        ),
        causes=("mutated-input",),
        corrected=Version((relu, relu_prime), lambda: check_gradient(relu, derivative=relu_prime, inputs=(_Z,))),
    ),
    PublishedFault(
        slug="sincos-predicts-preactivations",
        source="sincos",
        sentence="The prediction passes pre-activations from layer to layer, where training passes activations. The "
        "network that predicts is therefore not the trained one.",
        faulty=Version(
            (predict_by_preactivations, backprop),
            lambda: check_gradient(
                predict_by_preactivations, vjp=backprop, inputs=(_X, _W1, _W2), wrt=(1, 2), reference=trained
            ),
        ),
        causes=("forward",),
        corrected=Version(
            (predict,),
            lambda: check_gradient(predict, vjp=backprop, inputs=(_X, _W1, _W2), wrt=(1, 2), reference=trained),
        ),
    ),
    PublishedFault(
        slug="sincos-sigmoid-overflow",
        source="sincos",
        sentence="The derivative of the sigmoid is written as e⁻ˣ / (1 + e⁻ˣ)². If x is far below 0, this is ∞/∞, "
        "which is NaN.",
        faulty=Version(
            (sigmoid, sigmoid_prime_overflowing),
            lambda: check_gradient(sigmoid, derivative=sigmoid_prime_overflowing, inputs=(_LARGE,)),
        ),
        causes=("nan",),
        corrected=Version(
            (sigmoid_prime,), lambda: check_gradient(sigmoid, derivative=sigmoid_prime, inputs=(_LARGE,))
        ),
    ),
    PublishedFault(
        slug="sincos-factor-two",
        source="sincos",
        sentence="The cost is the sum of squared errors, and the propagated error lacks its factor 2.",
        faulty=Version(
            (cost, cost_prime_halved),
            lambda: check_gradient(cost, grad=cost_prime_halved, inputs=(_PREDICTED, _WANTED), wrt=0),
        ),
        causes=("factor",),
        corrected=Version(
            (cost_prime,), lambda: check_gradient(cost, grad=cost_prime, inputs=(_PREDICTED, _WANTED), wrt=0)
        ),
    ),
    PublishedFault(
        slug="sincos-integer-derivative",
        source="sincos",
        sentence="The derivative of relu is an array of integers. In a product this is harmless, and gradtwin notes "
        "it. But an error that is multiplied into this array is cut to whole numbers, without a warning.",
        faulty=Version(
            (relu_backward_in_integers,), lambda: check_gradient(relu, vjp=relu_backward_in_integers, inputs=(_Z,))
        ),
        causes=("dtype",),
        corrected=Version((relu_backward,), lambda: check_gradient(relu, vjp=relu_backward, inputs=(_Z,))),
    ),
)
