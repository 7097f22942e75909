"""Normalization and dropout."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def dropout(x: Tensor, mask: Tensor, rate: float = 0.5) -> Tensor:
    """Y = X M / (1 − rate), M the given mask of zeros and ones."""
    return x * mask / (1 - rate)


def batch_norm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Y = γ (X − μ) / √(σ² + ε) + β, μ and σ² over the samples."""
    return _normalize(x, scale, shift, epsilon, 0)


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Y = γ (X − μ) / √(σ² + ε) + β, μ and σ² over each sample's channels."""
    return _normalize(x, scale, shift, epsilon, 1)


def _normalize(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float, axis: int) -> Tensor:
    centred = x - tf.reduce_mean(x, axis, keepdims=True)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), axis, keepdims=True) + epsilon)
    return centred / deviation * scale + shift
