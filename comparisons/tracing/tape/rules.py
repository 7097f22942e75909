"""TensorFlow's form of each NumPy function; the modules beside this one put theirs in."""

from __future__ import annotations

from typing import Any

from gradtwin.comparisons.tracing.dispatch import Rule

RULES: dict[Any, Rule] = {}
