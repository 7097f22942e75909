"""Eigenvalues and singular values: float64's vectors made orthogonal, then Jacobi's rotations until nothing is left.

Golub & Van Loan, *Matrix Computations*, 4th ed., §8.5 (two-sided, in rounds of disjoint pairs) and §8.6.3 (one-sided).
Order and signs are those of float64's result, except among eigenvalues that are equal in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import WideArray
from .conversion import wide
from .dispatch import RULES, apply
from .linear_algebra import mirrored, stacked

#: Rotations stop where what is left is below the last bit; float64's vectors need two or three sweeps.
_LAST_BIT = 2.0**-106
_SWEEPS = 12
#: NumPy's own named tuples.
_EIGH: Any = type(np.linalg.eigh(np.eye(1)))
_SVD: Any = type(np.linalg.svd(np.eye(1)))
#: Singular values below this part of the largest one have no direction of their own.
_NO_DIRECTION = 2.0**-98


def orthonormal(v: WideArray) -> WideArray:
    """Return V (3 I − VᵀV)/2, twice: the nearest orthogonal matrix to one that is orthogonal in float64."""
    for _ in range(2):
        v = v @ ((3 * np.eye(v.shape[-1]) - v.mT @ v) / 2)
    return v


def rounds(n: int) -> list[tuple[Any, Any]]:
    """Return the rounds of a tournament: each pair meets once, and pairs of one round are disjoint."""
    players = list(range(n + n % 2))
    found = []
    for _ in range(len(players) - 1):
        pairs = zip(players[: len(players) // 2], players[len(players) // 2 :][::-1], strict=True)
        kept = [(min(pair), max(pair)) for pair in pairs if max(pair) < n]
        found.append((np.array([p for p, _ in kept]), np.array([q for _, q in kept])))
        players = [players[0], players[-1], *players[1:-1]]
    return [pair for pair in found if len(pair[0])]


def _tangent(app: WideArray, aqq: WideArray, apq: WideArray, negligible: Any) -> tuple[WideArray, WideArray]:
    """Return cosine and sine of the rotation that makes [[app, apq], [apq, aqq]] diagonal."""
    theta = (aqq - app) / (2 * apply(np.where, (negligible, 1.0, apq)))
    t = apply(np.copysign, (1.0, theta)) / (apply(np.absolute, (theta,)) + apply(np.hypot, (theta, 1.0)))
    t = apply(np.where, (negligible, 0.0, t))
    c = 1 / apply(np.sqrt, (1 + t * t,))
    return c, t * c


def _turn_columns(a: WideArray, p: Any, q: Any, c: WideArray, s: WideArray) -> None:
    left, right = a[:, :, p], a[:, :, q]
    c, s = c[:, None, :], s[:, None, :]
    a[:, :, p], a[:, :, q] = c * left - s * right, s * left + c * right


def _symmetric(a: Any, upper: bool) -> tuple[WideArray, WideArray, tuple[int, ...]]:
    """Return eigenvalues, ascending, and eigenvectors."""
    stack, shape = stacked(a)
    stack = mirrored(stack, upper)
    v = orthonormal(wide(np.linalg.eigh(stack.high).eigenvectors))
    b = v.mT @ stack @ v
    n, peak = b.shape[-1], np.max(np.abs(stack.high), axis=(-1, -2), initial=0.0)
    for _ in range(_SWEEPS):
        turned = False
        for p, q in rounds(n):
            apq = (b[:, p, q] + b[:, q, p]) / 2
            negligible = np.abs(apq.high) <= _LAST_BIT * peak[:, None]
            if negligible.all():
                continue
            turned = True
            c, s = _tangent(b[:, p, p], b[:, q, q], apq, negligible)
            _turn_columns(b, p, q, c, s)
            _turn_columns(b.mT, p, q, c, s)
            _turn_columns(v, p, q, c, s)
        if not turned:
            break
    values = b[:, np.arange(n), np.arange(n)]
    order = apply(np.argsort, (values, -1))
    return (
        apply(np.take_along_axis, (values, order, -1)).reshape(*shape, n),
        apply(np.take_along_axis, (v, order[:, None, :], -1)).reshape(*shape, n, n),
        shape,
    )


def _eigh(a: Any, UPLO: str = "L") -> Any:
    values, vectors, _ = _symmetric(a, UPLO in ("U", "u"))
    return _EIGH(values, vectors)


def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return _symmetric(a, UPLO in ("U", "u"))[0]


def _one_sided(a: WideArray, v: WideArray) -> tuple[WideArray, WideArray, WideArray]:
    """Return U, σ and V of a stack of matrices with no fewer rows than columns, from float64's V.

    U is right only where σ has a direction.
    """
    v = orthonormal(v)
    w = a @ v
    n = v.shape[-1]
    for _ in range(_SWEEPS):
        turned = False
        for p, q in rounds(n):
            left, right = w[:, :, p], w[:, :, q]
            alpha, beta, gamma = (apply(np.sum, (x * y, 1)) for x, y in ((left, left), (right, right), (left, right)))
            peak = np.max(np.sum(w.high**2, axis=1), axis=-1)[:, None]
            sizes = [np.sqrt(np.maximum(square.high, _NO_DIRECTION**2 * peak)) for square in (alpha, beta)]
            negligible = np.abs(gamma.high) <= 4 * _LAST_BIT * sizes[0] * sizes[1]
            if negligible.all():
                continue
            turned = True
            c, s = _tangent(alpha, beta, gamma, negligible)
            _turn_columns(w, p, q, c, s)
            _turn_columns(v, p, q, c, s)
        if not turned:
            break
    values = apply(np.sqrt, (apply(np.sum, (w * w, 1)),))
    order = apply(np.argsort, (-values, -1))
    values = apply(np.take_along_axis, (values, order, -1))
    w, v = (apply(np.take_along_axis, (x, order[:, None, :], -1)) for x in (w, v))
    return w / apply(np.where, (values.high == 0, 1.0, values))[:, None, :], values, v


def _completed(u: WideArray, values: WideArray, start: Any) -> WideArray:
    """Return U with float64's directions, made orthogonal, where there is none or too few columns."""
    found, columns = wide(start), start.shape[-1]
    for i in range(len(found)):
        sizes = values.high[i]
        kept = np.flatnonzero(sizes > _NO_DIRECTION * np.max(sizes, initial=0.0))
        rest = np.setdiff1d(np.arange(columns), kept)
        found[i][:, kept] = u[i][:, kept]
        if len(rest):
            free = found[i][:, rest]
            for _ in range(2):
                free = free - u[i][:, kept] @ (u[i][:, kept].T @ free)
                free = orthonormal(free)
            found[i][:, rest] = free
    return found


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Return U, σ and Vᵀ of A = U diag(σ) Vᵀ."""
    del hermitian
    stack, shape = stacked(a)
    wider = stack.shape[-2] < stack.shape[-1]
    u_start, _, vt_start = np.linalg.svd(stack.high, full_matrices=full_matrices and compute_uv)
    left, right = (vt_start.mT, u_start) if wider else (u_start, vt_start.mT)
    n = min(stack.shape[-2:])
    u, values, v = _one_sided(wide(stack.mT) if wider else stack, wide(right[..., :n]))
    values_shaped = values.reshape(*shape, n)
    if not compute_uv:
        return values_shaped
    u = _completed(u, values, left)
    u, v = u.reshape(*shape, *u.shape[1:]), v.reshape(*shape, n, n)
    return _SVD(*((v, values_shaped, u.mT) if wider else (u, values_shaped, v.mT)))


def _inverted(values: WideArray, cutoff: Any) -> tuple[WideArray, Any]:
    large = values.high > np.asarray(cutoff)[..., None] * np.max(values.high, axis=-1, keepdims=True, initial=0.0)
    return apply(np.where, (large, 1 / apply(np.where, (large, values, 1.0)), 0.0)), large


def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = 1e-15) -> Any:
    """V diag(1/σ) Uᵀ, singular values below the cutoff left out."""
    if rtol is None:
        rtol = max(a.shape[-2:]) * np.finfo(np.float64).eps
    u, values, vt = _svd(a, full_matrices=False, hermitian=hermitian)
    inverse, _ = _inverted(values, rtol if rcond is None else rcond)
    return vt.mT @ (inverse[..., None] * u.mT)


def _lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Return the least-squares solution, its residuals, the rank and the singular values."""
    a, b = wide(a), wide(b)
    m, n = a.shape
    rcond = np.finfo(np.float64).eps * max(m, n) if rcond is None else rcond
    u, values, vt = _svd(a, full_matrices=False)
    inverse, large = _inverted(values, rcond)
    columns = b[:, None] if b.ndim == 1 else b
    x = vt.mT @ (inverse[:, None] * (u.mT @ columns))
    rank = int(np.count_nonzero(large))
    rest = columns - a @ x
    residuals = apply(np.sum, (rest * rest, 0)) if rank == n and m > n else wide(np.zeros(0))
    return (x[:, 0] if b.ndim == 1 else x), residuals, rank, values


# fmt: off
RULES.update({
    np.linalg.eigh:     _eigh,
    np.linalg.eigvalsh: _eigvalsh,
    np.linalg.svd:      _svd,
    np.linalg.svdvals:  lambda a: _svd(a, compute_uv=False),
    np.linalg.pinv:     _pinv,
    np.linalg.lstsq:    _lstsq,
})
# fmt: on
