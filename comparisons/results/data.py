"""What a comparison found: checks, and the report that gathers them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gradtwin.errors import GradientMismatch

from .rendering import renderings

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from .case import Case
    from .evidence import Evidence

Verdict = Literal["match", "mismatch", "inconclusive"]
Stage = Literal["contract", "value", "gradient", "update", "side-effect"]

SCHEMA = "gradtwin.report/1"


@dataclass(frozen=True)
class Worst:
    """The element that comes nearest to what is allowed, or exceeds it most.

    `left` is the NumPy side, `right` TensorFlow's, `reference` the value in wider precision; `error` is
    `|left − right|` and `allowed` the largest such difference that rounding explains.
    """

    index: tuple[int, ...]
    left: float
    right: float
    reference: float | None
    error: float
    allowed: float

    @property
    def fraction(self) -> float:
        """The error as a fraction of the allowed one: above 1 is a mismatch."""
        if self.error == 0:
            return 0.0
        if math.isnan(self.error):
            return math.inf
        return self.error / self.allowed if self.allowed > 0 else math.inf

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Worst:
        """Return the element of these fields, whether its numbers are floats or as JSON has them."""
        numbers = {name: None if value is None else float(value) for name, value in fields.items() if name != "index"}
        return cls(tuple(fields["index"]), **numbers)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Cause:
    """Why a check failed: a slug, whether its repair was tried and made the check pass, and a sentence."""

    cause: str
    confirmed: bool
    detail: str
    text: str


@dataclass(frozen=True)
class Check:
    """One thing that was compared, at one point or, after merging, at many (`examples`)."""

    name: str
    operation: str
    stage: Stage
    dtype: str
    mode: str
    verdict: Verdict
    size: int = 0
    mismatched: int = 0
    inconclusive: int = 0
    worst: Worst | None = None
    causes: tuple[Cause, ...] = ()
    examples: int = 1
    undecided_examples: int = 0
    evidence: Evidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the check under the keys of the JSON report."""
        worst = self.worst
        return {
            "name": self.name,
            "operation": self.operation,
            "stage": self.stage,
            "dtype": self.dtype,
            "mode": self.mode,
            "verdict": self.verdict,
            "size": self.size,
            "mismatched": self.mismatched,
            "inconclusive": self.inconclusive,
            "worst": None
            if worst is None
            else {
                "index": list(worst.index),
                "left": worst.left,
                "right": worst.right,
                "reference": worst.reference,
                "error": worst.error,
                "allowed": worst.allowed,
            },
            "causes": [vars(cause) for cause in self.causes],
            "examples": self.examples,
            "evidence": self.evidence and self.evidence.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Check:
        """Return the check that `to_dict` made these fields from, whether numbers are floats or as JSON has them."""
        from .evidence import Evidence

        evidence = fields.get("evidence")
        return cls(
            **{
                **fields,
                "worst": None if fields["worst"] is None else Worst.from_dict(fields["worst"]),
                "causes": tuple(Cause(**cause) for cause in fields["causes"]),
                "evidence": None if evidence is None else Evidence.from_dict(evidence),
            }
        )


class Details:
    """What a command found beyond its checks, and how people see it; each such command has its own kind."""

    def to_dict(self) -> dict[str, Any]:
        """Return the keys that the JSON report has for it."""
        return {}

    def parts(self, report: Report) -> list[Text | Table]:  # noqa: ARG002
        """Return the lines and tables that a page shows before the checks."""
        return []

    def print_to(self, report: Report, console: Console) -> None:
        """Print the whole report on a rich console: its parts, unless the kind prints more."""
        console.print(*self.parts(report), sep="\n")


@dataclass(frozen=True)
class Report:
    """The verdict of a command, its checks, and what it takes to run it again.

    `extra` holds the keys that only some commands have, as JSON has them; a report is rendered as what these and its
    `details` are. `example` is the smallest failing problem, in words; `cases` are those that mismatch, to be saved.
    `members` are the reports that this one gathers, each under the name of what it is about; its checks are theirs.
    """

    command: str
    checks: tuple[Check, ...]
    seed: int
    reproduce: str
    environment: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    example: str | None = None
    cases: tuple[Case, ...] = ()
    members: tuple[tuple[str, Report], ...] = field(default=(), repr=False, kw_only=True)
    details: Details | None = field(default=None, repr=False, kw_only=True)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its checks."""
        return worst_verdict(check.verdict for check in self.checks)

    @property
    def ok(self) -> bool:
        """Whether the verdict is `match`."""
        return self.verdict == "match"

    def raise_if_failed(self) -> None:
        """Raise GradientMismatch unless the verdict is `match`.

        Raises
        ------
        GradientMismatch
            With the report as its text.

        Examples
        --------
        >>> check = Check("value", "matmul", "value", "float64", "eager", "match")
        >>> Report("compare", (check,), 0, "", {}).raise_if_failed()
        """
        if not self.ok:
            raise GradientMismatch(str(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the report under the keys of its JSON schema.

        Returns
        -------
        dict
            Plain Python values; `comparisons/report/report.schema.json` is the schema.

        Examples
        --------
        >>> Report("check", (), 0, "", {}).to_dict()["schema"]
        'gradtwin.report/1'
        """
        return {
            "schema": SCHEMA,
            "command": self.command,
            "verdict": self.verdict,
            "checks": [check.to_dict() for check in self.checks],
            **self.extra,
            "example": self.example,
            "seed": self.seed,
            "environment": self.environment,
            "reproduce": self.reproduce,
            **(self.details.to_dict() if self.details else {}),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Report:
        """Return the report that `to_dict` made these fields from, without members and details.

        Parameters
        ----------
        fields : dict
            The fields, with numbers as floats or as JSON has them.

        Returns
        -------
        Report
            The report.

        Examples
        --------
        >>> Report.from_dict(Report("check", (), 7, "", {}).to_dict()).seed
        7
        """
        own = ("command", "seed", "reproduce", "environment", "example")
        checks = tuple(map(Check.from_dict, fields["checks"]))
        extra = {name: value for name, value in fields.items() if name not in (*own, "schema", "verdict", "checks")}
        return Report(**{name: fields[name] for name in own}, checks=checks, extra=extra)

    def print_to(self, console: Console) -> None:
        """Print the report: tables on a terminal, plain text elsewhere.

        Parameters
        ----------
        console : rich.console.Console
            The console to print on.

        Examples
        --------
        >>> from rich.console import Console
        >>> check = Check("value", "matmul", "value", "float64", "eager", "match")
        >>> Report("compare", (check,), 0, "", {}).print_to(Console(width=80))  # doctest: +ELLIPSIS
        MATCH ...
        """
        renderings().print_report(self, console)

    def save(self, folder: str | Path) -> list[Path]:
        """Save each case that mismatches, for `gradtwin replay`.

        Parameters
        ----------
        folder : str or Path
            The folder; it is made if it doesn't exist.

        Returns
        -------
        list of Path
            The JSON files, one for each case.

        Raises
        ------
        OutputFileError
            If a file can't be written.

        Examples
        --------
        >>> Report("check", (), 0, "", {}).save("found")
        []
        """
        from pathlib import Path

        return [case.save(Path(folder)) for case in self.cases]

    def __str__(self) -> str:
        return renderings().to_text(self)

    def _repr_html_(self) -> str:
        return renderings().to_fragment(self)


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return `mismatch` if any is, else `inconclusive` if any is, else `match`."""
    found = set(verdicts)
    if "mismatch" in found:
        return "mismatch"
    return "inconclusive" if "inconclusive" in found else "match"
