"""The question to a gradient checker: a forward, a hand-derived gradient, and a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.results.data import Verdict

Extents = tuple[int, int, int]


@dataclass(frozen=True)
class Question:
    """Is `vjp(y_bar, *inputs)`, one gradient for each input, the gradient of y = `forward(*inputs)` in float64?

    `right` is the same question with the right gradient, to judge a tool that gives no verdict.
    """

    forward: Callable[..., Any]
    vjp: Callable[..., Sequence[Array]]
    inputs: tuple[Array, ...]
    right: Question | None = None


@dataclass(frozen=True)
class Prepared:
    """A question for a tool: `check` asks for its verdict, and `evaluate` calls forward once as the tool would.

    For a rejected gradient a check may raise the tool's exception.
    """

    check: Callable[[], Verdict]
    evaluate: Callable[[], Any]


@dataclass
class Counts:
    """How often forward and the gradient were called."""

    forward: int = 0
    gradient: int = 0


def count_calls(question: Question) -> tuple[Question, Counts]:
    """Return the question with functions that count their calls."""
    counts = Counts()

    def forward(*inputs: Any) -> Any:
        counts.forward += 1
        return question.forward(*inputs)

    def vjp(y_bar: Any, *inputs: Any) -> Sequence[Array]:
        counts.gradient += 1
        return question.vjp(y_bar, *inputs)

    return replace(question, forward=forward, vjp=vjp), counts


def draw_upstream(question: Question) -> Array:
    """Return a y_bar for tools that take scalar functions alone: 1 for a scalar y, else drawn, the same each time."""
    shape = np.shape(question.forward(*[x.copy() for x in question.inputs]))
    return np.random.default_rng(1).standard_normal(shape) if shape else np.ones(())


def dense_mean_square(extents: Extents, seed: int) -> Question:
    """L = Σ (X W + b − T)² / N for X of (n, k), W of (k, m), b of (m); T is a constant."""
    n, k, m = extents
    rng = np.random.default_rng([seed, *extents])
    x, w, b, target = (rng.standard_normal(shape) for shape in ((n, k), (k, m), (m,), (n, m)))

    def forward(x: Array, w: Array, b: Array) -> Any:
        return np.mean((x @ w + b - target) ** 2)

    def vjp(loss_bar: Array, x: Array, w: Array, b: Array) -> tuple[Array, ...]:
        y_bar = (x @ w + b - target) * (2 * loss_bar / target.size)
        return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)

    question = Question(forward, vjp, (x, w, b))
    return replace(question, right=question)
