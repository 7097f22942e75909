"""The report of a soak: rates, coverage, the largest error over allowed, memory and findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from gradtwin.comparisons.report.tables import STYLE, make_table, show_index
from gradtwin.comparisons.results.data import Check, Details, Report, Verdict

from .plan import Cell, every_cell
from .tally import Tally

if TYPE_CHECKING:
    from rich.console import Console

#: Findings that are named; the others are in the folder.
MOST_NAMED = 10


@dataclass(frozen=True)
class SoakDetails(Details):
    """The tally of all runs in a folder, and the time and the rate of the last one."""

    tally: Tally
    folder: str
    where: str
    seconds: float
    fresh_examples: int
    interrupted: bool
    given_up: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the tally for the JSON report."""
        tally = self.tally
        return {
            "soak": {
                "examples": tally.examples,
                "chunks": tally.chunks,
                "cpu_s": tally.cpu_s,
                "spent_s": dict(tally.spent_s),
                "run": {
                    "seconds": self.seconds,
                    "where": self.where,
                    "examples": self.fresh_examples,
                    "interrupted": self.interrupted,
                    "given_up": list(self.given_up),
                },
                "coverage": [{**vars(cell), "examples": tally.cells[cell]} for cell in every_cell()],
                "uncovered": {reason: len(cells) for reason, cells in tally.uncovered().items()},
                "operations": {
                    name: {
                        "examples": of.examples,
                        "examples_per_cpu_second": _rate(of.examples, of.cpu_s),
                        "eager_examples_per_cpu_second": _rate(of.eager_examples, of.eager_cpu_s),
                        "worst_fraction": of.fraction,
                        "worst_at": of.worst_at,
                    }
                    for name, of in tally.operations.items()
                },
                "peak_mb": tally.memory(),
                "folder": self.folder,
                "findings": tally.findings,
            },
        }

    def print_to(self, report: Report, console: Console) -> None:
        """Print the parts on a rich console, and how to go on."""
        super().print_to(report, console)
        console.print(Text(f"\nseed {report.seed}; continue with: {report.reproduce}", style="dim"), soft_wrap=True)

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the lines and tables of the report."""
        return [
            self._headline(report.verdict),
            *self._rates(),
            self._operations(),
            *self._coverage(),
            *_undecided(report.checks),
            *self._findings(),
        ]

    def _headline(self, found: Verdict) -> Text:
        tally = self.tally
        verdict = (found.upper(), STYLE[found])
        how = ", interrupted" if self.interrupted else ""
        return Text.assemble(
            verdict, f"  soak: {tally.examples} examples in {tally.chunks} chunks, {len(tally.findings)} findings{how}"
        )

    def _rates(self) -> Iterator[Text]:
        tally = self.tally
        yield Text(
            f"this run, {self.where}: {self.fresh_examples} examples in {self.seconds / 60:.1f} min, "
            f"{_rate(self.fresh_examples, self.seconds):.0f} a second; all of them: "
            f"{_rate(tally.examples, tally.cpu_s):.0f} in a second of a core"
        )
        if tally.cpu_s:
            rules, comparison = (tally.spent_s[what] / tally.cpu_s for what in ("rules", "comparison"))
            yield Text(
                f"of a core's time: drawing {1 - rules - comparison:.0%}, the judged rules {rules:.0%}, TensorFlow, "
                f"bounds and comparison {comparison:.0%}"
            )
        if tally.peaks:
            shown = " ".join(f"{peak:.0f}" for peak in tally.memory())
            yield Text(f"largest peak memory of a worker, in MB, by equal parts of all chunks: {shown}")

    def _operations(self) -> Table:
        numbers = ("examples", "cells", "per core and s", "eager alone", "worst error / allowed")
        table = make_table("operation", *numbers, "where", right=numbers)
        for name, of in self.tally.operations.items():
            if not of.examples:  # operations that were not selected; coverage counts the missing ones
                continue
            cells = [cell for cell in every_cell() if cell.operation == name]
            covered = sum(self.tally.cells[cell] > 0 for cell in cells)
            where = f"{of.worst_at} {show_index(of.worst)}" if of.worst else ""
            eager = f"{_rate(of.eager_examples, of.eager_cpu_s):.0f}"
            rate = f"{_rate(of.examples, of.cpu_s):.0f}"
            table.add_row(name, str(of.examples), f"{covered}/{len(cells)}", rate, eager, f"{of.fraction:.3g}", where)
        return table

    def _coverage(self) -> Iterator[Text]:
        """Tell of operation × dtype × layout × mode: how many cells have examples, how many at least, and why not."""
        cells = every_cell()
        counts = [self.tally.cells[cell] for cell in cells]
        covered = [n for n in counts if n]
        fewest = f", {min(covered)} to {max(covered)} examples each" if covered else ""
        yield Text(f"operation × dtype × layout × mode: {len(covered)} of {len(cells)} covered{fewest}")
        for axis in ("dtype", "layout", "mode"):
            yield Text(f"by {axis}: " + ", ".join(f"{value} {n}" for value, n in self._count_by(axis, cells).items()))
        for reason, missing in self.tally.uncovered().items():
            yield Text(f"not covered: {len(missing)}, {reason}", style="yellow")

    def _count_by(self, axis: str, cells: tuple[Cell, ...]) -> dict[str, int]:
        found: dict[str, int] = {}
        for cell in cells:
            value = getattr(cell, axis)
            found[value] = found.get(value, 0) + self.tally.cells[cell]
        return found

    def _findings(self) -> Iterator[Text]:
        findings = self.tally.findings
        yield from (Text(f"given up, for another run to do: {what}", style="yellow") for what in self.given_up)
        if findings:
            yield Text(f"findings, in {Path(self.folder, 'findings')}:", style=STYLE["mismatch"])
        for name in findings[:MOST_NAMED]:
            yield Text(f"  {name}")
        if len(findings) > MOST_NAMED:
            yield Text(f"  and {len(findings) - MOST_NAMED} more")


def _undecided(checks: Sequence[Check]) -> Iterator[Text]:
    undecided = Counter(check.dtype for check in checks if check.verdict == "inconclusive")
    if undecided:
        shown = ", ".join(f"{count} in {dtype}" for dtype, count in undecided.most_common())
        yield Text(
            f"inconclusive: {undecided.total()} of {len(checks)} checks ({shown}): in most of their examples "
            f"rounding may be as large as the compared numbers",
            style=STYLE["inconclusive"],
        )


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 1) if seconds else 0.0
