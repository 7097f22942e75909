"""What all chunks came to: coverage, rates, the largest error over allowed, memory, findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gradtwin.backends.operations import OPERATIONS
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Worst

from .plan import Cell, Chunk, every_cell, why_impossible

#: Parts of the run whose memory is reported.
PARTS = 8


@dataclass
class OfOperation:
    """The sums of the chunks of one operation."""

    examples: int = 0
    eager_examples: int = 0
    cpu_s: float = 0.0
    eager_cpu_s: float = 0.0
    worst: Worst | None = None
    worst_at: str = ""

    @property
    def fraction(self) -> float:
        """The largest error over the allowed one."""
        return self.worst.fraction if self.worst else 0.0


@dataclass
class Tally:
    """The sum of the chunks added so far."""

    chunks: int = 0
    examples: int = 0
    cpu_s: float = 0.0
    cells: Counter[Cell] = field(default_factory=Counter)
    operations: dict[str, OfOperation] = field(default_factory=lambda: {name: OfOperation() for name in OPERATIONS})
    findings: list[str] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    spent_s: Counter[str] = field(default_factory=Counter)
    _checks: dict[tuple[str, ...], Check] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[dict[str, Any]]) -> Tally:
        """Return the tally of chunks done before."""
        tally = cls()
        for result in results:
            tally.add(result)
        return tally

    def add(self, result: dict[str, Any]) -> None:
        """Add the result of a chunk."""
        chunk = Chunk(**result["chunk"])
        examples, cpu_s = result["examples"], result["cpu_s"]
        self.chunks += 1
        self.examples += examples
        self.cpu_s += cpu_s
        self.cells[chunk.cell] += examples
        self.spent_s.update(result["spent_s"])
        self.peaks.append(result["peak_mb"])
        if result["finding"]:
            self.findings.append(result["finding"])
        operation = self.operations[chunk.operation]
        operation.examples += examples
        operation.cpu_s += cpu_s
        if chunk.mode == "eager":
            operation.eager_examples += examples
            operation.eager_cpu_s += cpu_s
        for check in map(Check.from_dict, result["checks"]):
            self._merge(check)
            if check.worst and check.worst.fraction > operation.fraction:
                operation.worst = check.worst
                operation.worst_at = f"{check.name}, {chunk.dtype}, {chunk.layout}, {chunk.mode}"
        if result["crash"]:
            cause = Cause("raises", True, chunk.name, result["crash"])
            self._merge(Titles(chunk.operation, chunk.dtype, chunk.mode).failed("crash", "contract", cause))

    def _merge(self, check: Check) -> None:
        key = (check.operation, check.dtype, check.mode, check.name)
        known = self._checks.get(key)
        self._checks[key] = check if known is None else merge_checks([known, check])

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of each operation, dtype and mode, in the order of the catalogue."""
        rank = {name: i for i, name in enumerate(OPERATIONS)}
        return tuple(sorted(self._checks.values(), key=lambda c: (rank[c.operation], c.dtype, c.mode)))

    def uncovered(self) -> dict[str, list[Cell]]:
        """Return the cells without an example, by the reason."""
        found: dict[str, list[Cell]] = {}
        for cell in every_cell():
            if not self.cells[cell]:
                found.setdefault(why_impossible(cell) or "not reached in the time", []).append(cell)
        return found

    def memory(self) -> list[float]:
        """Return the largest peak memory of a worker in each of some equal parts of the run, in MB."""
        return [max(part) for part in _split(self.peaks, PARTS)]


def _split(values: Sequence[float], count: int) -> list[Sequence[float]]:
    ends = [round(len(values) * i / count) for i in range(count + 1)]
    return [values[a:b] for a, b in pairwise(ends) if b > a]
