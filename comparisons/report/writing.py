"""A report as a file."""

from __future__ import annotations

from pathlib import Path

from gradtwin.comparisons.results.data import Report
from gradtwin.comparisons.results.json_text import to_json
from gradtwin.files import write_whole

from .html import to_page


def write_report(report: Report, path: str | Path, image: bytes | None = None) -> None:
    """Write a report, whole or not at all: a self-contained page if the name ends in .html, else JSON.

    Raises OutputFileError where it can't be written.
    """
    if str(path).endswith(".html"):
        write_whole(path, to_page(report, image))
    else:
        write_whole(path, to_json(report))
