"""Copies of a subject's arguments that lie in memory as the arguments do, and whether they were changed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.drawing.problems import Layout


def copies(inputs: Sequence[Any], layout: Layout | None = None) -> list[Any]:
    """Return copies of the arrays in a layout, else with their own order, byte order and whether they are writable."""
    return [_copy(x, layout) for x in inputs]


def _copy(x: Any, layout: Layout | None) -> Any:
    if isinstance(x, np.ndarray):
        laid_out = x if layout is None else layout(x)
        if laid_out is not x:
            return laid_out
        copied = np.empty_like(x) if 0 not in x.strides or x.size < 2 else None
        if copied is None or x.strides != copied.strides:
            copied = _copy_with_strides(x)
        else:
            copied[...] = x
        copied.setflags(write=x.flags.writeable)
        return copied
    if isinstance(x, list | dict | set):
        return copy.deepcopy(x)
    return x


def _copy_with_strides(x: Array) -> Array:
    """Return a copy in fresh memory with the same strides: a view of a block as large as the original spans."""
    low, high = np.lib.array_utils.byte_bounds(x)
    block = np.zeros(high - low, np.uint8)
    start = x.__array_interface__["data"][0] - low
    copied: Array = np.ndarray(x.shape, x.dtype, block, start, x.strides)
    copied[...] = x
    return copied


def same_values(x: Array, y: Array) -> bool:
    """Return whether two arrays hold the same values, NaN being equal to NaN."""
    same = x == y
    return bool(same.all() or (same | ((x != x) & (y != y))).all())
