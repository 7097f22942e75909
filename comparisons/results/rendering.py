"""Where a report finds its renderings, which this room does not import: they are installed, and loaded on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console


class Renderings(Protocol):
    """A report for a terminal, as plain text, and as the part of a page that a notebook shows."""

    def print_report(self, report: Any, console: Console) -> None: ...  # noqa: D102
    def to_text(self, report: Any) -> str: ...  # noqa: D102
    def to_fragment(self, report: Any) -> str: ...  # noqa: D102


_INSTALLED: list[Callable[[], Renderings]] = []


def install(load: Callable[[], Renderings]) -> None:
    """Have reports rendered by what `load` returns, which is called when the first one is."""
    _INSTALLED[:] = [load]
    renderings.cache_clear()


@cache
def renderings() -> Renderings:
    """Return the installed renderings."""
    return _INSTALLED[0]()
