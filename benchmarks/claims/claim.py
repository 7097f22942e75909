"""A claim, and its measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gradtwin.benchmarks.statistics import Ratio, Samples, bootstrap_ratio

Outcome = Literal["reached", "not reached", "not distinguishable", "not measured"]


@dataclass(frozen=True)
class Claim:
    """A number that is to be at least, or at most, a limit; `unit` is "×" for a ratio."""

    what: str
    at: str
    limit: float
    at_least: bool
    unit: str

    @property
    def bound(self) -> str:
        """The limit in words."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}{self.unit}"


@dataclass(frozen=True)
class Found:
    """The measurement of a claim: its number with an interval, or the reason that there is none.

    `broken` names another part of the claim that does not hold.
    """

    claim: Claim
    number: Ratio | None
    reason: str = ""
    broken: str = ""

    @property
    def outcome(self) -> Outcome:
        """Whether the whole interval lies on the right side of the limit."""
        if self.broken:
            return "not reached"
        if self.number is None:
            return "not measured"
        low, high = self.number.low, self.number.high
        inside = low >= self.claim.limit if self.claim.at_least else high <= self.claim.limit
        outside = high < self.claim.limit if self.claim.at_least else low > self.claim.limit
        return "reached" if inside else "not reached" if outside else "not distinguishable"

    def show(self) -> str:
        """Return the number with its interval, or the reason that there is none, and the broken part."""
        if self.number is None:
            return self.reason
        number = self.number
        shown = f"{number.median:.4g}{self.claim.unit} [{number.low:.4g}, {number.high:.4g}]"
        return f"{shown}; {self.broken}" if self.broken else shown

    def to_dict(self) -> dict[str, Any]:
        """Return the figure for the JSON report."""
        return {
            "what": self.claim.what,
            "at": self.claim.at,
            "ratio": self.number.to_dict() if self.number else None,
            "unit": self.claim.unit,
            "limit": self.claim.limit,
            "at_least": self.claim.at_least,
            "outcome": self.outcome,
            "reason": self.reason or self.broken,
        }


def find(claim: Claim, samples: Samples, to: str, base: Samples | None, seed: int, broken: str = "") -> Found:
    """Return what samples say of a claim: their median, or its ratio to that of a base measured beside them."""
    ones = [[1.0] * len(row) for row in samples]
    return Found(claim, bootstrap_ratio(samples, to, ones if base is None else base, seed), broken=broken)
