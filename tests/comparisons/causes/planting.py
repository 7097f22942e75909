"""Points built by hand: a forward, its right gradients with the size of their terms, and a planted fault."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradtwin.comparisons.causes import diagnose
from gradtwin.comparisons.judging.point import Point

#: Roundings that either side may take: allowed = ROUNDINGS · u · Σ|terms|.
ROUNDINGS = 16


@dataclass(frozen=True)
class Problem:
    """`gradients(y_bar, *inputs)` gives pairs (gradient, Σ|terms|), in the order of `wrt`."""

    names: tuple[str, ...]
    draw: Callable[[np.random.Generator], tuple[Any, ...]]
    forward: Callable[..., Any]
    gradients: Callable[..., tuple[tuple[Any, Any], ...]]
    wrt: tuple[int, ...]


#: (right gradients, inputs, y_bar, y) → the user's gradients
Fault = Callable[[list[Any], tuple[Any, ...], Any, Any], list[Any]]


def make_point(problem: Problem, fault: Fault, seed: int, dtype: Any = np.float64) -> Point:
    rng = np.random.default_rng((seed, 77))
    inputs = tuple(np.asarray(x, dtype) if np.asarray(x).dtype.kind == "f" else x for x in problem.draw(rng))
    y = np.asarray(problem.forward(*inputs), dtype)
    y_bar = rng.normal(size=y.shape).astype(dtype)
    wide = [x.astype(np.float64) if np.asarray(x).dtype.kind == "f" else x for x in inputs]
    pairs = problem.gradients(y_bar.astype(np.float64), *wide)
    right = [np.asarray(gradient, dtype) for gradient, _ in pairs]
    scale = tuple(np.abs(np.asarray(size, np.float64)) for _, size in pairs)
    u = float(np.finfo(dtype).eps) / 2
    noise = np.random.default_rng((seed, 78))
    perturbed = [
        (g * (1 + u * noise.choice([-1.0, 0.0, 1.0], size=g.shape))).astype(dtype) for g in right
    ]  # the user rounds differently
    left = tuple(np.asarray(g) for g in fault(perturbed, inputs, y_bar, y))
    allowed = tuple(ROUNDINGS * u * s for s in scale)
    words = tuple(f"input {i} ({name})" for i, name in enumerate(problem.names))
    return Point("vjp", inputs, problem.wrt, problem.names, words, y, y_bar, left, tuple(right), allowed, scale)


def oracle(problem: Problem, inputs: tuple[Any, ...], y_bar: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(gradient) for gradient, _ in problem.gradients(y_bar, *inputs))


def explain(problem: Problem, fault: Fault, seed: int, *, alone: bool = False, dtype: Any = np.float64, **more: Any):
    """Diagnose a planted fault at its point; `alone` where no other point can be had."""
    seeds = 1000 * seed
    return diagnose(
        make_point(problem, fault, seeds, dtype),
        lambda other: None if alone else make_point(problem, fault, seeds + other, dtype),
        oracle_vjp=partial(oracle, problem),
        **more,
    )


def confirmed(causes) -> list[str]:
    return [cause.cause for cause in causes if cause.confirmed]


def at(k: int, spoil: Callable[..., Any]) -> Fault:
    """Spoil one gradient: spoil(gradient, inputs, y_bar, y)."""

    def fault(right, inputs, y_bar, y):
        return [spoil(g, inputs, y_bar, y) if i == k else g for i, g in enumerate(right)]

    return fault


def normal(*shapes):
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _softmax_gradient(y_bar, x):
    y = _softmax(x)
    size = y * (np.abs(y_bar) + (np.abs(y_bar) * y).sum(-1, keepdims=True))
    return ((y * (y_bar - (y_bar * y).sum(-1, keepdims=True)), size),)


def elementwise(f, df, *shape):
    def gradients(y_bar, x):
        g = y_bar * df(x)
        return ((g, np.abs(g) + np.abs(y_bar)),)

    return Problem(("x",), normal(shape), f, gradients, (0,))


def _dense_gradients(y_bar, x, w, b):
    return (
        (y_bar @ w.T, np.abs(y_bar) @ np.abs(w).T),
        (x.T @ y_bar, np.abs(x).T @ np.abs(y_bar)),
        (y_bar.sum(0), np.abs(y_bar).sum(0)),
    )


def dense(rows, n, m):
    return Problem(
        ("x", "w", "b"), normal((rows, n), (n, m), (m,)), lambda x, w, b: x @ w + b, _dense_gradients, (0, 1, 2)
    )


def _add_gradients(y_bar, x, b):
    size = np.abs(y_bar).sum(0, keepdims=True)
    return (y_bar, np.abs(y_bar)), (y_bar.sum(0, keepdims=True), size)


def _mse_gradients(y_bar, p, t):
    g = 2 * y_bar * (p - t) / p.size
    return ((g, 2 * np.abs(y_bar) * (np.abs(p) + np.abs(t)) / p.size),)


def _regularised_gradients(y_bar, x, w):
    return (
        (y_bar * w, np.abs(y_bar * w)),
        (y_bar * x + 0.1 * w * y_bar, np.abs(y_bar * x) + np.abs(0.1 * w * y_bar)),
    )


def _product_gradients(y_bar, a, b, c):
    parts = (y_bar * b * c, y_bar * a * c, y_bar * a * b)
    return tuple((g, np.abs(g)) for g in parts)


def _embedding_gradients(y_bar, w, index):
    total, size = np.zeros_like(w), np.zeros_like(w)
    np.add.at(total, index, y_bar)
    np.add.at(size, index, np.abs(y_bar))
    return ((total, size),)


def _windows(x, k):
    return np.lib.stride_tricks.sliding_window_view(x, len(k)) @ k


def _windows_gradients(y_bar, x, k):
    x_bar, size = np.zeros_like(x), np.zeros_like(x)
    for i, upstream in enumerate(y_bar):
        x_bar[i : i + len(k)] += upstream * k
        size[i : i + len(k)] += np.abs(upstream * k)
    rows = np.lib.stride_tricks.sliding_window_view(x, len(k))
    return (x_bar, size), (rows.T @ y_bar, np.abs(rows).T @ np.abs(y_bar))


def _centred_gradients(y_bar, x):
    return ((y_bar - y_bar.mean(0), np.abs(y_bar) + np.abs(y_bar).mean(0)),)


def _maxima_gradients(y_bar, x):
    g = np.repeat(y_bar, 2, 1) * (x == np.repeat(_maxima(x), 2, 1))
    return ((g, np.abs(np.repeat(y_bar, 2, 1))),)


def _maxima(x):
    return x.reshape(x.shape[0], -1, 2).max(2)


def _labelled_gradients(y_bar, x, labels):
    """Of exp, less twice y_bar at each row's label."""
    g = y_bar * np.exp(x)
    mark = 2 * y_bar * (np.arange(x.shape[1]) == labels[:, None])
    return ((g - mark, np.abs(g) + np.abs(mark)),)


def _absolute_gradients(y_bar, a, b):
    g = y_bar * np.sign(a - b)
    return ((g, np.abs(y_bar)), (-g, np.abs(y_bar)))


def _channels_gradients(y_bar, x, gamma):
    return ((y_bar * gamma[:, None, None], np.abs(y_bar * gamma[:, None, None])),)


def _normalised(x):
    return (x - x.mean(0)) / x.std(0)


def _normalised_gradients(y_bar, x):
    y, s = _normalised(x), x.std(0)
    size = (np.abs(y_bar) + np.abs(y_bar).mean(0) + np.abs(y) * np.abs(y_bar * y).mean(0)) / s
    return (((y_bar - y_bar.mean(0) - y * (y_bar * y).mean(0)) / s, size),)


def _unit_gradients(y_bar, x):
    norm = np.sqrt(np.sum(x * x, 1, keepdims=True))
    y = x / norm
    size = (np.abs(y_bar) + np.abs(y) * np.abs(y_bar * y).sum(1, keepdims=True)) / norm
    return (((y_bar - y * (y_bar * y).sum(1, keepdims=True)) / norm, size),)


def _norm_gradients(y_bar, x):
    g = y_bar * x / np.sqrt(np.sum(x * x))
    return ((g, np.abs(g)),)


DENSE = dense(5, 3, 4)
SQUARE = dense(4, 3, 3)
QUADRATIC = dense(4, 3, 4)
TANH = elementwise(np.tanh, lambda x: 1 / np.cosh(x) ** 2, 4, 3)
EXP = elementwise(np.exp, np.exp, 3, 5)
RELU = elementwise(lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0, 5, 4)
SIN = elementwise(np.sin, np.cos, 6)
CUBE = elementwise(lambda x: x**3, lambda x: 3 * x**2, 3, 4)
IMAGE = elementwise(np.sin, np.cos, 2, 4, 4)
SINGLE = elementwise(np.sin, np.cos, 1)
SOFTMAX = Problem(("x",), normal((3, 4)), _softmax, _softmax_gradient, (0,))
BIAS = Problem(("x", "b"), normal((5, 4), (1, 4)), lambda x, b: x + b, _add_gradients, (0, 1))
MSE = Problem(("p", "t"), normal((5, 3), (5, 3)), lambda p, t: np.mean((p - t) ** 2), _mse_gradients, (0,))
WEIGHTED = Problem(
    ("x", "w"), normal((3, 4), (3, 4)), lambda x, w: x * w + 0.05 * w * w, _regularised_gradients, (0, 1)
)
PRODUCT = Problem(
    ("a", "b", "c"), normal((3, 4), (3, 4), (3, 4)), lambda a, b, c: a * b * c, _product_gradients, (0, 1, 2)
)
CENTRED = Problem(("x",), normal((6, 3)), lambda x: x - x.mean(0), _centred_gradients, (0,))
EMBEDDING = Problem(
    ("table", "index"),
    lambda rng: (rng.normal(size=(5, 3)), np.array([0, 2, 2, 4, 0, 1])),
    lambda w, index: w[index],
    _embedding_gradients,
    (0,),
)
WINDOWS = Problem(("x", "k"), normal((9,), (3,)), _windows, _windows_gradients, (0, 1))
MAXIMA = Problem(("x",), normal((4, 6)), _maxima, _maxima_gradients, (0,))
LABELLED = Problem(
    ("x", "labels"),
    lambda rng: (rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 2])),
    lambda x, labels: np.exp(x),
    _labelled_gradients,
    (0,),
)
ABSOLUTE = Problem(("a", "b"), normal((5, 3), (5, 3)), lambda a, b: np.abs(a - b), _absolute_gradients, (0, 1))
CHANNELS = Problem(
    ("x", "gamma"), normal((2, 3, 4, 4), (3,)), lambda x, g: x * g[:, None, None], _channels_gradients, (0,)
)
NORM = Problem(("x",), normal((4, 3)), lambda x: np.sqrt(np.sum(x * x)), _norm_gradients, (0,))
NORMALISED = Problem(("x",), normal((6, 3)), _normalised, _normalised_gradients, (0,))
UNIT = Problem(("x",), normal((3, 5)), lambda x: x / np.sqrt(np.sum(x * x, 1, keepdims=True)), _unit_gradients, (0,))
