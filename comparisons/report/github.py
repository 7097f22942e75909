"""Reports as the lines that GitHub's runners turn into annotations of a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradtwin.cleaning import clean
from gradtwin.comparisons.results.data import Report

from .check_text import reason_of, sentence_of_check

LEVELS = {"mismatch": "error", "inconclusive": "warning"}


def to_annotations(report: Report) -> Iterator[str]:
    """Yield a line for each check that does not match: an error, or a warning if it is inconclusive."""
    for name, member in report.members or (("", report),):
        where = _place(member.extra.get("source"))
        for check in member.checks:
            if check.verdict == "match":
                continue
            words = [sentence_of_check(member, check)] if check.verdict == "mismatch" else []
            title = ": ".join(filter(None, ("gradtwin", name, check.name)))
            message = " ".join([*words, *filter(None, [reason_of(check)])])
            yield f"::{LEVELS[check.verdict]} {where}title={_property(title)}::{_data(message)}"


def _place(source: dict[str, Any] | None) -> str:
    """Return the properties of a place, relative to where the command runs, as GitHub knows files."""
    if source is None:
        return ""
    path = Path(source["file"]).resolve()
    here = Path.cwd().resolve()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"file={_property(shown.as_posix())},line={source['line']},"


def _data(text: str) -> str:
    return clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
