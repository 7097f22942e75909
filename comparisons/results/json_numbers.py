"""Numbers that JSON has no way to write, by their names."""

from __future__ import annotations

import math
from typing import Any


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
