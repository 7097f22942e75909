"""Losses of a prediction p, or logits z, and a target t of one shape, N elements in all: a scalar and its pullbacks."""

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
    nonzero = loss != 0  # NaN has none
    denominator = r.size * np.where(nonzero, loss, 1)
    return loss, (
        lambda l_bar: r * np.where(nonzero, l_bar / denominator, 0),
        lambda l_bar: r * np.where(nonzero, -l_bar / denominator, 0),
    )


def half_sse_per_sample(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (p − t)² / 2n over n samples in rows;  p̄ = L̄ (p − t) / n,  t̄ = −p̄."""
    r = p - t
    flat = r.reshape(-1)
    n = len(p)
    return flat @ flat / (2 * n), (
        lambda l_bar: r * (l_bar / n),
        lambda l_bar: r * (-l_bar / n),
    )


def mse_per_output(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (p − t)² / o over o outputs in columns, the sum of each sample's mean;  p̄ = 2 L̄ (p − t) / o,  t̄ = −p̄."""
    r = p - t
    flat = r.reshape(-1)
    outputs = p.shape[-1]
    return flat @ flat / outputs, (
        lambda l_bar: r * (2 * l_bar / outputs),
        lambda l_bar: r * (-2 * l_bar / outputs),
    )


def huber(p: Array, t: Array, delta: float = 1.0) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ h(p − t) / N, h(r) = r²/2 where |r| ≤ δ, else δ |r| − δ²/2;  p̄ = L̄ clip(p − t, −δ, δ) / N,  t̄ = −p̄.

    Source: Huber, *Robust estimation of a location parameter* (1964).
    """
    r = p - t
    size = np.abs(r)
    near = np.minimum(size, delta)  # so that large residuals are not squared
    terms = np.where(size <= delta, near * near / 2, delta * size - delta * delta / 2)
    slope = np.minimum(np.maximum(r, -delta), delta)
    return terms.sum() / r.size, (
        lambda l_bar: slope * (l_bar / r.size),
        lambda l_bar: slope * (-l_bar / r.size),
    )


def log_loss(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = −Σ (t ln p + (1 − t) ln(1 − p)) / N;  p̄ = l (1 − t)/(1 − p) − l t/p,  t̄ = l (ln(1 − p) − ln p), l = L̄ / N.

    p are probabilities within (0, 1); at 0 and 1 the loss is infinite. From logits, see `log_loss_logits`.
    """
    log_p, log_q = np.log(p), np.log(1 - p)

    def p_pullback(l_bar: Array) -> Array:
        share = l_bar / p.size  # not last: a difference that is exact by chance is not a chain of products
        p_bar: Array = share * (1 - t) / (1 - p) - share * t / p
        return p_bar

    return -(t * log_p + (1 - t) * log_q).sum() / p.size, (
        p_pullback,
        lambda l_bar: (log_q - log_p) * (l_bar / p.size),
    )


def log_loss_logits(z: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = Σ (max(z, 0) − z t + ln(1 + e^−|z|)) / N, the log loss of σ(z);  z̄ = L̄ (σ(z) − t) / N,  t̄ = −L̄ z / N."""
    e = np.exp(-np.abs(z))
    terms = np.maximum(z, 0) - z * t + np.log1p(e)

    return terms.sum() / z.size, (
        lambda l_bar: (np.where(z >= 0, 1, e) / (1 + e) - t) * (l_bar / z.size),
        lambda l_bar: z * (-l_bar / z.size),
    )


def softmax_cross_entropy(z: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """L = −Σ t ln softmax(z) / n over n samples in rows;  z̄ = L̄ (softmax(z) Σₒ t − t) / n,  t̄ = −L̄ ln softmax(z) / n.

    Σₒ t, each row's sum, is 1 for probabilities. Source: Goodfellow, Bengio & Courville, *Deep Learning*, §6.2.2.3.
    """
    n = len(z)
    shifted = z - z.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=-1, keepdims=True)
    log_softmax = shifted - np.log(total)
    return -(t * log_softmax).sum() / n, (
        lambda l_bar: (e / total * t.sum(axis=-1, keepdims=True) - t) * (l_bar / n),
        lambda l_bar: log_softmax * (-l_bar / n),
    )
