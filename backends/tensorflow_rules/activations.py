"""Activations: elementwise, and softmax over the last axis."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def relu(x: Tensor) -> Tensor:
    """Y = max(X, 0)."""
    return tf.nn.relu(x)


def leaky_relu(x: Tensor, slope: float = 0.2) -> Tensor:
    """Y = X where X > 0, else α X; tf.nn.leaky_relu holds α in float32, whatever x is."""
    return tf.where(x > 0, x, slope * x)


def tanh(x: Tensor) -> Tensor:
    """Y = tanh X."""
    return tf.tanh(x)


def sigmoid(x: Tensor) -> Tensor:
    """Y = 1 / (1 + e⁻ˣ)."""
    return tf.sigmoid(x)


def softplus(x: Tensor) -> Tensor:
    """Y = ln(1 + eˣ)."""
    return tf.nn.softplus(x)


def softmax(x: Tensor) -> Tensor:
    """Y = eˣ / Σ eˣ along each row."""
    return tf.nn.softmax(x)
