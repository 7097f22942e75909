"""A layer that has run before must give the gradient of its last run: what it keeps from an earlier one is stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.drawing.redrawing import redrawn
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.arrays import copies
from gradtwin.comparisons.subjects.layer_object import UserObject

from .gradient_judge import Judgement
from .repeated import differs

#: Names the stream of the earlier run's input.
EARLIER_STREAM = 7


def find_stale(user: UserObject, inputs: Sequence[Any], y_bar: Any, seed: int) -> Cause | None:
    """Return what is wrong if the object, right when it is fresh, gives another gradient once it has run before.

    An object is run before in both of the ways that are usual, forward alone and forward with backward, and is at fault
    where neither gives what a fresh one does. One whose value changes too keeps a state on purpose, as a recurrent
    layer or a moving average does, and is not judged here.
    """
    rng = np.random.default_rng([seed, EARLIER_STREAM])
    earlier = tuple(_another(x, rng) for x in inputs)
    parameters = user.arguments(inputs)[user.count :]
    y, expected = user.run_owner(user.fresh(parameters), inputs, y_bar)
    floats = [g.dtype for g in expected if g is not None and g.dtype.kind == "f"]
    coarsest = max((float(np.finfo(dtype).eps) for dtype in floats), default=0.0)
    stale: str | None = None
    for run_before in _ways(user, earlier, y_bar):
        owner = user.fresh(parameters)
        try:
            run_before(owner)
            user.put_parameters(owner, parameters)
            again, gradients = user.run_owner(owner, inputs, y_bar)
        except Exception:  # the object is the user's: one that can't run twice so is not judged by it
            continue
        if np.shape(again) != np.shape(y) or differs(np.asarray(again), np.asarray(y), coarsest):
            continue
        pairs = zip(user.names(), gradients, expected, strict=True)
        moved = [name for name, one, two in pairs if one is not None and two is not None and _moved(one, two, coarsest)]
        if not moved:
            return None
        stale = stale or moved[0]
    if stale is None:
        return None
    text = (
        f"the gradient of {stale} changes after an earlier run on another input, although forward's value doesn't: "
        f"backward uses something that it kept from the earlier run."
    )
    return Cause("stale-value", True, stale, text)


def with_effect(judged: Judgement, cause: Cause) -> Judgement:
    """Return the judgement with a cause on its check of side effects."""
    checks = [
        replace(check, verdict="mismatch", causes=(*check.causes, cause)) if check.stage == "side-effect" else check
        for check in judged.checks
    ]
    return replace(judged, checks=checks)


def _ways(user: UserObject, earlier: Sequence[Any], y_bar: Any) -> Iterator[Callable[[Any], None]]:
    yield lambda owner: user.run_forward_of(owner, copies(earlier))

    def with_backward(owner: Any) -> None:
        user.run_owner(owner, earlier, y_bar)
        user.clear_gradients(owner)

    yield with_backward


def _moved(one: Any, two: Any, coarsest: float) -> bool:
    return one.shape != two.shape or differs(one, two, coarsest)


def _another(x: Any, rng: np.random.Generator) -> Any:
    """Draw other values: whole numbers, which may be labels, in another order."""
    moved = redrawn(x, rng)
    if moved is x and isinstance(x, np.ndarray):
        return rng.permutation(x.ravel()).reshape(x.shape)
    return moved
