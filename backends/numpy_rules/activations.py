"""Activations: elementwise, and softmax over the last axis."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array, Pullback


def relu(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = max(X, 0);  X̄ = Ȳ where X > 0, else 0: at 0 the derivative is 0, by convention."""
    return np.maximum(x, 0), (lambda y_bar: np.where(x > 0, y_bar, 0),)


def leaky_relu(x: Array, slope: float = 0.2) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X where X > 0, else α X;  X̄ = Ȳ where X > 0, else α Ȳ: at 0 the derivative is α, by convention.

    Source: Maas, Hannun & Ng, *Rectifier nonlinearities improve neural network acoustic models* (2013).
    """
    positive = x > 0
    return np.where(positive, x, slope * x), (lambda y_bar: np.where(positive, y_bar, slope * y_bar),)


def tanh(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = tanh X;  X̄ = Ȳ (1 − Y²)."""
    y = np.tanh(x)
    return y, (lambda y_bar: y_bar * (1 - y * y),)


def sigmoid(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = 1 / (1 + e⁻ˣ);  X̄ = Ȳ Y (1 − Y).

    Written with e^−|x|, which never overflows: Y = 1 / (1 + e^−|x|) for x ≥ 0, e^−|x| / (1 + e^−|x|) for x < 0.
    """
    e = np.exp(-np.abs(x))
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, (lambda y_bar: y_bar * (y * (1 - y)),)


def softplus(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = ln(1 + eˣ);  X̄ = Ȳ / (1 + e⁻ˣ).

    Written as max(x, 0) + ln(1 + e^−|x|), which never overflows.
    Source: Glorot, Bordes & Bengio, *Deep sparse rectifier neural networks* (2011).
    """
    e = np.exp(-np.abs(x))
    return np.maximum(x, 0) + np.log1p(e), (lambda y_bar: y_bar * (np.where(x >= 0, 1, e) / (1 + e)),)


def softmax(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = eˣ / Σ eˣ along each row;  X̄ = Y (Ȳ − Σ Ȳ Y).

    Rows are first shifted by their largest element, to avoid overflow.
    Source: Goodfellow, Bengio & Courville, *Deep Learning*, §4.1 and §6.2.2.3.
    """
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, (lambda y_bar: y * (y_bar - (y_bar * y).sum(axis=-1, keepdims=True)),)
