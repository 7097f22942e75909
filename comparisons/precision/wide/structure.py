"""Everything that only moves elements: NumPy does to both halves what it does to one array."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .array import WideArray
from .conversion import is_wide, store, to_full_pair, wide
from .dispatch import RULES, Rule, apply, no_wide_form


def structural(function: Any, *data: tuple[int, str], every: bool = False) -> Rule:
    """Return the rule of a function that moves elements: it runs once on the high halves, once on the low ones.

    `data` are the positions and names of the arguments that hold elements; `every` says that all positional ones do.
    """

    def rule(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        kwargs = {key: x for key, x in kwargs.items() if key not in ("dtype", "casting", "like")}
        positions = set(range(len(args))) if every else {position for position, _ in data}
        names = {name for _, name in data}
        halves = [
            function(
                *[_half(x, half) if i in positions else x for i, x in enumerate(args)],
                **{key: _half(x, half) if key in names else x for key, x in kwargs.items()},
            )
            for half in (0, 1)
        ]
        return store(out, _pair(*halves))

    return rule


def _half(x: Any, half: int) -> Any:
    """Return one half of data; in nested sequences, of each item."""
    if x is None:
        return None
    if isinstance(x, list | tuple):
        return type(x)(_half(item, half) for item in x)
    return to_full_pair(x)[half]


def _pair(high: Any, low: Any) -> Any:
    if isinstance(high, list | tuple):
        items = [_pair(*halves) for halves in zip(high, low, strict=True)]
        return high._make(items) if hasattr(high, "_make") else type(high)(items)
    return None if high is None else WideArray(high, low)


def _where(condition: Any, *choices: Any, **named: Any) -> Any:
    condition = condition != 0 if isinstance(condition, WideArray) else condition
    if not choices and not named:
        return np.where(condition)
    return structural(np.where, (1, "x"), (2, "y"))(condition, *choices, **named)


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    if (
        mode not in ("constant", "edge", "reflect", "symmetric", "wrap", "empty")
        or options.get("reflect_type") == "odd"
    ):
        raise no_wide_form(f"np.pad with mode {mode!r} and {options}")
    return structural(np.pad, (0, "array"), (9, "constant_values"))(array, pad_width, mode, **options)


def _as_strided(x: Any, shape: Any = None, strides: Any = None, subok: bool = False, writeable: bool = True) -> Any:
    """Return a view by strides: both halves must lie in memory alike."""
    if x.high.strides != x.low.strides:
        raise no_wide_form("as_strided of a wide array whose halves lie differently in memory")
    return structural(np.lib.stride_tricks.as_strided, (0, "x"))(x, shape, strides, subok, writeable=writeable)


def _set_item(x: WideArray, key: Any, value: Any) -> None:
    if not isinstance(x, WideArray):
        raise no_wide_form("assignment of a wide array into a plain one")
    high, low = to_full_pair(value)
    x.high[key], x.low[key] = high, low


def _array(obj: Any, dtype: Any = None, *, copy: Any = True, ndmin: int = 0, **_: Any) -> Any:
    """np.array: nested sequences in which wide arrays stand, or one wide array."""
    if dtype is not None and np.dtype(dtype).kind in "biu":
        return _astype(wide(obj), dtype)
    if copy in (False, None) and isinstance(obj, WideArray) and obj.ndim >= ndmin:
        return obj if isinstance(obj.high, np.ndarray) else wide(obj)
    y = wide(obj)
    return y if y.ndim >= ndmin else y.reshape((1,) * (ndmin - y.ndim) + y.shape)


def _asarray(obj: Any, dtype: Any = None, *_: Any, **__: Any) -> Any:
    return _array(obj, dtype, copy=None)


def _contiguous(obj: Any, dtype: Any = None, **_: Any) -> Any:
    return _array(obj, dtype, copy=True, ndmin=1)


def _astype(x: WideArray, dtype: Any, *_: Any, copy: bool = True, **__: Any) -> Any:
    """Return the array as it is for a floating dtype, as truth values or integers for those."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return x.high != 0
    if kind in "iu":
        whole = apply(np.trunc, (x,))
        return np.asarray(whole.high).astype(dtype) + np.asarray(whole.low).astype(dtype)
    if kind != "f":
        raise no_wide_form(f"astype({np.dtype(dtype)})")
    return x.__copy__() if copy else x


def _full(shape: Any, fill_value: Any, *_: Any, **__: Any) -> Any:
    y = WideArray(np.empty(shape), np.empty(shape))
    _set_item(y, ..., fill_value)
    return y


def _like(function: Any) -> Rule:
    """Return the rule of np.zeros_like and its kin: what is made can hold wide elements."""

    def rule(a: Any, dtype: Any = None, order: Any = "K", subok: Any = False, shape: Any = None, **_: Any) -> Any:
        del subok
        if dtype is not None and np.dtype(dtype).kind != "f":
            return function(a.high, dtype, order, shape=shape)
        high = np.asarray(function(a.high, None, order, shape=shape))
        return WideArray(high, np.zeros_like(high))

    return rule


def _full_like(a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: Any = True, **_: Any) -> Any:
    del dtype, order, subok
    return _full(np.shape(a.high if isinstance(a, WideArray) else a), fill_value)


def _item(x: WideArray, *index: Any) -> WideArray:
    """Return one element."""
    place = np.arange(x.size).reshape(x.shape).item(*index)
    found: WideArray = x.reshape(-1)[place]
    return found


def _tolist(x: WideArray) -> Any:
    return x[()] if not x.ndim else [_tolist(row) for row in x]


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = np.finfo(np.float64).max
    y = x.__copy__() if copy else x
    high = y.high
    for mask, value in (
        (np.isnan(high), nan),
        (high == np.inf, largest if posinf is None else posinf),
        (high == -np.inf, -largest if neginf is None else neginf),
    ):
        _set_item(y, mask, value)
    return y


def _of_truth(function: Any) -> Rule:
    return lambda a, *args, **kwargs: function(a != 0 if is_wide(a) else a, *args, **kwargs)


def _shape_only(function: Any) -> Rule:
    return lambda *args, **kwargs: function(
        *[x.high if isinstance(x, WideArray) else x for x in args],
        **{key: x.high if isinstance(x, WideArray) else x for key, x in kwargs.items()},
    )


# fmt: off
RULES.update({function: structural(function, (0, name)) for function, name in [
    *((f, "a") for f in (
        np.reshape, np.ravel, np.swapaxes, np.moveaxis, np.rollaxis, np.expand_dims, np.squeeze,
        np.transpose, np.diagonal, np.repeat, np.take, np.roll, np.resize, np.copy, np.put,
    )),
    *((f, "m") for f in (np.flip, np.fliplr, np.flipud, np.rot90, np.triu, np.tril)),
    *((f, "v") for f in (np.diag, np.diagflat)),
    *((f, "ary") for f in (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit)),
    *((f, "x") for f in (np.matrix_transpose, np.lib.stride_tricks.sliding_window_view)),
    (np.tile, "A"), (np.take_along_axis, "arr"), (np.delete, "arr"), (np.broadcast_to, "array"),
    (np.trim_zeros, "filt"), (np.concatenate, "arrays"), (np.stack, "arrays"), (np.vstack, "tup"),
    (np.hstack, "tup"), (np.dstack, "tup"), (np.column_stack, "tup"), (np.block, "arrays"),
    *((f, "self") for f in (
        np.ndarray.reshape, np.ndarray.transpose, np.ndarray.swapaxes, np.ndarray.flatten, np.ndarray.view,
    )),
]})
RULES.update({function: structural(function, every=True) for function in (
    np.atleast_1d, np.atleast_2d, np.atleast_3d, np.broadcast_arrays, np.meshgrid,
)})
RULES.update({function: structural(function, *data) for function, data in [
    (np.append, ((0, "arr"), (1, "values"))),
    (np.insert, ((0, "arr"), (2, "values"))),
    (np.compress, ((1, "a"),)),
    (np.extract, ((1, "arr"),)),
    (np.choose, ((1, "choices"),)),
    (np.select, ((1, "choicelist"), (2, "default"))),
    (np.copyto, ((0, "dst"), (1, "src"))),
    (np.putmask, ((0, "a"), (2, "values"))),
    (np.place, ((0, "arr"), (2, "vals"))),
    (np.put, ((0, "a"), (2, "v"))),
    (np.put_along_axis, ((0, "arr"), (2, "values"))),
    (np.fill_diagonal, ((0, "a"), (1, "val"))),
    (np.ndarray.fill, ((0, ""), (1, "value"))),
    (np.ndarray.put, ((0, ""), (2, "values"))),
]})
RULES.update({
    np.where:        _where,
    np.pad:          _pad,
    np.lib.stride_tricks.as_strided: _as_strided,
    operator.getitem: lambda x, key: x[key],
    operator.setitem: _set_item,
    np.array:        _array,
    np.asarray:      _asarray,
    np.asanyarray:   _asarray,
    np.asarray_chkfinite: _asarray,
    np.ascontiguousarray: _contiguous,
    np.asfortranarray: _contiguous,
    np.astype:       _astype,
    np.full:         _full,
    np.full_like:    _full_like,
    np.zeros_like:   _like(np.zeros_like),
    np.ones_like:    _like(np.ones_like),
    np.empty_like:   _like(np.empty_like),
    np.nan_to_num:   _nan_to_num,
    np.real:         lambda x: x,
    np.imag:         lambda x: x.imag,
    np.real_if_close: lambda x, tol=100: x,
    np.ndarray.astype: _astype,
    np.ndarray.item: _item,
    np.ndarray.tolist: _tolist,
})
RULES.update({function: _of_truth(function) for function in (
    np.any, np.all, np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero,
)})
RULES.update({function: _shape_only(function) for function in (
    np.shape, np.ndim, np.size, np.result_type, np.isscalar, np.iscomplexobj, np.isrealobj, np.isreal, np.can_cast,
    np.common_type, np.min_scalar_type, np.broadcast_shapes, np.isposinf, np.isneginf,
)})
# fmt: on
