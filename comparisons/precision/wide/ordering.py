"""Order by value: extremes, sorting, searching, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .conversion import store, to_full_pair
from .dispatch import RULES, Rule, apply, no_wide_form


def _best(last: np.ufunc, find: Any) -> Rule:
    """Return the rule of argmax or argmin: the first of the elements whose both halves are the extreme's."""

    def rule(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        a = apply(np.reshape, (a, -1)) if axis is None and not keepdims else a
        peak = apply(last.reduce, (a,), {"axis": axis, "keepdims": True})
        found = (a == peak) | np.isnan(a.high)
        return store(out, find(found, axis=axis, keepdims=bool(keepdims)))

    return rule


def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Return the stable order by value; NaN comes last."""
    del kind, order, stable
    a = apply(np.reshape, (a, -1)) if axis is None else a
    return np.lexsort((a.low, a.high), axis=-1 if axis is None else axis)


def _sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    del kind, order, stable
    a = apply(np.reshape, (a, -1)) if axis is None else a
    axis = -1 if axis is None else axis
    return apply(np.take_along_axis, (a, argsort(a, axis), axis))


def _sort_in_place(a: Any, axis: int = -1, *_: Any, **__: Any) -> None:
    a[...] = _sort(a, axis)


def _partition(a: Any, _kth: Any, axis: Any = -1, *_: Any, **__: Any) -> Any:
    return _sort(a, axis)


def _partition_in_place(a: Any, _kth: Any, axis: int = -1, *_: Any, **__: Any) -> None:
    a[...] = _sort(a, axis)


def _argpartition(a: Any, _kth: Any, axis: Any = -1, *_: Any, **__: Any) -> Any:
    return argsort(a, axis)


def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Return how many elements are less than v, or not greater."""
    high, low = to_full_pair(a)
    if sorter is not None:
        high, low = high[sorter], low[sorter]
    of, rest = (np.asarray(half)[..., None] for half in to_full_pair(v))
    before = (low < rest) if side == "left" else (low <= rest)
    return np.sum((high < of) | ((high == of) & before), axis=-1)


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Y = fᵢ + (x − xᵢ)(fᵢ₊₁ − fᵢ)/(xᵢ₊₁ − xᵢ) between two neighbours, constant beyond the ends."""
    x, xp, fp = (apply(np.asarray, (item,)) for item in (x, xp, fp))
    if period is not None:
        x, xp = apply(np.remainder, (x, period)), apply(np.remainder, (xp, period))
        order = argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = apply(np.concatenate, ((xp[-1:] - period, xp, xp[:1] + period),))
        fp = apply(np.concatenate, ((fp[-1:], fp, fp[:1]),))
    if len(xp) == 1:
        y = fp[0] + 0 * x
    else:
        i = np.clip(_searchsorted(xp, x, "right") - 1, 0, len(xp) - 2)
        y = fp[i] + (x - xp[i]) * ((fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i]))
    y = apply(np.where, (x < xp[0], fp[0] if left is None else left, y))
    return apply(np.where, (x > xp[-1], fp[-1] if right is None else right, y))


def _median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """Return the middle element, or the mean of two."""
    del overwrite_input
    ndim = np.ndim(a.high)
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = np.lib.array_utils.normalize_axis_tuple(axes, ndim)
    kept = [i for i in range(ndim) if i not in axes]
    moved = apply(np.transpose, (a, (*kept, *axes))).reshape((*[a.shape[i] for i in kept], -1))
    ordered, n = _sort(moved, -1), moved.shape[-1]
    y = (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2
    y = apply(np.where, (np.isnan(ordered.high[..., -1]), np.nan, y))
    if keepdims:
        y = y.reshape([1 if i in axes else m for i, m in enumerate(a.shape)])
    return store(out, y if y.ndim else y[()])


def _unique(ar: Any, *, return_index: bool = False, return_inverse: bool = False, **others: Any) -> Any:
    """Return the different values, ascending; on request where each first stands, and where each element went."""
    if any(x is not None and x is not True for x in others.values()):
        raise no_wide_form(f"np.unique with {', '.join(others)}")
    flat = apply(np.reshape, (ar, -1))
    order = argsort(flat)
    ordered = flat[order]
    new = np.ones(len(order), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    found: list[Any] = [ordered[new]]
    if return_index:
        found.append(order[new])
    if return_inverse:
        inverse = np.empty(len(order), np.intp)
        inverse[order] = np.cumsum(new) - 1
        found.append(inverse.reshape(ar.shape))
    return found[0] if len(found) == 1 else tuple(found)


# fmt: off
RULES.update({
    np.unique:       _unique,
    np.argmax:       _best(np.maximum, np.argmax),
    np.argmin:       _best(np.minimum, np.argmax),
    np.argsort:      argsort,
    np.sort:         _sort,
    np.partition:    _partition,
    np.argpartition: _argpartition,
    np.searchsorted: _searchsorted,
    np.digitize:     lambda x, bins, right=False: _searchsorted(bins, x, "left" if right else "right"),
    np.interp:       _interp,
    np.median:       _median,
    np.ndarray.sort: _sort_in_place,
    np.ndarray.partition: _partition_in_place,
})
# fmt: on
