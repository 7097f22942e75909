"""numpy.linalg: inverses, determinants and factors, by TensorFlow's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.conversion import is_tracing
from gradtwin.comparisons.tracing.dispatch import Call, Rule, call, numeric

from .engine import to_tensor
from .framework import tf
from .rules import RULES


def _inv(kind: Any, a: Any) -> Any:
    return tf.linalg.inv(to_tensor(a, kind))


def _det(kind: Any, a: Any) -> Any:
    return tf.linalg.det(to_tensor(a, kind))


def _slogdet(kind: Any, a: Any) -> Any:
    sign, log = tf.linalg.slogdet(to_tensor(a, kind))
    return tf.stop_gradient(sign), log


def _solve(kind: Any, a: Any, b: Any) -> Any:
    """A⁻¹ b; a 1-D b is one column."""
    left, right = to_tensor(a, kind), to_tensor(b, kind)
    column = right.shape.rank == 1
    if column:
        right = right[:, None]
    stack = np.broadcast_shapes(tuple(left.shape[:-2]), tuple(right.shape[:-2]))
    left = tf.broadcast_to(left, stack + tuple(left.shape[-2:]))
    right = tf.broadcast_to(right, stack + tuple(right.shape[-2:]))
    x = tf.linalg.solve(left, right)
    return tf.squeeze(x, -1) if column else x


def _mirrored(a: Any, upper: bool) -> Any:
    """Return the symmetric matrix of one triangle: NumPy reads that one alone, so the gradient is that one's alone."""
    a = a if is_tracing(a) else np.asarray(a)
    kept = call(np.triu if upper else np.tril, (a,), {})
    other = call(np.triu if upper else np.tril, (a, 1 if upper else -1), {})
    return kept + call(np.swapaxes, (other, -1, -2), {})


def _of_triangle(operation: Any, evaluate: Any) -> Rule:
    """Return the rule of a function that reads one triangle of a symmetric matrix."""
    rule = numeric(operation)

    def run(this: Call) -> Any:
        options = {**dict(zip(("UPLO",), this.args[1:], strict=False)), **this.kwargs}
        upper = options.get("UPLO", "L") in ("U", "u") or bool(options.get("upper", False))
        return rule(replace(this, args=(_mirrored(this.args[0], upper),), kwargs={}, evaluate=evaluate))

    return run


def _cholesky(this: Call) -> Any:
    """Return L of A = L Lᵀ, or U of A = Uᵀ U."""
    factor = _LOWER_FACTOR(this)
    upper = this.kwargs.get("upper", False)
    return call(np.swapaxes, (factor, -1, -2), {}) if upper else factor


def _lower_factor(kind: Any, a: Any) -> Any:
    return tf.linalg.cholesky(to_tensor(a, kind))


_LOWER_FACTOR = _of_triangle(_lower_factor, np.linalg.cholesky)


def _eigenvalues(kind: Any, a: Any) -> Any:
    return tf.linalg.eigvalsh(to_tensor(a, kind))


def _aligned_eigh(kind: Any, a: Any) -> Any:
    """Factor A = V diag(λ) Vᵀ, each eigenvector with NumPy's sign."""
    values, vectors = tf.linalg.eigh(to_tensor(a, kind))
    theirs = np.linalg.eigh(a._value).eigenvectors
    sign = np.sign(np.sum(theirs * vectors.numpy(), axis=-2, keepdims=True))
    return values, vectors * tf.constant(sign, kind)


def _aligned_qr(kind: Any, a: Any, mode: str = "reduced") -> Any:
    """Factor A = Q R, each column of Q with NumPy's sign."""
    if mode != "reduced":
        return NotImplemented
    q, r = tf.linalg.qr(to_tensor(a, kind))
    sign = np.sign(np.sum(np.linalg.qr(a._value).Q * q.numpy(), axis=-2, keepdims=True))
    return q * tf.constant(sign, kind), r * tf.constant(np.swapaxes(sign, -1, -2), kind)


def _singular_values(kind: Any, a: Any, *_: Any, compute_uv: bool = True, **__: Any) -> Any:
    """Singular values; the vectors are not traced."""
    return NotImplemented if compute_uv else tf.linalg.svd(to_tensor(a, kind), compute_uv=False)


def _pinv(kind: Any, a: Any) -> Any:
    return tf.linalg.pinv(to_tensor(a, kind))


# fmt: off
RULES.update({
    np.linalg.inv:        numeric(_inv),
    np.linalg.det:        numeric(_det),
    np.linalg.slogdet:    numeric(_slogdet),
    np.linalg.solve:      numeric(_solve),
    np.linalg.qr:         numeric(_aligned_qr),
    np.linalg.pinv:       numeric(_pinv),
    np.linalg.cholesky:   _cholesky,
    np.linalg.eigh:       _of_triangle(_aligned_eigh, np.linalg.eigh),
    np.linalg.eigvalsh:   _of_triangle(_eigenvalues, np.linalg.eigvalsh),
    np.linalg.svd:        numeric(_singular_values),
    np.linalg.svdvals:    numeric(lambda kind, a: _singular_values(kind, a, compute_uv=False)),
})
# fmt: on
