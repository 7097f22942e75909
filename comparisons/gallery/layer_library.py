"""The faults of the layer library (`digits-conv`, `conv-random`): a convolution's bias, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.gradient import check_gradient

from .interface import PublishedFault, Version

_RNG = np.random.default_rng(5)
#: One picture of 8 × 6 with 2 channels, 5 kernels of 3 × 3: with unequal sizes each factor has one explanation.
_INPUTS = (_RNG.normal(size=(8, 6, 2)), _RNG.uniform(-0.5, 0.5, (3, 3, 2, 5)), _RNG.uniform(-0.5, 0.5, 5))


def convolve_bias_per_channel(x: Array, w: Array, b: Array) -> Array:
    """Y = Σ over input channels of (X ⋆ W + b): the bias comes once for each."""
    windows = sliding_window_view(x, w.shape[:2], axis=(0, 1))
    y = np.zeros((*windows.shape[:2], len(b)))
    for channel in range(x.shape[2]):
        y += np.tensordot(windows[:, :, channel], w[:, :, channel], 2) + b
    return y


def convolve(x: Array, w: Array, b: Array) -> Array:
    """Y = b + Σ over input channels of X ⋆ W."""
    windows = sliding_window_view(x, w.shape[:2], axis=(0, 1))
    y = np.zeros((*windows.shape[:2], len(b))) + b
    for channel in range(x.shape[2]):
        y += np.tensordot(windows[:, :, channel], w[:, :, channel], 2)
    return y


def convolve_of_tensorflow(x: Any, w: Any, b: Any) -> Any:
    """Y = X ⋆ W + b, in TensorFlow."""
    import tensorflow as tf

    return tf.nn.conv2d(x[tf.newaxis], w, 1, "VALID")[0] + b


def convolve_vjp_bias_times_channels(y_bar: Array, x: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    """b̄ = output channels · Σ Ȳ; X̄ and W̄ as they should be."""
    x_bar, w_bar, b_bar = convolve_vjp(y_bar, x, w, b)
    return x_bar, w_bar, w.shape[3] * b_bar


def convolve_vjp(y_bar: Array, x: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    """X̄ = Σ Ȳ W over the windows that hold an element,  W̄ = X ⋆ Ȳ,  b̄ = Σ Ȳ."""
    height, width = y_bar.shape[:2]
    x_bar, w_bar = np.zeros_like(x), np.zeros_like(w)
    for i, j in np.ndindex(w.shape[:2]):
        rows, columns = slice(i, i + height), slice(j, j + width)
        x_bar[rows, columns] += y_bar @ w[i, j].T
        w_bar[i, j] = np.tensordot(x[rows, columns], y_bar, ((0, 1), (0, 1)))
    return x_bar, w_bar, y_bar.sum(axis=(0, 1)).reshape(b.shape)


FAULTS = (
    PublishedFault(
        slug="conv-bias-per-channel",
        source="digits-conv",
        sentence="The convolution adds its bias once for each input channel.",
        faulty=Version(
            (convolve_bias_per_channel, convolve_vjp),
            lambda: check_gradient(
                convolve_bias_per_channel, vjp=convolve_vjp, inputs=_INPUTS, reference=convolve_of_tensorflow
            ),
        ),
        causes=("forward",),
        corrected=Version(
            (convolve,),
            lambda: check_gradient(convolve, vjp=convolve_vjp, inputs=_INPUTS, reference=convolve_of_tensorflow),
        ),
    ),
    PublishedFault(
        slug="conv-bias-gradient-times-channels",
        source="digits-conv",
        sentence="The gradient of the bias is multiplied by the number of output channels.",
        faulty=Version(
            (convolve, convolve_vjp_bias_times_channels),
            lambda: check_gradient(convolve, vjp=convolve_vjp_bias_times_channels, inputs=_INPUTS),
        ),
        causes=("factor",),
        corrected=Version((convolve_vjp,), lambda: check_gradient(convolve, vjp=convolve_vjp, inputs=_INPUTS)),
    ),
)
