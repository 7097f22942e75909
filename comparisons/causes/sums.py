"""Causes in sums: one that is missing, over another axis, or of which only the last contribution was kept."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import LINE_ROUNDINGS, LOOP_STEPS, PROBES

from .axes import name_axes, subsets
from .trial import Finding, Repair, Trial, View, joined


def missing_sum(view: View) -> Iterator[Repair]:
    """x_bar = Σ y_bar over a broadcast axis, which was not summed, or gave one slice, or lost to another axis."""
    if view.left.size > view.right.size:
        for axes in subsets(view.left.ndim):
            if math.prod(n for axis, n in enumerate(view.left.shape) if axis not in axes) == view.right.size:
                text = (
                    f"{{gradient}} has shape {view.left.shape} in place of {view.right.shape}: sum it over "
                    f"{name_axes(axes)}, along which the input was broadcast."
                )
                yield Repair((Finding("missing-sum", name_axes(axes), text),), partial(_sum_of_left, axes=axes))
    for axes in subsets(view.y.ndim):
        kept = tuple(n for axis, n in enumerate(view.y.shape) if axis not in axes)
        if kept != view.left.shape or not _is_broadcast(view):
            continue
        text = f"{{gradient}} is y_bar summed over {name_axes(axes)} of y, which is not where the input was broadcast."
        yield Repair(
            (Finding("missing-sum", f"summed over {name_axes(axes)}", text),), partial(_sum_elsewhere, axes=axes)
        )
    for axes, count in groupings(view):
        for g in range(count - 1 if len(axes) == 1 else 1):  # of several axes the first item, each time a run of oracle
            index = np.unravel_index(g, [view.y.shape[axis] for axis in axes])
            where = f"index {', '.join(map(str, index))} of {name_axes(axes)} of y"
            text = f"{{gradient}} is the contribution of {where} alone: sum over {name_axes(axes)}."
            yield Repair((Finding("missing-sum", where, text),), partial(_one_of, axes=axes, g=g))


def forward_broadcast(view: View) -> Iterator[Repair]:
    """x_bar is right for inputs of one shape, where forward was given (m,) and (m,1) and broadcast them to (m,m)."""
    shapes = {position: array.shape for position, array in view.floating_inputs()}
    for column, row in ((i, j) for i in shapes for j in shapes if len(shapes[j]) == 1 and shapes[i] == (*shapes[j], 1)):
        m = shapes[row][0]
        for changed, other in ((row, column), (column, row)) if m > 1 else ():
            text = (
                f"forward broadcasts {view.name(column)} {(m, 1)} and {view.name(row)} {(m,)} to {(m, m)}: "
                f"{{gradient}} is right where both have shape {shapes[other]}."
            )
            finding = Finding("forward-broadcast", f"{(m, 1)} with {(m,)}", text)
            yield Repair((finding,), partial(_reshaped, position=changed, shape=shapes[other]))


def _reshaped(view: View, position: int, shape: tuple[int, ...]) -> Trial | None:
    inputs = list(view.point.inputs)
    inputs[position] = np.asarray(inputs[position]).reshape(shape)
    found = view.oracle(inputs=tuple(inputs))
    return (
        None if found is None or found.size != view.left.size else view.trial(view.left, found.reshape(view.left.shape))
    )


def not_accumulated(view: View) -> Iterator[Repair]:
    """x_bar[…] = contribution, where x_bar[…] += contribution was needed: the last one wins."""
    for position, given in enumerate(view.point.inputs):
        if np.asarray(given).dtype.kind in "iu":
            name = view.name(position)
            text = (
                f"{{gradient}} keeps one contribution where {name} repeats an index: accumulate with np.add.at, "
                f"not with `[{name}] =` or `[{name}] +=`."
            )
            finding = Finding("not-accumulated", name, text)
            yield Repair((finding,), partial(_last_of_index, position=position))
    for axes, _ in groupings(view, LOOP_STEPS):
        text = (
            f"{{gradient}} keeps only the last contribution along {name_axes(axes)} of y: "
            f"accumulate with `+=` instead of `=`."
        )
        finding = Finding("not-accumulated", f"{name_axes(axes)} of y", text)
        yield Repair((finding,), partial(_last_of, axes=axes), costly=True)


def groupings(view: View, most: int = PROBES) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield neighbouring axes of y through which a loop may go, and how many steps it takes, at most so many."""
    for first in range(view.y.ndim):
        for last in range(first, view.y.ndim):
            axes = tuple(range(first, last + 1))
            count = math.prod(view.y.shape[axis] for axis in axes)
            if 1 < count <= most and view.left.shape == view.right.shape:
                yield axes, count


def contribution(view: View, axes: tuple[int, ...], g: int) -> Array | None:
    """Return the part of the right gradient that comes through index g, counted through, of some axes of y."""
    upstream = np.zeros_like(view.y_bar)
    index: list[slice | int] = [slice(None)] * view.y.ndim
    for axis, i in zip(axes, np.unravel_index(g, [view.y.shape[a] for a in axes]), strict=True):
        index[axis] = int(i)
    upstream[tuple(index)] = view.y_bar[tuple(index)]
    found = view.oracle(upstream=upstream)
    return _unbroadcast(upstream, view) if found is None and _is_broadcast(view) else found


def _one_of(view: View, axes: tuple[int, ...], g: int) -> Trial | None:
    found = contribution(view, axes, g)
    return None if found is None else view.trial(view.left, found)


def _last_of(view: View, axes: tuple[int, ...]) -> Trial | None:
    """Compare with the last contribution to each element, going backwards; with itself where they can't be equal."""
    kept = np.zeros_like(view.right)
    is_open = np.ones(view.right.shape, bool)
    for g in reversed(range(math.prod(view.y.shape[axis] for axis in axes))):
        found = contribution(view, axes, g)
        if found is None or found.shape != view.right.shape:  # of a Jacobian it is a row
            return None
        last = is_open & (found != 0)
        kept[last], is_open = found[last], is_open & ~last
        if not _is_multiple(view, kept, ~is_open):
            break
    return view.trial(view.left, kept)


def _is_multiple(view: View, part: Array, where: Array) -> bool:
    """Return whether left is a multiple of another array where that is known, to within the allowed error."""
    left, other, allowed = view.left[where], part[where], view.allowed[where]
    size = np.abs(other)
    telling = np.isfinite(left) & np.isfinite(size) & (size > 0)
    if not telling.any():
        return True
    left, other, allowed, size = left[telling], other[telling], allowed[telling], size[telling]
    with np.errstate(all="ignore"):
        best = np.argmin(allowed / size)
        ratio = left[best] / other[best]
        doubt = max(1.0, abs(ratio)) * (allowed + allowed[best] / size[best] * size)
        doubt = doubt + LINE_ROUNDINGS * view.u * np.abs(left)
        return bool(np.all(np.abs(left - ratio * other) <= 2 * doubt))


def _last_of_index(view: View, position: int) -> Trial | None:
    index = np.asarray(view.point.inputs[position])
    if not view.right.ndim or view.y.shape != index.shape + view.right.shape[1:] or index.size == 0:
        return None
    if index.min() < -len(view.right) or index.max() >= len(view.right):
        return None
    kept, summed = np.zeros_like(view.right), np.zeros_like(view.right)
    kept[index] = view.y_bar
    np.add.at(summed, index, view.y_bar)
    return joined(view.trial(view.left, kept), view.trial(view.right, summed))


def _sum_of_left(view: View, axes: tuple[int, ...]) -> Trial | None:
    summed = np.sum(view.left, axes)
    if summed.size != view.right.size:
        return None
    rounding = view.left.size / max(summed.size, 1) * view.u * np.sum(np.abs(view.left), axes)
    return view.trial(summed.reshape(view.right.shape), allowed=view.allowed + rounding.reshape(view.right.shape))


def _sum_elsewhere(view: View, axes: tuple[int, ...]) -> Trial | None:
    if not _is_broadcast(view):
        return None
    summed = np.asarray(np.sum(view.y_bar, axes))
    rounding = view.y_bar.size / max(summed.size, 1) * view.u * np.asarray(np.sum(np.abs(view.y_bar), axes))
    return (
        view.trial(view.left, summed, rounding + view.allowed.max(initial=0.0))
        if summed.shape == view.left.shape
        else None
    )


def _is_broadcast(view: View) -> bool:
    """Return whether the right gradient is y_bar itself, summed over the axes along which the input was broadcast."""
    summed = _unbroadcast(view.y_bar, view)
    return summed is not None and view.trial(view.right, summed).passes()


def _unbroadcast(upstream: Array, view: View) -> Array | None:
    """Sum an array of y's shape to the gradient's, None where they do not fit."""
    shape = (1,) * (upstream.ndim - view.right.ndim) + view.right.shape
    if len(shape) != upstream.ndim or any(n not in (1, m) for n, m in zip(shape, upstream.shape, strict=True)):
        return None
    axes = tuple(axis for axis, (n, m) in enumerate(zip(shape, upstream.shape, strict=True)) if n != m)
    return np.asarray(upstream.sum(axes, keepdims=True)).reshape(view.right.shape) if axes else None
