"""One mismatch, ready for the page's template: words, numbers as text, and the cells of the window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gradtwin.comparisons.results.data import Cause, Check, Report, Worst
from gradtwin.comparisons.results.evidence import Ballot, Evidence

from .check_text import name_oracle, sentence_of_check
from .level_map import Bar, draw_map, make_bars, map_size

#: Digits that distinguish any two numbers of a format; 17 for those of float64.
DIGITS = {"bfloat16": 4, "float16": 5, "float32": 9}

#: The two sides in comparisons of the catalogue's operations.
CATALOGUE = ("NumPy", "TensorFlow")

METHODS = {"complex-step": "complex step", "differences": "extrapolated differences"}


class Fact(NamedTuple):
    """A number of the worst element, and a word on it."""

    name: str
    value: str
    note: str = ""


class Cell(NamedTuple):
    """An element of the window: its left value, and its right value if the sides disagree, else None."""

    left: str
    right: str | None
    worst: bool


@dataclass(frozen=True)
class Window:
    """The elements around the worst one, with the indices of rows and columns; `where` fixes the other axes."""

    where: str
    columns: range
    rows: tuple[tuple[int | None, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Map:
    """The picture of the levels, its size in pixels, and in words."""

    source: str
    width: int
    height: int
    words: str


@dataclass(frozen=True)
class Mismatch:
    """One failed check; `number` is its place among the report's checks."""

    number: int
    check: Check
    sentence: str
    causes: tuple[Cause, ...]
    sides: tuple[str, str]
    facts: tuple[Fact, ...]
    window: Window | None
    map: Map | None
    bars: tuple[Bar, ...]


def view_mismatch(report: Report, check: Check, number: int) -> Mismatch:
    """Return the view of a check that failed in a report."""
    evidence, sides = check.evidence, _sides(report, check)
    if evidence and math.prod(evidence.shape) == 1:
        evidence = None  # the facts have it all
    return Mismatch(
        number,
        check,
        sentence_of_check(report, check),
        check.causes,
        sides,
        () if check.worst is None else tuple(_facts(check, check.worst, sides)),
        _window(evidence, check.worst) if evidence and check.worst else None,
        _map(evidence) if evidence else None,
        tuple(make_bars(evidence)) if evidence else (),
    )


def _sides(report: Report, check: Check) -> tuple[str, str]:
    """Return the names of the two sides; only checks of users' functions take votes."""
    is_users = "oracle" in report.extra or (check.evidence and check.evidence.vote)
    return ("yours", name_oracle(report)) if is_users else CATALOGUE


def _facts(check: Check, worst: Worst, sides: tuple[str, str]) -> Iterator[Fact]:
    digits = DIGITS.get(check.dtype, 17)
    for side, value in zip(sides, (worst.left, worst.right), strict=True):
        yield Fact(side, repr(value) if digits == 17 else f"{value:.{digits}g}")
    if sides == CATALOGUE and worst.reference is not None:
        yield Fact("in wider precision", repr(worst.reference))
    yield Fact("difference", f"{worst.error:.3g}")
    yield Fact("allowed", f"{worst.allowed:.3g}")
    yield Fact("over allowed", f"{worst.fraction:.3g}")
    if check.evidence and check.evidence.ulps is not None:
        yield Fact("ulps apart", f"{check.evidence.ulps:.3g}")
    if check.evidence and check.evidence.vote:
        yield _vote(check.evidence.vote, worst)


def _vote(vote: Ballot, worst: Worst) -> Fact:
    """Return the vote, with its place if it is not the worst element's."""
    at = "" if vote.index == worst.index else f"at {list(vote.index)}, "
    by = f"{at}by {METHODS[vote.method]} of forward alone"
    if vote.one_sided is not None:
        low, high = vote.one_sided
        return Fact("third vote", f"{low:.9g} | {high:.9g}", f"a kink: from the left and from the right, {by}")
    return Fact("third vote", f"{vote.value:.12g} ± {vote.error:.1g}", by)


def _window(evidence: Evidence, worst: Worst) -> Window:
    lead, first = evidence.start[:-2], evidence.start[-2:]
    first_row, first_column = ((0, 0), (0, *first), first)[len(first)]
    at = (*(0, 0), *worst.index)[-2:]
    rows = []
    for i, (lefts, rights, wrongs) in enumerate(zip(evidence.left, evidence.right, evidence.wrong, strict=True)):
        cells = tuple(
            Cell(*_pair(left, right, wrong), (first_row + i, first_column + j) == at)
            for j, (left, right, wrong) in enumerate(zip(lefts, rights, wrongs, strict=True))
        )
        rows.append((first_row + i if len(first) == 2 else None, cells))
    where = f"[{', '.join(map(str, lead))}, :, :]" if lead else ""
    return Window(where, range(first_column, first_column + len(evidence.left[0])), tuple(rows))


def _pair(left: float, right: float, wrong: bool) -> tuple[str, str | None]:
    """Return both numbers, with enough digits to distinguish them; the second is None if they agree."""
    for digits in range(4, 18):
        shown = f"{left:.{digits}g}", f"{right:.{digits}g}"
        if not wrong or shown[0] != shown[1]:
            break
    return shown[0], shown[1] if wrong else None


def _map(evidence: Evidence) -> Map:
    squares = (len(evidence.levels), len(evidence.levels[0]))
    axes = evidence.shape
    whole = " × ".join(map(str, axes))
    rows = math.prod(axes[:-1])
    each = "each square an element" if squares == (rows, axes[-1]) else "each square the largest of a block"
    flat = f", as {rows} rows" if len(axes) > 2 else ""
    return Map(draw_map(evidence), *map_size(evidence), f"{whole} elements{flat}, {each}")
