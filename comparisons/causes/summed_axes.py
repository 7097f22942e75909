"""Axes over which a gradient is a sum, and where a mean may stand for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .axes import name_axes
from .sums import contribution
from .trial import OUTPUT, Finding, View


@dataclass(frozen=True)
class SummedAxis:
    """An axis over which a gradient is a sum; `broadcast` if it is one of y that the gradient's input lacks."""

    words: str
    length: int
    broadcast: bool
    #: Its length, or the lengths of its axes.
    lengths: tuple[int, ...]


def summed_axes(view: View) -> list[SummedAxis]:
    """Return what this gradient sums over.

    The broadcast axes of y are those that the gradient lacks or has only once. Without such, as in a product of
    matrices, an axis is summed if its length occurs among the other arrays and not in the gradient.
    """
    shape, of_y = view.right.shape, view.y.shape
    aligned = (1,) * (len(of_y) - len(shape)) + shape
    if shape != of_y and len(aligned) == len(of_y) and all(a in (1, b) for a, b in zip(aligned, of_y, strict=True)):
        axes = [axis for axis, (a, b) in enumerate(zip(aligned, of_y, strict=True)) if a < b]
        lengths_of_y = tuple(of_y[axis] for axis in axes)
        found = [SummedAxis(f"axis {axis} of y", of_y[axis], True, (of_y[axis],)) for axis in axes]
        if len(axes) > 1:
            words = f"axes {', '.join(map(str, axes))} of y"
            found.append(SummedAxis(words, math.prod(lengths_of_y), True, lengths_of_y))
        return found
    if len(shape) == 1 < len(of_y) and shape[0] in of_y:  # along another axis than the last, as channels are
        own = of_y.index(shape[0])
        axes = [axis for axis in range(len(of_y)) if axis != own]
        if of_y.count(shape[0]) == 1:
            words = f"axes {', '.join(map(str, axes))} of y" if len(axes) > 1 else f"axis {axes[0]} of y"
        else:
            words = f"every axis of y but one of length {shape[0]}"
        return [
            *(SummedAxis(f"axis {axis} of y", of_y[axis], True, (of_y[axis],)) for axis in axes if len(axes) > 1),
            SummedAxis(words, math.prod(of_y[axis] for axis in axes), True, tuple(of_y[axis] for axis in axes)),
        ]
    lengths: dict[int, SummedAxis] = {}
    for name, other in shapes(view):
        for axis, length in enumerate(other):
            if length > 1 and length not in shape:
                lengths.setdefault(length, SummedAxis(f"axis {axis} of {name}", length, False, (length,)))
    return list(lengths.values())


def shapes(view: View) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of every floating input, and of y, that is more than one number."""
    for position, array in view.floating_inputs():
        if array.size > 1:
            yield view.name(position), array.shape
    if view.y.size > 1:
        yield OUTPUT, view.y.shape


def axes_of_length(view: View, length: int, too_large: bool) -> Iterator[SummedAxis]:
    """Yield axes of a length over which forward or gradient sums, where a mean and a sum can be confused.

    A scalar loss sums over all axes of its inputs. Otherwise a gradient that is too small sums over an axis of y, and
    one that is too large belongs to an input that forward sums over.
    """
    if view.y.size == 1:
        for name, shape in shapes(view):
            for axes in _groups(shape, length):
                yield SummedAxis(f"{name_axes(axes)} of {name}", length, False, tuple(shape[a] for a in axes))
    elif view.point.y_bar is None or view.left.shape != view.right.shape:
        return
    elif too_large:
        for axes in _groups(view.right.shape, length):
            if all(_mixes(view, axis) for axis in axes):
                lengths = tuple(view.right.shape[axis] for axis in axes)
                yield SummedAxis(f"{name_axes(axes)} of {view.name(view.position)}", length, False, lengths)
    else:
        yield from (axis for axis in summed_axes(view) if not axis.broadcast and axis.length == length)
        for axes in _groups(view.y.shape, length):
            parts = [contribution(view, axes, g) for g in range(2)]
            if all(part is not None for part in parts) and np.all([part != 0 for part in parts], axis=0).any():
                yield SummedAxis(f"{name_axes(axes)} of y", length, False, tuple(view.y.shape[a] for a in axes))


def _groups(shape: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    """Return the neighbouring axes that have so many elements together."""
    found = [tuple(range(i, j)) for i in range(len(shape)) for j in range(i + 1, len(shape) + 1)]
    return [axes for axes in found if length > 1 and math.prod(shape[axis] for axis in axes) == length]


def _mixes(view: View, axis: int) -> bool:
    """Return whether one element of y depends on several indices of an axis of the input."""
    for g in (0, view.y.size // 2):
        part = contribution(view, tuple(range(view.y.ndim)), g)
        if part is not None and part.shape == view.right.shape:
            others = tuple(a for a in range(part.ndim) if a != axis)
            if np.count_nonzero((part != 0).any(axis=others)) > 1:
                return True
    return False


def mean_finding(axis: SummedAxis, too_large: bool = False, is_sure: bool = True) -> Finding:
    """Return the finding of a mean where a sum belongs, or, of a gradient that is too large, the other way round.

    It is not sure where the gradient could not be tried at another length: the number may be one of the formula.
    """
    length = axis.length
    found, belongs = ("sum", "mean") if too_large else ("mean", "sum")
    size, undo = ("too large", f"divide by {length}") if too_large else ("too small", f"multiply by {length}")
    words = f"a {found} over {axis.words} where the {belongs} belongs"
    if is_sure:
        return Finding("mean-for-sum", str(length), f"{{gradient}} is {words}: {length} times {size}; {undo}.")
    text = f"{{gradient}} is {length} times {size}: {words}, or a factor {length} of the formula; {undo}."
    return Finding("mean-for-sum", str(length), text)
