"""Structure by index maps: NumPy itself moves positions in place of values.

A function that returns a view needs no rule: the view's memory layout gives its positions. A function that returns a
copy is run a second time on the positions of its data. A function that writes is run a second time on the positions
that it overwrites.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from .array import TracingArray
from .buffers import native
from .conversion import (
    from_positions,
    from_shadow,
    has_tracing,
    is_active,
    is_differentiable,
    is_tracing,
    is_view,
    plain,
    positions_of,
    shadow_in,
    wrap,
)
from .dispatch import (
    RULES,
    Call,
    Rule,
    call,
    composed,
    inactive,
    sourced,
)
from .recorder import Recorder

#: Arguments of structural functions that would change the positions' type.
_NOT_OF_POSITIONS = frozenset({"dtype", "casting", "out", "copy", "subok", "like"})


def structural(*data: tuple[int, str], every: bool = False) -> Rule:
    """Return the rule of a function that only moves elements.

    `data` are the positions and names of the arguments that hold elements; `every` means that all positional ones do.
    """

    def rule(this: Call) -> Any:
        recorder = this.recorder
        kwargs = {key: x for key, x in this.kwargs.items() if key != "out" and x is not np._NoValue}
        this = replace(this, args=tuple(_as_array(x) for x in this.args), kwargs=kwargs)
        value = this.value()
        first = value[0] if isinstance(value, list | tuple) else value
        if isinstance(value, list | tuple) and all(is_view(recorder, item) for item in value):
            return wrap(recorder, value)
        if is_view(recorder, value):
            return wrap(recorder, value)
        if not is_differentiable(first):
            return NotImplemented
        dtype = native(np.result_type(first))
        args = list(this.args)
        kwargs = {key: plain(x) for key, x in kwargs.items() if key not in _NOT_OF_POSITIONS}
        names = [(number, "") for number in range(len(args))] if every else data
        for number, name in names:
            if number < len(args):
                args[number] = _positions(args[number], dtype, recorder)
            elif name in kwargs:
                kwargs[name] = _positions(this.kwargs[name], dtype, recorder)
        moved = this.evaluate(*[plain(x) for x in args], **kwargs)
        result = _pair(recorder, value, moved)
        return result if "out" not in this.kwargs else NotImplemented

    return rule


def _as_array(x: Any) -> Any:
    """Return a sequence of scalars among which is a tracing one as an array, anything else as it is."""
    if isinstance(x, list | tuple) and has_tracing(x) and all(_is_scalar(item) for item in x):
        return array(x)
    return x


def _is_scalar(x: Any) -> bool:
    return np.ndim(x._value) == 0 if is_tracing(x) else not isinstance(x, list | tuple | np.ndarray)


def _positions(x: Any, dtype: Any, recorder: Recorder) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(_positions(item, dtype, recorder) for item in x)
    return None if x is None else positions_of(x, dtype, recorder)


def _pair(recorder: Recorder, value: Any, moved: Any) -> Any:
    if isinstance(value, list | tuple):
        items = [_pair(recorder, item, positions) for item, positions in zip(value, moved, strict=True)]
        return value._make(items) if hasattr(value, "_make") else type(value)(items)
    if is_view(recorder, value):
        return wrap(recorder, value)
    return from_positions(recorder, value, moved)


def get_item(this: Call) -> Any:
    """x[key]."""
    x, key = this.args[0], plain(this.args[1])
    value = x._value[key]
    if is_view(this.recorder, value):
        return wrap(this.recorder, value)
    if not is_active(x):  # the key alone depends on the inputs
        return wrap(this.recorder, value)
    return from_positions(this.recorder, value, positions_of(x, native(x.dtype), this.recorder)[key])


# Arrays from nested lists, conversions and copies.


def array(
    obj: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: Any = False,  # noqa: ARG001
    ndmin: int = 0,
) -> Any:
    """np.array: nested sequences with tracing arrays in them, or one tracing array."""
    recorder = _recorder_of(obj)
    value = np.array(plain(obj), dtype=dtype, order=order, ndmin=ndmin)
    if not is_differentiable(value):
        if value.dtype.kind in "biu":
            recorder.branch()
        else:
            recorder.escape(f"np.array of dtype {value.dtype}")
        return wrap(recorder, value)
    kind = native(value.dtype)
    if is_tracing(obj):
        if (
            copy in (False, None)
            and isinstance(obj._value, np.ndarray)
            and value.dtype == obj.dtype
            and value.ndim == obj.ndim
        ):
            return obj
        return from_positions(recorder, value, positions_of(obj, kind, recorder).reshape(value.shape))
    moved = recorder.pool.add(recorder.engine.constant(value, kind), value.shape)
    _place(obj, moved.reshape(moved.shape[max(0, ndmin - moved.ndim) :]), (), kind, recorder)
    return from_positions(recorder, value, moved)


def _place(obj: Any, moved: Any, path: tuple[int, ...], dtype: Any, recorder: Recorder) -> None:
    """Put the positions of each tracing array of a nested sequence in its place in the whole."""
    if is_tracing(obj):
        if is_active(obj):
            moved[path] = positions_of(obj, dtype, recorder)
    elif isinstance(obj, list | tuple) and is_active(obj):
        for number, item in enumerate(obj):
            _place(item, moved, (*path, number), dtype, recorder)


def _recorder_of(obj: Any) -> Recorder:
    while not is_tracing(obj):
        obj = next(item for item in obj if has_tracing(item))
    return obj._recorder  # type: ignore[no-any-return]


def _asarray(obj: Any, dtype: Any = None, order: Any = None, **_: Any) -> Any:
    return array(obj, dtype, copy=None, order=order or "K")


def _ascontiguousarray(obj: Any, dtype: Any = None, **_: Any) -> Any:
    return array(obj, dtype, copy=not (is_tracing(obj) and obj.flags.c_contiguous), order="C", ndmin=1)


def _asfortranarray(obj: Any, dtype: Any = None, **_: Any) -> Any:
    return array(obj, dtype, copy=True, order="F", ndmin=1)


def _copy(a: Any, order: Any = "K", subok: Any = False) -> Any:  # noqa: ARG001
    return array(a, order=order)


def _astype(x: TracingArray, dtype: Any, *_: Any, **kwargs: Any) -> Any:
    return array(x, dtype, copy=kwargs.get("copy", True))


def item(x: TracingArray, *index: Any) -> Any:
    """Return one element as a Python float."""
    if not isinstance(x._value, np.ndarray):
        element = x
    elif len(index) == 1 and not isinstance(index[0], tuple):
        element = call(np.reshape, (x, -1), {})[index[0]]
    else:
        element = x[index[0] if index and isinstance(index[0], tuple) else index]
    value = float(np.asarray(plain(element)).item())
    recorder = x._recorder
    shadow = recorder.engine.reshape(shadow_in(element, native(float), recorder), ())
    return from_shadow(recorder, value, shadow)


def _tolist(x: TracingArray) -> Any:
    return item(x) if not x.ndim else [_tolist(row) if x.ndim > 1 else item(row) for row in x]


def _flatten(x: TracingArray, order: Any = "C") -> Any:
    return array(call(np.ravel, (x,), {"order": order}))


def _full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **_: Any) -> Any:
    filled = call(np.empty, (shape, np.result_type(plain(fill_value)) if dtype is None else dtype, order), {})
    filled[...] = fill_value
    return filled


def _full_like(a: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Any:
    return _full(np.shape(plain(a)), fill_value, np.result_type(plain(a)) if dtype is None else dtype)


def _where(this: Call) -> Any:
    """np.where(condition, x, y); with the condition alone it is a decision."""
    return structural((1, "x"), (2, "y"))(this) if len(this.args) + len(this.kwargs) == 3 else NotImplemented


def _pad(this: Call) -> Any:
    """np.pad; the modes that compute new values (mean, linear_ramp, …) are NumPy's own source."""
    mode = this.args[2] if len(this.args) > 2 else this.kwargs.get("mode", "constant")
    if (
        mode in ("constant", "edge", "reflect", "symmetric", "wrap")
        and this.kwargs.get("reflect_type", "even") == "even"
    ):
        return structural((0, "array"), (9, "constant_values"))(this)
    return NotImplemented


# fmt: off
RULES.update(dict.fromkeys([
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.expand_dims, np.squeeze, np.flip,
    np.fliplr, np.flipud, np.rot90, np.broadcast_to, np.diagonal, np.diag, np.diagflat, np.triu, np.tril, np.repeat,
    np.tile, np.take, np.take_along_axis, np.roll, np.resize, np.delete, np.split, np.array_split, np.hsplit, np.vsplit,
    np.dsplit, np.matrix_transpose, np.lib.stride_tricks.as_strided, np.lib.stride_tricks.sliding_window_view,
    np.ndarray.reshape, np.ndarray.transpose, np.ndarray.view, np.ndarray.swapaxes,
], structural((0, "a"))))
RULES.update(dict.fromkeys([
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block,
], structural((0, "arrays"))))
RULES.update(dict.fromkeys([
    np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_arrays, np.meshgrid, np.ix_,
], structural(every=True)))
RULES.update({
    operator.getitem:   get_item,
    np.where:           _where,
    np.pad:             _pad,
    np.append:          structural((0, "arr"), (1, "values")),
    np.insert:          structural((0, "arr"), (2, "values")),
    np.compress:        structural((1, "a")),
    np.extract:         structural((1, "arr")),
    np.choose:          structural((1, "choices")),
    np.select:          structural((1, "choicelist"), (2, "default")),
    np.array:           composed(array),
    np.asarray:         composed(_asarray),
    np.asanyarray:      composed(_asarray),
    np.asarray_chkfinite: composed(_asarray),
    np.ascontiguousarray: composed(_ascontiguousarray),
    np.asfortranarray:  composed(_asfortranarray),
    np.copy:            composed(_copy),
    np.astype:          composed(_astype),
    np.full:            composed(_full),
    np.full_like:       composed(_full_like),
    np.ndarray.astype:  composed(_astype),
    np.ndarray.item:    composed(item),
    np.ndarray.tolist:  composed(_tolist),
    np.ndarray.flatten: composed(_flatten),
})
RULES.update(dict.fromkeys([
    np.zeros_like, np.ones_like, np.empty_like, np.shape, np.ndim, np.size, np.result_type, np.isscalar,
    np.iscomplexobj, np.isrealobj, np.can_cast, np.common_type, np.min_scalar_type, np.broadcast_shapes,
], inactive))
RULES.update(dict.fromkeys([np.apply_along_axis, np.apply_over_axes, np.piecewise], sourced))
# fmt: on
