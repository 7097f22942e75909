"""The faults of `xor-logloss`: a loss that breaks down at sure answers, and a table that is not found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.checks.layer import check_layer

from .interface import PublishedFault, Version

_RNG = np.random.default_rng(3)
_Z, _T = np.array([[-1.0, 0.5, 40.0, -800.0]]), np.array([[0.0, 1.0, 1.0, 1.0]])
_X = _RNG.normal(size=(2, 4))


def sigmoid(z: Array) -> Array:
    """Sigmoid: A = 1 / (1 + e⁻ᶻ)."""
    return np.asarray(1 / (1 + np.exp(-z)))


def logloss_of_probability(z: Array, t: Array) -> Any:
    """L = mean of −(t ln a + (1 − t) ln(1 − a)),  a = sigmoid(z): infinite, or 0 · ∞, where a is 0 or 1."""
    a = sigmoid(z)
    return np.mean(-(t * np.log(a) + (1 - t) * np.log(1 - a)))


def d_logloss_of_probability(z: Array, t: Array) -> Array:
    """z_bar = (a − t) / (a (1 − a)) · a (1 − a) / N: 0/0 where a is 0 or 1."""
    a = sigmoid(z)
    return np.asarray((a - t) / (a * (1 - a)) * (a * (1 - a)) / z.size)


def logloss(z: Array, t: Array) -> Any:
    """L = mean of ln(1 + eᶻ) − t z: the same, finite everywhere."""
    return np.mean(np.logaddexp(0, z) - t * z)


def d_logloss(z: Array, t: Array) -> Array:
    """z_bar = (sigmoid(z) − t) / N."""
    return (sigmoid(z) - t) / z.size


def d_tanh(z: Array) -> Array:
    """tanh'(Z) = 1 − tanh²(Z)."""
    return np.asarray(1 - np.square(np.tanh(z)))


class LayerWithoutTable:
    """A = tanh(W X + b), samples in columns; looks for its table under another name than it has."""

    activations: ClassVar[dict[str, tuple[Callable[[Array], Array], ...]]] = {"tanh": (np.tanh, d_tanh)}

    def __init__(self, activation: str = "tanh") -> None:
        self.w = np.random.default_rng(0).normal(size=(3, 2))
        self.b = np.zeros((3, 1))
        self.act, self.d_act = self.activation_functions[activation]  # type: ignore[attr-defined]

    def feedforward(self, x: Array) -> Array:
        """Activation: A = tanh(W X + b)."""
        self.x, self.z = x, self.w @ x + self.b
        return np.asarray(self.act(self.z))

    def backprop(self, a_bar: Array) -> Array:
        """W̄ = Δ Xᵀ,  b̄ = Σ Δ,  X̄ = Wᵀ Δ;  Δ = Ā · tanh'(Z)."""
        delta = a_bar * self.d_act(self.z)
        self.dw, self.db = delta @ self.x.T, delta.sum(axis=1, keepdims=True)
        return np.asarray(self.w.T @ delta)


class Layer(LayerWithoutTable):
    """A = tanh(W X + b), samples in columns."""

    def __init__(self, activation: str = "tanh") -> None:
        self.w = np.random.default_rng(0).normal(size=(3, 2))
        self.b = np.zeros((3, 1))
        self.act, self.d_act = self.activations[activation]


FAULTS = (
    PublishedFault(
        slug="xor-logloss-saturates",
        source="xor-logloss",
        sentence="The log loss and its gradient divide by a (1 − a) and take the logarithms of a and 1 − a. These are "
        "0/0 and 0 · ∞ as soon as the sigmoid a rounds to 0 or 1.",
        faulty=Version(
            (sigmoid, logloss_of_probability, d_logloss_of_probability),
            lambda: check_gradient(logloss_of_probability, grad=d_logloss_of_probability, inputs=(_Z, _T), wrt=0),
        ),
        causes=("nan",),
        corrected=Version(
            (logloss, d_logloss), lambda: check_gradient(logloss, grad=d_logloss, inputs=(_Z, _T), wrt=0)
        ),
    ),
    PublishedFault(
        slug="xor-table-of-another-name",
        source="xor-logloss",
        sentence="The table of activations is defined under one name and looked up under another, so no layer can be "
        "made.",
        faulty=Version((LayerWithoutTable,), lambda: check_layer(LayerWithoutTable, _X, batch_axis=-1)),
        causes=("raises",),
        corrected=Version((Layer,), lambda: check_layer(Layer, _X, batch_axis=-1)),
    ),
)
