"""Asks `scipy.optimize.check_grad` about Σ y_bar · y, as a function of all inputs in one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.results.data import Verdict

from .question import Prepared, Question, draw_upstream

#: What SciPy's own test of it takes for zero, by assert_almost_equal.
ZERO = 1.5e-7
#: How many times the right gradient's error is still accepted, where that is known.
TIMES = 10


def set_threads(_: int) -> None:
    """Do nothing: NumPy's threads are set by the environment."""


def prepare(question: Question) -> Prepared:
    """Put the question; an error below what SciPy's own test takes for zero is accepted."""
    return _prepare(question, lambda error: error < ZERO)


def prepare_told(question: Question) -> Prepared:
    """Put the question; an error up to ten times that of the right gradient is accepted."""
    assert question.right
    limit = TIMES * measure_error(question.right)
    return _prepare(question, lambda error: error <= limit)


def measure_error(question: Question) -> float:
    """Return what check_grad does: the norm of the difference from forward differences."""
    from scipy.optimize import check_grad

    shapes = [x.shape for x in question.inputs]
    ends = np.cumsum([x.size for x in question.inputs])[:-1]
    y_bar = draw_upstream(question)

    def split(flat: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]

    def function(flat: Array) -> Any:
        return np.sum(y_bar * question.forward(*split(flat)))

    def gradient(flat: Array) -> Array:
        return np.concatenate([np.ravel(g) for g in question.vjp(y_bar, *split(flat))])

    return float(check_grad(function, gradient, np.concatenate([x.ravel() for x in question.inputs])))


def _prepare(question: Question, accepts: Callable[[float], bool]) -> Prepared:
    def check() -> Verdict:
        return "match" if accepts(measure_error(question)) else "mismatch"

    return Prepared(check, lambda: question.forward(*question.inputs))
