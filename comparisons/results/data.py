"""The result of a comparison: checks, and the report that gathers them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gradtwin.cleaning import clean
from gradtwin.errors import GradientMismatch

from .formula import Accuracy, FormulaRecord
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
    """The element with the largest error over the allowed error.

    Attributes
    ----------
    index : tuple of int
        Its index.
    left, right : float
        The value of the NumPy side, which is yours in a check, and of the TensorFlow side.
    reference : float or None
        The value in wider precision, if it is known.
    error : float
        Their absolute difference.
    allowed : float
        The largest difference that rounding explains.
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
    """Why a check failed.

    Attributes
    ----------
    cause : str
        A slug, such as "mean-for-sum".
    confirmed : bool
        Whether its repair made the check pass. Else it is a guess.
    detail : str
        The number, the formula or the place.
    text : str
        A sentence. Control codes in its quotations, such as an exception's message, are escaped.
    """

    cause: str
    confirmed: bool
    detail: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", clean(self.detail))
        object.__setattr__(self, "text", clean(self.text))


@dataclass(frozen=True)
class Check:
    """One comparison, at one point or, after merging, at many.

    Attributes
    ----------
    name : str
        Such as "gradient of input 1 (w)".
    operation : str
        The operation of the catalogue, or the name of the user's function.
    stage : {"contract", "value", "gradient", "update", "side-effect"}
        The kind of the check.
    dtype, mode : str
        The dtype of the inputs, and TensorFlow's mode.
    verdict : {"match", "mismatch", "inconclusive"}
        The verdict.
    size, mismatched, inconclusive : int
        The number of elements, and of those that mismatch and are undecided.
    worst : Worst or None
        The worst element.
    causes : tuple of Cause
        The causes, the likeliest first.
    examples, undecided_examples : int
        The number of points, and of those that are undecided.
    evidence : Evidence or None
        The elements around the worst one.
    formula : FormulaRecord or None
        How the formula of a gradient was judged.
    accuracy : Accuracy or None
        The digits that both sides of a gradient keep.
    """

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
    formula: FormulaRecord | None = None
    accuracy: Accuracy | None = None

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
            "formula": self.formula and self.formula.to_dict(),
            "accuracy": self.accuracy and self.accuracy.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Check:
        """Return the check that `to_dict` made these fields from, whether numbers are floats or as JSON has them."""
        from .evidence import Evidence

        evidence, formula, accuracy = (fields.get(name) for name in ("evidence", "formula", "accuracy"))
        return cls(
            **{
                **fields,
                "worst": None if fields["worst"] is None else Worst.from_dict(fields["worst"]),
                "causes": tuple(Cause(**cause) for cause in fields["causes"]),
                "evidence": None if evidence is None else Evidence.from_dict(evidence),
                "formula": None if formula is None else FormulaRecord(**formula),
                "accuracy": None if accuracy is None else Accuracy(**accuracy),
            }
        )


class Details:
    """A command's results beyond its checks, and their rendering; each such command has a subclass."""

    def to_dict(self) -> dict[str, Any]:
        """Return its keys of the JSON report."""
        return {}

    def parts(self, report: Report) -> list[Text | Table]:  # noqa: ARG002
        """Return the lines and tables that a page shows before the checks."""
        return []

    def print_to(self, report: Report, console: Console) -> None:
        """Print the whole report on a rich console: its parts, unless the kind prints more."""
        console.print(*self.parts(report), sep="\n")


@dataclass(frozen=True)
class Report:
    """The verdict of a command, its checks, and the way to repeat them.

    Attributes
    ----------
    command : str
        "check", "compare", "train" or "bench", among others.
    checks : tuple of Check
        The comparisons, in order.
    seed : int
        The seed of everything random.
    reproduce : str
        A command line or a script that does the same.
    environment : dict
        Versions, processor and threads.
    extra : dict
        The keys of the JSON report that only some commands have, such as "oracle", "notes" or "loss".
    example : str or None
        The smallest failing problem, in words.
    cases : tuple of Case
        The problems that mismatch, for `save`.
    members : tuple
        The reports that this one gathers, with their names. Its checks are theirs.
    details : Details or None
        Results beyond the checks, and their rendering.
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
