"""A report's checks as rows of a page, the worst verdicts first: some in the page itself, all for its script."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from gradtwin.cleaning import clean
from gradtwin.comparisons.results.data import Check, Verdict

from .check_text import reason_of

#: Worst first.
ORDER: tuple[Verdict, ...] = ("mismatch", "inconclusive", "match")


class Row(NamedTuple):
    """The text of a row; `link` is the number of its mismatch if the page shows it in full, else None."""

    verdict: Verdict
    name: str
    how: str
    fraction: str
    undecided: str
    why: str
    link: int | None


def make_rows(checks: Sequence[Check], shown: Collection[int]) -> list[Row]:
    """Return a row for each check; `shown` are the numbers of those that the page has in full."""
    numbered = sorted(enumerate(checks), key=lambda item: ORDER.index(item[1].verdict))
    return [_row(check, number if number in shown else None) for number, check in numbered]


def pack_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all rows for JSON: every text that comes again as the number of its place among the texts."""
    places: dict[str, int] = {}
    packed = [
        [
            ORDER.index(row.verdict),
            row.name,
            *(places.setdefault(text, len(places)) for text in (row.how, row.fraction, row.undecided, row.why)),
            row.link,
        ]
        for row in rows
    ]
    return {"verdicts": ORDER, "texts": list(places), "rows": packed}


def _row(check: Check, link: int | None) -> Row:
    cases = f", {check.examples} cases" if check.examples > 1 else ""
    return Row(
        check.verdict,
        clean(f"{check.operation}: {check.name}"),
        f"{check.stage}, {check.dtype}, {check.mode}{cases}",
        f"{check.worst.fraction:.3g}" if check.worst else "",
        f"{check.inconclusive} of {check.size}" if check.inconclusive else "",
        clean(reason_of(check)) if check.verdict != "match" or check.causes else "",  # a caught fault has its cause
        link,
    )
