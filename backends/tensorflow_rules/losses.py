"""Losses of a prediction p and a target t of one shape, N elements in all."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def sse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)²."""
    return tf.reduce_sum(tf.square(p - t))


def mse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / N."""
    return tf.reduce_mean(tf.square(p - t))


def half_mse(p: Tensor, t: Tensor) -> Tensor:
    """L = Σ (p − t)² / 2N."""
    return tf.reduce_mean(tf.square(p - t)) / 2


def rmse(p: Tensor, t: Tensor) -> Tensor:
    """L = √(Σ (p − t)² / N), with gradient 0 where L = 0: the root is taken of 1 there, and not used."""
    mean = tf.reduce_mean(tf.square(p - t))
    zero = tf.equal(mean, 0)
    return tf.where(zero, tf.zeros_like(mean), tf.sqrt(tf.where(zero, tf.ones_like(mean), mean)))
