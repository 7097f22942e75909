"""Matrix products by slices that BLAS multiplies without error.

Ozaki, Ogita, Oishi & Rump, *Numer. Algorithms* 59, 2012. Both factors are cut into slices of so few bits that every
sum of products of slices is an integer multiple of one unit, below 2⁵³ of it: float64 holds it exactly, in whatever
order BLAS adds. So many slices are taken that what is left out is below the last bit of Σ|terms|; elements that would
need more than `MOST_SLICES`, because their factors' sizes are far apart, are computed term by term.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arithmetic import add, multiply, scale
from .sums import fold
from .ufuncs import evaluate
from .words import Array, Pair, quick_two_sum, two_sum

#: Bits below the sum of the terms' sizes that are computed.
BITS = 108
MOST_SLICES = 12
#: About how long the two ways take: an element's product and sum, cutting an element, adding a slice's, starting.
_DIRECT, _CUT, _ADD, _START = 20, 25, 50, 150_000
#: Rather than by another slice, so small a part of the elements, over the slices, is computed term by term.
_FEW = 64
#: Term by term, so many products are held at a time.
_AT_ONCE = 2**19


def matrix_product(x: Pair, y: Pair) -> Pair:
    """Σₖ xᵢₖ yₖⱼ, stacks of matrices broadcast."""
    m, k = x[0].shape[-2:]
    n = y[0].shape[-1]
    stack = np.broadcast_shapes(x[0].shape[:-2], y[0].shape[:-2])
    count = int(np.prod(stack))
    if not count * m * n * k:
        return np.zeros((*stack, m, n)), np.zeros((*stack, m, n))
    bad_x: Any = ~np.isfinite(x[0])
    bad_y: Any = ~np.isfinite(y[0])
    if bad_x.any() or bad_y.any():
        plain = np.matmul(x[0], y[0])
        bad = bad_x.any(-1)[..., :, None] | bad_y.any(-2)[..., None, :]
        high, low = matrix_product(_cleared(x, bad_x), _cleared(y, bad_y))
        return np.where(bad, plain, high), np.where(bad, 0, low)
    if _DIRECT * m * n * k * count <= (_CUT * (m * k + k * n) + _ADD * m * n) * count + _START:
        return _term_by_term(x, y)
    return _by_slices(x, y)


def _cleared(x: Pair, bad: Any) -> Pair:
    return np.where(bad, 0, x[0]), np.where(bad, 0, x[1])


def _term_by_term(x: Pair, y: Pair) -> Pair:
    left = x[0][..., :, None, :], x[1][..., :, None, :]
    right = y[0].swapaxes(-1, -2)[..., None, :, :], y[1].swapaxes(-1, -2)[..., None, :, :]
    return fold_products(left, right)


def fold_products(x: Pair, y: Pair) -> Pair:
    """Σ x y over the last axis."""
    return fold(add, evaluate(multiply, x, y))


def _by_slices(x: Pair, y: Pair) -> Pair:
    k = x[0].shape[-1]
    x, exponent_x = _to_unit(x, -1)
    y, exponent_y = _to_unit(y, -2)
    size = np.matmul(np.abs(x[0]), np.abs(y[0]))
    count, bits, far = _plan(size, k)
    left = _slices(x, count, bits)
    right = _slices(y, count, bits)
    wide_left, wide_right = np.concatenate(left, -1), np.concatenate(right[::-1], -2)
    total: Pair = np.zeros(size.shape), np.zeros(size.shape)
    for group in range(count, 0, -1):  # the products of slices p and q with p + q = group + 1, the smallest first
        part = np.matmul(wide_left[..., : group * k], wide_right[..., (count - group) * k :, :])
        s, e = two_sum(total[0], part)
        total = quick_two_sum(s, e + total[1])
    if far.any():
        total = _with_far_elements(total, x, y, far)
    return scale(total, exponent_x + exponent_y)


def _to_unit(x: Pair, axis: int) -> tuple[Pair, Any]:
    """Return rows or columns scaled by powers of two to at most 1, and the powers."""
    exponent = np.frexp(np.max(np.abs(x[0]), axis=axis, keepdims=True))[1]
    return (np.ldexp(x[0], -exponent), np.ldexp(x[1], -exponent)), exponent


def _plan(size: Array, k: int) -> tuple[int, int, Any]:
    """Return how many slices of how many bits are needed, and the elements that would need too many.

    With s slices of w bits no more than (s + 1) k 2^(−w s) is left out. A sum of s k products of integers up to
    2^(w − 1) must stay below 2⁵³.
    """
    missing = np.where(size > 0, k / np.where(size > 0, size, 1), 0)
    for count in range(2, MOST_SLICES + 1):
        bits = (55 - int(np.ceil(np.log2(count * k)))) // 2
        far = missing * (count + 1) * 2.0 ** (BITS - bits * count) > 1
        if np.count_nonzero(far) * count <= far.size // _FEW:
            break
    return count, bits, far


def _slices(x: Pair, count: int, bits: int) -> list[Array]:
    """Return numbers up to 1 as a sum of slices: multiples of 2^(1 − w), 2^(1 − 2w), … up to 2^(w − 1) of them."""
    high, low = x
    found = []
    for number in range(1, count + 1):
        anchor = np.ldexp(1.5, 53 - bits * number)  # its last bit is the slice's unit
        part = (high + anchor) - anchor
        found.append(part)
        high, low = two_sum(high - part, low)
    return found


def _with_far_elements(total: Pair, x: Pair, y: Pair, far: Any) -> Pair:
    """Return a product with some elements computed term by term."""
    shape, k = total[0].shape, x[0].shape[-1]
    rows = [np.broadcast_to(half, (*shape[:-2], *half.shape[-2:])) for half in x]
    columns = [np.broadcast_to(half, (*shape[:-2], *half.shape[-2:])).swapaxes(-1, -2) for half in y]
    high, low = np.array(total[0]), np.array(total[1])
    *stack, i, j = np.nonzero(far)
    step = max(1, _AT_ONCE // k)
    for start in range(0, len(i), step):
        now = slice(start, start + step)
        at = tuple(index[now] for index in stack)
        part = fold_products(
            (rows[0][(*at, i[now])], rows[1][(*at, i[now])]), (columns[0][(*at, j[now])], columns[1][(*at, j[now])])
        )
        where = (*at, i[now], j[now])
        high[where], low[where] = part
    return high, low
