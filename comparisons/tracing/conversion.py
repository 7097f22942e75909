"""Making tracing arrays of values, shadows and positions, and values, shadows and positions of tracing arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .array import TracingArray
from .buffers import Array, Buffer, memory_order, native, owner

if TYPE_CHECKING:
    from .recorder import Recorder

#: The codes of the dtypes that have shadows: float16, float32 and float64.
DIFFERENTIABLE = frozenset("efd")
#: The kinds of dtype whose arrays become tracing ones.
NUMERIC = "biufc"


def is_tracing(x: Any) -> bool:
    """Return whether an object is a tracing array; isinstance is not asked, it sees the value's class."""
    return type(x) is TracingArray


def is_active(x: Any) -> bool:
    """Return whether a tracing array, alone or in lists, tuples and dicts, has a shadow."""
    kind = type(x)
    if kind is TracingArray:
        return bool(x._buffer.active)
    if kind is list or isinstance(x, tuple):
        return any(is_active(item) for item in x)
    if kind is dict:
        return any(is_active(item) for item in x.values())
    return False


def has_tracing(x: Any) -> bool:
    """Return whether nested lists and tuples hold a tracing array, or the object is one."""
    return type(x) is TracingArray or (isinstance(x, list | tuple) and any(has_tracing(item) for item in x))


def plain(x: Any) -> Any:
    """Return the value of a tracing array, also within nested lists, tuples, dicts and slices."""
    kind = type(x)
    if kind is TracingArray:
        return x._value
    if kind is list or isinstance(x, tuple):
        if not has_tracing(x):
            return x
        items = [plain(item) for item in x]
        return x._make(items) if hasattr(x, "_make") else kind(items)
    if kind is dict:
        return {key: plain(item) for key, item in x.items()}
    return x


def shadow_of(x: TracingArray) -> Any:
    """Return the shadow of an active tracing array's present elements."""
    version, shadow = x._cached
    buffer = x._buffer
    if version != buffer.version or shadow is None:
        shadow = buffer.read(layout_of(x), x._recorder.pool)
        x._cached = (buffer.version, shadow)
    return shadow


def shadow_in(x: Any, dtype: Any, recorder: Recorder) -> Any:
    """Return a shadow beside values of the given dtype, of a tracing array or of plain values."""
    engine = recorder.engine
    if type(x) is not TracingArray:
        return engine.constant(x, dtype)
    if not x._buffer.active:
        return engine.constant(x._value, dtype)
    return engine.cast(shadow_of(x), dtype)


def positions_of(x: Any, dtype: Any, recorder: Recorder) -> Array:
    """Return the positions of the elements of a tracing array, or of plain values made constants, as `dtype`."""
    if (
        type(x) is TracingArray
        and x._buffer.active
        and native(x._value.dtype if _is_numpy(x._value) else float) == dtype
    ):
        return x._buffer.positions(layout_of(x), recorder.pool)
    return recorder.pool.add(shadow_in(x, dtype, recorder), np.shape(plain(x)))


def from_shadow(recorder: Recorder, value: Any, shadow: Any) -> TracingArray:
    """Return a new tracing array of a fresh value and its shadow."""
    value, root = _own(value)
    if recorder.engine.shape(shadow) != root.shape or not recorder.engine.is_of(shadow, root.dtype):
        raise AssertionError(f"a shadow of shape {recorder.engine.shape(shadow)} of value {root.dtype}{root.shape}")
    return _register(recorder, value, Buffer(root, shadow))


def from_positions(recorder: Recorder, value: Any, positions: Array) -> TracingArray:
    """Return a new tracing array of a fresh value whose elements are those at the positions."""
    value, root = _own(value)
    return _register(recorder, value, Buffer(root, where=memory_order(root, np.asarray(positions))))


def wrap(recorder: Recorder, value: Any) -> Any:
    """Return plain arrays, also in lists and tuples, as tracing arrays: views of known memory, or inactive."""
    if isinstance(value, np.ndarray):
        buffer = recorder.buffers.get(id(owner(value)))
        if type(value) is np.ndarray and buffer is not None and buffer.root.dtype == value.dtype:
            return TracingArray(recorder, value, buffer)
        if buffer is not None and buffer.active:
            recorder.escape(f"a view as {type(value).__name__} of {value.dtype}")
        if type(value) is not np.ndarray or value.dtype.kind not in NUMERIC:
            return value
        value, root = _own(value)
        return _register(recorder, value, Buffer(root, recorder.engine.adopt(root)))
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray | list | tuple) for item in value):
        items = [wrap(recorder, item) for item in value]
        return value._make(items) if hasattr(value, "_make") else type(value)(items)
    return value


def is_view(recorder: Recorder, value: Any) -> bool:
    """Return whether a plain array is a view of memory that a tracing array already has."""
    return isinstance(value, np.ndarray) and id(owner(value)) in recorder.buffers


def write(target: TracingArray, value: Any, source: Any) -> None:
    """Overwrite all elements with a value and its shadow; None as a shadow means constants."""
    buffer, pool = target._buffer, target._recorder.pool
    whole = buffer.covered_by(target._value)
    if whole or (source is None and not buffer.active):
        np.copyto(target._value, value, casting="same_kind")
        buffer.replace(None if source is None else _fit(source, target))
        return
    where = buffer.positions(target._value, pool)  # of what stood there, hence before the values change
    np.copyto(target._value, value, casting="same_kind")
    constants = pool.engine.constant(value, native(np.asarray(value).dtype)) if source is None else source
    where[...] = pool.add(_fit(constants, target), target.shape)
    touch(target)


def _fit(shadow: Any, target: TracingArray) -> Any:
    """Return a shadow cast and broadcast to an array's dtype and shape."""
    engine = target._recorder.engine
    shadow = engine.cast(shadow, native(target._buffer.root.dtype))
    return shadow if engine.shape(shadow) == target.shape else engine.broadcast(shadow, target.shape)


def touch(target: TracingArray) -> None:
    """Say that positions of a buffer were overwritten."""
    target._buffer.shadow = None
    target._buffer.version += 1


def is_differentiable(value: Any) -> bool:
    """Return whether a value is of a real floating dtype that both libraries have."""
    if type(value) is float:
        return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and dtype.char in DIFFERENTIABLE


def layout_of(x: TracingArray) -> Array:
    """Return the array whose memory layout gives the places of these elements in the buffer."""
    return x._value if isinstance(x._value, np.ndarray) else x._buffer.root


def _is_numpy(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic)


def _own(value: Any) -> tuple[Any, Array]:
    """Return a value whose memory is its own (NumPy may return a view of a temporary), and its block of memory."""
    if not isinstance(value, np.ndarray):
        return value, np.asarray(value)
    if value.base is not None:
        value = value.copy(order="K")
    return value, value


def _register(recorder: Recorder, value: Any, buffer: Buffer) -> TracingArray:
    if isinstance(value, np.ndarray):
        recorder.buffers[id(value)] = buffer
    return TracingArray(recorder, value, buffer)
