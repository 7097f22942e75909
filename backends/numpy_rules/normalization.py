"""Normalization and dropout."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array, Pullback


def dropout(x: Array, mask: Array, rate: float = 0.5) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X M / (1 − rate), M the given mask of zeros and ones;  X̄ = Ȳ / (1 − rate) M,  M̄ = Ȳ / (1 − rate) X.

    Source: Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting* (2014).
    """
    kept = 1 - rate
    return x * mask / kept, (lambda y_bar: y_bar / kept * mask, lambda y_bar: y_bar / kept * x)


def batch_norm(x: Array, scale: Array, shift: Array, epsilon: float = 1e-3) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = γ (X − μ) / √(σ² + ε) + β, μ and σ² over the samples;  γ̄ = Σₙ Ȳ X̂,  β̄ = Σₙ Ȳ;  X̄ as `_normalize` has it.

    Source: Ioffe & Szegedy, *Batch normalization* (2015), §3.
    """
    return _normalize(x, scale, shift, epsilon, 0)


def layer_norm(x: Array, scale: Array, shift: Array, epsilon: float = 1e-3) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = γ (X − μ) / √(σ² + ε) + β, μ and σ² over each sample's channels;  gradients as those of `batch_norm`.

    Source: Ba, Kiros & Hinton, *Layer normalization* (2016).
    """
    return _normalize(x, scale, shift, epsilon, 1)


def _normalize(x: Array, scale: Array, shift: Array, epsilon: float, axis: int) -> tuple[Array, tuple[Pullback, ...]]:
    """X̄ = c̄ − mean(c̄), where c̄ = X̂̄ / s + 2 c v̄ / K is the gradient of the centred c = X − μ, with s = √(v + ε).

    v = mean(c²) over the K elements of the axis, v̄ = −Σ X̂̄ c / 2 s³ its gradient, X̂ = c / s and X̂̄ = γ Ȳ.
    """
    count = x.shape[axis]
    centred = x - x.mean(axis=axis, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + epsilon)
    normalized = centred / deviation

    def x_pullback(y_bar: Array) -> Array:
        normalized_bar = y_bar * scale
        deviation_bar = -(normalized_bar * normalized).sum(axis=axis, keepdims=True) / deviation
        centred_bar = normalized_bar / deviation + centred * (deviation_bar / (deviation * count))
        x_bar: Array = centred_bar - centred_bar.mean(axis=axis, keepdims=True)
        return x_bar

    return normalized * scale + shift, (
        x_pullback,
        lambda y_bar: (y_bar * normalized).sum(axis=0),
        lambda y_bar: y_bar.sum(axis=0),
    )
