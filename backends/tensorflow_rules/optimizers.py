"""Optimizers' steps: the weights and the state, variables, change in place, as Keras's optimizers do it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def sgd(w: Tensor, dw: Tensor, learning_rate: Tensor) -> None:
    """W ← W − η dW."""
    w.assign_sub(learning_rate * dw)


def momentum(
    w: Tensor,
    velocity: Tensor,
    dw: Tensor,
    learning_rate: Tensor,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """V ← μ V − η dW;  W ← W + V, with Nesterov W ← W + μ V − η dW."""
    if weight_decay:
        w.assign_sub(w * weight_decay * learning_rate)
    velocity.assign(velocity * momentum - dw * learning_rate)
    w.assign_add(velocity * momentum - dw * learning_rate if nesterov else velocity)


def rmsprop(
    w: Tensor, mean_square: Tensor, dw: Tensor, learning_rate: Tensor, rho: float = 0.9, epsilon: float = 1e-7
) -> None:
    """S ← ρ S + (1 − ρ) dW²;  W ← W − η dW / √(S + ε)."""
    mean_square.assign(rho * mean_square + (1 - rho) * tf.square(dw))
    w.assign_sub(learning_rate * dw / tf.sqrt(mean_square + epsilon))


def adagrad(w: Tensor, accumulator: Tensor, dw: Tensor, learning_rate: Tensor, epsilon: float = 1e-7) -> None:
    """G ← G + dW²;  W ← W − η dW / √(G + ε)."""
    accumulator.assign_add(tf.square(dw))
    w.assign_sub(learning_rate * dw / tf.sqrt(accumulator + epsilon))


def adam(
    w: Tensor,
    mean: Tensor,
    square: Tensor,
    steps: Tensor,
    dw: Tensor,
    learning_rate: Tensor,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """T ← t + 1;  M ← M + (1 − β₁)(dW − M);  S ← S + (1 − β₂)(dW² − S);  W ← W − α M / (√S + ε)."""
    if weight_decay:
        w.assign_sub(w * weight_decay * learning_rate)
    steps.assign_add(tf.ones_like(steps))
    one_less_power_1, one_less_power_2 = (1 - tf.pow(tf.constant(b, w.dtype), steps) for b in (beta_1, beta_2))
    alpha = learning_rate * tf.sqrt(one_less_power_2) / one_less_power_1
    mean.assign_add((dw - mean) * (1 - beta_1))
    square.assign_add((tf.square(dw) - square) * (1 - beta_2))
    w.assign_sub(mean * alpha / (tf.sqrt(square) + epsilon))


def adamw(
    w: Tensor,
    mean: Tensor,
    square: Tensor,
    steps: Tensor,
    dw: Tensor,
    learning_rate: Tensor,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.004,
) -> None:
    """W ← W − η λ W, then Adam's step."""
    adam(w, mean, square, steps, dw, learning_rate, beta_1, beta_2, epsilon, weight_decay)
