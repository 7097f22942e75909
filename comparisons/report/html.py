"""Reports as one self-contained HTML page."""

from __future__ import annotations

from typing import Any

from gradtwin.comparisons.report.data import Report


def to_page(report: Report, image_png: bytes | None = None) -> str:
    """Return a whole page; `image_png`, a plot, is embedded."""
    from base64 import b64encode

    image = b64encode(image_png).decode() if image_png else None
    return _template("page.html.jinja").render(report=report, parts=_read_parts(report), image=image)  # type: ignore[no-any-return]


def to_fragment(report: Report) -> str:
    """Return the report's part of a page, for a notebook."""
    return _template("report.html.jinja").render(report=report, parts=_read_parts(report))  # type: ignore[no-any-return]


def _read_parts(report: Report) -> list[Any]:
    """Return the report's lines as text, and its tables with their columns, rows and captions."""
    from rich.table import Table

    found: list[Any] = []
    for part in report.parts():
        if isinstance(part, Table):
            rows = list(zip(*[column.cells for column in part.columns], strict=True))
            headers = [str(column.header) for column in part.columns]
            found.append({"title": part.title, "caption": part.caption, "headers": headers, "rows": rows})
        else:
            found.append({"line": part.plain})
    return found


def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("gradtwin.comparisons.report", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(name)
