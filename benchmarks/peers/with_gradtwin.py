"""Asks gradtwin."""

from __future__ import annotations

from gradtwin.benchmarks.timed_tensorflow import set_threads
from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.results.data import Verdict

from .question import Prepared, Question

__all__ = ["prepare", "set_threads"]


def prepare(question: Question) -> Prepared:
    """Put the question as its users do."""

    def check() -> Verdict:
        return check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs).verdict

    return Prepared(check, lambda: question.forward(*question.inputs))
