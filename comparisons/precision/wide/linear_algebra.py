"""Solving, inverting, determinants and factors: textbook loops over columns, each step on wide arrays.

Elimination with partial pivoting: Golub & Van Loan, *Matrix Computations*, 4th ed., §3.4; Cholesky's factor §4.2; QR by
Householder's reflections §5.2, with LAPACK's signs. Their errors: Higham, *Accuracy and Stability*, ch. 9, 10 and 19.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import WideArray
from .conversion import wide
from .dispatch import RULES, apply

_at = np.newaxis
#: NumPy's own named tuples.
_SLOGDET: Any = type(np.linalg.slogdet(np.eye(1)))
_QR: Any = type(np.linalg.qr(np.eye(1)))


def stacked(a: Any) -> tuple[WideArray, tuple[int, ...]]:
    """Return a copy as a stack of matrices with one stacking axis, and the axes that it had."""
    a = wide(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(f"{a.ndim}-dimensional array given. Array must be at least two-dimensional")
    return a.reshape(-1, *a.shape[-2:]), a.shape[:-2]


def _square(a: Any) -> tuple[WideArray, tuple[int, ...]]:
    stack, shape = stacked(a)
    if stack.shape[-1] != stack.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return stack, shape


def eliminate(a: WideArray) -> tuple[WideArray, Any, Any]:
    """P A = L U in place of A; return it, the rows' order and the sign of their permutation."""
    count, n = a.shape[0], a.shape[-1]
    stack = np.arange(count)
    order, sign = np.tile(np.arange(n), (count, 1)), np.ones(count)
    for j in range(n):
        pivot = j + np.argmax(np.abs(a.high[:, j:, j]), axis=-1)
        sign = np.where(pivot == j, sign, -sign)
        for rows in (a.high, a.low, order):
            rows[stack, j], rows[stack, pivot] = rows[stack, pivot].copy(), rows[stack, j].copy()
        if j + 1 < n:
            divisor = a[:, j, j]
            divisor[divisor.high == 0] = 1.0
            factor = a[:, j + 1 :, j] / divisor[:, _at]
            a[:, j + 1 :, j] = factor
            a[:, j + 1 :, j + 1 :] -= factor[:, :, _at] * a[:, j, _at, j + 1 :]
    return a, order, sign


def _diagonal(a: WideArray) -> WideArray:
    return a[:, np.arange(a.shape[-1]), np.arange(a.shape[-1])]


def substitute(a: WideArray, b: WideArray, lower: bool, unit: bool = False) -> WideArray:
    """Solve T X = B for a triangular T, in place of B."""
    n = a.shape[-1]
    for j in range(n) if lower else range(n - 1, -1, -1):
        if not unit:
            b[:, j] = b[:, j] / a[:, j, j, _at]
        rest = slice(j + 1, None) if lower else slice(0, j)
        if b[:, rest].size:
            b[:, rest] -= a[:, rest, j, _at] * b[:, j, _at, :]
    return b


def _refuse_singular(lu: WideArray) -> None:
    if (_diagonal(lu).high == 0).any():
        raise np.linalg.LinAlgError("Singular matrix")


def _solve(a: Any, b: Any) -> Any:
    """Return A⁻¹ b; a 1-D b is one column."""
    left, shape = _square(a)
    b = wide(b)
    column = b.ndim == 1
    right = b[:, _at] if column else b
    stack = np.broadcast_shapes(shape, right.shape[:-2])
    lu, order, _ = eliminate(left)
    _refuse_singular(lu)
    lu = apply(np.broadcast_to, (lu.reshape(*shape, *lu.shape[1:]), (*stack, *lu.shape[1:])))
    order = np.broadcast_to(order.reshape(*shape, -1), (*stack, order.shape[-1]))
    right = apply(np.broadcast_to, (right, (*stack, *right.shape[-2:])))
    x = apply(np.take_along_axis, (right, order[..., _at], -2))
    x, lu = wide(x.reshape(-1, *x.shape[-2:])), lu.reshape(-1, *lu.shape[-2:])
    x = substitute(lu, substitute(lu, x, lower=True, unit=True), lower=False).reshape(*stack, *right.shape[-2:])
    return x[..., 0] if column else x


def _inv(a: Any) -> Any:
    return _solve(a, np.eye(_square(a)[0].shape[-1]))


def _slogdet(a: Any) -> Any:
    stack, shape = _square(a)
    lu, _, sign = eliminate(stack)
    diagonal = _diagonal(lu)
    sign = sign * np.prod(np.sign(diagonal.high), axis=-1)
    log = apply(np.sum, (apply(np.log, (apply(np.absolute, (diagonal,)),)), -1))
    return _SLOGDET(sign.reshape(shape)[()], log.reshape(shape)[()])


def _det(a: Any) -> Any:
    stack, shape = _square(a)
    lu, _, sign = eliminate(stack)
    return (apply(np.prod, (_diagonal(lu), -1)) * sign).reshape(shape)[()]


def mirrored(a: WideArray, upper: bool) -> WideArray:
    """Return the symmetric matrix of one triangle, which alone NumPy reads."""
    kept = apply(np.triu if upper else np.tril, (a,))
    other = apply(np.triu if upper else np.tril, (a, 1 if upper else -1))
    return kept + other.mT  # type: ignore[no-any-return]


def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """Return L of A = L Lᵀ, or U of A = Uᵀ U."""
    stack, shape = _square(a)
    stack = mirrored(stack, upper)
    n = stack.shape[-1]
    for j in range(n):
        pivot = stack[:, j, j]
        if not (pivot.high > 0).all():
            raise np.linalg.LinAlgError("Matrix is not positive definite")
        stack[:, j:, j] = stack[:, j:, j] / apply(np.sqrt, (pivot,))[:, _at]
        if j + 1 < n:
            below = stack[:, j + 1 :, j]
            stack[:, j + 1 :, j + 1 :] -= below[:, :, _at] * below[:, _at, :]
    factor = apply(np.tril, (stack,)).reshape(*shape, n, n)
    return factor.mT if upper else factor


def householder(a: WideArray) -> tuple[list[tuple[WideArray, WideArray]], WideArray]:
    """Return the reflections (v, τ), H = I − τ v vᵀ, that make A triangular, and the triangle in A's place."""
    found = []
    for j in range(min(a.shape[-2:])):
        first, rest = a[:, j, j], a[:, j + 1 :, j]
        size = apply(np.sqrt, (apply(np.sum, (rest * rest, -1)),))
        flat = size.high == 0
        beta = apply(np.copysign, (apply(np.hypot, (first, size)), -first))
        safe = apply(np.where, (flat, 1.0, beta))
        tau = apply(np.where, (flat, 0.0, (beta - first) / safe))
        v = wide(np.zeros((a.shape[0], a.shape[1] - j)))
        v[:, 0] = 1.0
        v[:, 1:] = rest / apply(np.where, (flat, 1.0, first - beta))[:, _at]
        reflect(a[:, j:, j:], v, tau)
        a[:, j + 1 :, j] = 0.0
        found.append((v, tau))
    return found, a


def reflect(a: WideArray, v: WideArray, tau: WideArray) -> None:
    """Subtract τ v (vᵀ A) from A in place."""
    a -= (tau[:, _at] * v)[:, :, _at] * (v[:, _at, :] @ a)


def _qr(a: Any, mode: str = "reduced") -> Any:
    """Return Q and R of A = Q R."""
    stack, shape = stacked(a)
    m, n = stack.shape[-2:]
    reflections, r = householder(stack)
    count = m if mode == "complete" else min(m, n)
    r = apply(np.triu, (r[:, :count, :],)).reshape(*shape, count, n)
    if mode == "r":
        return r
    q = wide(np.broadcast_to(np.eye(m, count), (stack.shape[0], m, count)))
    for j, (v, tau) in reversed(list(enumerate(reflections))):
        reflect(q[:, j:, :], v, tau)
    return _QR(q.reshape(*shape, m, count), r)


# fmt: off
RULES.update({
    np.linalg.solve:    _solve,
    np.linalg.inv:      _inv,
    np.linalg.det:      _det,
    np.linalg.slogdet:  _slogdet,
    np.linalg.cholesky: _cholesky,
    np.linalg.qr:       _qr,
})
# fmt: on
