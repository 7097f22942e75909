"""NumPy's products of every kind, as matrix products: matmul, dot, einsum, tensordot, convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .conversion import from_pair, store, to_full_pair
from .dispatch import RULES, apply
from .products import matrix_product
from .words import Pair


def _mapped(function: Any, x: Pair, *args: Any) -> Pair:
    return function(x[0], *args), function(x[1], *args)


def _matmul(a: Any, b: Any, out: Any = None, **_: Any) -> Any:
    """Y = A B, stacks of matrices broadcast; a 1-D A is a row, a 1-D B a column."""
    x, y = to_full_pair(a), to_full_pair(b)
    if not np.ndim(x[0]) or not np.ndim(y[0]):
        raise ValueError("matmul: an operand has no axes; expected one or more.")
    rows, columns = np.ndim(x[0]) == 1, np.ndim(y[0]) == 1
    if rows:
        x = x[0][None, :], x[1][None, :]
    if columns:
        y = y[0][:, None], y[1][:, None]
    if x[0].shape[-1] != y[0].shape[-2]:
        raise ValueError(
            f"matmul: shapes {np.shape(x[0])} and {np.shape(y[0])} don't fit: {x[0].shape[-1]} ≠ {y[0].shape[-2]}."
        )
    high, low = matrix_product(x, y)
    dropped = (-2,) * rows + (-1,) * columns
    if dropped:
        high, low = np.squeeze(high, dropped), np.squeeze(low, dropped)
    return store(out, from_pair((high, low)))


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    """Σₖ a…ₖ b…ₖ…, over a's last axis and b's last but one."""
    x, y = to_full_pair(a), to_full_pair(b)
    if not np.ndim(x[0]) or not np.ndim(y[0]):
        return apply(np.multiply, (a, b), {"out": out})
    if np.ndim(y[0]) <= 2:
        return _matmul(a, b, out)
    return store(out, _tensordot(a, b, ((np.ndim(x[0]) - 1,), (np.ndim(y[0]) - 2,))))


def _inner(a: Any, b: Any) -> Any:
    x, y = to_full_pair(a), to_full_pair(b)
    if not np.ndim(x[0]) or not np.ndim(y[0]):
        return apply(np.multiply, (a, b))
    return _tensordot(a, b, ((np.ndim(x[0]) - 1,), (np.ndim(y[0]) - 1,)))


def _vdot(a: Any, b: Any) -> Any:
    return _matmul(apply(np.reshape, (a, -1)), apply(np.reshape, (b, -1)))


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return apply(np.multiply, (apply(np.reshape, (a, (-1, 1))), apply(np.reshape, (b, (1, -1)))), {"out": out})


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = to_full_pair(a), to_full_pair(b)
    left_ndim, right_ndim = np.ndim(x[0]), np.ndim(y[0])
    if isinstance(axes, int | np.integer):
        axes = (range(left_ndim - axes, left_ndim), range(axes))
    left, right = (
        [int(i) % n for i in np.atleast_1d(axis)] for axis, n in zip(axes, (left_ndim, right_ndim), strict=True)
    )
    free_x = [i for i in range(left_ndim) if i not in left]
    free_y = [i for i in range(right_ndim) if i not in right]
    if [x[0].shape[i] for i in left] != [y[0].shape[i] for i in right]:
        raise ValueError(f"tensordot: shapes {x[0].shape} and {y[0].shape} don't fit over axes {left} and {right}.")
    shape = [x[0].shape[i] for i in free_x] + [y[0].shape[i] for i in free_y]
    k = int(np.prod([x[0].shape[i] for i in left]))
    rows, columns = (int(np.prod(part)) for part in (shape[: len(free_x)], shape[len(free_x) :]))
    x = _mapped(lambda half: np.transpose(half, [*free_x, *left]).reshape(rows, k), x)
    y = _mapped(lambda half: np.transpose(half, [*right, *free_y]).reshape(k, columns), y)
    high, low = matrix_product(x, y)
    return from_pair((high.reshape(shape), low.reshape(shape)))


def _vecdot(a: Any, b: Any, axis: int = -1, **_: Any) -> Any:
    a, b = apply(np.broadcast_arrays, (a, b))
    a, b = apply(np.moveaxis, (a, axis, -1)), apply(np.moveaxis, (b, axis, -1))
    return (a[..., None, :] @ b[..., :, None])[..., 0, 0]


def _matvec(a: Any, b: Any, **_: Any) -> Any:
    return (a @ apply(np.expand_dims, (b, -1)))[..., 0]


def _vecmat(a: Any, b: Any, **_: Any) -> Any:
    return (apply(np.expand_dims, (a, -2)) @ b)[..., 0, :]


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    del dtype
    return apply(np.sum, (apply(np.diagonal, (a, offset, axis1, axis2)), -1), {"out": out})


# Convolutions, as products with windows.


def correlate_windows(a: Any, v: Any, low: Any, high: Any) -> Any:
    """yₖ = Σᵢ aₖ₊ᵢ vᵢ, in any number of dimensions, with `low` and `high` zeros added at the ends of each axis."""
    a, v = apply(np.asarray, (a,)), apply(np.asarray, (v,))
    padded = apply(np.pad, (a, list(zip(low, high, strict=True))))
    windows = apply(np.lib.stride_tricks.sliding_window_view, (padded, v.shape))
    return _tensordot(windows, v, v.ndim)


def _slide(a: Any, v: Any, mode: str) -> Any:
    size = v.size
    low = {"full": size - 1, "valid": 0, "same": size // 2}[mode]
    high = {"full": size - 1, "valid": 0, "same": size - 1 - low}[mode]
    return correlate_windows(a, v, [low], [high])


def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """yₖ = Σᵢ aₖ₋ᵢ vᵢ."""
    a, v = apply(np.asarray, (a,)), apply(np.asarray, (v,))
    if v.size > a.size:
        a, v = v, a
    return _slide(a, apply(np.flip, (v,)), mode)


def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """yₖ = Σᵢ aₖ₊ᵢ vᵢ; with a longer v the result is reversed, as NumPy has it."""
    a, v = apply(np.asarray, (a,)), apply(np.asarray, (v,))
    return apply(np.flip, (_slide(v, a, mode),)) if v.size > a.size else _slide(a, v, mode)


# Einstein's summation: operand by operand, each pair one matrix product.

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum(subscripts: Any, *operands: Any, out: Any = None, **_: Any) -> Any:
    if not isinstance(subscripts, str):
        operands = (subscripts, *operands)
        labels = ["".join(_LETTERS[i] if i is not ... else "..." for i in item) for item in operands[1::2]]
        result = (
            "->" + "".join(_LETTERS[i] if i is not ... else "..." for i in operands[-1]) if len(operands) % 2 else ""
        )
        subscripts, operands = ",".join(labels) + result, operands[: len(labels) * 2 : 2]
    pairs = [to_full_pair(x) for x in operands]
    names, target = _labels(subscripts, [np.ndim(pair[0]) for pair in pairs])
    if len(names) != len(pairs):
        raise ValueError(f"einsum: {subscripts!r} is for {len(names)} operands; got {len(pairs)}.")
    name, x = names[0], pairs[0]
    for number in range(1, len(pairs)):
        later = set(target).union(*names[number + 1 :])
        name, x = _contract(name, x, names[number], pairs[number], later)
    name, x = _single(name, x, set(target))
    x = _mapped(np.transpose, x, [name.index(label) for label in target])
    return store(out, from_pair((np.array(x[0]), np.array(x[1]))))


def _labels(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """Return each operand's labels and the result's, with letters in place of dots."""
    subscripts = subscripts.replace(" ", "")
    left, arrow, target = subscripts.partition("->")
    terms = left.split(",")
    free = [letter for letter in _LETTERS if letter not in subscripts]
    widths = [ndim - len(term.replace("...", "")) for term, ndim in zip(terms, ndims, strict=False)]
    most = max((width for term, width in zip(terms, widths, strict=False) if "..." in term), default=0)
    dots = "".join(free[:most])
    names = [
        term.replace("...", dots[most - width :] if width else "") for term, width in zip(terms, widths, strict=False)
    ]
    if not arrow:
        joined = left.replace(",", "").replace("...", "")
        target = "..." + "".join(sorted(label for label in set(joined) if joined.count(label) == 1))
    return names, target.replace("...", dots)


def _single(name: str, x: Pair, kept: set[str]) -> tuple[str, Pair]:
    """Return an operand without repeated labels, summed over those that are not kept."""
    for label in dict.fromkeys(name):
        while name.count(label) > 1:
            first = name.index(label)
            second = name.index(label, first + 1)
            x = _mapped(lambda h, i=first, j=second: np.diagonal(h, 0, i, j), x)
            name = name[:first] + name[first + 1 : second] + name[second + 1 :] + label
    gone = tuple(i for i, label in enumerate(name) if label not in kept)
    if gone:
        x = to_full_pair(apply(np.add.reduce, (from_pair(x),), {"axis": gone}))
        name = "".join(label for label in name if label in kept)
    return name, x


def _contract(a: str, x: Pair, b: str, y: Pair, later: set[str]) -> tuple[str, Pair]:
    """Return the product of two operands: stacked over shared labels that stay, summed over those that don't."""
    a, x = _single(a, x, later | set(b))
    b, y = _single(b, y, later | set(a))
    stack = [label for label in a if label in b and label in later]
    inner = [label for label in a if label in b and label not in later]
    rows, columns = [label for label in a if label not in b], [label for label in b if label not in a]
    sizes = dict(zip(a, np.shape(x[0]), strict=True))
    for label, size in zip(b, np.shape(y[0]), strict=True):
        if sizes.get(label, size) != size and 1 not in (size, sizes[label]):
            raise ValueError(f"einsum: label {label!r} has lengths {sizes[label]} and {size}.")
        sizes[label] = max(size, sizes.get(label, size)) if size else 0

    def arranged(name: str, pair: Pair, first: list[str], second: list[str]) -> Pair:
        order = [*stack, *first, *second]
        shape = [sizes[label] for label in order]
        groups = [int(np.prod([sizes[label] for label in group])) for group in (first, second)]
        return _mapped(
            lambda half: np.broadcast_to(np.transpose(half, [name.index(label) for label in order]), shape).reshape(
                [*shape[: len(stack)], *groups]
            ),
            pair,
        )

    high, low = matrix_product(arranged(a, x, rows, inner), arranged(b, y, inner, columns))
    shape = [sizes[label] for label in (*stack, *rows, *columns)]
    return "".join((*stack, *rows, *columns)), (high.reshape(shape), low.reshape(shape))


# fmt: off
RULES.update({
    np.matmul:    _matmul,
    np.dot:       _dot,
    np.inner:     _inner,
    np.vdot:      _vdot,
    np.outer:     _outer,
    np.tensordot: _tensordot,
    np.einsum:    _einsum,
    np.trace:     _trace,
    np.convolve:  _convolve,
    np.correlate: _correlate,
})
# fmt: on
for _name, _rule in (("vecdot", _vecdot), ("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _name):  # NumPy 2.1, 2.2 and later
        RULES[getattr(np, _name)] = _rule
