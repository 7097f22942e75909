"""A judged subject, and the answer of one run of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gradtwin.backends.interface import Array
from gradtwin.comparisons.results.data import Cause

#: Where a subject is run: a call of a rule, a point of a user's functions, the start and gradients of steps.
At = TypeVar("At", contravariant=True)


class ContractError(Exception):
    """A subject broke its contract, and nothing of it can be compared; carries the causes."""

    def __init__(self, *causes: Cause) -> None:
        super().__init__(" ".join(cause.text for cause in causes))
        self.causes = causes

    @property
    def cause(self) -> Cause:
        """The first of the causes."""
        return self.causes[0]


@dataclass(frozen=True)
class Answer:
    """The answer of one run: its results in order, with None for a missing one, and its effects on its arguments."""

    results: tuple[Array | None, ...]
    effects: Sequence[Cause] = ()


class Subject(Protocol[At]):
    """One side of a comparison: a rule, a user's functions or object, an optimizer's step."""

    def run(self, at: At) -> Answer:
        """Run it at a place, on copies of all arrays; raise ContractError if nothing can be compared."""
