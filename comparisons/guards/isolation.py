"""One check at a time; a check leaves the process's global state unchanged.

A check swaps names in the user's modules, seeds NumPy's global generator for objects that draw from it, and sets
warning filters. All of this is global to the process, so two checks at once would disturb each other.
"""

from __future__ import annotations

import functools
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

#: Held by the thread whose check runs; a user's function may check another one inside.
_LOCK = threading.RLock()


def isolated(check: Callable[P, R]) -> Callable[P, R]:
    """Let a check wait for those of other threads, and restore global state after it."""

    @functools.wraps(check)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK, _restored():
            return check(*args, **kwargs)

    return alone


@contextmanager
def _restored() -> Iterator[None]:
    """Restore the generators' states, NumPy's error state and print options, and the warning filters.

    Overflows give no warning: their results are judged, and are in the report.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"), np.printoptions():
        states = random.getstate(), np.random.get_state()
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
