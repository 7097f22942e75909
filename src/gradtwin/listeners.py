"""Listeners for the reports that assertions make, such as a test session that gathers them. Imports nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtwin.comparisons.results.data import Report

_LISTENER: ContextVar[Callable[[Report], None] | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Callable[[Report], None]) -> Iterator[None]:
    """Tell `listener` of every report that is made within."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def notify(report: Report) -> None:
    """Pass a report to the listeners."""
    listener = _LISTENER.get()
    if listener:
        listener(report)
