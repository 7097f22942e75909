"""A gradient whose place was only guessed may be found right; found wrong, it is open, and accuses nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.subjects.gradient_rule import Guess

from .gradient_judge import Judgement
from .point import Point

#: Breaches of the contract that may be those of an array that is no gradient; others are of the functions themselves.
_OF_A_GRADIENT = ("shape", "dtype")


def doubtful(found: Judgement, guesses: Mapping[int, Guess], count: int) -> list[int]:
    """Return the positions of the guessed gradients that must be left open, of what was found to be wrong.

    One that was found by its shape or place is left open unless it is right. One that was found by its order is left
    open where it is right for another position; the order of the object's own inputs, the first `count`, is no guess.
    """
    broken = [cause for check in found.checks if check.stage == "contract" for cause in check.causes]
    if any(cause.cause not in _OF_A_GRADIENT for cause in broken):
        return []
    if not any(check.verdict == "mismatch" for check in found.checks):
        return []
    wrong = {k: guess for k, guess in guesses.items() if not _is_right(found, k)}
    return [k for k, guess in wrong.items() if guess in ("shape", "place") or _is_moved(found, k, count)]


def without_gradients(found: Judgement) -> Judgement:
    """Return what is left where every gradient is open: forward's value, and what was changed in place."""
    checks = []
    for check in found.checks:
        causes = tuple(cause for cause in check.causes if check.stage == "value" or cause.cause == "mutated-input")
        if check.stage != "gradient":
            checks.append(replace(check, verdict=check.verdict if causes else "match", causes=causes))
    return replace(found, checks=checks, point=None)


def _is_right(found: Judgement, k: int) -> bool:
    """Return whether a gradient has the right values, and is no narrower than its input."""
    point = found.point
    if point is None or k not in point.wrt:
        return False
    narrow = point.left[point.wrt.index(k)].dtype.itemsize < np.asarray(point.inputs[k]).dtype.itemsize
    name = f"gradient of {point.words[k]}"
    verdicts = [check.verdict for check in found.checks if f"{check.name} ".startswith(f"{name} ")]
    return not narrow and bool(verdicts) and all(verdict == "match" for verdict in verdicts)


def _is_moved(found: Judgement, k: int, count: int) -> bool:
    """Return whether the gradient at a position is another's, one of the two being a parameter's."""
    point = found.point
    if point is None or k not in point.wrt:
        return False
    own = point.left[point.wrt.index(k)]
    return any(i != k and max(i, k) >= count and _agrees(own, point, n) for n, i in enumerate(point.wrt))


def _agrees(gradient: Array, point: Point, n: int) -> bool:
    right, allowed = point.right[n], point.allowed[n]
    return gradient.shape == right.shape and bool(np.all(np.abs(gradient - right) <= allowed))
