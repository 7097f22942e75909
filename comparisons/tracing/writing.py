"""Writing into tracing arrays, and sorting them: NumPy does it a second time with positions in place of values."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .array import TracingArray
from .buffers import native
from .conversion import (
    has_tracing,
    is_differentiable,
    is_tracing,
    layout_of,
    plain,
    positions_of,
    shadow_in,
    touch,
    write,
)
from .dispatch import RULES, Call, Rule, call, composed
from .recorder import Recorder
from .structure import array


def set_item(this: Call) -> None:
    """x[key] = data."""
    x, key, data = this.args
    key = plain(key)
    if isinstance(data, list | tuple) and has_tracing(data):
        data = array(data)
    if not is_differentiable(x._value):
        this.recorder.note(
            f"a traced {np.result_type(plain(data))} was written into an array of {x.dtype}, which truncates it"
        )
        x._value[key] = plain(data)
        return
    source = _positions_for_write(data, native(x.dtype), this.recorder)
    target = x._buffer.positions(layout_of(x), this.recorder.pool)  # before the values change
    x._value[key] = plain(data)
    target[key] = source
    touch(x)


def _positions_for_write(data: Any, dtype: Any, recorder: Recorder) -> Any:
    """Return a copy of the positions of the data to write, because the data may overlap their target."""
    return positions_of(data if is_tracing(data) else np.asarray(data), dtype, recorder).copy()


def in_place(*data: tuple[int, str]) -> Rule:
    """Return the rule of a function that writes elements of `data` into its first argument."""

    def rule(this: Call) -> Any:
        target = this.args[0]
        if not is_tracing(target) or not is_differentiable(target._value):
            return NotImplemented
        dtype = native(target.dtype)
        args, kwargs = [plain(x) for x in this.args], {key: plain(x) for key, x in this.kwargs.items()}
        for number, name in data:
            if number < len(args):
                args[number] = _positions_for_write(this.args[number], dtype, this.recorder)
            elif name in kwargs:
                kwargs[name] = _positions_for_write(this.kwargs[name], dtype, this.recorder)
        args[0] = target._buffer.positions(layout_of(target), this.recorder.pool)
        this.value()
        this.evaluate(*args, **{k: x for k, x in kwargs.items() if k != "casting"})
        touch(target)
        return None

    return rule


def _fill(x: TracingArray, data: Any) -> None:
    x[...] = data


# Sorting: NumPy decides the order, the elements are moved.


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:  # noqa: ARG001
    if axis is None:
        a, axis = call(np.ravel, (a,), {}), -1
    return call(np.take_along_axis, (a, call(np.argsort, (a, axis), {"kind": "stable"}), axis), {})


def _partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Any:  # noqa: ARG001
    if axis is None:
        a, axis = call(np.ravel, (a,), {}), -1
    return call(np.take_along_axis, (a, call(np.argpartition, (a, kth, axis), {}), axis), {})


def _sort_in_place(x: TracingArray, *args: Any, **kwargs: Any) -> None:
    x[...] = _sort(x, *args, **kwargs)


def _partition_in_place(x: TracingArray, *args: Any, **kwargs: Any) -> None:
    x[...] = _partition(x, *args, **kwargs)


def _unique(a: Any, **kwargs: Any) -> Any:
    value, first = np.unique(plain(a), return_index=True)
    if kwargs:
        return NotImplemented
    return call(np.take, (a, first), {}) if value.size else a


# Sums into places.


def _add_at(sign: int) -> Rule:
    def rule(this: Call) -> Any:
        """x[index] += data, once for each occurrence of a repeated index."""
        x, index, data = this.args
        if not is_tracing(x):
            return NotImplemented
        index, dtype = plain(index), native(x.dtype)
        places = np.arange(x.size).reshape(x.shape)[index]
        recorder, engine = this.recorder, this.recorder.engine
        signed = data if sign > 0 else call(np.negative, (data,), {})
        added = engine.broadcast(shadow_in(signed, dtype, recorder), np.shape(places))
        summed = engine.add_at(
            engine.reshape(shadow_in(x, dtype, recorder), (-1,)), places.reshape(-1), engine.reshape(added, (-1,))
        )
        value = x._value.copy()
        this.evaluate(value, index, plain(this.args[2]))
        write(x, value, engine.reshape(summed, x.shape))
        return None

    return rule


# fmt: off
RULES.update({
    operator.setitem:   set_item,
    np.ndarray.fill:    composed(_fill),
    np.ndarray.sort:    composed(_sort_in_place),
    np.ndarray.partition: composed(_partition_in_place),
    np.sort:            composed(_sort),
    np.partition:       composed(_partition),
    np.unique:          composed(_unique),
    np.copyto:          in_place((1, "src")),
    np.put:             in_place((2, "v")),
    np.ndarray.put:     in_place((2, "values")),
    np.place:           in_place((2, "vals")),
    np.putmask:         in_place((2, "values")),
    np.put_along_axis:  in_place((2, "values")),
    np.fill_diagonal:   in_place((1, "val")),
    np.add.at:          _add_at(1),
    np.subtract.at:     _add_at(-1),
})
# fmt: on
