"""The one search: draw, fail, shrink."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky

from .problems import tables_apart

T = TypeVar("T")


class _FoundError(Exception):
    """Tells Hypothesis that a drawn value fails."""


def search(
    strategy: st.SearchStrategy[T],
    fails: Callable[[T], bool],
    *,
    examples: int,
    seed: int | str,
    shrink: bool = True,
    database: ExampleDatabase | None = None,
) -> T | None:
    """Draw up to so many values; return the smallest that fails, None if none does.

    `fails` is called for each value, at the end for the smallest. A `database` keeps what fails, and what it holds is
    tried first.
    """
    found: list[T] = []

    @settings(
        max_examples=examples,
        database=database,
        deadline=None,
        phases=[*([Phase.reuse] if database else []), Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @hypothesis_seed(seed)  # before the settings, whose database it would drop
    @given(strategy)
    def run(value: T) -> None:
        if fails(value):
            found.append(value)
            raise _FoundError

    try:
        with tables_apart():
            run()
    except (_FoundError, Flaky):
        return found[-1]  # the smallest is run last
    return None


def climb(strategy: st.SearchStrategy[T], score: Callable[[T], float], *, examples: int, seed: int) -> None:
    """Draw so many values, the later ones near those with the highest scores, which are finite."""

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @hypothesis_seed(seed)
    @given(strategy)
    def run(value: T) -> None:
        target(score(value))

    with tables_apart():
        run()


def within_budget(
    fails: Callable[[T], bool], key: Callable[[T], Hashable], spent: Callable[[], int], most: int
) -> Callable[[T], bool]:
    """Return `fails`, which after the first failure spends so much work at most on making it smaller.

    `spent` counts work that is the same on every machine, such as runs of a user's functions. A value, known by its
    key, is judged once, so that what failed within the budget fails again.
    """
    known: dict[Hashable, bool] = {}
    ends: int | None = None

    def limited(value: T) -> bool:
        nonlocal ends
        found = key(value)
        if found not in known:
            known[found] = (ends is None or spent() < ends) and fails(value)
        if known[found] and ends is None:
            ends = spent() + most
        return known[found]

    return limited
