"""Losses of a prediction p and a target t of one shape, N elements in all: a scalar and its pullbacks."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array, Pullback


def sse(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (p − t)²;  p̄ = 2 L̄ (p − t),  t̄ = −p̄."""
    r = p - t
    flat = r.reshape(-1)
    return flat @ flat, (
        lambda l_bar: r * (2 * l_bar),
        lambda l_bar: r * (-2 * l_bar),
    )


def mse(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (p − t)² / N;  p̄ = 2 L̄ (p − t) / N,  t̄ = −p̄."""
    r = p - t
    flat = r.reshape(-1)
    return flat @ flat / r.size, (
        lambda l_bar: r * (2 * l_bar / r.size),
        lambda l_bar: r * (-2 * l_bar / r.size),
    )


def half_mse(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (p − t)² / 2N;  p̄ = L̄ (p − t) / N,  t̄ = −p̄."""
    r = p - t
    flat = r.reshape(-1)
    n = r.size
    return flat @ flat / (2 * n), (
        lambda l_bar: r * (l_bar / n),
        lambda l_bar: r * (-l_bar / n),
    )


def rmse(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = √(Σ (p − t)² / N);  p̄ = L̄ (p − t) / (N L),  t̄ = −p̄;  both 0 where L = 0.

    At zero residual the root has no derivative; 0 lies in its subdifferential and is the convention here.
    """
    r = p - t
    flat = r.reshape(-1)
    loss = np.sqrt(flat @ flat / r.size)
    nonzero = loss != 0  # a NaN is none
    denominator = r.size * np.where(nonzero, loss, 1)
    return loss, (
        lambda l_bar: r * np.where(nonzero, l_bar / denominator, 0),
        lambda l_bar: r * np.where(nonzero, -l_bar / denominator, 0),
    )
