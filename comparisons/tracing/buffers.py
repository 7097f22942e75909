"""Memory of tracing arrays: which element of which shadow each element of a NumPy array is.

Structure needs no rule for each function: NumPy itself moves integers, the *positions* of a shadow's elements, in place
of the values, and one gather then builds the shadow. Views share the positions as they share the values.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt

from .engine import Engine

Array = npt.NDArray[Any]


class Pool:
    """All shadows whose elements have a position. Position 0 is the constant zero, of any dtype."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._flat: list[Any] = [None]
        self._starts = [0]
        self._end = 1

    def add(self, shadow: Any, shape: tuple[int, ...]) -> Array:
        """Give each element of a shadow a position; return them in the shadow's shape."""
        flat = self.engine.reshape(shadow, (-1,))
        [size] = self.engine.shape(flat)
        if not size:
            return np.empty(shape, np.int64)
        start = self._end
        self._flat.append(flat)
        self._starts.append(start)
        self._end += size
        return np.arange(start, self._end).reshape(shape)

    def gather(self, positions: Array, dtype: Any) -> Any:
        """Return the shadow of the elements at these positions."""
        engine = self.engine
        if not positions.size:
            return engine.zeros(positions.shape, dtype)
        first = bisect_right(self._starts, int(positions.min())) - 1
        last = bisect_right(self._starts, int(positions.max())) - 1
        if first == last:
            source, index = self._part(first, dtype), positions - self._starts[first]
        else:
            source, index = self._join(first, last, positions, dtype)
        if index.size == engine.shape(source)[0] and np.array_equal(index.reshape(-1), np.arange(index.size)):
            return engine.reshape(source, positions.shape)
        return engine.gather(source, index)

    def _part(self, number: int, dtype: Any) -> Any:
        return self._flat[number] if number else self.engine.zeros((1,), dtype)

    def _join(self, first: int, last: int, positions: Array, dtype: Any) -> tuple[Any, Array]:
        """Return the parts that hold the positions as one tensor, and where the positions are in it."""
        starts = np.array(self._starts[first : last + 1])
        numbers, local = np.unique(np.searchsorted(starts, positions, side="right") - 1, return_inverse=True)
        parts = [self._part(first + int(number), dtype) for number in numbers]
        sizes = [self.engine.shape(part)[0] for part in parts]
        offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])) - starts[numbers]
        return self.engine.concatenate(parts), positions + offsets[local].reshape(positions.shape)


class Buffer:
    """One block of memory: its values, and the shadows of those that have one.

    Three states. *Inactive*: values alone. *Whole*: `shadow` is the block's own, in the shape of `root`. *Mixed*:
    `where` holds the position of each element, in memory order. `version` counts the writes.
    """

    __slots__ = ("__weakref__", "root", "shadow", "version", "where")

    def __init__(self, root: Array, shadow: Any = None, where: Array | None = None) -> None:
        self.root = root
        self.shadow = shadow
        self.where = where
        self.version = 0

    @property
    def active(self) -> bool:
        """Whether any element has a shadow: under the tape, because it depends on a differentiated input."""
        return self.shadow is not None or self.where is not None

    def positions(self, view: Array, pool: Pool) -> Array:
        """Return the positions of a view's elements: themselves a view, whose writes go to the buffer."""
        if self.where is None:
            shadow = pool.engine.constant(self.root, native(self.root.dtype)) if self.shadow is None else self.shadow
            self.where = memory_order(self.root, pool.add(shadow, self.root.shape))
        return overlay(self.where, self.root, view)

    def read(self, view: Array, pool: Pool) -> Any:
        """Return the shadow of a view's present elements."""
        if self.shadow is not None:
            if self.covered_by(view):
                return self.shadow
            permuted = self._permuted(view, pool.engine)
            if permuted is not None:
                return permuted
        return pool.gather(self.positions(view, pool), native(self.root.dtype))

    def replace(self, shadow: Any) -> None:
        """Forget all elements for those of a shadow in the shape of `root`; None makes the buffer inactive."""
        self.shadow = shadow
        self.where = None
        self.version += 1

    def covered_by(self, view: Array) -> bool:
        """Whether a view is the block itself, element by element."""
        root = self.root
        return view is root or (
            view.shape == root.shape and view.strides == root.strides and address(view) == address(root)
        )

    def _permuted(self, view: Array, engine: Engine) -> Any:
        """Return the shadow of a reshaped and transposed view of the whole block, None for other views."""
        if view.size != self.root.size or not self.root.flags.c_contiguous:
            return None
        order = sorted(range(view.ndim), key=lambda axis: (-view.strides[axis], -view.shape[axis]))
        straight = view.transpose(order)
        if not straight.flags.c_contiguous or (view.size and address(view) != address(self.root)):
            return None
        shadow = engine.reshape(self.shadow, straight.shape)
        if order == list(range(view.ndim)):
            return shadow
        return engine.transpose(shadow, [int(i) for i in np.argsort(order)])


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
