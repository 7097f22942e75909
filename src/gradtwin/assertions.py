"""The checks as assertions, for tests: each raises GradientMismatch, an AssertionError, unless the verdict is match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradtwin.comparisons.catalogue.suite import compare
from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.checks.layer import check_layer
from gradtwin.comparisons.checks.update import check_update
from gradtwin.comparisons.results.data import Report

from .listeners import tell


def assert_gradient(forward: Callable[..., Any], **arguments: Any) -> None:
    """Check as `check_gradient` does, by the same arguments, and raise GradientMismatch unless the verdict is match."""
    __tracebackhide__ = True
    _assert(check_gradient(forward, **arguments))


def assert_layer(layer: Any, x: Any, **arguments: Any) -> None:
    """Check as `check_layer` does, by the same arguments, and raise GradientMismatch unless the verdict is match."""
    __tracebackhide__ = True
    _assert(check_layer(layer, x, **arguments))


def assert_update(step: Any, optimizer: Any, **arguments: Any) -> None:
    """Check as `check_update` does, by the same arguments, and raise GradientMismatch unless the verdict is match."""
    __tracebackhide__ = True
    _assert(check_update(step, optimizer, **arguments))


def assert_match(*operations: str, **arguments: Any) -> None:
    """Compare as `compare` does, by the same arguments, and raise GradientMismatch unless the verdict is match."""
    __tracebackhide__ = True
    _assert(compare(*operations, **arguments))


def _assert(report: Report) -> None:
    __tracebackhide__ = True
    tell(report)
    report.raise_if_failed()
