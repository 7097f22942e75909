"""Reports as one self-contained HTML page, and as the part of a page that a notebook shows."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gradtwin.cleaning import clean
from gradtwin.comparisons.results.data import Report

from .check_text import is_of_users, sentence_of
from .mismatch_view import Mismatch, view_mismatch
from .rows import ORDER, make_rows, pack_rows
from .text import count_checks

if TYPE_CHECKING:
    from jinja2 import Environment

#: Mismatches that are shown in full; all of them have a row.
MOST_SHOWN = 100

#: Rows in the page itself, rows that its script shows at a time, and rows in a notebook.
PAGE_ROWS, NOTEBOOK_ROWS = 200, 20


@dataclass(frozen=True)
class Group:
    """The mismatches of one report of many, under its name, with the smallest example and what runs it again."""

    name: str
    mismatches: tuple[Mismatch, ...]
    notes: tuple[str, ...]
    example: str | None
    reproduce: str


def to_page(report: Report, image_png: bytes | None = None) -> str:
    """Return a whole page; `image_png`, a plot, is embedded."""
    image = b64encode(image_png).decode() if image_png else None
    found = _view(report, PAGE_ROWS)
    script = files(__package__).joinpath("page.js").read_text()
    allowed = b64encode(sha256(script.encode()).digest()).decode()  # of scripts, this one runs and no other
    packed = pack_rows(found["all_rows"])
    return _render("page.html.jinja", **found, image=image, script=script, allowed=allowed, packed=packed, level=1)


def to_fragment(report: Report) -> str:
    """Return the report's part of a page, for a notebook: no script, and few rows."""
    return _render("report.html.jinja", **_view(report, NOTEBOOK_ROWS), level=2)


def _view(report: Report, rows: int) -> dict[str, Any]:
    groups = _group(report)
    shown = {mismatch.number for group in groups for mismatch in group.mismatches}
    verdicts = [check.verdict for check in report.checks]
    all_rows = make_rows(report.checks, shown)
    return {
        "report": report,
        "headline": _headline(report),
        "counts": {verdict: verdicts.count(verdict) for verdict in ORDER},
        "parts": _read_parts(report),
        "groups": groups,
        "unshown": verdicts.count("mismatch") - len(shown),
        "rows": all_rows[:rows],
        "all_rows": all_rows,
        "page_rows": rows,
    }


def _headline(report: Report) -> str:
    """Return the verdict's reason: a sentence for one thing that was checked, else how many checks came out how."""
    return sentence_of(report) if is_of_users(report) else count_checks(report)


def _group(report: Report) -> list[Group]:
    """Return the mismatches of each member that has any, numbered as the report's checks are, up to so many in all."""
    groups, number, left = [], 0, MOST_SHOWN
    for name, member in report.members or (("", report),):
        numbered = list(enumerate(member.checks, number))
        number += len(numbered)
        failed = [(i, check) for i, check in numbered if check.verdict == "mismatch"][:left]
        left -= len(failed)
        if failed:
            found = tuple(view_mismatch(member, check, i) for i, check in failed)
            notes = tuple(member.extra.get("notes", ()))
            groups.append(Group(name, found, notes, member.example, member.reproduce))
    return groups


def _read_parts(report: Report) -> list[Any]:
    """Return the report's lines as text, and its tables with their columns, rows and captions."""
    from rich.table import Table

    found: list[Any] = []
    for part in report.details.parts(report) if report.details else ():
        if isinstance(part, Table):
            rows = list(zip(*[column.cells for column in part.columns], strict=True))
            headers = [str(column.header) for column in part.columns]
            kinds = ["number" if column.justify == "right" else "" for column in part.columns]
            texts = {"title": part.title, "caption": part.caption}
            found.append({**texts, "headers": headers, "kinds": kinds, "rows": rows})
        else:
            found.append({"line": part.plain})
    return found


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("gradtwin.comparisons.report", ".")
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,  # what is markup is ours
    )
