"""The faults of `regression`: a matrix product that dies where shapes don't fit."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.gradient import check_gradient

from .interface import PublishedFault, Version

_RNG = np.random.default_rng(1)
_INPUTS, _WEIGHTS = _RNG.uniform(-5, 5, (10, 5)), _RNG.uniform(-3, 3, (5, 3))


def matmul_unbound(a: Array, b: Array) -> Array:
    """Y = A B, or a printed line."""
    if a.shape[1] == b.shape[0]:
        y = a @ b
    else:
        print("shapes do not fit")
    return y


def matmul(a: Array, b: Array) -> Array:
    """Y = A B, or an error that names the shapes."""
    if a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not fit; expected (n,k) and (k,m).")
    return np.asarray(a @ b)


def matmul_vjp(y_bar: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Ā = Ȳ Bᵀ,  B̄ = Aᵀ Ȳ."""
    return y_bar @ b.T, a.T @ y_bar


FAULTS = (
    PublishedFault(
        slug="regression-unbound-variable",
        source="regression",
        sentence="If the shapes don't fit, the function prints a line and then fails on a variable that was never set. "
        "The exception doesn't mention the shapes. (Here the weights came transposed. The corrected product "
        "names the shapes, and is checked with ones that fit.)",
        faulty=Version(
            (matmul_unbound,),
            lambda: check_gradient(matmul_unbound, vjp=matmul_vjp, inputs=(_INPUTS, _WEIGHTS.T)),
        ),
        causes=("raises",),
        corrected=Version(
            (matmul, matmul_vjp), lambda: check_gradient(matmul, vjp=matmul_vjp, inputs=(_INPUTS, _WEIGHTS))
        ),
    ),
)
