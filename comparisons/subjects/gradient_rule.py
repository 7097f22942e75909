"""One rule: where a gradient is read from after a run of an object, and the reason for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gradtwin.backends.interface import Array

from .discovery import ROOT, Place
from .reading import is_of_numbers


@dataclass
class Run:
    """One run of forward and backward: the object afterwards, the results of backward, and each parameter before.

    `names` are what backward's own return statement calls its results.
    """

    owner: Any
    returned: Any
    before: dict[str, list[Array]]
    names: Sequence[str] = ()

    def called(self) -> dict[Place, str]:
        """Return what the return statement calls each result by position; nothing where it returned another number."""
        if not isinstance(self.returned, tuple | list) or len(self.returned) != len(self.names):
            return {}
        return {ROOT.at("item", i): name for i, name in enumerate(self.names) if name}


#: The reason for a rule: a name or the caller's argument (""), a shape, the order of several gradients, or a place
#: among results that may be no gradients.
Guess = Literal["", "shape", "order", "place"]


@dataclass(frozen=True)
class Rule:
    """Where a gradient is read from after a run, in words and as a function; `grads` is what a caller passes for it.

    `guess` is the reason for the rule, if no name is.
    """

    text: str
    read: Callable[[Run], Any]
    place: Place | None = None
    guess: Guess = ""
    grads: str = ""


def returned_items(returned: Any, place: Place = ROOT) -> list[tuple[Place, Any]]:
    """Return the results of backward as places and values, with nested containers flattened."""
    if isinstance(returned, dict):
        inner = [(place.at("item", key), value) for key, value in returned.items()]
    elif isinstance(returned, tuple) or (isinstance(returned, list) and not is_gradient(returned)):
        inner = [(place.at("item", i), value) for i, value in enumerate(returned)]
    elif place is ROOT and returned is None:
        return []
    else:
        return [(place, returned)]
    return [item for at, value in inner for item in returned_items(value, at)]


def left_rule(place: Place, guess: Guess = "") -> Rule:
    """Return the rule of an array that backward left at a place in the object."""
    at = str(place).removeprefix("model.")
    text = f"at {at}, by its shape" if guess == "shape" else f"at {at}"
    return Rule(text, lambda run: place.read(run.owner), place, guess, repr(at))


def returned_rule(place: Place, guess: Guess = "") -> Rule:
    """Return the rule of a result of backward, at a place in the results."""
    keys = [key for _, key in place.steps]
    where = f"the result of backward at {place}" if keys else "the only result of backward"
    grads = repr(keys[0]) if len(keys) == 1 else f"lambda _, returned: returned{place}"
    how = ", by its shape" if guess == "shape" else ""
    return Rule(f"{where}{how}", lambda run: place.read(run.returned), None, guess, grads)


def is_gradient(value: Any) -> bool:
    """Return whether a value can be a gradient: a real array or a number."""
    if isinstance(value, list):
        return is_of_numbers(value) and np.asarray(value).dtype.kind == "f"
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, float | np.floating)


def parse_place(where: str) -> Place:
    """Return the place that a caller writes as `grads['w']` or `layers[0].dw`."""
    place = ROOT
    for part in where.replace("]", "").replace("[", ".[").split("."):
        if part.startswith("["):
            key = part[1:].strip("'\"")
            place = place.at("item", int(key) if key.lstrip("-").isdigit() else key)
        else:
            place = place.at("attribute", part)
    return place
