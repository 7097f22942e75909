"""Reports as JSON that any parser reads: infinities and NaN are written as text."""

from __future__ import annotations

import json
import math
from typing import Any

from .data import Report


def to_json(report: Report) -> str:
    """Return the report under the keys of `report.schema.json`.

    JSON has no NaN and no infinities; they are the strings "NaN", "Infinity" and "-Infinity", which `float` takes.
    """
    return json.dumps(spelled(report.to_dict()), indent=1, allow_nan=False) + "\n"


def spelled(value: Any) -> Any:
    """Return the value with every float that JSON has no number for as its name."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: spelled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(item) for item in value]
    return value
