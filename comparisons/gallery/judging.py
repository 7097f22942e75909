"""Checks the gallery: whether every published fault is caught for its cause, and every correction matches."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtwin.comparisons.results.data import Details, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.progress import Progress

from .entries import GALLERY
from .finding import Finding
from .interface import PublishedFault, Version
from .text import print_gallery

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class GalleryDetails(Details):
    """The whole reports of every fault and its correction."""

    findings: tuple[Finding, ...]

    def print_to(self, report: Report, console: Console) -> None:
        """Print the table of faults, and the unexpected results."""
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
    """Run a check, without the output of the code."""
    with contextlib.redirect_stdout(io.StringIO()):
        return version.check()
