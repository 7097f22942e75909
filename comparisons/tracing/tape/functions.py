"""Reductions and products: each NumPy function in terms of TensorFlow primitives.

An operation takes the result's dtype and NumPy's arguments, and returns the tensor. Other functions are traced through
NumPy's Python source (np.median, np.polyval, np.cross, …), or escape.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.backends.tensorflow_rules.linear import matmul
from gradtwin.comparisons.tracing.conversion import is_tracing, plain
from gradtwin.comparisons.tracing.dispatch import Call, Rule, numeric

from .engine import to_tensor
from .framework import tf
from .rules import RULES

# Reductions.


def _reduce(operation: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """Return one of TensorFlow's reductions; called by way of tf.reduce_sum it would take three times as long."""
    return operation(input=x, axis=_axes(axis, x.shape.rank), keep_dims=bool(keepdims))


@functools.cache
def _axes(axis: Any, rank: int) -> Any:
    """Return the axes of a reduction as a tensor, which costs as much to make as the reduction itself."""
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tf.constant(list(axes), tf.int32)


def _total(x: Any, axis: Any, keepdims: Any) -> Any:
    return _reduce(tf.raw_ops.Sum, x, axis, keepdims)


def _shaped(x: Any, where: Any) -> Any:
    """Return a mask in the shape of a tensor."""
    return np.broadcast_to(plain(where), x.shape)


def _sum(
    kind: Any, a: Any, axis: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    """Σ a."""
    x = to_tensor(a, kind)
    if where is not True:
        x = tf.where(_shaped(x, where), x, tf.zeros_like(x))
    y = _total(x, axis, keepdims)
    return y if initial is None else y + to_tensor(initial, kind)


def _mean(kind: Any, a: Any, axis: Any = None, *, keepdims: Any = False, where: Any = True) -> Any:
    """Σ a / n."""
    if where is True:
        return _reduce(tf.raw_ops.Mean, to_tensor(a, kind), axis, keepdims)
    count = np.sum(_shaped(to_tensor(a, kind), where), axis=axis, keepdims=bool(keepdims))
    return _sum(kind, a, axis, keepdims=keepdims, where=where) / tf.constant(count, kind)


def _var(
    kind: Any, a: Any, axis: Any = None, ddof: Any = 0, keepdims: Any = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Σ (a − mean a)² / (n − ddof)."""
    x = to_tensor(a, kind)
    centre = _mean(kind, a, axis, keepdims=True, where=where) if mean is None else to_tensor(mean, kind)
    squares = tf.square(x - centre)
    if where is not True:
        squares = tf.where(_shaped(x, where), squares, tf.zeros_like(x))
    count = np.sum(_shaped(x, where), axis=axis, keepdims=bool(keepdims)) - (ddof if correction is None else correction)
    return _total(squares, axis, keepdims) / tf.constant(count, kind)


def _prod(kind: Any, a: Any, axis: Any = None, *, keepdims: Any = False, **options: Any) -> Any:
    """Π a."""
    return NotImplemented if options else _reduce(tf.raw_ops.Prod, to_tensor(a, kind), axis, keepdims)


def _extremum(function: Any) -> Any:
    def operation(
        kind: Any,
        a: Any,
        axis: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        """Return the extreme elements' mean: a tie splits its gradient evenly, as in reduce_max."""
        if is_tracing(initial):
            return NotImplemented
        value, mask = np.asarray(plain(a)), plain(where)
        bound = {} if initial is None else {"initial": initial}
        best = function(value, axis=axis, keepdims=True, where=mask, **bound)
        chosen = (value == best) & mask
        x = to_tensor(a, kind)
        count = np.sum(chosen, axis=axis, keepdims=bool(keepdims))
        if initial is not None:  # where it is the extreme itself, the result is a constant
            best = np.where(count, 0, best.reshape(np.shape(count)))
            return _mean_of(x, chosen, axis, keepdims, np.maximum(count, 1)) + tf.constant(best, kind)
        return _mean_of(x, chosen, axis, keepdims, count)

    return numeric(operation, skipped=(2,))


def _mean_of(x: Any, chosen: Any, axis: Any, keepdims: Any, count: Any) -> Any:
    return _total(tf.where(chosen, x, tf.zeros_like(x)), axis, keepdims) / tf.constant(count, x.dtype)


def _cumsum(kind: Any, a: Any, axis: Any = None) -> Any:
    x = to_tensor(a, kind)
    return tf.cumsum(tf.reshape(x, [-1]), 0) if axis is None else tf.cumsum(x, axis)


def _cumprod(kind: Any, a: Any, axis: Any = None) -> Any:
    """Partial products, one by one: TensorFlow's own gradient of cumprod divides by the elements, which may be zero."""
    x = to_tensor(a, kind)
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    parts = tf.unstack(x, axis=axis)
    for i in range(1, len(parts)):
        parts[i] = parts[i - 1] * parts[i]
    return tf.stack(parts, axis) if parts else x


def _axis_zero(rule: Rule) -> Rule:
    """Return the rule of a ufunc's `reduce` or `accumulate`, whose axis is 0 by default."""

    def with_axis(this: Call) -> Any:
        names = ("axis", "dtype", "out", "keepdims", "initial", "where")
        options = {"axis": 0, **dict(zip(names, this.args[1:], strict=False)), **this.kwargs}
        options = {name: x for name, x in options.items() if x is not None or name == "axis"}
        return rule(replace(this, args=this.args[:1], kwargs=options))

    return with_axis


# Products.


def _matmul(kind: Any, a: Any, b: Any, **_: Any) -> Any:
    """Y = A B, stacks of matrices broadcast; a 1-D A is a row, a 1-D B a column."""
    return _product(to_tensor(a, kind), to_tensor(b, kind))


def _product(x: Any, y: Any) -> Any:
    return tf.raw_ops.MatMul(a=x, b=y) if x.shape.rank == y.shape.rank == 2 else matmul(x, y)


def _dot(kind: Any, a: Any, b: Any) -> Any:
    """Σₖ a…ₖ b…ₖ…, over a's last axis and b's last but one."""
    x, y = to_tensor(a, kind), to_tensor(b, kind)
    if not x.shape.rank or not y.shape.rank:
        return x * y
    if x.shape.rank == y.shape.rank == 2:
        return _product(x, y)
    return tf.tensordot(x, y, [[x.shape.rank - 1], [max(y.shape.rank - 2, 0)]])


def _inner(kind: Any, a: Any, b: Any) -> Any:
    x, y = to_tensor(a, kind), to_tensor(b, kind)
    if not x.shape.rank or not y.shape.rank:
        return x * y
    return tf.tensordot(x, y, [[x.shape.rank - 1], [y.shape.rank - 1]])


def _vdot(kind: Any, a: Any, b: Any) -> Any:
    return tf.reduce_sum(tf.reshape(to_tensor(a, kind), [-1]) * tf.reshape(to_tensor(b, kind), [-1]))


def _outer(kind: Any, a: Any, b: Any) -> Any:
    return tf.reshape(to_tensor(a, kind), [-1, 1]) * tf.reshape(to_tensor(b, kind), [1, -1])


def _tensordot(kind: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = to_tensor(a, kind), to_tensor(b, kind)
    if not isinstance(axes, int | np.integer):
        left, right = (np.atleast_1d(axis) for axis in axes)
        axes = [[int(i) % x.shape.rank for i in left], [int(i) % y.shape.rank for i in right]]
    return tf.tensordot(x, y, axes)


def _einsum(kind: Any, subscripts: Any, *operands: Any, **_: Any) -> Any:
    if not isinstance(subscripts, str):
        return NotImplemented
    subscripts = subscripts.replace(" ", "")
    if "->" not in subscripts:  # the implied output has the labels that occur once, in alphabetical order
        labels = subscripts.replace(",", "").replace("...", "")
        dots = "..." if "..." in subscripts else ""
        subscripts += "->" + dots + "".join(sorted(label for label in labels if labels.count(label) == 1))
    return tf.einsum(subscripts, *[to_tensor(x, kind) for x in operands])


def _vecdot(kind: Any, a: Any, b: Any, axis: int = -1) -> Any:
    return tf.reduce_sum(to_tensor(a, kind) * to_tensor(b, kind), axis)


# fmt: off
RULES.update({
    np.sum:         numeric(_sum, skipped=(2, 3)),
    np.mean:        numeric(_mean, skipped=(2, 3)),
    np.var:         numeric(_var, skipped=(2, 3)),
    np.prod:        numeric(_prod, skipped=(2, 3)),
    np.max:         _extremum(np.max),
    np.min:         _extremum(np.min),
    np.cumsum:      numeric(_cumsum, skipped=(2, 3)),
    np.cumprod:     numeric(_cumprod, skipped=(2, 3)),
    np.matmul:      numeric(_matmul),
    np.dot:         numeric(_dot),
    np.inner:       numeric(_inner),
    np.vdot:        numeric(_vdot),
    np.outer:       numeric(_outer),
    np.tensordot:   numeric(_tensordot),
    np.einsum:      numeric(_einsum),
    np.add.reduce:            _axis_zero(numeric(_sum, skipped=(2, 3))),
    np.multiply.reduce:       _axis_zero(numeric(_prod, skipped=(2, 3))),
    np.maximum.reduce:        _axis_zero(_extremum(np.max)),
    np.minimum.reduce:        _axis_zero(_extremum(np.min)),
    np.add.accumulate:        _axis_zero(numeric(_cumsum, skipped=(2, 3))),
    np.multiply.accumulate:   _axis_zero(numeric(_cumprod, skipped=(2, 3))),
})
if hasattr(np, "vecdot"):  # NumPy 2.1 and later
    RULES[np.vecdot] = numeric(_vecdot)
# fmt: on
