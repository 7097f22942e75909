"""The tables of `gradtwin list`, and that of the page on the catalogue."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table

from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.registry import BACKENDS
from gradtwin.comparisons.catalogue.scenarios import SCENARIOS

_COLUMNS = ("operation", "kind", "inputs", "shapes", "equation", "options tried, conventions")


def listing(what: str | None = None) -> RenderableType:
    """Return one table (`operations`, `scenarios`, `backends` or `faults`), or all of them."""
    tables = {"operations": _operations, "scenarios": _scenarios, "backends": _backends, "faults": _faults}
    return Group(*[make() for name, make in tables.items() if what in (None, name)])


def coverage_markdown() -> str:
    """Return the catalogue as a Markdown table, for `docs/catalogue.md`."""
    rows = ["| " + " | ".join(_COLUMNS) + " |", "| --- " * len(_COLUMNS) + "|"]
    rows += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in _rows()]
    return "\n".join(rows) + "\n"


def _rows() -> list[tuple[str, ...]]:
    return [
        (
            f"`{o.name}`",
            o.kind,
            ", ".join(o.inputs),
            f"`{o.signature}`" + (" stacked" if o.stacked else ""),
            o.equation,
            "; ".join(
                [*[f"{name} {_values(values)}" for name, values in o.options.items()], *filter(None, [o.convention])]
            ),
        )
        for o in OPERATIONS.values()
    ]


def _values(values: tuple[object, ...]) -> str:
    return ", ".join(str(value).lower() if isinstance(value, bool) else f"{value}" for value in values)


def _operations() -> Table:
    table = Table(*_COLUMNS, title="operations", title_justify="left", box=None)
    for row in _rows():
        table.add_row(*[cell.replace("`", "") for cell in row])
    return table


def _scenarios() -> Table:
    table = Table(
        "scenario", "epochs", "batch", "learning rate", "what", title="\nscenarios", title_justify="left", box=None
    )
    for scenario in SCENARIOS.values():
        batch = "all" if scenario.batch is None else str(scenario.batch)
        table.add_row(scenario.name, str(scenario.epochs), batch, str(scenario.learning_rate), scenario.summary)
    return table


def _backends() -> Table:
    table = Table("backend", "modes", title="\nbackends", title_justify="left", box=None)
    for name, (_, _, modes) in BACKENDS.items():
        table.add_row(name, ", ".join(modes))
    return table


def _faults() -> Table:
    from gradtwin.comparisons.gallery import GALLERY

    table = Table("fault", "source", "what is wrong", title="\npublished faults", title_justify="left", box=None)
    for fault in GALLERY:
        table.add_row(fault.slug, fault.source, fault.sentence)
    return table
