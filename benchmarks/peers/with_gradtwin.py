"""Asks gradtwin."""

from __future__ import annotations

from gradtwin.benchmarks.peers.question import Prepared, Question
from gradtwin.benchmarks.timed_tensorflow import set_threads
from gradtwin.comparisons.check import check_gradient
from gradtwin.comparisons.report.data import Verdict

__all__ = ["prepare", "set_threads"]


def prepare(question: Question) -> Prepared:
    """Put the question as its users do."""

    def check() -> Verdict:
        return check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs).verdict

    return Prepared(check, lambda: question.forward(*question.inputs))
