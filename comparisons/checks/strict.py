"""The argument `accuracy`: whether a gradient that computes badly is a note or a mismatch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from gradtwin.comparisons.judging.exactness import unstable_check
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.errors import ArgumentValueError

AccuracyRule = Literal["note", "strict"]

_UNSTABLE = re.compile(r"unstable: (the (gradient of .+?) has the right formula, .+)", re.DOTALL)
_PLACE = re.compile(r"\(([^()]+:\d+)\)")


def check_rule(accuracy: object) -> None:
    """Raise ArgumentValueError unless `accuracy` is one of its values."""
    if accuracy not in ("note", "strict"):
        raise ArgumentValueError(
            f"accuracy: got {accuracy!r}; expected 'note', or 'strict' to make a gradient that keeps far fewer digits "
            f"than its problem allows a mismatch."
        )


def strict_words(accuracy: AccuracyRule) -> list[str]:
    """Return the words of a command for it."""
    return ["--strict-accuracy"] if accuracy == "strict" else []


def single_notes(notes: Iterable[str]) -> list[str]:
    """Return the notes, of those on one unstable gradient the first alone: other points have other digits."""
    found: dict[str, str] = {}
    for note in notes:
        unstable = _UNSTABLE.fullmatch(note)
        found.setdefault(unstable[2] if unstable else note, note)
    return list(found.values())


def judge_accuracy(report: Report, accuracy: AccuracyRule) -> Report:
    """Return the report; with "strict", unstable gradients of a right formula are mismatches."""
    if accuracy == "note":
        return report
    notes = [found for note in report.extra.get("notes", ()) if (found := _UNSTABLE.fullmatch(note))]
    checks = tuple(_strict(check, notes) for check in report.checks)
    if checks == report.checks:
        return report
    kept = [note for note in report.extra["notes"] if not _UNSTABLE.fullmatch(note)]
    return replace(report, checks=checks, extra={**report.extra, "notes": kept})


def _strict(check: Check, notes: list[re.Match[str]]) -> Check:
    found = next((note for note in notes if check.name == note[2] or check.name.startswith(f"{note[2]} ")), None)
    if found is None or check.verdict != "match":
        return check
    places = _PLACE.findall(found[1])
    cause = Cause("unstable", bool(places), places[-1] if places else "", f"{found[1]}.")
    return unstable_check(check, cause)
