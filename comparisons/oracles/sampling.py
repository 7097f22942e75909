"""Differences of a gradient with too many entries: at some of its entries, and along some directions.

Every entry has a part in the derivative along a direction of random signs. If a gradient disagrees along one, the
entries are halved until the worst one is found. This takes log₂ of their number, so the work hardly grows with size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import DIRECTIONS, LARGEST_ENTRIES, RANDOM_ENTRIES

from .votes import Vote, directional, vote


@dataclass(frozen=True)
class Along:
    """Σ direction · gradient for some directions: a gradient's own sums, and the differences, `value ± error`."""

    given: Array
    value: Array
    error: Array


@dataclass(frozen=True)
class Sampled:
    """A gradient, `value ± error`, where it is `known`; elsewhere it is as given, and known along directions only."""

    value: Array
    error: Array
    known: Array
    along: Along


def sample_gradient(
    forward: Callable[..., Any],
    inputs: Sequence[Any],
    position: int,
    y_bar: Array | None,
    given: Array,
    *,
    seed: int,
) -> Sampled:
    """Look at ∂/∂x Σ y_bar · forward(inputs), x being the input at `position`; `given` is the gradient in question."""
    rng = np.random.default_rng([seed, position])
    value, error = given.astype(np.float64), np.zeros(given.shape)
    known = np.zeros(given.shape, bool)

    def ask(direction: Array) -> Vote:
        return directional(forward, inputs, [position], [direction], y_bar, seed=seed)

    def look(flat: int) -> None:
        index = tuple(int(i) for i in np.unravel_index(flat, given.shape))
        found = vote(forward, inputs, position, index, y_bar, seed=seed)
        value[index], error[index], known[index] = found.value, found.error_to_sides, True

    size = np.abs(given.ravel())
    largest = np.argsort(np.where(np.isnan(size), np.inf, size))[-LARGEST_ENTRIES:]
    for flat in {*largest, *rng.choice(given.size, RANDOM_ENTRIES)}:
        look(int(flat))
    signs = [rng.choice((-1.0, 1.0), given.shape) for _ in range(DIRECTIONS)]
    votes = [ask(direction) for direction in signs]
    for direction, found in zip(signs, votes, strict=True):
        if _is_apart(direction, given, found):
            look(_find_entry(direction, given, ask, rng))
            break
    sums = np.array([np.sum(direction * given) for direction in signs])
    errors = [_error_along(given, found) for found in votes]
    return Sampled(value, error, known, Along(sums, np.array([found.value for found in votes]), np.array(errors)))


def _find_entry(direction: Array, given: Array, ask: Callable[[Array], Vote], rng: np.random.Generator) -> int:
    """Return the entry that is left when the half is kept, again and again, along which the gradient is further off."""
    candidates = rng.permutation(given.size)
    while candidates.size > 1:
        halves = np.array_split(candidates, 2)
        distances = []
        for half in halves:
            part = np.zeros(given.shape)
            part.flat[half] = direction.flat[half]
            distances.append(abs(float(np.sum(part * given)) - ask(part).value))
        candidates = halves[int(np.nanargmax([*distances, 0.0]) % 2)]
    return int(candidates[0])


def _is_apart(direction: Array, given: Array, found: Vote) -> bool:
    return not abs(float(np.sum(direction * given)) - found.value) <= _error_along(given, found)


def _error_along(given: Array, found: Vote) -> float:
    """Return the error of a sum along a direction: the vote's, and u times the number of entries times their size.

    Where many kinks meet, a right gradient's sum need not lie between the two sides: then it decides nothing.
    """
    if found.one_sided is not None:
        return np.inf
    u = float(np.finfo(given.dtype).eps) / 2 if given.dtype.kind == "f" else 0.0
    return found.error + given.size * u * float(np.linalg.norm(given.astype(np.float64).ravel()))
