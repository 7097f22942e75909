"""Reductions and running sums: pairwise trees of wide operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import steps
from .array import WideArray
from .conversion import from_pair, store, to_full_pair, to_pair
from .dispatch import METHODS, RULES, apply, name_of, no_wide_form
from .ufuncs import FORMULAS, evaluate
from .words import Pair

#: Ufuncs whose order of evaluation is free, and their neutral elements.
_NEUTRAL: dict[np.ufunc, float] = {
    np.add: 0.0,
    np.multiply: 1.0,
    np.maximum: -np.inf,
    np.minimum: np.inf,
    np.fmax: -np.inf,
    np.fmin: np.inf,
    np.logaddexp: -np.inf,
    np.logaddexp2: -np.inf,
    np.hypot: 0.0,
}
Formula = Callable[..., Pair]


def _cut(x: Pair, key: Any) -> Pair:
    return x[0][..., key], x[1][..., key]


def fold(formula: Formula, x: Pair) -> Pair:
    """Reduce the last axis, halves upon halves: the error grows with the logarithm of its length."""
    left = None
    while (length := x[0].shape[-1]) > 1:
        half = length // 2
        if length % 2:
            last = _cut(x, slice(-1, None))
            left = last if left is None else evaluate(formula, left, last)
        x = evaluate(formula, _cut(x, slice(half)), _cut(x, slice(half, 2 * half)))
    return _cut(x if left is None else evaluate(formula, x, left), 0)


def _in_steps(formula: Formula, x: Pair) -> Pair:
    y = _cut(x, 0)
    for i in range(1, x[0].shape[-1]):
        y = evaluate(formula, y, _cut(x, i))
    return y


def axes_last(x: Pair, axis: Any) -> tuple[Pair, tuple[int, ...]]:
    """Return a pair with the axes to reduce made one, the last, and those axes."""
    ndim = np.ndim(x[0])
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, ndim)
    kept = [i for i in range(ndim) if i not in axes]
    length = int(np.prod([x[0].shape[i] for i in axes]))
    shape = [x[0].shape[i] for i in kept]
    high, low = (np.transpose(half, (*kept, *axes)).reshape((*shape, length)) for half in x)
    return (high, low), axes


def reduce(
    ufunc: np.ufunc, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    """Return a ufunc's reduction."""
    del dtype
    if ufunc in (np.logical_and, np.logical_or):
        return store(out, ufunc.reduce(a != 0, axis=axis, keepdims=keepdims, where=where))
    if ufunc not in FORMULAS:
        raise no_wide_form(f"{name_of(ufunc)}.reduce")
    x = to_full_pair(a)
    if where is not True:
        x = tuple(np.where(where, half, n) for half, n in zip(x, (_NEUTRAL[ufunc], 0.0), strict=True))  # type: ignore[assignment]
    shape = np.shape(x[0])
    x, axes = axes_last(x, axis)
    if initial is not None or not x[0].shape[-1]:
        if initial is None:
            ufunc.reduce(x[0], axis=-1)  # raises NumPy's error where there is no neutral element
            initial = _NEUTRAL[ufunc]
        start = [np.broadcast_to(half, (*x[0].shape[:-1], 1)) for half in to_full_pair(initial)]
        x = tuple(np.concatenate([s, half], -1) for s, half in zip(start, x, strict=True))  # type: ignore[assignment]
    y = (fold if ufunc in _NEUTRAL else _in_steps)(FORMULAS[ufunc], x)
    if keepdims:
        shape = tuple(1 if i in axes else n for i, n in enumerate(shape))
        y = np.reshape(y[0], shape), np.reshape(y[1], shape)
    return store(out, from_pair(y))


def accumulate(ufunc: np.ufunc, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """Return running results: in log₂ n doublings where the order is free, else one by one."""
    del dtype
    if ufunc not in FORMULAS:
        raise no_wide_form(f"{name_of(ufunc)}.accumulate")
    high, low = (np.array(np.moveaxis(half, axis, -1)) for half in to_full_pair(a))
    length, shift = high.shape[-1], 1
    if ufunc not in _NEUTRAL:
        for i in range(1, length):
            high[..., i], low[..., i] = FORMULAS[ufunc](_cut((high, low), i - 1), _cut((high, low), i))
    while ufunc in _NEUTRAL and shift < length:
        before, after = _cut((high, low), slice(length - shift)), _cut((high, low), slice(shift, None))
        high[..., shift:], low[..., shift:] = evaluate(FORMULAS[ufunc], before, after)
        shift *= 2
    return store(out, WideArray(np.moveaxis(high, -1, axis), np.moveaxis(low, -1, axis)))


def reduceat(ufunc: np.ufunc, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """Return the reductions of slices."""
    del dtype
    a = apply(np.moveaxis, (a, axis, 0))
    ends = [*np.asarray(indices)[1:].tolist(), len(a)]
    parts = [reduce(ufunc, a[i:j]) if j > i else a[i] for i, j in zip(np.asarray(indices).tolist(), ends, strict=True)]
    return store(out, apply(np.moveaxis, (apply(np.stack, (parts,)), 0, axis)))


def at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    """Set a[indices] = f(a[indices], b), an element that occurs n times n times."""
    if not isinstance(a, WideArray):
        raise no_wide_form(f"{name_of(ufunc)}.at of a plain array")
    places = np.arange(a.size).reshape(a.shape)[indices]
    shape, places = places.shape, places.reshape(-1)
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.searchsorted(ordered, ordered)
    turn = np.empty_like(order)
    turn[order] = np.arange(len(order)) - first
    operand = None if b is None else [np.broadcast_to(half, shape).reshape(-1) for half in to_full_pair(b)]
    for number in range(int(turn.max(initial=-1)) + 1):
        now = turn == number
        where = np.unravel_index(places[now], a.shape)
        pairs = [(a.high[where], a.low[where])]
        if operand is not None:
            pairs.append((operand[0][now], operand[1][now]))
        a.high[where], a.low[where] = evaluate(FORMULAS[ufunc], *pairs)


METHODS.update(reduce=reduce, accumulate=accumulate, reduceat=reduceat, at=at)


# NumPy's names for them.


def _reduction(ufunc: np.ufunc) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        return reduce(ufunc, a, axis, dtype, out, **options)

    return rule


def _accumulation(ufunc: np.ufunc) -> Callable[..., Any]:
    def rule(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        if axis is None:
            a, axis = apply(np.reshape, (a, -1)), 0
        return accumulate(ufunc, a, axis, dtype, out)

    return rule


def _count(a: Any, axis: Any, where: Any, keepdims: Any) -> Any:
    shape = np.shape(to_pair(a)[0])
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=bool(keepdims))


def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    """Σ a / n."""
    total = reduce(np.add, a, axis, dtype, None, keepdims, None, where)
    return store(out, total / _count(a, axis, where, keepdims))


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Σ (a − mean a)² / (n − ddof)."""
    centre = _mean(a, axis, keepdims=True, where=where) if mean is None else mean
    squares = apply(np.square, (apply(np.subtract, (a, centre)),))
    total = reduce(np.add, squares, axis, dtype, None, keepdims, None, where)
    return store(out, total / (_count(a, axis, where, keepdims) - (ddof if correction is None else correction)))


def _without_nan(rule: Callable[..., Any]) -> Callable[..., Any]:
    def counted(a: Any, axis: Any = None, **options: Any) -> Any:
        return rule(a, axis, where=~np.isnan(a.high), **options)

    return counted


def _std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, *args: Any, **options: Any) -> Any:
    return store(out, apply(np.sqrt, (_var(a, axis, dtype, None, *args, **options),)))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a vector's norm, or a matrix's."""
    if axis is None and ord is None:
        x = apply(np.ravel, (x,)) if not keepdims else x
        axis = tuple(range(x.ndim))
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    size = apply(np.absolute, (x,))
    if ord in (None, "fro") or (ord == 2 and len(axes) == 1):
        peak = np.max(size.high, initial=0.0)
        exponent = int(np.frexp(peak)[1]) if np.isfinite(peak) else 0
        scaled = apply(np.ldexp, (x, -exponent))
        return apply(
            np.ldexp, (apply(np.sqrt, (reduce(np.add, scaled * scaled, axes, None, None, keepdims),)), exponent)
        )
    if len(axes) == 1:
        if ord in (np.inf, -np.inf):
            return reduce(np.maximum if ord > 0 else np.minimum, size, axes, None, None, keepdims)
        if ord == 0:
            return wide_count(x, axes, keepdims)
        total = reduce(np.add, size if ord == 1 else size**ord, axes, None, None, keepdims)
        return total if ord == 1 else total ** (from_pair(to_full_pair(1.0)) / ord)
    if ord in (1, -1, np.inf, -np.inf):
        rows, columns = (i % x.ndim for i in axes)
        summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = reduce(np.add, size, summed, None, None, True)
        y = reduce(np.maximum if ord > 0 else np.minimum, sums, other, None, None, True)
        return y if keepdims else apply(np.squeeze, (y, axes))
    if ord in (2, -2, "nuc") and x.ndim == 2 and not keepdims:
        values = apply(np.linalg.svd, (x,), {"compute_uv": False})
        return values[0] if ord == 2 else values[-1] if ord == -2 else values.sum()
    raise no_wide_form(f"np.linalg.norm of order {ord}")


def wide_count(x: Any, axes: Any, keepdims: bool) -> Any:
    """Return how many elements are not zero."""
    return from_pair(to_full_pair(np.sum(x.high != 0, axis=axes, keepdims=keepdims)))


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    for _ in range(n):
        a = apply(np.moveaxis, (a, axis, -1))
        a = apply(np.moveaxis, (a[..., 1:] - a[..., :-1], -1, axis))
    return a


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **bounds: Any) -> Any:
    """min(max(a, low), high)."""
    low, high = bounds.get("min", a_min), bounds.get("max", a_max)
    y = a if low is None else apply(np.maximum, (a, low))
    y = y if high is None else apply(np.minimum, (y, high))
    return store(out, y)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return store(out, from_pair(evaluate(lambda x: steps.round_to(x, decimals), to_full_pair(a))))


# fmt: off
RULES.update({
    np.sum:        _reduction(np.add),
    np.prod:       _reduction(np.multiply),
    np.max:        _reduction(np.maximum),
    np.min:        _reduction(np.minimum),
    np.cumsum:     _accumulation(np.add),
    np.cumprod:    _accumulation(np.multiply),
    np.mean:       _mean,
    np.var:        _var,
    np.std:        _std,
    np.nansum:     _without_nan(_reduction(np.add)),
    np.nanmean:    _without_nan(_mean),
    np.nanvar:     _without_nan(_var),
    np.nanstd:     _without_nan(_std),
    np.diff:       _diff,
    np.clip:       _clip,
    np.round:      _round,
    np.around:     _round,
    np.fix:        lambda x, out=None: apply(np.trunc, (x,), {"out": out}),
    np.ndarray.round: _round,
    np.linalg.norm: norm,
})
# fmt: on
