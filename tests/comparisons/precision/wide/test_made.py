"""NumPy's and SciPy's functions that are made of others, against the same functions of mpmath's numbers."""

import operator

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from wide_accuracy import MP, exact, objects, units_off, widened, without_low

from gradtwin.comparisons.precision.wide import WideArray, apply, wide

RNG = np.random.default_rng(2)
X = widened(RNG.standard_normal((4, 6)), 1)
SQUARE = widened(RNG.standard_normal((4, 4)), 2)
RIGHT = widened(RNG.standard_normal((4, 3)), 3)
KERNEL = X[:3, :2]
#: Multiples of 0.3, one part in 10²⁵ above or below: the low half decides their quotients.
MULTIPLES = wide(np.full(13, 0.3)) * np.arange(-6.0, 7) + np.tile([1e-25, -1e-25], 7)[:13]
#: Halves of a hundredth, likewise.
HALVES = wide(np.arange(-9.0, 10, 2) / 8)[:, None] + np.array([1e-25, -1e-25])

#: The largest errors that were seen, in units of 2⁻¹⁰⁴ of the largest element, rounded up.
EQUAL, CLOSE = 0, 1


def elementwise(function):
    return np.vectorize(function, otypes=[object])


def each(rows, function):
    """Apply a function of one row to each."""
    return objects([function(row) for row in rows])


def covariance(x):
    """NumPy multiplies by 1/(n − 1) in float64."""
    centred = x - np.sum(x, axis=1, keepdims=True) / MP.mpf(x.shape[1])
    return centred @ centred.T * MP.mpf(1 / (x.shape[1] - 1))


def correlation(x):
    c = covariance(x)
    roots = elementwise(MP.sqrt)(np.diag(c))
    return c / roots[:, None] / roots


def slopes(x):
    ends = x[1:2] - x[:1], (x[2:] - x[:-2]) / MP.mpf(2), x[-1:] - x[-2:-1]
    return np.concatenate(ends)


def sinc(x):
    """NumPy's sinc has π in float64."""
    return MP.sin(MP.mpf(np.pi) * x) / (MP.mpf(np.pi) * x)


def fitted(x, y, degree):
    """Solve the normal equations."""
    powers = objects([v**k for v in x for k in range(degree, -1, -1)]).reshape(len(x), -1)
    return solved(powers.T @ powers, powers.T @ y)


def solved(a, b):
    return objects(list(MP.lu_solve(MP.matrix(a.tolist()), MP.matrix(b.tolist()))))


def inverse(a):
    return objects(list(MP.inverse(MP.matrix(a.tolist())))).reshape(a.shape)


def spectrum(a):
    return objects(list(MP.svd_r(MP.matrix(a.tolist()), compute_uv=False)))


def interpolated(x):
    def value(v):
        v = min(max(v, MP.mpf(-1)), MP.mpf(1))
        return v + 3 if v < 0 else 2 * v + 3

    return elementwise(value)(x)


def log_sum(row):
    return MP.log(sum(map(MP.exp, row)))


def root_of_sum(power):
    return lambda row: sum(abs(v) ** power for v in row) ** (1 / MP.mpf(power))


#: name → (function, argument, exact function where it is not the same one, budget)
CASES = {
    "percentile": (lambda x: np.percentile(x, 30, axis=0), X, None, CLOSE),
    "quantile": (lambda x: np.quantile(x, [0.2, 0.7]), X, None, CLOSE),
    "cov": (np.cov, X, covariance, CLOSE),
    "corrcoef": (np.corrcoef, X, correlation, CLOSE),
    "gradient": (lambda x: np.gradient(x, axis=0), X, slopes, CLOSE),
    "cross": (lambda x: np.cross(x[:, :3], x[:, 1:4]), X, None, CLOSE),
    "polyval": (lambda x: np.polyval(x[0], x[1]), X, None, CLOSE),
    "ptp": (lambda x: np.ptp(x, axis=0), X, None, CLOSE),
    "average": (lambda x: np.average(x, axis=0, weights=abs(x)), X, None, CLOSE),
    "kron": (lambda x: np.kron(x, x), X, None, CLOSE),
    "trapezoid": (lambda x: np.trapezoid(x, axis=0), X, None, CLOSE),
    "sinc": (np.sinc, X, elementwise(sinc), CLOSE),
    "vander": (lambda x: np.vander(x[0]), X, None, CLOSE),
    "interp": (lambda x: np.interp(x, [-1.0, 0, 1], [2.0, 3, 5]), X, interpolated, CLOSE),
    "clip": (lambda x: np.clip(x, -0.5, 0.5), X, None, EQUAL),
    "round": (lambda x: np.round(x, 2), HALVES, elementwise(lambda v: MP.nint(v * 100) / 100), CLOSE),
    "linspace": (lambda x: np.linspace(x[0], x[1], 5), X, None, CLOSE),
    "polyfit": (lambda x: np.polyfit(x[0], x[1], 2), X, lambda x: fitted(x[0], x[1], 2), CLOSE),
    "unwrap": (lambda x: np.unwrap(3 * x), X, None, CLOSE),
    "i0": (np.i0, X, elementwise(lambda v: MP.besseli(0, v)), CLOSE),
    "nansum": (lambda x: np.nansum(np.where(x > 0, x, np.nan)), X, lambda x: np.sum(x[x > 0]), CLOSE),
    "nanmean": (
        lambda x: np.nanmean(np.where(x > 0, x, np.nan)),
        X,
        lambda x: np.sum(x[x > 0]) / MP.mpf(np.count_nonzero(x > 0)),
        CLOSE,
    ),
    "nan_to_num": (lambda x: np.nan_to_num(np.where(x > 0, x, np.nan)), X, lambda x: np.where(x > 0, x, 0), EQUAL),
    "piecewise": (lambda x: np.piecewise(x, [x > 0], [np.square, np.negative]), X, None, CLOSE),
    "apply_along_axis": (lambda x: np.apply_along_axis(np.sum, 1, x), X, None, CLOSE),
    "divmod": (lambda x: divmod(x, 0.3)[0], MULTIPLES, elementwise(lambda v: MP.floor(v / MP.mpf(0.3))), EQUAL),
    "floor_divide": (lambda x: x // 0.3, MULTIPLES, elementwise(lambda v: MP.floor(v / MP.mpf(0.3))), EQUAL),
    "ediff1d": (np.ediff1d, X, None, CLOSE),
    "modf": (lambda x: np.modf(x)[0], X, elementwise(lambda v: v - int(v)), EQUAL),
    "frexp": (lambda x: np.frexp(x)[0], X, elementwise(lambda v: MP.frexp(v)[0]), EQUAL),
    "ldexp": (lambda x: np.ldexp(x, 3), X, lambda x: 8 * x, EQUAL),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x, axis=1), X, lambda x: each(x, log_sum), CLOSE),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=1), X, None, EQUAL),
    "subtract.accumulate": (np.subtract.accumulate, X, None, CLOSE),
    "divide.reduce": (np.divide.reduce, X, None, CLOSE),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 2, 3], axis=0), X, None, CLOSE),
    "tensorinv": (
        lambda x: np.linalg.tensorinv(x.reshape(2, 2, 2, 2)),
        SQUARE,
        lambda x: inverse(x).reshape(2, 2, 2, 2),
        CLOSE,
    ),
    "square root of ints": (lambda x: np.sqrt(abs(x)) * np.arange(6), X, None, CLOSE),
    "matrix_power": (lambda x: np.linalg.matrix_power(x, 3), SQUARE, lambda x: x @ x @ x, CLOSE),
    "power of an inverse": (
        lambda x: np.linalg.matrix_power(x, -2),
        SQUARE,
        lambda x: inverse(x) @ inverse(x),
        CLOSE,
    ),
    "multi_dot": (lambda x: np.linalg.multi_dot([x, X, X.T]), SQUARE, lambda x: x @ exact(X) @ exact(X).T, CLOSE),
    "cond": (np.linalg.cond, SQUARE, lambda x: max(spectrum(x)) / min(spectrum(x)), CLOSE),
    "norm": (np.linalg.norm, X, lambda x: MP.sqrt(np.sum(x * x)), CLOSE),
    "scipy's inv": (lambda x: apply(scipy.linalg.inv, (x,)), SQUARE, inverse, CLOSE),
    "scipy's det": (lambda x: apply(scipy.linalg.det, (x,)), SQUARE, lambda x: MP.det(MP.matrix(x.tolist())), CLOSE),
    "scipy's norm": (lambda x: apply(scipy.linalg.norm, (x,)), X, lambda x: MP.sqrt(np.sum(x * x)), CLOSE),
    "scipy's pinv": (lambda x: apply(scipy.linalg.pinv, (x,)), SQUARE, inverse, CLOSE),
}


def norms():
    """Yield the norms of matrices and of rows."""
    of_matrices = {
        "fro": lambda x: MP.sqrt(np.sum(x * x)),
        "nuc": lambda x: sum(spectrum(x)),
        1: lambda x: max(np.sum(abs(x), axis=0)),
        -1: lambda x: min(np.sum(abs(x), axis=0)),
        2: lambda x: max(spectrum(x)),
        -2: lambda x: min(spectrum(x)),
        np.inf: lambda x: max(np.sum(abs(x), axis=1)),
        -np.inf: lambda x: min(np.sum(abs(x), axis=1)),
    }
    for order, rule in of_matrices.items():
        yield f"norm {order}", (lambda x, order=order: np.linalg.norm(x, order), SQUARE, rule, CLOSE)
    of_rows = {
        1: root_of_sum(1),
        2: root_of_sum(2),
        3: root_of_sum(3),
        np.inf: lambda row: max(abs(row)),
        -np.inf: lambda row: min(abs(row)),
    }
    for order, rule in of_rows.items():
        of_all = lambda x, rule=rule: each(x, rule)  # noqa: E731
        yield f"norm {order} of rows", (lambda x, order=order: np.linalg.norm(x, order, axis=1), X, of_all, CLOSE)


def filters():
    """Yield SciPy's convolutions and correlations."""
    for name in ("convolve", "correlate", "convolve2d", "correlate2d", "fftconvolve"):
        for mode in ("full", "valid", "same"):
            function = lambda x, name=name, mode=mode: apply(getattr(scipy.signal, name), (x, KERNEL, mode))  # noqa: E731
            rule = lambda x, name=name, mode=mode: filtered(x, exact(KERNEL), mode, name)  # noqa: E731
            yield f"{name} {mode}", (function, X, rule, CLOSE)


def filtered(x, kernel, mode, name):
    """Σ x[i − a, j − b] k[a, b], of all places where they overlap; then those in the middle that the mode asks for."""
    kernel = kernel[::-1, ::-1] if "correlate" in name else kernel
    full = np.full(np.add(x.shape, kernel.shape) - 1, MP.mpf(0), object)
    for (a, b), value in np.ndenumerate(kernel):
        full[a : a + x.shape[0], b : b + x.shape[1]] += value * x
    if mode == "full":
        return full
    sizes = x.shape if mode == "same" else np.subtract(x.shape, kernel.shape) + 1
    starts = (np.subtract(full.shape, sizes) + (name == "correlate2d" and mode == "same")) // 2
    return full[tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))]


CASES |= dict(norms()) | dict(filters())


def off(name, result):
    _, x, rule, _ = CASES[name]
    expected = np.asarray((rule or CASES[name][0])(exact(x)), object)
    return units_off(result, expected, np.max(abs(expected)))


@pytest.mark.parametrize("name", CASES)
def test_errors_keep_to_the_budget(name):
    function, x, _, budget = CASES[name]
    result = function(x)
    assert isinstance(result, WideArray)
    assert off(name, result) <= budget


@pytest.mark.parametrize("name", CASES)
def test_a_low_half_lost_before_is_caught(name):
    """The negative control."""
    function, x, _, budget = CASES[name]
    assert off(name, function(without_low(x))) > budget


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("divmod", "floor_divide")])
def test_a_low_half_lost_after_is_caught(name):
    """The negative control; whole numbers have no low half."""
    function, x, _, budget = CASES[name]
    assert off(name, without_low(function(x))) > budget


def test_counts():
    assert np.linalg.matrix_rank(SQUARE[:, :2] @ SQUARE[:2]) == 2
    holes = X * operator.ge(abs(X), 0.5)
    assert np.array_equal(np.linalg.norm(holes, 0, axis=1), np.count_nonzero(holes.high, axis=1))
