"""Parts that the renderings share: a plain table, the colours of verdicts, an index."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from gradtwin.comparisons.results.data import Verdict, Worst

STYLE: dict[Verdict, str] = {"match": "green", "mismatch": "bold red", "inconclusive": "yellow"}


def make_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """Return an empty table with these columns; those in `right` hold numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def show_index(worst: Worst) -> str:
    """Return an index as NumPy takes it."""
    return f"[{', '.join(map(str, worst.index))}]"
