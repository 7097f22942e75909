"""Where the digits go: the operation of the user's code that costs a result most of them.

A candidate is an operation whose exact operands would have given more digits than NumPy's. It is at fault if the result
keeps most of what was lost once that operation alone is computed exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.guards.frames import is_users
from gradtwin.comparisons.precision.accuracy_constants import MENDED_OPERATIONS
from gradtwin.comparisons.precision.formula_constants import UNSTABLE_PART

if TYPE_CHECKING:
    from gradtwin.comparisons.tracing.wide import Loss, Watch


def digits_of(part: float) -> float:
    """Return the decimal digits of a relative error."""
    return max(0.0, -float(np.log10(part)))


def keeps_far_fewer(kept: float, allowed: float) -> bool:
    """Return whether a result keeps less than the part of the digits that it should of those its problem allows."""
    return kept < UNSTABLE_PART * allowed


def find_loss(run: Callable[[Watch], Array], digits: Callable[[Array], float], allowed: float) -> Loss | None:
    """Return the operation that loses most of the digits; None if no single one does.

    `run` computes the result under a watch, and `digits` says how many of it are right.
    """
    from gradtwin.comparisons.tracing.wide import Watch

    watch = Watch()
    kept = digits(run(watch))
    losses = [loss for loss in watch.losses() if is_users(loss.operation.expression.file)]
    candidates = [loss for loss in losses if loss.digits >= 1]
    for loss in candidates[:MENDED_OPERATIONS]:
        if digits(run(Watch(mended=loss.operation))) - kept >= (allowed - kept) / 2:
            return loss
    out_of_range = [loss for loss in candidates if loss.is_out_of_range]  # the exact value has no place in the dtype
    return min(out_of_range, key=lambda loss: loss.order, default=None)


def describe_loss(loss: Loss) -> str:
    """Return what an operation does to the digits, and where, in words."""
    expression = loss.operation.expression
    at = "" if loss.operand is None else f" where its operand is {loss.operand:.6g}"
    digits = f"{loss.digits:.0f} digit{'' if round(loss.digits) == 1 else 's'}"
    if loss.steps > 1 and loss.total > 2 * loss.worst:
        digits, at = f"{digits} in {loss.steps} steps", ""
    what = {
        "overflow": f"overflows{at}",
        "underflow": f"underflows{at}",
        "cancellation": f"cancels {digits}",
        "loss": f"loses {digits}{at}",
    }[loss.kind]
    return f"{loss.operation} {what} in {expression}"
