"""The timed process, `python -m gradtwin.benchmarks.worker BACKEND`: a JSON job a line in, an answer out.

A job is the name of one in `JOBS`, `start` first, and its arguments, as `gradtwin.processes` has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from gradtwin.processes import answer_jobs

from .cases import Work
from .timing import Task, measure


def start(backend: str, threads: int) -> dict[str, Any]:
    """Load the backend with so many threads and describe the conditions; NumPy's the environment has set."""
    from .conditions import describe_conditions

    if backend == "tensorflow":
        from .timed_tensorflow import set_threads

        set_threads(threads)
    return describe_conditions()


def check_work(_: str, work: dict[str, Any], variant: str) -> list[dict[str, Any]]:
    """Compare both backends on a work in a variant: the checks."""
    from . import gate

    return [check.to_dict() for check in gate.check_work(_read_work(work), variant)]


def count_flops(_: str, work: dict[str, Any]) -> int:
    """Count the floating-point operations of a work."""
    from .timed_numpy import count_work

    return count_work(_read_work(work))


def time_work(
    backend: str, work: dict[str, Any], variants: Sequence[str], values: int, seconds: float
) -> list[dict[str, Any]]:
    """Time one work in turns in each of its variants: TensorFlow's modes, or how a step is written."""
    tasks = [_make_task(backend, _read_work(work), variant) for variant in variants]
    return [vars(measured) for measured in measure(tasks, values, seconds)]


JOBS: dict[str, Callable[..., Any]] = {job.__name__: job for job in (start, check_work, count_flops, time_work)}


def _read_work(fields: dict[str, Any]) -> Work:
    return Work(**{**fields, "extents": tuple(fields["extents"])})


def _make_task(backend: str, work: Work, variant: str) -> Task:
    if backend == "numpy":
        from . import timed_numpy

        return timed_numpy.make_task(work, variant)
    from . import timed_tensorflow

    return timed_tensorflow.make_task(work, variant)


if __name__ == "__main__":
    answer_jobs(sys.argv[1], JOBS)
