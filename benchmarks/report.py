"""A benchmark's part of its report, as JSON and as tables: timings, figures, peers and claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from gradtwin.benchmarks.claims.claim import Found
from gradtwin.benchmarks.peers.results import PeerComparison
from gradtwin.benchmarks.peers.table import render_peers
from gradtwin.comparisons.results.data import Details, Report

from .results import Figure, Timing
from .table import figure_table, render_timings


@dataclass(frozen=True)
class BenchDetails(Details):
    """The work that was timed, and the work that was not.

    The report has the checks and the verdict of the correctness gate.
    """

    timings: tuple[Timing, ...]
    figures: tuple[Figure, ...]
    refused: tuple[str, ...]
    peers: PeerComparison | None
    claims: tuple[Found, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of the JSON report."""
        figure_timings = [timing for figure in self.figures for timing in (figure.by_hand, figure.timing)]
        return {
            "results": [timing.to_dict() for timing in (*self.timings, *figure_timings)],
            "figures": [figure.to_dict() for figure in self.figures] + [found.to_dict() for found in self.claims],
            "refused": list(self.refused),
            "peers": self.peers.to_dict() if self.peers else None,
        }

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the lines and tables of the report."""
        found: list[Text | Table] = [*render_timings(report, self.timings, self.refused)]
        if self.figures or self.claims:
            found.append(figure_table(self.figures, self.claims))
        return [*found, *(render_peers(self.peers) if self.peers else ())]
