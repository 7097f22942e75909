"""Both sides of an optimizer's steps: where the user's and Keras's go, from the start and from nudged ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.precision.constants import UPDATE_DRAWS
from gradtwin.comparisons.precision.rounding import allowed_difference, nudge
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.interface import Answer, Subject
from gradtwin.comparisons.subjects.keras_optimizer import walk_keras
from gradtwin.comparisons.subjects.update_rules import Hyper, Path, follow
from gradtwin.comparisons.subjects.update_step import UserStep, Walk

CHANGED = Cause("mutated-input", True, "g", "the step changed its gradients in place.")


class Starts:
    """Where the steps are taken from: the start, number 0, and nudged ones, with the gradients of every step."""

    def __init__(self, user: UserStep, start: list[Array], flow: list[list[Array]], seed: int) -> None:
        sizes = [array.size for array in user.parts(start)]
        #: For each element of the weights, which array it belongs to.
        self.parts = np.repeat(np.arange(len(sizes)), sizes)
        self.arrays: list[tuple[list[Array], list[list[Array]]]] = []
        for k in range(UPDATE_DRAWS + 1):
            at = [nudge(array, seed + k) if k else array for array in user.parts(start)]
            pulls = [[nudge(g, seed + k) if k else g for g in user.parts(step)] for step in flow]
            self.arrays.append((at, pulls))
        self.vectors = [(user.join(at), [user.join(g) for g in pulls]) for at, pulls in self.arrays]


class UserSteps:
    """The user's step."""

    def __init__(self, user: UserStep, starts: Starts) -> None:
        self._user, self._starts = user, starts
        self.walk = cache(self._walk)

    def run(self, at: int) -> Answer:
        """Return the weights after each step from a start; raise ContractError where the step raises."""
        walk = self.walk(at)
        return Answer(tuple(walk.weights), (CHANGED,) if walk.changed else ())

    def walks(self) -> list[Walk]:
        """Return where the steps go from every start."""
        return [self.walk(k) for k in range(UPDATE_DRAWS + 1)]

    def _walk(self, at: int) -> Walk:
        return self._user.walk(*self._starts.arrays[at])


class KerasSteps:
    """A Keras optimizer."""

    def __init__(self, optimizer: Any, starts: Starts) -> None:
        self._optimizer, self._starts = optimizer, starts
        self.run = cache(self._run)

    def _run(self, at: int) -> Answer:
        return Answer(tuple(walk_keras(self._optimizer, *self._starts.vectors[at])))


class RuleSteps:
    """A rule with some alternatives of it: a published form, or a slip, which the causes try."""

    def __init__(self, hyper: Hyper, starts: Starts, flags: frozenset[str], factor: float = 1.0) -> None:
        self.paths: list[Path] = [
            follow(hyper, start, pulls, starts.parts, flags, factor) for start, pulls in starts.vectors
        ]

    def run(self, at: int) -> Answer:
        """Return the weights after each step from a start."""
        return Answer(tuple(self.paths[at].weights))


class Spread:
    """What two sides' weights may differ by: how much their difference varies between the starts."""

    def __init__(self, left: UserSteps, right: Subject[int], starts: Starts) -> None:
        self._left, self._right, self._starts = left, right, starts

    def between(self, left: Answer, right: Answer, at: int, /) -> Sequence[Allowance]:
        """Return what the weights after each step may differ by."""
        others = [(self._left.run(k).results, self._right.run(k).results) for k in range(1, UPDATE_DRAWS + 1)]
        allowances = []
        for t, (mine, theirs) in enumerate(zip(left.results, right.results, strict=True)):
            assert mine is not None
            assert theirs is not None
            allowed = allowed_of((mine, theirs), [(a[t], b[t]) for a, b in others])
            scale = np.fmax(np.abs(theirs), np.abs(self._starts.vectors[at][0]))
            known = np.where(np.isnan(mine) & np.isnan(theirs), 0.0, theirs)  # what neither side knows decides nothing
            allowances.append(Allowance(known, allowed, scale))
        return allowances


def allowed_of(sides: tuple[Array, Array], others: Sequence[tuple[Any, Any]]) -> Array:
    """Return what two arrays may differ by, as both sides' other ones show."""
    return allowed_difference(sides, list(others))
