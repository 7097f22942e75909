"""The results of the gradient checkers: time, number of calls, and caught faults."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gradtwin.benchmarks.statistics import Ratio, Samples, quartiles
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Check, Verdict

from .planted import kind_of
from .question import Extents
from .tools import GRADTWIN


@dataclass(frozen=True)
class PeerTiming:
    """One tool at one size: its evaluations, and the seconds of a check, values by process.

    A check that would take too long isn't run: no samples and no verdict, and `estimate` is its seconds, from the
    evaluations it would make and the cost of one. `first_checks` are the seconds of each process's first, `ratio` is to
    gradtwin's later ones.
    """

    tool: str
    extents: Extents
    forward: int
    gradient: int
    verdict: Verdict | None
    samples: Samples = ()
    first_checks: tuple[float, ...] = ()
    estimate: float | None = None
    ratio: Ratio | None = None

    @property
    def median(self) -> float:
        """Median of the seconds a check takes."""
        return quartiles(self.samples)[1]

    def to_dict(self) -> dict[str, Any]:
        """Return the timing for the JSON report."""
        q1, median, q3 = quartiles(self.samples) if self.samples else (None, None, None)
        n, k, m = self.extents
        return {
            "tool": self.tool,
            "shape": [[n, k], [k, m], [m]],
            "forward_evaluations": self.forward,
            "gradient_evaluations": self.gradient,
            "verdict": self.verdict,
            "median_s": median,
            "q1_s": q1,
            "q3_s": q3,
            "samples": [value for process in self.samples for value in process],
            "first_s": list(self.first_checks),
            "estimate_s": self.estimate,
            "ratio": self.ratio.to_dict() if self.ratio else None,
        }


@dataclass(frozen=True)
class Judged:
    """A tool's verdict on one gradient: a planted fault's, or the right one (`fault` is empty)."""

    tool: str
    operation: str
    setting: str
    fault: str
    verdict: Verdict

    @property
    def kind(self) -> str:
        """The kind that the fault is counted under."""
        return kind_of(self.fault)

    @property
    def caught(self) -> bool:
        """Whether the tool rejected the gradient: right for a fault, a false alarm for a right gradient."""
        return self.verdict == "mismatch"


@dataclass(frozen=True)
class PeerComparison:
    """The tools that ran with their versions, the missing tools with the reason, and the results."""

    versions: dict[str, str]
    missing: dict[str, str]
    settings: dict[str, str]
    protocol: dict[str, Any]
    timings: tuple[PeerTiming, ...]
    judged: tuple[Judged, ...]

    def checks(self) -> tuple[Check, ...]:
        """Return gradtwin's verdicts on the timed gradients, which are right."""
        titles = Titles("check_gradient", "float64")
        return tuple(
            titles.passed_on(f"dense + mean square at {t.extents}", "gradient", t.verdict)
            for t in self.timings
            if t.tool == GRADTWIN and t.verdict
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison for the JSON report."""
        return {
            "tools": [
                {"tool": tool, "version": self.versions.get(tool), "missing": self.missing.get(tool), "settings": words}
                for tool, words in self.settings.items()
            ],
            "protocol": self.protocol,
            "timings": [timing.to_dict() for timing in self.timings],
            "judged": [asdict(judged) for judged in self.judged],
        }
