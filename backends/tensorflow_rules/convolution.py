"""Convolution, pooling and flattening of images x (n,h,w,c): samples, rows, columns, channels last."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradtwin.backends.windows import Padding

Tensor = Any


def flatten(x: Tensor) -> Tensor:
    """Y = X with all axes but the first in one."""
    n, h, w, c = x.shape
    return tf.reshape(x, (n, h * w * c))


def average_pool(x: Tensor, size: int = 2, stride: int = 2) -> Tensor:
    """Y = mean of each size × size window."""
    return tf.nn.avg_pool2d(x, size, stride, "VALID")


def max_pool(x: Tensor, size: int = 2, stride: int = 2) -> Tensor:
    """Y = maximum of each size × size window."""
    return tf.nn.max_pool2d(x, size, stride, "VALID")


def conv2d(x: Tensor, w: Tensor, b: Tensor, stride: int = 1, padding: Padding = "valid") -> Tensor:
    """Y = X ⋆ W + b, cross-correlation."""
    return tf.nn.conv2d(x, w, stride, padding.upper()) + b
