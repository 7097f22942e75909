"""Timings: seconds with their ratios, and figures to reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gradtwin.backends.precision import find_dtype

from .cases import Work
from .statistics import Ratio, Samples, quartiles


@dataclass(frozen=True)
class Timing:
    """The seconds that a piece of work took on one backend in one mode, values by process.

    A `first call` includes tracing and compiling, and has one value for each process.
    """

    work: Work
    backend: str
    mode: str
    threads: int
    samples: Samples
    flops: int | None = None
    ratio: Ratio | None = None
    first_call: bool = False

    @property
    def median(self) -> float:
        """Median of the seconds a call takes."""
        return quartiles(self.samples)[1]

    @property
    def rate(self) -> float:
        """Floating-point operations in a second; 0 where they are not counted."""
        return (self.flops or 0) / self.median

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte of the inputs; 0 where they are not counted."""
        return (self.flops or 0) / (find_dtype(self.work.dtype).itemsize * sum(map(math.prod, self.work.shapes)))

    def to_dict(self) -> dict[str, Any]:
        """Return the timing under the keys of the JSON report."""
        q1, median, q3 = quartiles(self.samples)
        return {
            "operation": self.work.title + (": first call" if self.first_call else ""),
            "shape": [list(shape) for shape in self.work.shapes],
            "dtype": self.work.dtype,
            "backend": self.backend,
            "mode": self.mode,
            "threads": self.threads,
            "median_s": median,
            "q1_s": q1,
            "q3_s": q3,
            "samples": [value for process in self.samples for value in process],
            "flops": self.flops,
            "ratio": self.ratio.to_dict() if self.ratio else None,
        }


def find_crossover(timings: Sequence[Timing]) -> int | None:
    """Return the size from which on TensorFlow is decidedly the faster one, of timings by rising size; None if none."""
    faster_from = None
    for timing in reversed(timings):
        if not (timing.ratio and timing.ratio.decided and timing.ratio.median < 1):
            break
        faster_from = timing.work.extents[0]
    return faster_from


@dataclass(frozen=True)
class Figure:
    """A ratio that is not to exceed a limit."""

    what: str
    by_hand: Timing
    timing: Timing
    limit: float

    @property
    def ratio(self) -> Ratio:
        """The measured ratio."""
        assert self.timing.ratio
        return self.timing.ratio

    @property
    def outcome(self) -> Literal["reached", "not reached", "not distinguishable"]:
        """Whether the whole interval lies on one side of the limit."""
        if self.ratio.high <= self.limit:
            return "reached"
        return "not reached" if self.ratio.low > self.limit else "not distinguishable"

    def to_dict(self) -> dict[str, Any]:
        """Return the figure for the JSON report."""
        return {
            "what": self.what,
            "shape": [list(shape) for shape in self.timing.work.shapes],
            "ratio": self.ratio.to_dict(),
            "limit": self.limit,
            "outcome": self.outcome,
        }
