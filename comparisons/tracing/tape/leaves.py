"""The tensors that the tape watches, and each differentiated array's own part of their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.array import TracingArray
from gradtwin.comparisons.tracing.buffers import Array, Buffer, overlay
from gradtwin.comparisons.tracing.holding import Holder

from .engine import TapeEngine, constant


class Leaves:
    """The watched tensors. Each is a whole buffer's; the gradient of an array is its view of the buffer's gradient."""

    def __init__(self, holder: Holder, engine: TapeEngine) -> None:
        self._leaves: dict[int, tuple[Buffer, Any]] = {}
        self._views: dict[int, Any] = {}
        for array in holder.watched:
            buffer = array._buffer
            self._views[id(array)] = array._value  # forward may set its shape
            if id(buffer) not in self._leaves:
                tensor = constant(buffer.root)
                buffer.replace(tensor)
                self._leaves[id(buffer)] = (buffer, tensor)
        engine.tape.watch([tensor for _, tensor in self._leaves.values()])

    def __contains__(self, array: TracingArray) -> bool:
        return id(array) in self._views

    def leaf(self, array: TracingArray) -> Any:
        """Return the tensor that the tape watches for a differentiated array."""
        return self._leaves[id(array._buffer)][1]

    def extract(self, array: TracingArray, bar: Array) -> Array:
        """Return an array's own part of its buffer's gradient."""
        root, view = array._buffer.root, self._views[id(array)]
        if not isinstance(view, np.ndarray) or array._buffer.covered_by(view):
            return bar
        memory = np.empty(root.size, bar.dtype)
        overlay(memory, root, root)[...] = bar
        return np.array(overlay(memory, root, view))
