"""Many reports as one, such as those of a test session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradtwin.comparisons.report.data import Check, Report


def merge_reports(
    named: Sequence[tuple[str, dict[str, Any]]], seed: int, reproduce: str, environment: dict[str, Any]
) -> Report:
    """Return one report of all checks, each under the name of what reported it; reports come as `to_dict` made them."""
    found = [(name, check) for name, fields in named for check in fields["checks"]]
    checks = [Check.from_dict({**check, "name": f"{name}: {check['name']}"}) for name, check in found]
    return Report("check", tuple(checks), seed, reproduce, environment, {"reports": len(named)})
