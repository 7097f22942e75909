"""Values of an object that may be parameters and are no floating arrays: numbers, arrays of integers, lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import MOVED_SCALE

from .discovery import ROOT, Place, inside, is_holder
from .reading import is_floating, is_of_numbers, kind_of


def find_values(owner: Any, depth: int) -> dict[Place, Any]:
    """Return every reachable number, array of integers and list of numbers that can be replaced, by its place."""
    found: dict[Place, Any] = {}
    seen = {id(owner)}
    level = [(ROOT, owner)]
    for _ in range(depth):
        below: list[tuple[Place, Any]] = []
        for place, holder in level:
            for at, value in inside(place, holder):
                if _may_be_parameter(value):
                    if not isinstance(holder, tuple):
                        found[at] = value
                elif not isinstance(value, np.ndarray) and id(value) not in seen and is_holder(value):
                    seen.add(id(value))
                    below.append((at, value))
        level = below
    return found


def is_number(value: Any) -> bool:
    """Return whether a value is a floating number, which is judged as an array is."""
    return not isinstance(value, np.ndarray) and is_floating(value)


def moved(value: Any, rng: np.random.Generator) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, list):
        return (np.asarray(value) + 1).tolist()
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return type(value)(value + 1) if not isinstance(value, np.ndarray) else value + 1
    other = array * rng.uniform(*MOVED_SCALE, array.shape).astype(array.dtype)
    other = other + (other == 0)
    return other if isinstance(value, np.ndarray) else type(value)(other)


def how_to_convert(name: str, value: Any) -> str:
    """Return in words why a value is not judged, and what to do."""
    return (
        f"{name} is {kind_of(value)}, and only floating arrays and numbers are judged. Make it one: "
        f"np.array({name}, float)."
    )


def _may_be_parameter(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iu" and value.size > 0
    if isinstance(value, list):
        return is_of_numbers(value)
    return isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)
