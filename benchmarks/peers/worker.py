"""The process of one tool, `python -m gradtwin.benchmarks.peers.worker TOOL`; jobs are as in `benchmarks.worker`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from statistics import median
from time import perf_counter
from typing import Any

from gradtwin.benchmarks.timing import Task, measure
from gradtwin.comparisons.results.data import Verdict
from gradtwin.processes import answer_jobs

from .planted import faults_of, faulty_question, right_question
from .question import Prepared, Question, count_calls, dense_mean_square
from .tools import TOOLS

#: Calls of forward that one call's cost is measured by.
EVALUATIONS = 9

#: A first check that takes longer isn't followed by a second: loading and compiling are a small part of it.
LONG = 5.0

#: A check that nothing is learnt of: a library's first call takes longer than any other.
WARM_UP = (2, 2, 2)


def start(tool: str, threads: int) -> dict[str, Any]:
    """Load the tool's library with so many threads and run a check; BackendMissingError where it isn't installed."""
    TOOLS[tool].load().set_threads(threads)
    verdict_of(tool, dense_mean_square(WARM_UP, 0))
    return {"library": TOOLS[tool].library, "version": version(TOOLS[tool].library)}


def count(tool: str, extents: tuple[int, int, int], seed: int) -> dict[str, Any]:
    """Run a check: its verdict, how often it called forward and the gradient, and the seconds that another takes."""
    question, counts = count_calls(dense_mean_square(extents, seed))
    prepared = prepare(tool, question)
    counts.forward = counts.gradient = 0
    verdicts: list[Verdict] = []
    first = _time(lambda: verdicts.append(prepared.check()))
    found = vars(counts).copy()
    return {"verdict": verdicts[0], "seconds": first if first > LONG else _time(prepared.check), **found}


def cost(tool: str, extents: tuple[int, int, int], seed: int) -> float:
    """Measure the seconds of one call of forward, called as the tool would."""
    evaluate = prepare(tool, dense_mean_square(extents, seed)).evaluate
    evaluate()
    return median(_time(evaluate) for _ in range(EVALUATIONS))


def time_check(tool: str, extents: tuple[int, int, int], seed: int, values: int, seconds: float) -> dict[str, Any]:
    """Time the first check, and so many values of at least so many seconds of the later ones; one is of one check."""
    check = prepare(tool, dense_mean_square(extents, seed)).check
    if values == 1:
        first, second = _time_first(check)
        return {"first_call": first, "samples": [second]}
    [measured] = measure([Task(check, _settled)], values, seconds)
    return vars(measured)


def judge_operation(tool: str, operation: str, setting: str, faulty: bool, seed: int) -> list[tuple[str, Verdict]]:
    """Judge an operation's own gradient, or every fault planted in it: the faults' names with the verdicts."""
    return [(name, verdict_of(tool, question)) for name, question in _questions(operation, setting, faulty, seed)]


def _questions(operation: str, setting: str, faulty: bool, seed: int) -> Iterator[tuple[str, Question]]:
    if not faulty:
        yield "", right_question(operation, setting, seed)
        return
    for fault in faults_of(operation):
        yield fault.name, faulty_question(fault, setting, seed)


def verdict_of(tool: str, question: Question) -> Verdict:
    """Return a tool's verdict; an exception from it, or on the way to it, is a rejection."""
    try:
        return prepare(tool, question).check()
    except Exception:
        return "mismatch"


def prepare(tool: str, question: Question) -> Prepared:
    """Put the question to the tool."""
    prepared: Prepared = getattr(TOOLS[tool].load(), TOOLS[tool].prepare)(question)
    return prepared


def _time_first(check: Callable[[], Verdict]) -> tuple[float, float]:
    """Return the seconds of a first check and of a second; where that takes long they are the same."""
    first = _time(check)
    return first, first if first > LONG else _time(check)


def _time(call: Callable[[], Any]) -> float:
    """Return the seconds of a call, while the garbage collector rests."""
    gc.collect()
    gc.disable()
    begin = perf_counter()
    call()
    elapsed = perf_counter() - begin
    gc.enable()
    return elapsed


def _settled() -> None:
    """Do nothing: a check is complete when it returns."""


JOBS = {job.__name__: job for job in (start, count, cost, time_check, judge_operation)}

if __name__ == "__main__":
    answer_jobs(sys.argv[1], JOBS)
