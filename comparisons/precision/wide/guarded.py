"""Where a wide formula holds: elsewhere a function has float64's own value, and no low half."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arithmetic import repair
from .words import Pair

Unary = Callable[[Pair], Pair]
Binary = Callable[[Pair, Pair], Pair]


def unary(formula: Unary, plain: Callable[..., Any], inside: Callable[[Pair], Any], safe: float = 0.5) -> Unary:
    """Return a function that is a formula where its argument is inside, and float64's own value elsewhere.

    `safe` is a number inside, which takes the place of the others while the formula runs.
    """

    def function(x: Pair) -> Pair:
        good = inside(x)
        if good.all():
            high, low = formula(x)
            return (high, low) if high.all() else repair(high, low, plain(x[0]))
        high, low = formula((np.where(good, x[0], safe), np.where(good, x[1], 0)))
        value = plain(_toward_low(x))
        return repair(np.where(good, high, value), np.where(good, low, 0), value)

    return function


def _toward_low(x: Pair) -> Any:
    """Return float64's number next to the value on its own side: the high half alone may end a domain."""
    return np.where(x[1] == 0, x[0], np.nextafter(x[0], np.copysign(np.inf, x[1])))


def binary(
    formula: Binary, plain: Callable[..., Any], inside: Callable[[Pair, Pair], Any], safe: float = 0.5
) -> Binary:
    """Return the same for two arguments."""

    def function(x: Pair, y: Pair) -> Pair:
        good = inside(x, y)
        if good.all():
            high, low = formula(x, y)
            return (high, low) if high.all() else repair(high, low, plain(x[0], y[0]))
        pairs = [(np.where(good, p[0], safe), np.where(good, p[1], 0)) for p in (x, y)]
        high, low = formula(*pairs)
        value = plain(x[0], y[0])
        return repair(np.where(good, high, value), np.where(good, low, 0), value)

    return function


def choose(mask: Any, x: Pair, y: Pair) -> Pair:
    """Return x where the mask says so, y elsewhere."""
    return np.where(mask, x[0], y[0]), np.where(mask, x[1], y[1])


def is_finite(x: Pair) -> Any:
    """Return where float64's value is a number."""
    return np.isfinite(x[0])


def between(low: float, high: float) -> Callable[[Pair], Any]:
    """Return whether float64's value lies strictly between two numbers."""
    return lambda x: (x[0] > low) & (x[0] < high)


def above(low: float) -> Callable[[Pair], Any]:
    """Return whether a number is above another one, and finite."""
    return lambda x: ((x[0] > low) | ((x[0] == low) & (x[1] > 0))) & (x[0] < np.inf)
