"""Losses of a prediction p, or logits z, and a target t of one shape, N elements in all."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def sse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)²."""
    return tf.reduce_sum(_square(p - t))


def mse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / N."""
    return tf.reduce_mean(_square(p - t))


def half_mse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / 2N."""
    return tf.reduce_mean(_square(p - t)) / 2


def rmse(p: Tensor, t: Tensor) -> Tensor:
    """L = √(Σ (p − t)² / N), with gradient 0 where L = 0: the root is taken of 1 there, and not used."""
    mean = tf.reduce_mean(_square(p - t))
    zero = tf.equal(mean, 0)
    return tf.where(zero, tf.zeros_like(mean), tf.sqrt(tf.where(zero, tf.ones_like(mean), mean)))


def half_sse_per_sample(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / 2n over n samples in rows."""
    return tf.reduce_sum(_square(p - t)) / (2 * p.shape[0])


def mse_per_output(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / o over o outputs in columns."""
    return tf.reduce_sum(_square(p - t)) / p.shape[-1]


def huber(p: Tensor, t: Tensor, delta: float = 1.0) -> Tensor:
    """L = Σ h(p − t) / N, h(r) = r²/2 where |r| ≤ δ, else δ |r| − δ²/2."""
    size = tf.abs(p - t)
    inside = size <= delta
    near = tf.where(inside, size, tf.zeros_like(size))  # so that nothing far is squared
    return tf.reduce_mean(tf.where(inside, tf.square(near) / 2, delta * size - delta * delta / 2))


def log_loss(p: Tensor, t: Tensor) -> Tensor:
    """L = −Σ (t ln p + (1 − t) ln(1 − p)) / N."""
    return -tf.reduce_mean(t * tf.math.log(p) + (1 - t) * tf.math.log(1 - p))


def log_loss_logits(z: Tensor, t: Tensor) -> Tensor:
    """L = Σ (max(z, 0) − z t + ln(1 + e^−|z|)) / N."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=t, logits=z))


def softmax_cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    """L = −Σ t ln softmax(z) / n over n samples in rows."""
    return -tf.reduce_sum(t * tf.nn.log_softmax(z)) / z.shape[0]


def _square(r: Tensor) -> Tensor:
    """r²; the gradient of tf.square has the factor 2r, which may overflow where the whole does not."""
    return r * r
