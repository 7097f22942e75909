"""Memory of tracing arrays: which element of which tensor each element of a NumPy array is.

Structure needs no rule for each function: NumPy itself moves integers, the *positions* of tensor elements, in place of
the values, and one gather then builds the tensor. Views share the positions as they share the values.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt

from .framework import tf

Array = npt.NDArray[Any]

#: Of arrays of more bytes, the memory counts for more than the time.
LARGE = 2**20

#: A tensor of so many elements, or of so many for each one that is read, may have a dense gradient for each reading.
SMALL, DENSE = 2**12, 4


class Pool:
    """All tensors whose elements have a position. Position 0 is the constant zero, of any dtype."""

    def __init__(self) -> None:
        self._tensors: list[Any] = [None]
        self._starts = [0]
        self._end = 1

    def add(self, tensor: Any, shape: tuple[int, ...]) -> Array:
        """Give each element of a tensor a position; return them in the tensor's shape."""
        flat = tf.reshape(tensor, [-1])
        size = int(flat.shape[0])
        if not size:
            return np.empty(shape, np.int64)
        start = self._end
        self._tensors.append(flat)
        self._starts.append(start)
        self._end += size
        return np.arange(start, self._end).reshape(shape)

    def gather(self, positions: Array, dtype: Any) -> Any:
        """Return the tensor of the elements at these positions."""
        if not positions.size:
            return tf.zeros(positions.shape, dtype)
        first = bisect_right(self._starts, int(positions.min())) - 1
        last = bisect_right(self._starts, int(positions.max())) - 1
        if first == last:
            source, index = self._part(first, dtype), positions - self._starts[first]
        else:
            source, index = self._join(first, last, positions, dtype)
        if index.size == source.shape[0] and np.array_equal(index.reshape(-1), np.arange(index.size)):
            return tf.reshape(source, positions.shape)
        # Of GatherNd's two gradients the dense one takes fewer operations, the sparse one less memory; 0-d has that.
        if positions.ndim and source.shape[0] <= max(SMALL, DENSE * index.size):
            return tf.raw_ops.GatherNd(params=source, indices=index[..., np.newaxis])
        return tf.reshape(tf.raw_ops.GatherNd(params=source, indices=index.reshape(-1, 1)), index.shape)

    def _part(self, number: int, dtype: Any) -> Any:
        return self._tensors[number] if number else tf.zeros([1], dtype)

    def _join(self, first: int, last: int, positions: Array, dtype: Any) -> tuple[Any, Array]:
        """Return the parts that hold the positions as one tensor, and where the positions are in it."""
        starts = np.array(self._starts[first : last + 1])
        numbers, local = np.unique(np.searchsorted(starts, positions, side="right") - 1, return_inverse=True)
        parts = [self._part(first + int(number), dtype) for number in numbers]
        sizes = [int(part.shape[0]) for part in parts]
        offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])) - starts[numbers]
        return tf.concat(parts, 0), positions + offsets[local].reshape(positions.shape)


class Buffer:
    """One block of memory: its values, and, where they depend on differentiated inputs, the tensors they are of.

    Three states. *Inactive*: values alone. *Whole*: `tensor` is the block's tensor in the shape of `root`. *Mixed*:
    `where` holds the position of each element, in memory order. `version` counts the writes.
    """

    __slots__ = ("__weakref__", "root", "tensor", "version", "where")

    def __init__(self, root: Array, tensor: Any = None, where: Array | None = None) -> None:
        self.root = root
        self.tensor = tensor
        self.where = where
        self.version = 0

    @property
    def active(self) -> bool:
        """Whether any element depends on a differentiated input."""
        return self.tensor is not None or self.where is not None

    def positions(self, view: Array, pool: Pool) -> Array:
        """Return the positions of a view's elements: themselves a view, whose writes go to the buffer."""
        if self.where is None:
            tensor = constant(self.root) if self.tensor is None else self.tensor
            self.where = memory_order(self.root, pool.add(tensor, self.root.shape))
        return overlay(self.where, self.root, view)

    def read(self, view: Array, pool: Pool) -> Any:
        """Return the tensor of a view's present elements."""
        if self.tensor is not None:
            if self.covered_by(view):
                return self.tensor
            permuted = self._permuted(view)
            if permuted is not None:
                return permuted
        return pool.gather(self.positions(view, pool), native(self.root.dtype))

    def replace(self, tensor: Any) -> None:
        """Forget all elements for those of a tensor in the shape of `root`; None makes the buffer inactive."""
        self.tensor = tensor
        self.where = None
        self.version += 1

    def covered_by(self, view: Array) -> bool:
        """Whether a view is the block itself, element by element."""
        root = self.root
        return view is root or (
            view.shape == root.shape and view.strides == root.strides and address(view) == address(root)
        )

    def _permuted(self, view: Array) -> Any:
        """Return the tensor of a reshaped and transposed view of the whole block, None for other views."""
        if view.size != self.root.size or not self.root.flags.c_contiguous:
            return None
        order = sorted(range(view.ndim), key=lambda axis: (-view.strides[axis], -view.shape[axis]))
        straight = view.transpose(order)
        if not straight.flags.c_contiguous or (view.size and address(view) != address(self.root)):
            return None
        tensor = tf.reshape(self.tensor, straight.shape)
        return tensor if order == list(range(view.ndim)) else tf.transpose(tensor, np.argsort(order))


def constant(value: Any, dtype: Any = None) -> Any:
    """Return plain values as a tensor, in native byte order."""
    array = np.asarray(value)
    array = np.asarray(array, native(array.dtype) if dtype is None else dtype)
    if not array.ndim:
        return tf.constant(array.item(), array.dtype)  # a number costs a fifth of a 0-d array
    # Of an array tf.constant keeps a second copy as long as the tensor lives; it takes two thirds of the other's time.
    return tf.raw_ops.DeepCopy(x=array) if array.nbytes > LARGE else tf.constant(array)


def native(dtype: Any) -> np.dtype[Any]:
    """Return a dtype in the machine's byte order."""
    order: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return order


def owner(array: Any) -> Any:
    """Return the object at the end of the chain of bases: the one that owns the memory."""
    base = getattr(array, "base", None)
    while base is not None:
        array, base = base, getattr(base, "base", None)
    return array


def address(array: Array) -> int:
    """Return the memory address of the first element."""
    return int(array.__array_interface__["data"][0])


def overlay(memory: Array, root: Array, view: Array) -> Array:
    """Return the view of `memory` (one element for each of `root`, in memory order) that `view` is of `root`."""
    if not view.size:
        return np.empty(view.shape, memory.dtype)
    scale = memory.itemsize
    offset = (address(view) - address(root)) // root.itemsize * scale
    strides = tuple(stride // root.itemsize * scale for stride in view.strides)
    return np.ndarray(view.shape, memory.dtype, memory, offset, strides)


def memory_order(root: Array, elements: Array) -> Array:
    """Return the elements of an array of root's shape in the order in which root holds its own in memory."""
    if root.flags.c_contiguous:
        return elements.reshape(-1).copy()
    memory = np.zeros(root.size, elements.dtype)
    overlay(memory, root, root)[...] = elements
    return memory
