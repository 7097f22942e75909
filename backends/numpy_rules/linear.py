"""Products of matrices. Each rule returns `(y, pullbacks)`, one pullback for each input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradtwin.backends.interface import Array, Pullback


def dense(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X W + b;  X̄ = Ȳ Wᵀ,  W̄ = Xᵀ Ȳ,  b̄ = Σₙ Ȳ.

    x (n,i), w (i,o), b (o) give y (n,o). Source: Goodfellow, Bengio & Courville, *Deep Learning*, §6.5.6.
    """
    y = x @ w
    y += b
    return y, (
        lambda y_bar: y_bar @ w.T,
        lambda y_bar: x.T @ y_bar,
        lambda y_bar: y_bar.sum(axis=0),
    )


def linear(x: Array, w: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = X Wᵀ;  X̄ = Ȳ W,  W̄ = Ȳᵀ X: the weights as (outputs, inputs)."""
    return x @ w.T, (lambda y_bar: y_bar @ w, lambda y_bar: y_bar.T @ x)


def prepend_one(x: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = [1 X], a first column of ones, whose weights are then the bias;  X̄ = Ȳ without its first column."""
    return np.pad(x, ((0, 0), (1, 0)), constant_values=1), (lambda y_bar: y_bar[:, 1:].copy(),)


def dense_columns(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = W X + b, samples in columns;  X̄ = Wᵀ Ȳ,  W̄ = Ȳ Xᵀ,  b̄ = Σₙ Ȳ as a column."""
    y = w @ x
    y += b
    return y, (
        lambda y_bar: w.T @ y_bar,
        lambda y_bar: y_bar @ x.T,
        lambda y_bar: y_bar.sum(axis=1, keepdims=True),
    )


def matmul(a: Array, b: Array) -> tuple[Array, tuple[Pullback, ...]]:
    """Y = A B;  Ā = Ȳ Bᵀ,  B̄ = Aᵀ Ȳ.

    a (…,n,k) and b (…,k,m) give y (…,n,m); leading axes are stacks and broadcast, a 1-D a is a row, a 1-D b a column,
    and the added axis is dropped from y, as in np.matmul.
    Source: Giles, *Collected matrix derivative results* (2008), §2.2.
    """
    y = a @ b
    if a.ndim == b.ndim == 2:
        return y, (lambda y_bar: y_bar @ b.T, lambda y_bar: a.T @ y_bar)

    rows = a if a.ndim > 1 else a[np.newaxis, :]
    columns = b if b.ndim > 1 else b[:, np.newaxis]
    as_matrices = _restore_axes(a.ndim == 1, b.ndim == 1)
    return y, (
        lambda y_bar: _unbroadcast(as_matrices(y_bar) @ columns.swapaxes(-1, -2), rows.shape).reshape(a.shape),
        lambda y_bar: _unbroadcast(rows.swapaxes(-1, -2) @ as_matrices(y_bar), columns.shape).reshape(b.shape),
    )


def _restore_axes(row: bool, column: bool) -> Callable[[Array], Array]:
    """Put back into y_bar the axes that np.matmul dropped from y for 1-D operands."""

    def as_matrices(y_bar: Array) -> Array:
        if column:
            y_bar = y_bar[..., np.newaxis]
        return y_bar[..., np.newaxis, :] if row else y_bar

    return as_matrices


def _unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its input was broadcast: x_bar = Σ y_bar over the copies of x."""
    added = gradient.ndim - len(shape)
    stretched = tuple(i + added for i, extent in enumerate(shape) if extent == 1 and gradient.shape[i + added] != 1)
    axes = tuple(range(added)) + stretched
    return gradient.sum(axis=axes).reshape(shape) if axes else gradient
