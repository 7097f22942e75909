"""Axes: every choice of them, and their words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations


def subsets(count: int) -> Iterator[tuple[int, ...]]:
    """Yield every choice of at least one of so many axes, the smallest first."""
    return chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1))


def name_axes(axes: tuple[int, ...]) -> str:
    """Return axes as a sentence names them."""
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
