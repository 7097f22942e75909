"""Where two values differ by more than is allowed."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array


def exceeds(left: Array, right: Array, allowed: Array) -> Array:
    """Return where two values differ by more than is allowed, or one alone is not a number."""
    with np.errstate(all="ignore"):
        difference = np.asarray(np.subtract(left, right, dtype=np.float64))
        beyond = np.asarray(~(np.abs(difference, out=difference) <= allowed))
        if beyond.any():
            beyond &= ~((left == right) | (np.isnan(left) & np.isnan(right)))
    return beyond


def excess_of(left: Array, right: Array, allowed: Array) -> Array:
    """Return each difference over the allowed one."""
    with np.errstate(all="ignore"):
        excess = np.abs(left.astype(np.float64) - right) / np.where(allowed > 0, allowed, np.finfo(float).tiny)
    return np.where(np.isnan(excess), np.inf, excess)
