"""The user's arrays in a traced run: copied in, differentiated if wanted, and returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError

from .array import TracingArray
from .buffers import Array, Buffer, address, overlay, owner
from .conversion import is_differentiable
from .recorder import Recorder


class Holder:
    """The tracing arrays that stand for the user's arrays.

    Arrays that share memory share a buffer: a write through one shows in the other.
    """

    def __init__(self, recorder: Recorder, parameters: set[int]) -> None:
        self._recorder = recorder
        self._parameters = parameters
        self._groups: dict[int, list[tuple[Array, TracingArray]]] = {}
        self._by_array: dict[int, TracingArray] = {}
        self._originals: dict[int, tuple[TracingArray, Any, Buffer]] = {}
        self._plain: dict[int, tuple[Any, TracingArray]] = {}
        #: The arrays that are differentiated.
        self.watched: list[TracingArray] = []
        self.inputs: dict[int, TracingArray] = {}

    def take_inputs(self, inputs: tuple[Any, ...], wrt: set[int]) -> list[Any]:
        """Return the inputs with a separate tracing array in place of each array."""
        taken: list[Any] = []
        for position, value in enumerate(inputs):
            if position in wrt:
                if not isinstance(value, np.ndarray | np.floating | float) or not is_differentiable(value):
                    kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
                    raise ArgumentTypeError(
                        f"input {position}: got {kind}; expected an array or number of float16, float32 or float64."
                    )
                if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
                    raise ArgumentTypeError(
                        f"input {position}: got {type(value).__name__}; expected a plain array; use np.asarray."
                    )
            if type(value) is np.ndarray and not value.dtype.hasobject:
                array = self._single(value)
            elif position in wrt:
                array = self._scalar(value)
            else:
                taken.append(value)
                continue
            self.inputs[position] = array
            self._originals[id(array)] = (array, value, array._buffer)
            if position in wrt:
                self.watched.append(array)
            taken.append(array)
        return taken

    def wrap(self, array: Array) -> TracingArray:
        """Return the tracing array of a held array: one for each array, and one buffer for shared memory."""
        if id(array) in self._by_array:
            return self._by_array[id(array)]
        base = owner(array)
        group = self._groups.setdefault(id(base), [])
        held = self._single(array)
        group.append((array, held))
        self._by_array[id(array)] = held
        self._originals[id(held)] = (held, array, held._buffer)
        if len(group) > 1 and isinstance(base, np.ndarray) and base.dtype == array.dtype:
            self._share(base, group)
        if id(array) in self._parameters and is_differentiable(array):
            self.watched.append(held)
        return held

    def held(self, array: Array) -> TracingArray | None:
        """Return the tracing array of a held array, None where forward doesn't reach it."""
        return self._by_array.get(id(array))

    def plain(self, array: TracingArray) -> Any:
        """Return the plain array for a tracing one: the user's array, if it stands for one and is unchanged."""
        value = array._value
        if id(array) in self._originals:
            _, original, _ = self._originals[id(array)]
            if np.shape(original) == np.shape(value) and np.asarray(original).tobytes() == np.asarray(value).tobytes():
                value = original
        if array._buffer.active:
            self._plain[id(value)] = (value, array)
        return value

    def release(self) -> None:
        """Forget the copies of arrays that are not differentiated, which a run alone needs."""
        self._groups.clear()
        self._originals.clear()
        self._by_array = {key: array for key, array in self._by_array.items() if key in self._parameters}

    def traced(self, value: Any) -> TracingArray | None:
        """Return the tracing array that a plain one was put in the place of, None where it is not active."""
        found = self._plain.get(id(value))
        return None if found is None else found[1]

    def _single(self, array: Array) -> TracingArray:
        """Return a tracing array of a copy with the same memory layout."""
        if array.flags.c_contiguous or array.flags.f_contiguous or any(s % array.itemsize for s in array.strides):
            value = root = array.copy(order="K")
        else:
            value, root = _clone(array)
        value.flags.writeable = array.flags.writeable
        return self._new(value, root)

    def _share(self, base: Array, group: list[tuple[Array, TracingArray]]) -> None:
        """Give arrays that share memory one buffer."""
        if not base.flags.c_contiguous and not base.flags.f_contiguous:
            return
        root = base.copy(order="K")
        memory = np.ndarray(root.size, root.dtype, root)
        shared = Buffer(root, self._recorder.engine.adopt(root))
        self._recorder.buffers[id(root)] = shared
        for array, held in group:
            held._value = root if array is base else overlay(memory, base, array)
            held._buffer = shared

    def _scalar(self, value: Any) -> TracingArray:
        root = np.asarray(value)
        return TracingArray(self._recorder, value, Buffer(root, self._recorder.engine.adopt(root)))

    def _new(self, value: Array, root: Array) -> TracingArray:
        buffer = Buffer(root, self._recorder.engine.adopt(root))
        self._recorder.buffers[id(root)] = buffer
        return TracingArray(self._recorder, value, buffer)


def _clone(array: Array) -> tuple[Array, Array]:
    """Return a copy with the same strides, and the block of memory it is a view of."""
    low, high = np.lib.array_utils.byte_bounds(array)
    root = np.zeros((high - low) // array.itemsize, array.dtype)
    value: Array = np.ndarray(array.shape, array.dtype, root, address(array) - low, array.strides)
    value[...] = array
    return value, root
