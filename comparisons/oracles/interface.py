"""Where the gradient that a user's is judged by comes from.

It is the user's own forward under GradientTape, a TensorFlow reference, or, for code that can't be traced, differences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from gradtwin.backends.interface import Array

from .sampling import Sampled

OracleName = Literal["traced", "reference", "finite-differences"]


@dataclass(frozen=True)
class Derived:
    """An oracle's value and gradients at one point, and `error`, if the oracle knows its error, elementwise.

    `pull_back` gives the gradients for another upstream, at the same point. If a gradient has too many entries to
    look at all of them, `samples` marks the known ones; the others are the user's.
    """

    y: Array
    gradients: tuple[Array | None, ...]
    pull_back: Callable[[Array], tuple[Array | None, ...]]
    error: tuple[Array, ...] | None = None
    notes: tuple[str, ...] = ()
    samples: tuple[Sampled, ...] | None = None

    def without_tape(self) -> Derived:
        """Return the answer without `pull_back`, which holds all that the tape recorded: as much as a dozen inputs."""
        return replace(self, pull_back=_forgotten)


def _forgotten(_: Array) -> tuple[Array | None, ...]:
    raise AssertionError("the tape of this answer was let go")


class Oracle(Protocol):
    """Gives the gradients of Σ y_bar · forward(inputs) with respect to the inputs at `wrt`."""

    name: OracleName

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Derived:
        """Return the value and the gradients at a point."""


class UntrustedError(Exception):
    """The trace can't be trusted; the message has the reason, with function, file and line."""
