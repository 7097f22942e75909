"""What gradtwin says of one published fault and of its correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Report

from .interface import PublishedFault


@dataclass(frozen=True)
class Finding:
    """gradtwin's reports on a fault and on its correction."""

    fault: PublishedFault
    said: Report
    corrected: Report

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes that are named, in order."""
        return tuple(cause for check in self._failed for cause in check.causes)

    @property
    def where(self) -> str:
        """The name of the first check that fails."""
        return self._failed[0].name if self._failed else ""

    @property
    def is_caught(self) -> bool:
        """Whether the fault is a mismatch, for the causes that it should be."""
        named = tuple(dict.fromkeys(cause.cause for cause in self.causes))
        return self.said.verdict == "mismatch" and named[: len(self.fault.causes)] == self.fault.causes

    @property
    def _failed(self) -> list[Check]:
        return [check for check in self.said.checks if check.verdict == "mismatch"]

    def checks(self) -> tuple[Check, Check]:
        """Return two checks, a `match` each when what should happen did; a caught fault's causes are on its own."""
        slug, first = self.fault.slug, (self._failed or self.said.checks)[0]
        causes = self.causes
        if not self.is_caught:
            expected = ", ".join(self.fault.causes)
            text = f"expected a mismatch for {expected}; it was: {self._in_words()}."
            causes = (Cause("unknown", False, slug, text),)
        titles = Titles(slug, first.dtype, first.mode)
        caught = titles.expected("fault is caught", first.stage, self.is_caught, *causes)
        wrong = tuple(cause for check in self.corrected.checks for cause in check.causes)
        return caught, titles.expected("correction matches", "gradient", self.corrected.ok, *wrong)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for the JSON report."""
        return {
            "fault": self.fault.slug,
            "source": self.fault.source,
            "sentence": self.fault.sentence,
            "expected": list(self.fault.causes),
            "caught": self.is_caught,
            "verdict": self.said.verdict,
            "where": self.where,
            "causes": [vars(cause) for cause in self.causes],
            "corrected": self.corrected.verdict,
        }

    def _in_words(self) -> str:
        named = ", ".join(dict.fromkeys(cause.cause for cause in self.causes))
        return f"{self.said.verdict}, {named}" if named else self.said.verdict
