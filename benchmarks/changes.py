"""What got slower or faster between two results of `gradtwin bench`, beyond noise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table
from rich.text import Text

from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import SCHEMA, Check, Details, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import ArgumentValueError, InputFileError

from .statistics import Ratio, Samples, bootstrap_ratio
from .table import NOT_DISTINGUISHABLE, name_column, show_interval, show_seconds, titled_table

#: Seconds that can have been measured.
SHORTEST, LONGEST = 1e-12, 1e9

#: The conditions that are equal in two results of one machine.
MACHINE = ("cpu", "cpus", "platform")
#: The fields that are equal in two rows of one case.
IDENTITY = ("operation", "shape", "dtype", "backend", "mode", "threads")


@dataclass(frozen=True)
class Change:
    """A row that both results have, and the new median over the old one."""

    row: dict[str, Any]
    old_s: float
    new_s: float
    ratio: Ratio

    @property
    def outcome(self) -> Literal["slower", "faster", "not distinguishable"]:
        """On which side of 1 the whole interval lies."""
        if not self.ratio.decided:
            return "not distinguishable"
        return "slower" if self.ratio.median > 1 else "faster"

    def to_dict(self) -> dict[str, Any]:
        """Return the change for the JSON report."""
        identity = {key: self.row[key] for key in IDENTITY}
        numbers = {"old_s": self.old_s, "new_s": self.new_s, "ratio": self.ratio.to_dict(), "outcome": self.outcome}
        return {**identity, **numbers}


@dataclass(frozen=True)
class ChangeDetails(Details):
    """The changes, the rows that only one result has, and whether the machines differ."""

    changes: tuple[Change, ...]
    only: tuple[int, int]
    machines: tuple[str, str] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the changes for the JSON report."""
        return {
            "changes": [change.to_dict() for change in self.changes],
            "only_old": self.only[0],
            "only_new": self.only[1],
            "machines": self.machines,
        }

    def parts(self, report: Report) -> list[Text | Table]:
        """Return what got slower or faster, the largest change first, under a line that counts."""
        decided = sorted((c for c in self.changes if c.ratio.decided), key=lambda c: c.ratio.median, reverse=True)
        outcomes: list[str] = [change.outcome for change in self.changes]
        words = ", ".join(f"{outcomes.count(word)} {word}" for word in ("slower", "faster", NOT_DISTINGUISHABLE))
        lines = [f"{len(outcomes)} rows compared: {words}."]
        if any(self.only):
            lines.append(f"{self.only[0]} rows are only in the old result, and {self.only[1]} only in the new one.")
        if self.machines:
            lines.append(f"Two machines: {self.machines[0]}, then {self.machines[1]}. The ratios are between these.")
        if report.verdict == "mismatch":
            lines.append(f"{sum(check.verdict == 'mismatch' for check in report.checks)} rows are slower than allowed.")
        table = titled_table("new over old", "what", "shape", "backend", "threads", "old", "new", "ratio", "")
        for change in decided:
            row = change.row
            shapes = _shapes_in_words(row)
            backend = name_column(row["backend"], row["mode"])
            seconds = [show_seconds(s) for s in (change.old_s, change.new_s)]
            what = f"{row['operation']}, {row['dtype']}"
            table.add_row(
                what, shapes, backend, str(row["threads"]), *seconds, show_interval(change.ratio), change.outcome
            )
        return [*map(Text, lines), *([table] if decided else [])]


def compare_results(
    old: str | Path, new: str | Path, *, fail_above: float | None = None, across_machines: bool = False, seed: int = 0
) -> Report:
    """Compare two JSON files of `gradtwin bench`: a row is slower or faster if its ratio's interval leaves out 1.

    With `fail_above`, a row whose whole interval lies above it is a mismatch. Rows that are only in one file are
    counted.

    Raises InputFileError for another kind of file, and ArgumentValueError for a `fail_above` below 1 and, unless
    `across_machines`, for results of two machines.
    """
    if fail_above is not None and not (np.isfinite(fail_above) and fail_above >= 1):
        raise ArgumentValueError(f"fail_above: got {fail_above}; expected a ratio from 1, such as 1.2.")
    before, after = _read(old), _read(new)
    machines = [" · ".join(str(data["environment"].get(key)) for key in MACHINE) for data in (before, after)]
    if machines[0] != machines[1] and not across_machines:
        raise ArgumentValueError(
            f"{old} was measured on {machines[0]}, {new} on {machines[1]}; expected one machine. "
            f"Add --across-machines to compare them."
        )
    known = {_identify(row): (row, _samples(row, before)) for row in before["results"]}
    changes = []
    for row in after["results"]:
        if _identify(row) in known:
            old_row, old_samples = known.pop(_identify(row))
            ratio = bootstrap_ratio(_samples(row, after), "old", old_samples, seed, paired=False)
            changes.append(Change(row, old_row["median_s"], row["median_s"], ratio))
    only = (len(known), len(after["results"]) - len(changes))
    if not changes:
        raise ArgumentValueError(f"{old} and {new} have no row in common; expected results of the same cases.")
    words = [f"gradtwin bench --compare {old} {new}"]
    words += [f"--fail-above {fail_above}"] if fail_above is not None else []
    return Report(
        command="bench",
        checks=tuple(_check(change, fail_above) for change in changes),
        seed=seed,
        reproduce=" ".join([*words, *(["--across-machines"] if across_machines else [])]),
        environment=describe_environment(),
        details=ChangeDetails(tuple(changes), only, (machines[0], machines[1]) if machines[0] != machines[1] else None),
    )


def _read(path: str | Path) -> dict[str, Any]:
    try:
        data = json.loads(Path(path).read_text())
    except OSError as error:
        raise InputFileError(f"{path}: it can't be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: it is not complete JSON ({error}). Run gradtwin bench --json again.") from error
    if not (isinstance(data, dict) and data.get("schema") == SCHEMA and data.get("command") == "bench"):
        raise InputFileError(
            f"{path}: it is not a result of gradtwin bench; expected a file that its --json has written."
        )
    try:
        rounds = data["environment"]["protocol"]["rounds"]
        for row in data["results"]:
            _check_row(row, rounds)
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: its results can't be compared ({error!r}).") from error
    return data


def _check_row(row: dict[str, Any], rounds: int) -> None:
    """Raise KeyError, TypeError or ValueError unless a row names its case and has the times of so many processes."""
    for key in ("operation", "dtype", "backend", "mode"):
        if not isinstance(row[key], str):
            raise ValueError(f"{key} is {row[key]!r}")
    if not isinstance(row["threads"], int) or any(not isinstance(n, int) for shape in row["shape"] for n in shape):
        raise ValueError(f"threads is {row['threads']!r}, shape {row['shape']!r}")
    if type(rounds) is not int or rounds < 1 or not row["samples"] or len(row["samples"]) % rounds:
        raise ValueError(f"rounds is {rounds!r}, and there are {len(row['samples'])} samples")
    for seconds in (row["median_s"], *row["samples"]):
        if not SHORTEST <= seconds <= LONGEST:
            raise ValueError(f"{seconds!r} is not a measured time")


def _samples(row: dict[str, Any], data: dict[str, Any]) -> Samples:
    """Return a row's values by process."""
    by_process: Samples = np.reshape(row["samples"], (data["environment"]["protocol"]["rounds"], -1)).tolist()
    return by_process


def _identify(row: dict[str, Any]) -> str:
    return json.dumps([row[key] for key in IDENTITY])


def _shapes_in_words(row: dict[str, Any]) -> str:
    return " ".join("×".join(map(str, shape)) or "scalar" for shape in row["shape"])


def _check(change: Change, fail_above: float | None) -> Check:
    slower = fail_above is not None and change.ratio.low > fail_above
    name = f"speed at {_shapes_in_words(change.row)}, {change.row['backend']}, {change.row['threads']} threads"
    titles = Titles(change.row["operation"], change.row["dtype"], change.row["mode"])
    return titles.expected(name, "value", not slower)
