"""What a verdict on a gradient rests on: how its formula was judged, and how many digits it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Method = Literal["exact", "measured"]


@dataclass(frozen=True)
class FormulaRecord:
    """How the formula of a gradient was judged.

    Attributes
    ----------
    digits : float or None
        The number of decimal digits to which it is right, at the least; None where that is not known.
    method : {"exact", "measured"}
        "exact" in twice float64's precision, against forward's derivative; "measured" by the rounding of both sides.
    why_not_exact : str
        The reason for "measured", with function, file and line; else "".
    """

    digits: float | None
    method: Method
    why_not_exact: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the record under the keys of the JSON report."""
        return dict(vars(self))


@dataclass(frozen=True)
class Accuracy:
    """Decimal digits that the values of a gradient keep, at the element where most are lost.

    Attributes
    ----------
    numpy, tensorflow : float or None
        What both sides keep, each against the exact value of the formula.
    allowed : float or None
        What the problem allows: one rounding of the inputs moves the exact value by so much.
    """

    numpy: float | None
    tensorflow: float | None
    allowed: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the digits under the keys of the JSON report."""
        return dict(vars(self))


def merge_formulas(records: Sequence[FormulaRecord | None]) -> FormulaRecord | None:
    """Return one record for many points: the fewest digits, and "measured" if any point was."""
    known = [record for record in records if record is not None]
    if not known:
        return None
    measured = [record for record in known if record.method == "measured"]
    exact = [record.digits for record in known if record.method == "exact" and record.digits is not None]
    digits = min(exact, default=None)
    if not measured:
        return FormulaRecord(digits, "exact")
    why = measured[0].why_not_exact
    if len(measured) < len(known):
        why = f"at {len(measured)} of {len(known)} points: {why}"
    return FormulaRecord(digits, "measured", why)


def merge_accuracies(records: Sequence[Accuracy | None]) -> Accuracy | None:
    """Return the accuracy at the point where the NumPy side loses most beside what the problem allows."""
    known = [record for record in records if record is not None and record.numpy is not None]
    return max(known, key=lambda record: (record.allowed or 0.0) - (record.numpy or 0.0), default=None)
