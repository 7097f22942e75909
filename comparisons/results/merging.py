"""Many reports as one, such as those of a test session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .data import Report


def merge_reports(
    named: Sequence[tuple[str, dict[str, Any]]], seed: int, reproduce: str, environment: dict[str, Any]
) -> Report:
    """Return one report of all checks, each under the name of its source; the reports are in the form of `to_dict`."""
    members = tuple((name, Report.from_dict(fields)) for name, fields in named)
    checks = [replace(check, name=f"{name}: {check.name}") for name, member in members for check in member.checks]
    return Report("check", tuple(checks), seed, reproduce, environment, {"reports": len(named)}, members=members)
