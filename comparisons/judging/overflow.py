"""Elements that overflow on the other side's way alone, and are right in a wider format: undecided, and no mismatch.

Autodiff goes through quantities that a rule by hand may do without: of a norm through the gradient of the variance,
which leaves float16 long before the gradient of the input does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call
from gradtwin.comparisons.precision.running_error import Bound
from gradtwin.comparisons.results.data import Cause, Check

from .comparator import Subject, compare_arrays

#: The format that is asked where a narrower one overflows.
WIDER = {"float16": "float32", "bfloat16": "float32", "float32": "float64"}


def excuse_overflow(
    check: Check, call: Call, right: Backend, number: int, mine: Array, other: Array, bound: Bound
) -> Check:
    """Return a check that failed with those elements undecided that the other side overflows at and `mine` is right at.

    `number` is the place of these arrays in an answer. Right is what agrees, to what is allowed, with the other side's
    answer in the next wider format; without one the check stays as it is.
    """
    lost = np.isfinite(mine) & ~np.isfinite(other)
    wider = WIDER.get(check.dtype)
    if check.verdict != "mismatch" or wider is None or not lost.any():
        return check
    y_bar = None if call.y_bar is None else call.y_bar.astype(wider)
    [answer] = right.answer([Call(call.operation, tuple([x.astype(wider) for x in call.inputs]), y_bar)])
    theirs = answer[number]
    if theirs is None:
        return check
    lost &= np.abs(mine.astype(np.float64) - theirs.astype(np.float64)) <= 2 * bound.error
    if not lost.any():
        return check
    unknown = Bound(bound.value, np.where(lost, np.inf, bound.error), bound.scale)
    subject = Subject(check.operation, check.dtype, check.mode)
    again = compare_arrays(subject, check.name, check.stage, mine, other, unknown)
    text = f"the other side overflows on its way in {check.dtype}, and agrees in {wider}: use a wider dtype."
    return replace(again, causes=(*again.causes, Cause("nan", True, check.dtype, text)))
