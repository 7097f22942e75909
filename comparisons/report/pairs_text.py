"""The report of a file's pairs, on one screen: a sentence, the table of pairs, the first failing one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from gradtwin.comparisons.results.data import Report

from .check_text import NOT_RUN, reason_of, render_check
from .tables import STYLE, make_table

#: Lines of the table and of the skipped functions; the JSON report has all of them.
MOST_PAIRS, MOST_SKIPPED = 10, 6

#: Pairs that don't match, beside the first, that get a sentence.
MOST_SENTENCES = 3

#: Names in one line of skipped functions.
MOST_NAMES = 6

#: Columns of a line of the example.
MOST_COLUMNS = 112

_ORDER = ("mismatch", "inconclusive", "match")


def print_pairs(report: Report, console: Console) -> None:
    """Print the verdict in a sentence, the pairs, the skipped ones, the first failure, and reasons of the others."""
    console.print(Group(*_render(report)))
    console.print(Text(f"\nseed {report.seed}; repeat with: {report.reproduce}", style="dim"), soft_wrap=True)


def _render(report: Report) -> Iterator[RenderableType]:
    pairs = report.extra["pairs"]
    yield Text.assemble((report.verdict.upper(), STYLE[report.verdict]), f"  {_sentence(report)}")
    in_order = sorted(pairs, key=lambda pair: _ORDER.index(pair["verdict"])) if len(pairs) > MOST_PAIRS else pairs
    yield _table(in_order[:MOST_PAIRS])
    if len(pairs) > MOST_PAIRS:
        yield Text(f"and {len(pairs) - MOST_PAIRS} more pairs, in the file of --json")
    yield from _skipped(report)
    unmatched = [(name, of) for verdict in _ORDER[:2] for name, of in report.members if of.verdict == verdict]
    if unmatched:
        detailed = unmatched[0][1]
        yield Text()
        yield from render_check(replace(detailed, example=_shortened(detailed.example)))
        yield from _others(unmatched[1:])


def _table(pairs: Sequence[dict[str, Any]]) -> Table:
    table = make_table("forward", "gradient", "style", "verdict", "cause")
    for pair in pairs:
        verdict = Text(pair["verdict"], style=STYLE[pair["verdict"]])
        table.add_row(pair["forward"], pair["gradient"], pair["style"], verdict, pair["cause"] or "")
    return table


def list_pairs(report: Report) -> list[Text | Table]:
    """Return all pairs as a table, and the skipped functions, for a page."""
    skipped = [Text(f"skipped {item['name']}: {item['reason']}") for item in report.extra["skipped"]]
    return [Text(_sentence(report)), _table(report.extra["pairs"]), *skipped]


def _others(others: Sequence[tuple[str, Report]]) -> Iterator[Text]:
    """Yield a line for each pair that does not match, beside the one that is shown in full: why not."""
    if others:
        yield Text()
    for name, of in others[:MOST_SENTENCES]:
        failed = next(check for check in of.checks if check.verdict == of.verdict)
        reason = reason_of(replace(failed, causes=failed.causes[:1]))
        yield Text(f"{name}: {reason or 'it differs by more than rounding explains.'}")
    if len(others) > MOST_SENTENCES:
        yield Text(f"and {len(others) - MOST_SENTENCES} more that don't match, in the file of --json", style="dim")


def _shortened(example: str | None) -> str | None:
    """Return the example with each line cut to the width."""
    if example is None:
        return None
    lines = [line if len(line) <= MOST_COLUMNS else f"{line[:MOST_COLUMNS]} ..." for line in example.splitlines()]
    return "\n".join(lines)


def _sentence(report: Report) -> str:
    pairs, skipped = report.extra["pairs"], report.extra["skipped"]
    counts = {verdict: sum(pair["verdict"] == verdict for pair in pairs) for verdict in _ORDER}
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    not_run = [pair["forward"] for pair in pairs if pair["cause"] in NOT_RUN]
    if not_run:
        more = f" and {len(not_run) - MOST_NAMES} more" if len(not_run) > MOST_NAMES else ""
        found += f" (could not be checked: {', '.join(not_run[:MOST_NAMES])}{more})"
    pairs_of = f"{len(pairs)} pair{'' if len(pairs) == 1 else 's'}"
    return f"{pairs_of} of a function and its gradient: {found}; skipped: {len(skipped)}."


def _skipped(report: Report) -> Iterator[RenderableType]:
    """Yield a line for each reason, with the names that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for item in report.extra["skipped"]:
        by_reason.setdefault(item["reason"], []).append(item["name"])
    for reason, names in list(by_reason.items())[:MOST_SKIPPED]:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield Text(f"skipped {', '.join(names[:MOST_NAMES])}{more}: {reason}", style="dim")
    if len(by_reason) > MOST_SKIPPED:
        yield Text(f"and {len(by_reason) - MOST_SKIPPED} more reasons, in the file of --json", style="dim")
