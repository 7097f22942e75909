"""What was timed, and the report that gathers it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.results.data import Report

from .cases import Work
from .statistics import Ratio, Samples, quartiles

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gradtwin.benchmarks.claims.claim import Found
    from gradtwin.benchmarks.peers.results import PeerComparison


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


@dataclass(frozen=True)
class BenchReport(Report):
    """What was timed and what was not, the gate's checks, and the conditions. Its verdict is the gate's."""

    timings: tuple[Timing, ...] = ()
    figures: tuple[Figure, ...] = ()
    refused: tuple[str, ...] = ()
    peers: PeerComparison | None = None
    claims: tuple[Found, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report under the keys of its JSON schema."""
        figure_timings = [timing for figure in self.figures for timing in (figure.by_hand, figure.timing)]
        return {
            **super().to_dict(),
            "results": [timing.to_dict() for timing in (*self.timings, *figure_timings)],
            "figures": [figure.to_dict() for figure in self.figures] + [found.to_dict() for found in self.claims],
            "refused": list(self.refused),
            "peers": self.peers.to_dict() if self.peers else None,
        }

    def print_to(self, console: Console) -> None:
        """Print the tables on a rich console."""
        console.print(*self.parts(), sep="\n")

    def parts(self) -> list[Text | Table]:
        """Return the lines and tables of the report."""
        from gradtwin.benchmarks.peers.table import render_peers

        from .table import render

        return [*render(self), *(render_peers(self.peers) if self.peers else ())]
