"""Forwards as people write them: every one must trace, with the right value and gradient, and nothing escaping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A forward, how its inputs are drawn, which are differentiated, and what of the result is."""

    name: str
    forward: Callable[..., Any]
    draw: Callable[[np.random.Generator], tuple[Any, ...]]
    wrt: tuple[int, ...]
    select: Callable[[Any], Any] | None


CASES: list[Case] = []


def normal(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.normal(size=shape)


def positive(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.uniform(0.5, 2.0, size=shape)


def unit(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.uniform(0.1, 0.9, size=shape)


def labels(count: int, classes: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.integers(0, classes, size=count)


def one_hot(count: int, classes: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: np.eye(classes)[rng.integers(0, classes, size=count)]


def definite(size: int) -> Callable[[np.random.Generator], Any]:
    def draw(rng: np.random.Generator) -> Any:
        a = rng.normal(size=(size, size))
        return a @ a.T + size * np.eye(size)

    return draw


def case(
    *inputs: Any, wrt: tuple[int, ...] | None = None, select: Callable[[Any], Any] | None = None, name: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a forward; an input is a drawing function or a fixed value."""

    def register(forward: Callable[..., Any]) -> Callable[..., Any]:
        def draw(rng: np.random.Generator) -> tuple[Any, ...]:
            return tuple(item(rng) if callable(item) else item for item in inputs)

        drawn = draw(np.random.default_rng(0))
        floats = tuple(
            i
            for i, item in enumerate(drawn)
            if isinstance(item, float) or (isinstance(item, np.ndarray) and item.dtype.kind == "f")
        )
        CASES.append(
            Case(name or getattr(forward, "__qualname__", ""), forward, draw, floats if wrt is None else wrt, select)
        )
        return forward

    return register
