"""A report as a file."""

from __future__ import annotations

import json
from pathlib import Path

from gradtwin.comparisons.report.data import Report
from gradtwin.comparisons.report.html import to_page
from gradtwin.files import write_whole


def write_report(report: Report, path: str | Path, image: bytes | None = None) -> None:
    """Write a report, whole or not at all: a self-contained page if the name ends in .html, else JSON.

    Raises OutputFileError where it can't be written.
    """
    if str(path).endswith(".html"):
        write_whole(path, to_page(report, image))
    else:
        write_whole(path, json.dumps(report.to_dict(), indent=1) + "\n")
