"""The allowed difference of a catalogue rule: a bound, by running error analysis at the same inputs.

Autodiff computes quantities that a hand-derived rule may not need. For a norm it computes the gradient of the variance,
which overflows in float16 long before the gradient of the input does. An element that overflows on the other side
alone, and is right in a wider format, is undecided. Autodiff has no wider format than float64: there it is asked for
the gradient of a smaller ȳ, in which the gradient is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.precision.constants import SMALLER_Y_BAR
from gradtwin.comparisons.precision.running_error import bound_operation
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.interface import Answer

#: The format that is asked where a narrower one overflows.
WIDER = {"float16": "float32", "bfloat16": "float32", "float32": "float64"}


class Proven:
    """The proven bounds of an operation's results, twice each: both sides err by as much."""

    def __init__(self, right: Backend) -> None:
        self._right = right

    def between(self, left: Answer, right: Answer, at: Call, /) -> Sequence[Allowance]:
        """Return the allowed difference of each result."""
        bounds = bound_operation(at.operation, at.inputs, at.y_bar)
        return [
            self._without_overflow(bound.of_two(), at, number, mine, theirs)
            for number, (mine, theirs, bound) in enumerate(zip(left.results, right.results, bounds, strict=True))
        ]

    def _without_overflow(
        self, allowance: Allowance, call: Call, number: int, mine: Array | None, theirs: Array | None
    ) -> Allowance:
        """Leave open those elements that overflow on the other side alone, and are right where nothing overflows."""
        if mine is None or theirs is None or not mine.size:
            return allowance
        lost = np.isfinite(mine) & ~np.isfinite(theirs) & np.isfinite(allowance.allowed)
        if not lost.any():
            return allowance
        dtype = call.inputs[0].dtype.newbyteorder("=").name
        if dtype in WIDER:
            wider = WIDER[dtype]
            y_bar = None if call.y_bar is None else call.y_bar.astype(wider)
            asked, scale = Call(call.operation, tuple([x.astype(wider) for x in call.inputs]), y_bar), 1.0
            text = f"the other side overflows in {dtype}, and agrees in {wider}: use a wider dtype."
        elif call.y_bar is not None and number:
            asked, scale = Call(call.operation, call.inputs, np.asarray(call.y_bar * SMALLER_Y_BAR)), 1 / SMALLER_Y_BAR
            text = f"the other side overflows in {dtype}, and agrees where y_bar is smaller: scale y_bar."
        else:
            return allowance
        [answer] = self._right.answer([asked])
        again = answer[number]
        if again is not None:
            with np.errstate(all="ignore"):
                lost &= np.abs(mine.astype(np.float64) - again.astype(np.float64) * scale) <= allowance.allowed
        if again is None or not lost.any():
            return allowance
        cause = Cause("nan", True, dtype, text)
        return replace(allowance, allowed=np.where(lost, np.inf, allowance.allowed), why=(cause,))
