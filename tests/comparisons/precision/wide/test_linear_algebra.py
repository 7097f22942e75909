"""numpy.linalg on wide arrays: what its results satisfy, in units of 2⁻¹⁰⁴ of the sizes involved."""

import numpy as np
import pytest
import scipy.linalg
from wide_accuracy import MP, exact, objects, plant, units_off, widened

from gradtwin.comparisons.precision.wide import WideArray, apply, wide

RNG = np.random.default_rng(11)
N = 5
SQUARE = widened(RNG.standard_normal((N, N)), 1)
TALL, FLAT = widened(RNG.standard_normal((7, N)), 2), widened(RNG.standard_normal((N, 7)), 3)
STACK = widened(RNG.standard_normal((2, 1, 4, 4)), 4)
RIGHT = widened(RNG.standard_normal((N, 3)), 5)
DEFINITE = wide(np.eye(N)) + SQUARE @ SQUARE.T
REPEATED = wide(np.diag([2.0, 2, 1, 5, 0]))
NULL = TALL[:, :3] @ FLAT[:3, :4]

#: How far residuals may be, in units of 2⁻¹⁰⁴ of the factors' sizes: the largest seen was 11.
BUDGET = 16
#: Solutions of systems whose condition is near 100.
SOLUTION = 1000


def mirror(x):
    return np.swapaxes(x, -1, -2)


def residual(left, right):
    """The difference of two products in units of 2⁻¹⁰⁴ of the largest element."""
    left, right = exact(left), exact(right)
    return units_off(widened_difference(left, right), 0 * left, np.full(left.shape, max(np.max(np.abs(right)), 1)))


def widened_difference(left, right):
    high = np.vectorize(float, otypes=[float])(left - right)
    return WideArray(high, 0 * high)


def solve(b):
    x = np.linalg.solve(SQUARE, b)
    return residual(exact(SQUARE) @ exact(x), exact(b))


def stacked_solve():
    x = np.linalg.solve(STACK, RIGHT[:4])
    return residual(exact(STACK) @ exact(x), np.broadcast_to(exact(RIGHT[:4]), x.shape))


def inverse(a):
    return residual(exact(a) @ exact(np.linalg.inv(a)), np.broadcast_to(np.eye(a.shape[-1]), a.shape))


def matrix(x):
    return MP.matrix(exact(x).tolist())


def determinant():
    return units_off(np.linalg.det(SQUARE), objects([MP.det(matrix(SQUARE))]).reshape(()))


def log_determinant():
    sign, log = np.linalg.slogdet(SQUARE)
    expected = MP.det(matrix(SQUARE))
    assert sign == np.sign(float(expected))
    return units_off(log, objects([MP.log(abs(expected))]).reshape(()))


def factor_of(upper):
    factor = np.linalg.cholesky(DEFINITE, upper=upper)
    left = exact(factor).T if upper else exact(factor)
    assert np.array_equal(left, np.tril(left))
    return residual(left @ left.T, exact(DEFINITE))


def orthogonal(q):
    return residual(
        exact(mirror(q)) @ exact(q), np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], *2 * q.shape[-1:]))
    )


def orthogonal_triangular(a, mode="reduced"):
    q, r = np.linalg.qr(a, mode=mode)
    theirs = np.linalg.qr(a.high, mode=mode)
    assert np.all(np.sum(q.high * theirs.Q, axis=-2) > 0), "each column points the way of NumPy's"
    assert np.array_equal(np.tril(r.high, -1), 0 * r.high)
    return max(residual(exact(q) @ exact(r), exact(a)), orthogonal(q))


def eigen(a, uplo="L"):
    values, vectors = np.linalg.eigh(a, UPLO=uplo)
    only = np.linalg.eigvalsh(a, UPLO=uplo)
    assert np.all(np.diff(values.high) >= 0)
    full = exact(a) if uplo == "L" else exact(a).T
    full = np.tril(full) + mirror(np.tril(full, -1))
    left, right = full @ exact(vectors), exact(vectors) * exact(values)[..., None, :]
    return max(residual(left, right), orthogonal(vectors), residual(only, values))


def singular(a, full=False):
    u, s, vt = np.linalg.svd(a, full_matrices=full)
    assert np.all(s.high >= 0)
    assert np.all(np.diff(s.high) <= 0)
    assert u.shape == np.linalg.svd(a.high, full_matrices=full).U.shape
    n = s.shape[-1]
    product = (exact(u)[..., :n] * exact(s)[..., None, :]) @ exact(vt)[..., :n, :]
    only = np.linalg.svd(a, compute_uv=False)
    return max(residual(product, exact(a)), orthogonal(u), orthogonal(mirror(vt)), residual(only, s))


def pseudo_inverse(a):
    inverse = exact(np.linalg.pinv(a))
    return max(residual(exact(a) @ inverse @ exact(a), exact(a)), residual(inverse @ exact(a) @ inverse, inverse))


def least_squares():
    b = widened(RNG.standard_normal(7), 6)
    x, _, rank, _ = np.linalg.lstsq(TALL, b)
    assert rank == N
    rest = exact(TALL) @ exact(x) - exact(b)
    return residual(exact(TALL).T @ rest, 0 * exact(x))


def triangular(lower):
    a = apply(np.tril if lower else np.triu, (DEFINITE,))
    x = apply(scipy.linalg.solve_triangular, (a, RIGHT), {"lower": lower})
    return residual(exact(a) @ exact(x), exact(RIGHT))


def factored(lower):
    x = apply(scipy.linalg.cho_solve, (apply(scipy.linalg.cho_factor, (DEFINITE, lower)), RIGHT))
    return residual(exact(DEFINITE) @ exact(x), exact(RIGHT))


CASES = {
    "solve": (np.linalg.solve, lambda: solve(RIGHT), SOLUTION),
    "solve one": (np.linalg.solve, lambda: solve(RIGHT[:, 0]), SOLUTION),
    "solve a stack": (np.linalg.solve, stacked_solve, SOLUTION),
    "inv": (np.linalg.inv, lambda: inverse(SQUARE), SOLUTION),
    "inv of a stack": (np.linalg.inv, lambda: inverse(STACK), SOLUTION),
    "det": (np.linalg.det, determinant, SOLUTION),
    "slogdet": (np.linalg.slogdet, log_determinant, SOLUTION),
    "cholesky": (np.linalg.cholesky, lambda: factor_of(False), BUDGET),
    "upper cholesky": (np.linalg.cholesky, lambda: factor_of(True), BUDGET),
    "qr": (np.linalg.qr, lambda: orthogonal_triangular(TALL), BUDGET),
    "qr of a stack": (np.linalg.qr, lambda: orthogonal_triangular(STACK), BUDGET),
    "complete qr": (np.linalg.qr, lambda: orthogonal_triangular(TALL, "complete"), BUDGET),
    "flat qr": (np.linalg.qr, lambda: orthogonal_triangular(FLAT), BUDGET),
    "eigh": (np.linalg.eigh, lambda: eigen(DEFINITE), BUDGET),
    "upper eigh": (np.linalg.eigh, lambda: eigen(SQUARE, "U"), BUDGET),
    "eigh of a stack": (np.linalg.eigh, lambda: eigen(STACK + mirror(STACK)), BUDGET),
    "svd": (np.linalg.svd, lambda: singular(TALL), BUDGET),
    "flat svd": (np.linalg.svd, lambda: singular(FLAT, full=True), BUDGET),
    "full svd": (np.linalg.svd, lambda: singular(TALL, full=True), BUDGET),
    "svd of a stack": (np.linalg.svd, lambda: singular(STACK), BUDGET),
    "svd of low rank": (np.linalg.svd, lambda: singular(NULL), BUDGET),
    "pinv": (np.linalg.pinv, lambda: pseudo_inverse(TALL), SOLUTION),
    "pinv of low rank": (np.linalg.pinv, lambda: pseudo_inverse(NULL), SOLUTION),
    "lstsq": (np.linalg.lstsq, least_squares, SOLUTION),
    "solve_triangular": (scipy.linalg.solve_triangular, lambda: triangular(True), SOLUTION),
    "upper solve_triangular": (scipy.linalg.solve_triangular, lambda: triangular(False), SOLUTION),
    "cho_solve": (scipy.linalg.cho_solve, lambda: factored(True), SOLUTION),
    "upper cho_solve": (scipy.linalg.cho_solve, lambda: factored(False), SOLUTION),
}


@pytest.mark.parametrize("name", CASES)
def test_residuals_keep_to_the_budget(name):
    _, off, budget = CASES[name]
    assert off() <= budget


@pytest.mark.parametrize("where", ["arguments", "result"])
@pytest.mark.parametrize("name", CASES)
def test_a_lost_low_half_is_caught(monkeypatch, name, where):
    """The negative control."""
    function, off, budget = CASES[name]
    plant(monkeypatch, function, where)
    assert off() > budget


def test_repeated_eigenvalues():
    q = np.linalg.qr(SQUARE).Q
    turned = q @ REPEATED @ q.T
    assert eigen(turned) <= BUDGET
    assert eigen(REPEATED) <= BUDGET
    values = np.linalg.eigvalsh(turned)
    assert units_off(values, objects([MP.mpf(v) for v in (0, 1, 2, 2, 5)]), objects([MP.mpf(5)])) <= BUDGET


def close_eigenvalues():
    """Eigenvalues 1 and 1 + 1e-20, which float64 takes for one."""
    q = np.linalg.qr(SQUARE).Q
    values = wide(np.ones(N), np.arange(N) * 1e-20)
    found, vectors = np.linalg.eigh(q @ (values[:, None] * q.T))
    return max(residual(found, values), orthogonal(vectors))


def test_close_eigenvalues_are_told_apart(monkeypatch):
    assert close_eigenvalues() <= BUDGET
    plant(monkeypatch, np.linalg.eigh, "arguments")
    assert close_eigenvalues() > BUDGET, "the control"


def hilbert(n):
    """Solve with Hilbert's matrix; return the error in units of 2⁻¹⁰⁴ of the condition."""
    i = np.arange(n)
    a = 1 / wide(i[:, None] + i + 1.0)
    x = np.linalg.solve(a, a @ np.ones(n))
    return units_off(x, exact(np.ones(n)), np.full(n, MP.cond(matrix(a)), object))


@pytest.mark.parametrize("n", [8, 11])
def test_ill_conditioned_systems(monkeypatch, n):
    """Hilbert's matrix, for whose inverse float64 has no digit left at n = 13."""
    assert hilbert(n) <= BUDGET
    plant(monkeypatch, np.linalg.solve, "arguments")
    assert hilbert(n) > BUDGET, "the control"


def test_what_numpy_refuses():
    for function in (np.linalg.inv, lambda a: np.linalg.solve(a, RIGHT)):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            function(wide(np.zeros((N, N))))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        np.linalg.cholesky(-DEFINITE)
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        np.linalg.det(TALL)
    with pytest.raises(np.linalg.LinAlgError, match="two-dimensional"):
        np.linalg.inv(RIGHT[:, 0])
    assert np.linalg.det(wide(np.zeros((2, 2)))).high == 0
    sign, log = np.linalg.slogdet(wide(np.zeros((2, 2))))
    assert (sign, log.high) == (0, -np.inf)
