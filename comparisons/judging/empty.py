"""A report that compared nothing, and so could not have failed."""

from __future__ import annotations

from collections.abc import Sequence

from gradtwin.comparisons.results.data import Cause, Check

from .titles import Titles

_NOTHING = Cause(
    "not-run",
    False,
    "empty",
    "nothing was compared: the gradients have no elements, so any would pass. Check them at inputs with elements.",
)


def flag_empty(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return a report's checks; where all of its gradients are empty arrays, one more, which is inconclusive.

    An empty array by itself is a match.
    """
    gradients = [check for check in checks if check.stage == "gradient"]
    if not gradients or any(check.size or check.verdict != "match" for check in gradients):
        return tuple(checks)
    first = gradients[0]
    titles = Titles(first.operation, first.dtype, first.mode)
    return (*checks, titles.undecided("elements to compare", "gradient", _NOTHING))
