"""The outcome of judging one or more objects, and the report of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradtwin.comparisons.judging.gradient_judge import Judgement
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.comparisons.subjects.layer_object import UserObject
from gradtwin.comparisons.subjects.raising import RefusedError

from .example import describe_example


@dataclass
class Finding:
    """The outcome of judging one object, or one stage of a model; `label` names it if there are several."""

    judged: Judgement
    label: str = ""
    notes: list[str] = field(default_factory=list)
    example: str | None = None

    @property
    def operation(self) -> str:
        """The name of the judged object."""
        return self.judged.checks[0].operation

    @property
    def oracle(self) -> str:
        """What judged it."""
        return self.judged.oracle.name if self.judged.oracle else "traced"

    @property
    def failed(self) -> bool:
        """Whether a check is a mismatch."""
        return self.judged.failed


def make_finding(judged: Judgement, user: UserObject, inputs: Sequence[Any], label: str = "") -> Finding:
    """Return the finding of an object, with the notes of its discovery and, on a mismatch, the example."""
    notes = [note + suffix_of(label) for note in (*user.notes.lines, *judged.notes)]
    example = describe_example(user, user.arguments(inputs), judged.point) if judged.failed else None
    return Finding(judged, label, notes, example)


def broken_finding(operation: str, error: ContractError, label: str = "", notes: Sequence[str] = ()) -> Finding:
    """Return the finding of an object that can't be judged at all."""
    titles = Titles(operation, "float64", suffix=suffix_of(label))
    if isinstance(error, RefusedError):
        return Finding(Judgement([titles.undecided("contract", "contract", *error.causes)]), label, list(notes))
    return Finding(Judgement([titles.contract(error.causes)]), label, list(notes))


def suffix_of(label: str) -> str:
    """Return a label as it follows the name of a check."""
    return f" ({label})" if label else ""


def make_report(command: str, findings: Sequence[Finding], seed: int, operation: str = "") -> Report:
    """Return the report of one or more objects, or variants of one, under the name of the checked object."""
    checks = tuple(check for finding in findings for check in finding.judged.checks)
    notes = dict.fromkeys(note for finding in findings for note in finding.notes)
    worst = next((finding for finding in findings if finding.failed), findings[0])
    oracles = [finding.oracle for finding in findings]
    oracle = "finite-differences" if "finite-differences" in oracles else oracles[0]
    reproduce = f"{command}({operation or findings[0].operation}, x, ..., seed={seed})"
    extra = {"oracle": oracle, "notes": list(notes)}
    return Report("check", checks, seed, reproduce, describe_environment(), extra, worst.example)
