"""Numerical code: linear algebra, quadrature, ODE steps, kinematics, likelihoods, special functions."""

from __future__ import annotations

import math
from math import cos, exp, sin

import numpy as np
import scipy.signal
import scipy.special as sp
from scipy.special import expit, logsumexp
from scipy.stats import norm

from .forwards import case, definite, normal, positive, unit


@case(normal(1), normal(2))
def rotation(theta, p):
    t = theta[0]
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return R.dot(p)


@case(normal(3), normal(3))
def rotation_with_math(angles, p):
    a, b, c = angles
    Rz = np.array([[cos(a), -sin(a), 0], [sin(a), cos(a), 0], [0, 0, 1]])
    Ry = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    Rx = np.asarray([[1, 0, 0], [0, math.cos(c), -math.sin(c)], [0, math.sin(c), math.cos(c)]])
    return Rz @ Ry @ Rx @ p


@case(normal(3))
def two_link_arm(q):
    x, y, angle = 0.0, 0.0, 0.0
    positions = []
    for length, joint in zip([1.0, 0.7, 0.4], q, strict=True):
        angle += joint
        x = x + length * math.cos(angle)
        y = y + length * math.sin(angle)
        positions.append([x, y])
    return np.array(positions)


@case(normal(5))
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)


@case(normal(4))
def rosenbrock_loop(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


@case(normal(2), positive(3))
def rk4_pendulum(y0, params):
    g, length, damping = params

    def f(y):
        return np.array([y[1], -g / length * np.sin(y[0]) - damping * y[1]])

    y, h = y0.copy(), 0.1
    path = [y]
    for _ in range(4):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return np.stack(path)


@case(positive(2))
def euler_predator_prey(p):
    state = np.empty((6, 2))
    state[0] = [1.0, 0.5]
    for n in range(5):
        u, v = state[n]
        state[n + 1, 0] = u + 0.1 * (p[0] * u - u * v)
        state[n + 1, 1] = v + 0.1 * (u * v - p[1] * v)
    return state


@case(positive(3))
def trapezoid_rule(c):
    x = np.linspace(0, 1, 9)
    return np.trapezoid(np.exp(-c[0] * x) * np.cos(c[1] * x) + c[2], x)


@case(positive(2))
def simpson(c):
    n, a, b = 8, 0.0, float(c[1])
    h = (b - a) / n
    s = exp(-c[0] * a) + exp(-c[0] * b)
    for i in range(1, n):
        s += (4 if i % 2 else 2) * exp(-c[0] * (a + i * h))
    return s * h / 3


@case(normal(5), normal(2))
def gaussian_log_likelihood(x, p):
    mu, sigma = p[0], np.exp(p[1])
    return -0.5 * len(x) * np.log(2 * np.pi) - len(x) * np.log(sigma) - np.sum((x - mu) ** 2) / (2 * sigma**2)


@case(normal(4, 3), normal(3), definite(3))
def multivariate_normal_logpdf(x, mean, cov):
    d = x - mean
    L = np.linalg.cholesky(cov)
    z = np.linalg.solve(L, d.T)
    return -0.5 * np.sum(z**2, axis=0) - np.sum(np.log(np.diag(L))) - 1.5 * np.log(2 * np.pi)


@case(positive(5))
def black_scholes(p):
    S, K, T, r, sigma = p
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    d2 = d1 - sigma * np.sqrt(T)
    return S * norm.cdf(d1) - K * np.exp(-r * T) * norm.cdf(d2)


@case(positive(4))
def black_scholes_with_erf(p):
    S, K, T, sigma = (float(v) for v in p)
    d1 = (math.log(S / K) + sigma**2 / 2 * T) / (sigma * math.sqrt(T))
    d2 = d1 - sigma * math.sqrt(T)
    N = lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2)))  # noqa: E731
    return S * N(d1) - K * N(d2)


@case(definite(3), normal(3))
def inverse_and_determinant(A, b):
    return np.linalg.inv(A) @ b + np.linalg.det(A) + np.log(np.linalg.det(A)) + np.trace(A)


@case(definite(3), normal(3, 2))
def solve_and_slogdet(A, B):
    sign, logdet = np.linalg.slogdet(A)
    return sign * logdet + np.linalg.solve(A, B)


@case(normal(4, 3))
def norms(A):
    return np.array(
        [
            np.linalg.norm(A),
            np.linalg.norm(A, "fro"),
            np.linalg.norm(A, 1),
            np.linalg.norm(A, np.inf),
            np.sum(np.linalg.norm(A, axis=1)),
            np.linalg.norm(A.ravel(), 3),
        ]
    )


@case(definite(3))
def eigenvalues(A):
    w, V = np.linalg.eigh(A)
    return np.sum(np.log(w)) + w[0] * w[-1] + V[:, 0] ** 2


@case(normal(4, 3))
def singular_values_and_qr(A):
    Q, R = np.linalg.qr(A)
    return np.sum(np.linalg.svd(A, compute_uv=False) ** 3) + np.abs(R).sum() + Q


@case(normal(3, 3), normal(2, 3), normal(2))
def einsum_bilinear(A, x, scale):
    return np.einsum("bi,ij,bj,b->b", x, A, x, scale)


@case(normal(3, 4), normal(4, 2), normal(2, 3))
def products(A, B, C):
    t = np.trace(A @ B @ C) + np.vdot(A, A) + np.inner(A[0], B[:, 0])
    return t + np.tensordot(A, B, axes=1) + np.outer(A[:, 0], C[:, 1]) + np.kron(A[:1], np.ones((3, 1)))[:, :2]


@case(normal(3), normal(3))
def cross_products(a, b):
    return np.cross(a, b) + np.dot(a, b) * np.linalg.norm(np.cross(a, b))


@case(normal(6), normal(3))
def convolutions(x, k):
    return np.convolve(x, k) @ np.arange(8) + np.convolve(x, k, "same") + np.correlate(x, k, mode="same")


@case(normal(5, 5), normal(3, 2))
def convolutions_2d(x, k):
    full = scipy.signal.convolve2d(x, k, mode="full")
    same = scipy.signal.correlate2d(x, k, mode="same")
    return full[:5, :5] + same + scipy.signal.convolve(x, k, "same")


@case(normal(6))
def cumulative(x):
    return np.cumsum(x) * np.cumprod(x) + np.prod(x) + np.diff(x, prepend=x[0]) + np.cumsum(x.reshape(2, 3), 1).ravel()


@case(normal(7))
def order_statistics(x):
    return np.sort(x)[::-1] * np.arange(7) + np.median(x) + np.percentile(x, 30) + np.ptp(x) + x.max() * x.min()


@case(normal(5), normal(5))
def stable_sums(a, b):
    return np.logaddexp(a, b) + logsumexp(a) + logsumexp(np.stack([a, b]), axis=0) + np.logaddexp.reduce([a[0], b[0]])


@case(positive(4))
def special_functions(x):
    return sp.erf(x) + sp.gammaln(x) + sp.digamma(x) + expit(x) + sp.xlogy(x, x) + sp.erfc(x) + sp.gamma(x)


@case(unit(4))
def elementary_functions(x):
    y = np.arcsin(x) + np.arccos(x) * np.arctan(x) + np.sinh(x) * np.cosh(x) + np.tan(x)
    y += np.arctanh(x) + np.arcsinh(x) - np.arccosh(1 + x) + np.log2(x) + np.log10(x) + np.log1p(x)
    y *= np.expm1(x) + np.exp2(x) + np.cbrt(x) + np.reciprocal(x)
    return y + np.hypot(x, 2) + np.arctan2(x, x[::-1]) + np.deg2rad(x) + np.fabs(x) + np.float_power(x, 1.5)


@case(unit(5))
def math_functions(x):
    total = 0.0
    for v in x:
        total += math.exp(v) * math.sqrt(v) + math.log(v, 3) + math.pow(v, 3) + math.tanh(v) - math.atan2(v, 2)
        total += math.lgamma(v) + math.hypot(v, 1.0) + math.fabs(-v) + math.log1p(v) + v % 0.07
    return total


@case(normal(3), normal(6))
def polynomial(c, x):
    return np.polyval(c, x) + np.vander(x, 3) @ c + np.power(x[:, None], np.arange(3)) @ c


@case(normal(4), positive(5))
def powers(x, y):
    return np.sum(x**2 + x**3 - x**0 + 2**x) + y**0.5 + y**-1.5 + np.power(y, y[::-1]) + np.sqrt(y) ** 3


@case(positive(5))
def interpolation(x):
    return np.gradient(x, 0.1) + np.average(x, weights=[1, 2, 3, 4, 5]) + np.cov(x) + np.var(x, ddof=1)


@case(normal(8))
def histogram_edges(x):
    counts, edges = np.histogram(x, bins=4)
    return edges * np.append(counts, 1)


@case(normal(4), unit(3))
def lookup_table(f, x):
    nodes = np.array([0.0, 0.3, 0.5, 1.1])
    return np.interp(x, nodes, f) + np.interp(2 * x - 0.5, nodes, f, left=0.0) + np.interp(x[0], nodes, f)


@case(normal(3, 3))
def implicit_einsum(x):
    return np.einsum("ij,kj", x, x) + np.einsum("...i,...i", x, x) + np.einsum("ba", x) + np.einsum("ii->i", x)


@case(normal(3, 4))
def correlations(x):
    return np.nanstd(x, axis=0) + np.nanmedian(x) + np.corrcoef(x)[0, 1] + np.cov(x).sum() + np.std(x, ddof=1)


@case(normal(5))
def piecewise_functions(x):
    y = np.piecewise(x, [x < 0, x >= 0], [lambda t: -(t**3), lambda t: t**2])
    return y + np.select([x < -1, x < 1], [x**2, x**3], default=0.5) + np.clip(x, -0.5, 0.5) + np.sinc(x)


@case(normal(4, 3))
def kmeans_energy(x):
    centers = np.array([[0.0, 0.0, 1.0], [1.0, 0.5, 0.0]])
    d = ((x[:, None, :] - centers[None]) ** 2).sum(-1)
    return np.take_along_axis(d, d.argmin(axis=1)[:, None], axis=1).sum() + d.min(axis=1).sum()


@case(positive(3), normal(8))
def kalman_filter_1d(p, z):
    q, r, x = p[0], p[1], 0.0
    P = p[2]
    history = np.zeros(len(z))
    for k in range(len(z)):
        P = P + q
        K = P / (P + r)
        x = x + K * (z[k] - x)
        P = (1 - K) * P
        history[k] = x
    return history


@case(normal(6, 6))
def heat_equation(u):
    u = u.copy()
    for _ in range(3):
        un = u.copy()
        u[1:-1, 1:-1] = un[1:-1, 1:-1] + 0.1 * (
            un[2:, 1:-1] + un[:-2, 1:-1] + un[1:-1, 2:] + un[1:-1, :-2] - 4 * un[1:-1, 1:-1]
        )
        u[0, :] = 0
        u[:, -1] = u[:, -2]
    return u


@case(normal(4, 3), normal(4, 3))
def n_body_potential(r, v):
    energy = 0.0
    for i in range(len(r)):
        energy += 0.5 * float(np.dot(v[i], v[i]))
        for j in range(i):
            energy -= 1.0 / np.sqrt(((r[i] - r[j]) ** 2).sum() + 0.01)
    return energy


@case(positive(3), positive(3))
def dirichlet_log_density(alpha, x):
    x = x / x.sum()
    return sp.gammaln(alpha.sum()) - np.sum(sp.gammaln(alpha)) + np.sum((alpha - 1) * np.log(x))


@case(normal(4), normal(4))
def normal_distribution(x, m):
    return norm.logpdf(x, m, 1.5) + norm.pdf(x) - norm.sf(x, scale=2.0) + sp.ndtr(x)


@case(0.3, 1.7)
def scalar_newton(a, b):
    x = 1.0
    while abs(x * x * x - a * x - b) > 1e-13:
        x = x - (x**3 - a * x - b) / (3 * x**2 - a)
    return x


@case(positive(4))
def no_nan_from_the_other_branch(x):
    z = np.array([0.0, 1.0, 0.0, 2.0]) * x
    log = np.where(z > 0, np.log(z + 0 * (z == 0)), 0.0) if (z >= 0).all() else z
    root = np.sqrt(z) * 0
    ratio = np.divide(x, z, out=np.zeros_like(x), where=z != 0)
    return x * 2 + ratio + np.where(z > 0, z, z**2) + np.nan_to_num(root) + np.where(z > 0, log, x)
