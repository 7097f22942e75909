"""Functions element by element with mpmath, where no short wide form exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import NoWideFormError
from .tables import MP
from .words import Pair

#: Forty digits and some to spare: the last ones of a result are mpmath's own rounding.
DIGITS = 40
#: What mpmath raises at a pole, outside a domain, and where a series does not converge.
_FAILURES = (ValueError, ZeroDivisionError, OverflowError, ArithmeticError, NotImplementedError)


def exact(high: float, low: float) -> Any:
    """Return high + low without rounding."""
    return MP.fadd(high, low, exact=True)


def by_mpmath(function: Callable[..., Any], plain: Callable[..., Any], name: str = "") -> Callable[..., Pair]:
    """Return mpmath's function on pairs; where float64's value is not finite, or an argument is not, it stays."""

    def run(*pairs: Pair) -> Pair:
        value = np.asarray(plain(*[high for high, _ in pairs]))
        halves = np.broadcast_arrays(value, *[half for pair in pairs for half in pair])
        finite = np.isfinite(value)
        for high in halves[1::2]:
            finite = finite & np.isfinite(high)
        high, low = np.array(value, np.float64), np.zeros(value.shape)
        columns = [half[finite].tolist() for half in halves[1:]]
        with MP.workdps(DIGITS):
            rows = [_words(function, name or function.__name__, row) for row in zip(*columns, strict=True)]
        if rows:
            high[finite], low[finite] = np.array(rows).T
        return high, low

    return run


def _words(function: Callable[..., Any], name: str, row: tuple[float, ...]) -> tuple[float, float]:
    arguments = [exact(high, low) for high, low in zip(row[::2], row[1::2], strict=True)]
    try:
        value = function(*arguments)
        value = value.real if isinstance(value, MP.mpc) else value
        high = float(value)
        return high, float(value - high) if np.isfinite(high) else 0.0
    except _FAILURES as error:
        shown = ", ".join(str(high) for high in row[::2])
        raise NoWideFormError(
            f"{name}: mpmath has no value at ({shown}): {error}; expected a point inside the function's domain. "
            "Move the inputs, or judge this function by float64 alone."
        ) from error
