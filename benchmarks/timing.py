"""The timed loop: warmed up, calibrated, taken in turns."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Task:
    """A call to be timed; `settle` waits until all that was called is complete."""

    call: Callable[[], Any]
    settle: Callable[[], Any]


@dataclass(frozen=True)
class Measured:
    """Seconds of the first call, and seconds per call of each later value."""

    first_call: float
    samples: list[float]


def measure(tasks: Sequence[Task], values: int, seconds: float) -> list[Measured]:
    """Return `values` values of each task, taken in turns in alternating order, each at least `seconds` long.

    The garbage collector rests meanwhile, as in `timeit`.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        first_calls = [_run(task, 1) for task in tasks]
        batches = [_calibrate(task, seconds) for task in tasks]
        samples: list[list[float]] = [[] for _ in tasks]
        forwards = list(range(len(tasks)))
        for turn in range(values):
            for i in forwards if turn % 2 == 0 else forwards[::-1]:
                samples[i].append(_take_value(tasks[i], batches[i], seconds))
    finally:
        if collecting:
            gc.enable()
    return [Measured(first, values) for first, values in zip(first_calls, samples, strict=True)]


def _run(task: Task, number: int) -> float:
    """Return the seconds that so many calls take, the last result kept until all is complete."""
    call = task.call
    start = perf_counter()
    for _ in repeat(None, number):
        result = call()
    task.settle()
    elapsed = perf_counter() - start
    del result
    return elapsed


def _calibrate(task: Task, seconds: float) -> int:
    """Return a number of calls that takes a quarter of a value's time; doubling up to it is the warm-up."""
    number = 1
    while _run(task, number) < seconds / 4:
        number *= 2
    return number


def _take_value(task: Task, batch: int, seconds: float) -> float:
    elapsed, calls = 0.0, 0
    while elapsed < seconds:
        elapsed += _run(task, batch)
        calls += batch
    return elapsed / calls
