"""Checks the gallery: whether every published fault is caught for its cause, and every correction matches."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradtwin.comparisons.catalogue.suite import Progress
from gradtwin.comparisons.results.data import Cause, Check, Details, Report
from gradtwin.comparisons.results.environment import describe_environment

from .entries import GALLERY
from .interface import PublishedFault, Version

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Finding:
    """What gradtwin says of a fault and of its correction."""

    fault: PublishedFault
    said: Report
    corrected: Report

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The causes that are named, in order."""
        return tuple(cause for check in self._failed for cause in check.causes)

    @property
    def where(self) -> str:
        """What fails first."""
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
        caught = Check("fault is caught", slug, first.stage, first.dtype, first.mode,
                       "match" if self.is_caught else "mismatch", causes=causes)  # fmt: skip
        wrong = tuple(cause for check in self.corrected.checks for cause in check.causes)
        right = Check("correction matches", slug, "gradient", first.dtype, first.mode,
                      "match" if self.corrected.ok else "mismatch", causes=wrong)  # fmt: skip
        return caught, right

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


@dataclass(frozen=True)
class GalleryDetails(Details):
    """The whole reports of every fault and its correction."""

    findings: tuple[Finding, ...]

    def print_to(self, report: Report, console: Console) -> None:
        """Print the table of faults, and what was not as it should be."""
        from .text import print_gallery

        print_gallery(report, self.findings, console)


def check_gallery(progress: Progress | None = None, faults: Sequence[PublishedFault] = GALLERY) -> Report:
    """Check every fault, which must be caught for its cause, and every correction, which must match.

    The report's verdict is `match` when all that should happen did, as it is with the self-test.
    """
    findings = []
    for done, fault in enumerate(faults):
        if progress:
            progress(done, len(faults), fault.slug)
        findings.append(Finding(fault, _run(fault.faulty), _run(fault.corrected)))
    extra = {"oracle": "traced", "notes": [], "gallery": [finding.to_dict() for finding in findings]}
    checks = tuple(check for finding in findings for check in finding.checks())
    details = GalleryDetails(tuple(findings))
    return Report("check", checks, 0, "gradtwin check --gallery", describe_environment(), extra, details=details)


def _run(version: Version) -> Report:
    """Run a check; what the code prints is its own business."""
    with contextlib.redirect_stdout(io.StringIO()):
        return version.check()
