"""Matrix functions, kernels, test functions of optimisation, sums and shifts."""

import numpy as np

from .case import Family, draw, fixed, normal, uniform

# --- inverse, determinant, solving ----------------------------------------------------------------


def well_conditioned(n):
    """A matrix far from singular, of positive determinant, and not symmetric."""
    return lambda rng, dtype: (n * np.eye(n) + rng.standard_normal((n, n)) * 0.5).astype(dtype)


def logdet(a):
    return np.log(np.linalg.det(a))


INVERSE = Family("inverse", "vjp", np.linalg.inv, draw(well_conditioned(4)))
DETERMINANT = Family("det", "grad", np.linalg.det, draw(well_conditioned(3)))
LOGDET = Family("logdet", "grad", logdet, draw(well_conditioned(4)))
SOLVE = Family("solve", "vjp", np.linalg.solve, draw(well_conditioned(4), normal(4)))


@INVERSE.right
def inverse_vjp(y_bar, a):
    y = np.linalg.inv(a)
    return -y.T @ y_bar @ y.T


@INVERSE.wrong("sign")
def inverse_sign(y_bar, a):
    y = np.linalg.inv(a)
    return y.T @ y_bar @ y.T


@INVERSE.wrong("transpose")
def inverse_transposed(y_bar, a):
    y = np.linalg.inv(a)
    return -y @ y_bar.T @ y


@INVERSE.wrong("transpose", "unknown", note="the inverse is not transposed inside the product")
def inverse_without_transposes(y_bar, a):
    y = np.linalg.inv(a)
    return -y @ y_bar @ y


@INVERSE.wrong("jacobian-diagonal", "elementwise-factor", "unknown", note="as if 1/x, entry by entry")
def like_a_reciprocal(y_bar, a):
    return -y_bar * np.linalg.inv(a) ** 2


@DETERMINANT.right
def det_grad(a):
    return np.linalg.det(a) * np.linalg.inv(a).T


@DETERMINANT.wrong("transpose")
def adjugate(a):
    return np.linalg.det(a) * np.linalg.inv(a)


@DETERMINANT.wrong("factor")
def of_the_logarithm(a):
    return np.linalg.inv(a).T


@LOGDET.right
def logdet_grad(a):
    return np.linalg.inv(a).T


@LOGDET.wrong("transpose")
def logdet_transposed(a):
    return np.linalg.inv(a)


@LOGDET.wrong("jacobian-diagonal", "partial", "unknown")
def diagonal_of_the_inverse(a):
    return np.diag(np.diag(np.linalg.inv(a)))


@LOGDET.wrong("raises")
def not_an_attribute(a):
    return np.linalg.inverse(a).T


@SOLVE.right
def solve_vjp(y_bar, a, b):
    db = np.linalg.solve(a.T, y_bar)
    return -np.outer(db, np.linalg.solve(a, b)), db


@SOLVE.wrong("transpose")
def solve_transposed(y_bar, a, b):
    db = np.linalg.solve(a.T, y_bar)
    return -np.outer(np.linalg.solve(a, b), db), db


@SOLVE.wrong("sign")
def solve_sign(y_bar, a, b):
    da, db = solve_vjp(y_bar, a, b)
    return -da, db


@SOLVE.wrong("transpose", "unknown", note="A in place of Aᵀ is solved for b̄")
def solves_the_same_system(y_bar, a, b):
    return solve_vjp(y_bar, a, b)[0], np.linalg.solve(a, y_bar)


# --- quadratic form, trace, norms -----------------------------------------------------------------


def quadratic(x, a):
    return x @ a @ x


def symmetric_quadratic(x, a):
    return x @ (a + a.T) @ x / 2


def trace_product(a, b):
    return np.trace(a @ b)


def frobenius(a):
    return np.sqrt(np.sum(a * a))


def variance(x):
    return np.var(x)


QUADRATIC = Family("quadratic-form", "grad", quadratic, draw(normal(4), normal(4, 4)))
SYMMETRIC = Family("symmetric-form", "grad", symmetric_quadratic, draw(normal(4), normal(4, 4)), wrt=(0,))
TRACE = Family("trace-product", "grad", trace_product, draw(normal(4, 4), normal(4, 4)))
FROBENIUS = Family("frobenius", "grad", frobenius, draw(normal(5, 3)))
VARIANCE = Family("variance", "grad", variance, draw(normal(7)))


@QUADRATIC.right
def quadratic_grad(x, a):
    return (a + a.T) @ x, np.outer(x, x)


@QUADRATIC.wrong("unknown", "transpose", note="right for a symmetric matrix alone")
def taken_for_symmetric(x, a):
    return 2 * a @ x, np.outer(x, x)


@QUADRATIC.wrong("swapped", "shape")
def matrix_before_vector(x, a):
    return np.outer(x, x), (a + a.T) @ x


@SYMMETRIC.right
def symmetric_grad(x, a):
    return (a + a.T) @ x


@SYMMETRIC.wrong("factor")
def one_side_of_the_product(x, a):
    return 0.5 * (a + a.T) @ x


@TRACE.right
def trace_grad(a, b):
    return b.T.copy(), a.T.copy()


@TRACE.wrong("transpose")
def trace_not_transposed(a, b):
    return b.copy(), a.copy()


@TRACE.wrong("swapped")
def trace_swapped(a, b):
    return a.T.copy(), b.T.copy()


@FROBENIUS.right
def frobenius_grad(a):
    return a / frobenius(a)


@FROBENIUS.wrong("factor")
def of_the_square(a):
    return 2 * a


@VARIANCE.right
def variance_grad(x):
    return 2 * (x - x.mean()) / x.size


@VARIANCE.wrong("factor")
def sample_variance(x):
    return 2 * (x - x.mean()) / (x.size - 1)


@VARIANCE.wrong("sign", "factor", all_of=True)
def mean_less_sample(x):
    return (x.mean() - x) / x.size


@VARIANCE.wrong("missing-term")
def mean_forgotten(x):
    return 2 * x / x.size


@VARIANCE.wrong("mean-for-sum")
def variance_size_forgotten(x):
    return 2 * (x - x.mean())


# --- kernels --------------------------------------------------------------------------------------

GAMMA = 0.3


def rbf(x, z):
    return np.exp(-GAMMA * np.sum((x[:, None, :] - z[None, :, :]) ** 2, axis=2))


def squared_distances(x, z):
    return (x**2).sum(1)[:, None] - 2 * x @ z.T + (z**2).sum(1)


RBF = Family("rbf-kernel", "vjp", rbf, draw(normal(5, 3), normal(4, 3)))
DISTANCES = Family("squared-distances", "vjp", squared_distances, draw(normal(5, 3), normal(4, 3)))


@RBF.right
def rbf_vjp(y_bar, x, z):
    weights = (y_bar * rbf(x, z))[:, :, None] * (x[:, None, :] - z[None, :, :])
    return -2 * GAMMA * weights.sum(axis=1), 2 * GAMMA * weights.sum(axis=0)


@RBF.wrong("sign")
def rbf_second_sign(y_bar, x, z):
    dx, dz = rbf_vjp(y_bar, x, z)
    return dx, -dz


@RBF.wrong("factor")
def rbf_two_forgotten(y_bar, x, z):
    dx, dz = rbf_vjp(y_bar, x, z)
    return dx / 2, dz / 2


@RBF.wrong("factor")
def rbf_gamma_forgotten(y_bar, x, z):
    dx, dz = rbf_vjp(y_bar, x, z)
    return dx / GAMMA, dz / GAMMA


@RBF.wrong("sign", "factor", all_of=True)
def rbf_minus_two_forgotten(y_bar, x, z):
    dx, dz = rbf_vjp(y_bar, x, z)
    return dx / -2, dz / -2


@RBF.wrong("elementwise-factor", "unknown")
def kernel_forgotten(y_bar, x, z):
    weights = y_bar[:, :, None] * (x[:, None, :] - z[None, :, :])
    return -2 * GAMMA * weights.sum(axis=1), 2 * GAMMA * weights.sum(axis=0)


@DISTANCES.right
def squared_distances_vjp(y_bar, x, z):
    dx = 2 * (x * y_bar.sum(axis=1)[:, None] - y_bar @ z)
    return dx, 2 * (z * y_bar.sum(axis=0)[:, None] - y_bar.T @ x)


@DISTANCES.wrong("factor")
def distances_two_forgotten(y_bar, x, z):
    dx, dz = squared_distances_vjp(y_bar, x, z)
    return dx / 2, dz / 2


@DISTANCES.wrong("sign")
def distances_sign(y_bar, x, z):
    dx, dz = squared_distances_vjp(y_bar, x, z)
    return -dx, dz


# --- test functions -------------------------------------------------------------------------------


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def polynomial(x):
    return 4 * x**3 - 2 * x**2 + x - 7


ROSENBROCK = Family("rosenbrock", "grad", rosenbrock, draw(normal(6)))
POLYNOMIAL = Family("polynomial", "derivative", polynomial, draw(normal(6)))


@ROSENBROCK.right
def rosenbrock_grad(x):
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return g


@ROSENBROCK.wrong("partial")
def rosenbrock_last_forgotten(x):
    g = rosenbrock_grad(x)
    g[-1] = 0
    return g


@ROSENBROCK.wrong("not-accumulated", "partial")
def rosenbrock_assigned(x):
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] = 200 * (x[1:] - x[:-1] ** 2)
    return g


@ROSENBROCK.wrong("partial", note="2x for 2(1-x), all but the last entry")
def rosenbrock_one_forgotten(x):
    g = rosenbrock_grad(x)
    g[:-1] += 2
    return g


@ROSENBROCK.wrong("partial", dtypes=("float64",))
def rosenbrock_off_by_1e_9(x):
    g = rosenbrock_grad(x)
    g[np.argmax(np.abs(g))] *= 1 - 1e-9
    return g


@POLYNOMIAL.right
def polynomial_prime(x):
    return 12 * x**2 - 4 * x + 1


@POLYNOMIAL.wrong("missing-term")
def constant_term_forgotten(x):
    return 12 * x**2 - 4 * x


@POLYNOMIAL.wrong("missing-term")
def linear_term_forgotten(x):
    return 12 * x**2 + 1


@POLYNOMIAL.wrong("unknown")
def exponent_not_lowered(x):
    return 12 * x**3 - 4 * x + 1


# --- sums, shifts, orders -------------------------------------------------------------------------

ROOTS = np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0, 13.0]))


def logsumexp(x):
    m = x.max()
    return m + np.log(np.sum(np.exp(x - m)))


def shift(x):
    return np.roll(x, 2, axis=0)


def differences(x):
    return x[1:] - x[:-1]


def weighted_squares(x):
    return np.sum(ROOTS * x**2)


def product(x):
    return np.prod(x)


LOGSUMEXP = Family("logsumexp", "grad", logsumexp, draw(normal(6)))
CUMSUM = Family("cumsum", "vjp", np.cumsum, draw(normal(7)))
SHIFT = Family("shift", "vjp", shift, draw(normal(5, 3)))
REVERSE = Family("reverse", "vjp", np.flip, draw(normal(7)))
DIFFERENCES = Family("differences", "vjp", differences, draw(normal(7)))
WEIGHTED = Family("weighted-squares", "grad", weighted_squares, draw(uniform(1, 2, 6)))
PRODUCT = Family("product", "grad", product, draw(uniform(0.5, 2, 5)))
HYPOTENUSE = Family("hypotenuse", "vjp", np.hypot, draw(normal(6), normal(6)))
POWER = Family("power", "vjp", np.power, draw(uniform(0.5, 2, 6), uniform(-2, 3, 6)))
SQRT = Family("sqrt", "derivative", np.sqrt, draw(uniform(0.5, 4, 6)))
RECIPROCAL = Family("divide", "vjp", np.divide, draw(normal(5, 4), uniform(0.5, 2, 5, 4)))


@LOGSUMEXP.right
def logsumexp_grad(x):
    e = np.exp(x - x.max())
    return e / e.sum()


@LOGSUMEXP.wrong("nan", make_inputs=draw(fixed([800.0, 799.0, 1.0, -5.0])))
def logsumexp_unshifted(x):
    return np.exp(x) / np.exp(x).sum()


@LOGSUMEXP.wrong("factor")
def not_normalised(x):
    return np.exp(x - x.max())


@CUMSUM.right
def cumsum_vjp(y_bar, x):
    return y_bar[::-1].cumsum()[::-1]


@CUMSUM.wrong("permuted")
def not_turned_back(y_bar, x):
    return y_bar[::-1].cumsum()


@CUMSUM.wrong("unknown")
def not_turned_at_all(y_bar, x):
    return y_bar.cumsum()


@SHIFT.right
def shift_vjp(y_bar, x):
    return np.roll(y_bar, -2, axis=0)


@SHIFT.wrong("permuted")
def shifted_again(y_bar, x):
    return np.roll(y_bar, 2, axis=0)


@SHIFT.wrong("permuted")
def not_shifted(y_bar, x):
    return y_bar.copy()


@REVERSE.right
def reverse_vjp(y_bar, x):
    return y_bar[::-1].copy()


@REVERSE.wrong("permuted")
def not_reversed(y_bar, x):
    return y_bar.copy()


@DIFFERENCES.right
def differences_vjp(y_bar, x):
    return np.concatenate([[0], y_bar]) - np.concatenate([y_bar, [0]])


@DIFFERENCES.wrong("sign")
def differences_negated(y_bar, x):
    return np.diff(y_bar, prepend=0, append=0)


@DIFFERENCES.wrong("partial")
def ends_forgotten(y_bar, x):
    dx = np.zeros_like(x)
    dx[1:-1] = y_bar[:-1] - y_bar[1:]
    return dx


@WEIGHTED.right
def weighted_squares_grad(x):
    return 2 * ROOTS * x


def with_rounded_root(x, digits):
    roots = ROOTS.copy()
    roots[4] = round(roots[4], digits)
    return 2 * roots * x


@WEIGHTED.wrong("partial", dtypes=("float64",))
def root_to_five_digits(x):
    return with_rounded_root(x, 5)


@WEIGHTED.wrong("partial", dtypes=("float64",))
def root_to_seven_digits(x):
    return with_rounded_root(x, 7)


@WEIGHTED.wrong("partial", dtypes=("float64",))
def root_to_nine_digits(x):
    return with_rounded_root(x, 9)


@WEIGHTED.wrong("dtype", dtypes=("float64",))
def roots_in_single(x):
    return 2 * (ROOTS.astype(np.float32) * x.astype(np.float32)).astype(x.dtype)


@WEIGHTED.wrong("dtype", dtypes=("float64",))
def half_on_the_way(x):
    return (2 * ROOTS * x).astype("float16").astype("float64")


@PRODUCT.right
def product_grad(x):
    return np.prod(x) / x


@PRODUCT.wrong("elementwise-factor")
def entry_kept(x):
    return np.full_like(x, np.prod(x))


@HYPOTENUSE.right
def hypotenuse_vjp(y_bar, x, y):
    r = np.hypot(x, y)
    return y_bar * x / r, y_bar * y / r


@HYPOTENUSE.wrong("swapped")
def legs_exchanged(y_bar, x, y):
    r = np.hypot(x, y)
    return y_bar * y / r, y_bar * x / r


@HYPOTENUSE.wrong("elementwise-factor", "unknown")
def root_of_the_sum_forgotten(y_bar, x, y):
    return y_bar * x, y_bar * y


@POWER.right
def power_vjp(y_bar, x, p):
    return y_bar * p * x ** (p - 1), y_bar * np.log(x) * x**p


@POWER.wrong("elementwise-factor")
def exponent_forgotten(y_bar, x, p):
    return y_bar * x ** (p - 1), y_bar * np.log(x) * x**p


@POWER.wrong("zeroed")
def exponent_not_differentiated(y_bar, x, p):
    return y_bar * p * x ** (p - 1), 0 * p


@POWER.wrong("elementwise-factor", note="x^p for x^(p-1): a factor x too many")
def exponent_not_reduced(y_bar, x, p):
    return y_bar * p * x**p, y_bar * np.log(x) * x**p


@SQRT.right
def sqrt_prime(x):
    return 0.5 / np.sqrt(x)


@SQRT.wrong("elementwise-factor", "stale-value")
def root_of_the_derivative(x):
    return 0.5 / x


@SQRT.wrong("factor")
def sqrt_half_forgotten(x):
    return 1 / np.sqrt(x)


@RECIPROCAL.right
def divide_vjp(y_bar, x, y):
    return y_bar / y, -y_bar * x / y**2


@RECIPROCAL.wrong("sign")
def divisor_sign(y_bar, x, y):
    return y_bar / y, y_bar * x / y**2


@RECIPROCAL.wrong("elementwise-factor")
def numerator_forgotten(y_bar, x, y):
    return y_bar / y, -y_bar / y**2


@RECIPROCAL.wrong("elementwise-factor")
def square_of_the_divisor_forgotten(y_bar, x, y):
    return y_bar / y, -y_bar * x / y
