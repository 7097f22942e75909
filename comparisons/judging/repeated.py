"""A second run on equal inputs must give the same: in another layout, in memory that can't be written to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.drawing.problems import LAYOUTS, Layout
from gradtwin.comparisons.precision.constants import OTHER_DRAWS, RERUN_DIGITS
from gradtwin.comparisons.precision.rounding import allowed_difference, nudge, nudge_input
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.functions import Evaluation, Place, UserFunctions
from gradtwin.comparisons.subjects.interface import ContractError

from .evaluator import Mine, Notes
from .exceeding import exceeds


def _strided_read_only(x: Array) -> Array:
    strided = LAYOUTS["strided"](x.copy())
    strided.setflags(write=False)
    return strided


def find_effects(user: UserFunctions, mine: Mine, notes: Notes) -> list[Cause]:
    """Return the functions' effects on their arguments, and whether a second run gives other values.

    An exception in a layout that nobody asked for is a note.
    """
    causes = list(mine.evaluation.effects)
    notes |= dict.fromkeys(mine.evaluation.views)
    for label, again in _runs(user, mine, notes):
        found = _difference(mine, again)
        if found is None:
            continue
        own = _run(user, mine, None)
        if isinstance(own, Evaluation) and _difference(mine, own) is None:
            if _is_rounding(user, mine, again):
                continue
            text = (
                f"{found} changes if equal inputs are {label}: index elements by position, not by where they lie in "
                f"memory."
            )
            causes.append(Cause("nondeterministic", True, f"{label} inputs", text))
        else:
            text = (
                f"two runs of {found} on equal inputs differ: seed its random numbers, or let it take the random "
                f"numbers, such as a mask, as an input."
            )
            causes.append(Cause("nondeterministic", True, found, text))
        break
    return causes


def _runs(user: UserFunctions, mine: Mine, notes: Notes) -> Iterator[tuple[str, Evaluation]]:
    """Yield runs in other layouts: both at once, or one by one if that is refused."""
    both = _run(user, mine, _strided_read_only)
    if isinstance(both, Evaluation):
        yield "strided or read-only", both
        return
    for label in ("strided", "read-only"):
        again = _run(user, mine, LAYOUTS[label])
        if isinstance(again, Evaluation):
            yield label, again
        elif not mine.evaluation.effects:  # one that changes its inputs needs them writable, and is at fault for that
            notes[f"with {label} inputs, {again.text}"] = None


def _run(user: UserFunctions, mine: Mine, layout: Layout | None) -> Evaluation | Cause:
    try:
        return user.run(Place(mine.inputs, lambda _: mine.upstream, layout))
    except ContractError as error:
        return error.cause


def _is_rounding(user: UserFunctions, mine: Mine, again: Evaluation) -> bool:
    """Return whether results differ by no more than they vary at nudged points: another layout rounds otherwise."""
    nudged: list[Evaluation] = []
    for seed in range(1, OTHER_DRAWS + 1):
        inputs = [nudge_input(x, seed) if i in mine.wrt else x for i, x in enumerate(mine.inputs)]
        with suppress(ContractError):
            nudged.append(user.run(Place(inputs, lambda _, seed=seed: nudge(mine.upstream, seed))))  # type: ignore[misc]
    for k, (one, two) in enumerate(zip(mine.evaluation.results, again.results, strict=False)):
        if one is None or two is None:
            continue
        others = [(moved, one) for run in nudged if (moved := run.results[k]) is not None and moved.shape == one.shape]
        if np.any(exceeds(one, two, allowed_difference((one, one), others))):
            return False
    return True


def _difference(mine: Mine, again: Evaluation) -> str | None:
    """Return what differs between two runs, None if nothing does."""
    floats = [x.dtype for x in mine.inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    coarsest = max((float(np.finfo(dtype).eps) for dtype in floats), default=0.0)
    pairs = zip(mine.evaluation.results, again.results, strict=False)
    for number, (one, two) in enumerate(pairs):
        if one is not None and two is not None and one.shape == two.shape and differs(one, two, coarsest):
            return "the gradient" if number else "forward"
    return None


def differs(one: Array, two: Array, coarsest: float) -> bool:
    """Return whether two runs differ in the leading half of their digits, where no order of summation shows."""
    if (one == two).all():
        return False
    one64, two64 = one.astype(np.float64), two.astype(np.float64)
    own = float(np.finfo(one.dtype).eps) if one.dtype.kind == "f" else 0.0
    half = max(own, coarsest) ** RERUN_DIGITS
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(one64), where=np.isfinite(one64), initial=0.0))
        same = (one64 == two64) | (np.isnan(one64) & np.isnan(two64)) | (np.abs(one64 - two64) <= half * size)
        return not same.all()
