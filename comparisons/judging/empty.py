"""Checks that compared nothing, and so could not have failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradtwin.comparisons.results.data import Cause, Check

_NOTHING = Cause(
    "not-run",
    False,
    "empty",
    "nothing was compared: the gradients have no elements, so any would pass. Check them at inputs with elements.",
)


def flag_empty(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return a report's checks; where all of the gradients are empty arrays, these are inconclusive."""
    gradients = [check for check in checks if check.stage == "gradient"]
    if any(check.size or check.verdict != "match" for check in gradients):
        return tuple(checks)
    undecided = [replace(check, verdict="inconclusive", causes=(_NOTHING,)) for check in gradients]
    return tuple(undecided.pop(0) if check.stage == "gradient" else check for check in checks)
