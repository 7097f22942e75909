"""Gradients whose values alone don't show whether their formula is right: right ones, and wrong ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

RNG = np.random.default_rng(14)


@dataclass(frozen=True)
class Formula:
    """A forward, its gradient in one style, a point, and the verdict that is wanted."""

    name: str
    forward: Callable[..., Any]
    style: str
    gradient: Callable[..., Any]
    inputs: tuple[Any, ...]
    verdict: str

    def arguments(self) -> dict[str, Any]:
        """Return what check_gradient takes."""
        return {"inputs": self.inputs, self.style: self.gradient}


ALL: list[Formula] = []


def add(name: str, forward: Any, gradients: dict[str, Any], *inputs: Any, style: str = "grad") -> None:
    """Add gradients by name; those whose name begins with `right` are to match, the others are wrong."""
    for label, gradient in gradients.items():
        verdict = "match" if label.startswith("right") else "mismatch"
        ALL.append(Formula(f"{name}: {label}", forward, style, gradient, inputs, verdict))


def flat_network(dtype: Any, weight: float) -> None:
    """Add one flat vector of parameters, of which a block enters the loss with a tiny weight."""
    x, t, c = (RNG.normal(size=shape).astype(dtype) for shape in ((6, 4), (6,), (5,)))
    k = dtype(weight)

    def loss(theta: Any) -> Any:
        a, b, s = theta[:12].reshape(4, 3), theta[12:15], theta[15:]
        return np.sum((np.tanh(x @ a) @ b - t) ** 2) + k * np.sum(c * np.sin(s))

    def gradient(factor: float) -> Callable[[Any], Any]:
        def grad(theta: Any) -> Any:
            a, b, s = theta[:12].reshape(4, 3), theta[12:15], theta[15:]
            h = np.tanh(x @ a)
            r = 2 * (h @ b - t)
            g = np.zeros_like(theta)
            g[:12] = (x.T @ (np.outer(r, b) * (1 - h * h))).ravel()
            g[12:15] = h.T @ r
            g[15:] = k * c * np.cos(s) * dtype(factor)
            return g

        return grad

    factors = {"right": 1.0, "a block of zeros": 0.0, "a block negated": -1.0, "a block 1 % off": 1.01}
    gradients = {label: gradient(factor) for label, factor in factors.items()}
    add(f"flat parameters, {dtype.__name__}", loss, gradients, RNG.normal(size=20).astype(dtype))


flat_network(np.float64, 1e-12)
flat_network(np.float32, 1e-5)


def without_first(gradient: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a gradient with a zero in the first place."""

    def wrong(x: Any) -> Any:
        g = gradient(x)
        g[0] = 0
        return g

    return wrong


STEEP = np.array([1e-9, 1.0, -2.0, 3.0])
for _name, _forward, _gradient in (
    ("1/x", lambda x: np.sum(1 / x), lambda x: -1 / x**2),
    ("log|x|", lambda x: np.sum(np.log(np.abs(x))), lambda x: 1 / x),
    ("1/(x² + 1e-18)", lambda x: np.sum(1 / (x**2 + 1e-18)), lambda x: -2 * x / (x**2 + 1e-18) ** 2),
    ("tanh(x/1e-9)", lambda x: np.sum(np.tanh(x / 1e-9)), lambda x: (1 - np.tanh(x / 1e-9) ** 2) / 1e-9),
):
    add(_name, _forward, {"right": _gradient, "its largest a zero": without_first(_gradient)}, STEEP)

X32, W32 = RNG.normal(size=(5, 4)).astype(np.float32), RNG.normal(size=(4, 3)).astype(np.float32)
add(
    "weight decay of 1e-4 in float32",
    lambda w: np.sum((X32 @ w) ** 2) / 5 + 0.5e-4 * np.sum(w * w),
    {
        "right": lambda w: 2 * X32.T @ (X32 @ w) / 5 + 1e-4 * w,
        "left out": lambda w: 2 * X32.T @ (X32 @ w) / 5,
    },
    W32,
)
X, T = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3))


def mean_square(factor: float) -> Callable[[Any], Any]:
    """Return so many times the gradient of the mean square."""
    return lambda w: factor * 2 * X.T @ (X @ w - T) / T.size


for _scale in (1e-12, 1e-14):
    add(
        f"weights of {_scale}",
        lambda w: np.mean((X @ w - T) ** 2),
        {"right": mean_square(1.0), "1 % off": mean_square(1.01), "zero": mean_square(0.0)},
        RNG.normal(size=(4, 3)) * _scale,
    )
add(
    "a loss with 1e12 added",
    lambda w: np.mean((X @ w - T) ** 2) + 1e12,
    {"right": mean_square(1.0), "1e-4 off": mean_square(1.0001)},
    RNG.normal(size=(4, 3)),
)
add(
    "sin",
    np.sin,
    {"right": np.cos, "a difference quotient": lambda x: (np.sin(x + 1e-10) - np.sin(x)) / 1e-10},
    RNG.normal(size=5),
    style="derivative",
)
NEAR = RNG.normal(size=50)
MISSED = np.concatenate([NEAR[:1], NEAR[1:] + RNG.normal(size=49)])
add(
    "absolute error with one exact hit",
    lambda p: np.sum(np.abs(p - MISSED)) / 50,
    {
        "right": lambda p: np.sign(p - MISSED) / 50,
        "right, one at the hit": lambda p: np.where(p >= MISSED, 1, -1) / 50,
        "1/N lost": lambda p: np.sign(p - MISSED),
        "0 or 1": lambda p: (p > MISSED) / 50.0,
        "3 at the hit": lambda p: np.where(p == MISSED, 3, np.sign(p - MISSED)) / 50,
    },
    NEAR,
)
add(
    "a product over 300 orders of magnitude",
    np.prod,
    {
        "right": lambda x: np.prod(x) / x,
        "signs below 1": lambda x: np.prod(x) / x * np.where(x < 1, -1, 1),
    },
    np.array([1e-150, 3e-80, 2.0, 1e60, 1e100, 1e50]),
)


def log_space(z: Any) -> Any:
    """Return φ(z)/Φ(z)."""
    return np.exp(-(z**2) / 2 - 0.5 * np.log(2 * np.pi) - special.log_ndtr(z))


def add_derivative(name: str, forward: Any, derivative: Any, points: list[float]) -> None:
    """Add an elementwise function, and its derivative right, doubled and negated."""
    wrong = {"doubled": lambda x: 2 * derivative(x), "negated": lambda x: -derivative(x)}
    add(name, forward, {"right": derivative, **wrong}, np.array(points), style="derivative")


add_derivative("log_ndtr", special.log_ndtr, log_space, [-45.0, -10.0, 0.0, 2.0])
add_derivative("log of ndtr", lambda z: np.log(special.ndtr(z)), log_space, [-30.0, -5.0, 1.0])
add_derivative(
    "-log of erfc",
    lambda z: -np.log(special.erfc(z)),
    lambda z: 2 / np.sqrt(np.pi) * np.exp(-z * z - np.log(special.erfc(z))),
    [20.0, 5.0, 1.0],
)
add_derivative(
    "gammaincc",
    lambda m: special.gammaincc(1001, m),
    lambda m: -np.exp(1000 * np.log(m) - m - special.gammaln(1001)),
    [900.0, 1000.0, 1100.0],
)
add_derivative(
    "betaln",
    lambda x: special.betaln(x, 0.5),
    lambda x: special.digamma(x) - special.digamma(x + 0.5),
    [1e7, 3.0],
)
add_derivative(
    "a Bessel function",
    lambda x: special.jv(1.5, x),
    lambda x: (special.jv(0.5, x) - special.jv(2.5, x)) / 2,
    [1.0, 2.0, 3.0],
)
add_derivative("entropy", lambda p: p * np.log(p), lambda p: np.log(p) + 1, [1e-9, 0.3, 0.7])
add_derivative(
    "an eps of the dtype",
    lambda x: np.log(x**2 + np.finfo(x.dtype).eps),
    lambda x: 2 * x / (x**2 + np.finfo(x.dtype).eps),
    [1e-8, 0.3],
)
add(
    "xlogy at 0, where TensorFlow says 0",
    lambda x: special.xlogy(x, 2.0),
    {
        "right": lambda x: np.log(2.0) * np.ones_like(x),
        "as TensorFlow": lambda x: np.where(x == 0, 0, np.log(2.0)),
    },
    np.array([0.0, 1.0]),
    style="derivative",
)
SYMMETRIC = (lambda a: a + a.T)(RNG.normal(size=(4, 4)))
add(
    "pinv of I",
    lambda a: np.sum(np.linalg.pinv(a) * SYMMETRIC),
    {"right": lambda a: -np.linalg.inv(a).T @ SYMMETRIC @ np.linalg.inv(a).T, "negated": lambda a: SYMMETRIC * 1.0},
    np.eye(4),
)
add(
    "eigenvalues that repeat",
    lambda a: np.sum(np.linalg.eigvalsh(a) ** 2),
    {
        "right": lambda a: 2 * np.tril(a) + 2 * np.tril(a, -1),
        "halved": lambda a: np.tril(a) + np.tril(a, -1),
    },
    np.eye(4),
)
HILBERT = 1 / (np.arange(8)[:, None] + np.arange(8) + 1.0)
add(
    "log det of Hilbert's matrix",
    lambda a: np.linalg.slogdet(a)[1],
    {"right": lambda a: np.linalg.inv(a).T, "1e-6 off": lambda a: np.linalg.inv(a).T * (1 + 1e-6)},
    HILBERT,
)
COLUMN = np.full((20_000, 2), 0.1, np.float32)
add(
    "float32 sums over long columns",
    lambda x: np.sum(np.sum(x, 0) ** 2),
    {
        "right": lambda x: np.broadcast_to(2 * np.sum(x, 0), x.shape) * np.float32(1),
        "1e-5 off": lambda x: np.broadcast_to(2 * np.sum(x, 0), x.shape) * np.float32(1.00001),
    },
    COLUMN,
)
add(
    "float32 near its smallest",
    lambda x: np.sum(x * x) * np.float32(1e-38),
    {
        "right": lambda x: 2 * x * np.float32(1e-38),
        "1e-4 off": lambda x: 2 * x * np.float32(1.0001e-38),
    },
    RNG.normal(size=5).astype(np.float32),
)
add(
    "softplus, whose gradient is lost for some elements",
    lambda z: np.sum(np.log1p(np.exp(z))),
    {
        "right": lambda z: 1 - 1 / (1 + np.exp(z)),
        "the wrong sign": lambda z: 1 / (1 + np.exp(z)) - 1,
    },
    np.array([-57.0, -40.0, -27.0, -3.0, 2.0]),
)
