"""The outcome of judging a formula."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gradtwin.backends.interface import Array


@dataclass(frozen=True)
class Fault:
    """An element whose formula is wrong: its place, its value, and the derivative or, at a kink, those around."""

    index: tuple[int, ...]
    given: float
    right: float
    between: tuple[float, float] | None = None


@dataclass(frozen=True)
class Formula:
    """The outcome for one gradient: its exact value, the `digits` to which the formula is right, and the fault.

    `why_not` says why there is none. `open` marks elements of which nothing is known, `undecided` those of
    which too many tie, `at_kinks` those at which a
    derivative has several values. `stopped` says how far forward is from the limit of an iteration, for which the
    formula is right.
    """

    exact: Array | None = None
    digits: float | None = None
    fault: Fault | None = None
    why_not: str = ""
    stopped: float | None = None
    undecided: Array = field(default_factory=lambda: np.zeros((), bool))
    open: Array = field(default_factory=lambda: np.zeros((), bool))
    at_kinks: Array = field(default_factory=lambda: np.zeros((), bool))
    notes: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the formula was judged, and found right."""
        return not self.why_not and self.fault is None
