"""Products of matrices."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def dense(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Y = X W + b."""
    return x @ w + b


def linear(x: Tensor, w: Tensor) -> Tensor:
    """Y = X Wᵀ."""
    return tf.matmul(x, w, transpose_b=True)


def prepend_one(x: Tensor) -> Tensor:
    """Y = [1 X], a first column of ones."""
    return tf.pad(x, ((0, 0), (1, 0)), constant_values=1)


def dense_columns(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """Y = W X + b, samples in columns."""
    return w @ x + b


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Y = A B, with a 1-D a as a row and a 1-D b as a column, as in np.matmul."""
    rows = a if a.shape.rank > 1 else a[tf.newaxis, :]
    columns = b if b.shape.rank > 1 else b[:, tf.newaxis]
    if rows.shape[:-2] != columns.shape[:-2]:
        # Broadcast first: with one-sized stacks oneDNN's kernel reads past its operand (TensorFlow 2.21, issue 123109).
        stack = tf.broadcast_static_shape(rows.shape[:-2], columns.shape[:-2])
        rows = tf.broadcast_to(rows, stack + rows.shape[-2:])
        columns = tf.broadcast_to(columns, stack + columns.shape[-2:])
    y = rows @ columns
    if b.shape.rank == 1:
        y = tf.squeeze(y, axis=-1)
    if a.shape.rank == 1:
        y = tf.squeeze(y, axis=-2 if b.shape.rank > 1 else -1)
    return y
