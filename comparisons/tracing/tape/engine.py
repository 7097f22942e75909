"""Tensors as shadows: what the tape watches and differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.buffers import Array, native
from gradtwin.comparisons.tracing.conversion import is_active, is_tracing, plain, shadow_of
from gradtwin.comparisons.tracing.dispatch import Rule

from .framework import tf
from .rules import RULES

#: Of arrays of more bytes, the memory counts for more than the time.
LARGE = 2**20

#: A tensor of so many elements, or of so many for each one that is read, may have a dense gradient for each reading.
SMALL, DENSE = 2**12, 4


class TapeEngine:
    """Tensors beside NumPy's values; values that nothing is known of are constants and need none."""

    def __init__(self) -> None:
        self.tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)

    keeps_constants = False
    more = 0

    def rule_of(self, function: Any) -> Rule | None:
        """Return TensorFlow's form of a function."""
        return RULES.get(function)

    def adopt(self, values: Array) -> Any:  # noqa: ARG002
        """Return None: constants have no tensor until they meet one."""
        return None

    def constant(self, values: Any, dtype: np.dtype[Any] | None = None) -> Any:
        """Return plain values as a tensor."""
        return constant(values, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """Return a tensor of zeros."""
        return tf.zeros(shape, dtype)

    def shape(self, shadow: Any) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return tuple(shadow.shape)

    def is_of(self, shadow: Any, dtype: np.dtype[Any]) -> bool:
        """Return whether a tensor is of a dtype; TensorFlow's own comparison takes as long as a small operation."""
        return bool(shadow.dtype.as_numpy_dtype is dtype.type)

    def cast(self, shadow: Any, dtype: np.dtype[Any]) -> Any:
        """Return a tensor of a dtype."""
        return shadow if self.is_of(shadow, dtype) else tf.cast(shadow, dtype)

    def reshape(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return the same elements in another shape."""
        return tf.reshape(shadow, shape)

    def transpose(self, shadow: Any, axes: Sequence[int]) -> Any:
        """Return the same elements with the axes in another order."""
        return tf.transpose(shadow, axes)

    def broadcast(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return a tensor repeated to a shape."""
        return tf.broadcast_to(shadow, shape)

    def concatenate(self, flat: Sequence[Any]) -> Any:
        """Return flat tensors, one after the other."""
        return tf.concat(list(flat), 0)

    def gather(self, flat: Any, index: Array) -> Any:
        """Return the elements of a flat tensor at these places.

        Of GatherNd's two gradients the dense one takes fewer operations, the sparse one less memory; 0-d has that.
        """
        if index.ndim and flat.shape[0] <= max(SMALL, DENSE * index.size):
            return tf.raw_ops.GatherNd(params=flat, indices=index[..., np.newaxis])
        return tf.reshape(tf.raw_ops.GatherNd(params=flat, indices=index.reshape(-1, 1)), index.shape)

    def add_at(self, flat: Any, places: Array, data: Any) -> Any:
        """Return a flat tensor with `data` added at flat places."""
        return tf.tensor_scatter_nd_add(flat, np.reshape(places, (-1, 1)), data)


def constant(value: Any, dtype: Any = None) -> Any:
    """Return plain values as a tensor, in native byte order."""
    array = np.asarray(value)
    array = np.asarray(array, native(array.dtype) if dtype is None else dtype)
    if not array.ndim:
        return tf.constant(array.item(), array.dtype)  # a number costs a fifth of a 0-d array
    # Of an array tf.constant keeps a second copy as long as the tensor lives; it takes two thirds of the other's time.
    return tf.raw_ops.DeepCopy(x=array) if array.nbytes > LARGE else tf.constant(array)


def to_tensor(x: Any, dtype: Any) -> Any:
    """Return a tensor of the given dtype of a tracing array or of plain values."""
    if not is_tracing(x):
        return constant(x, dtype)
    if not is_active(x):
        return constant(plain(x), dtype)
    tensor = shadow_of(x)
    return tensor if tensor.dtype.as_numpy_dtype is dtype.type else tf.cast(tensor, dtype)
