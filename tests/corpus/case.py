"""What a case of the corpus is, and the drawing of its inputs.

A `Family` is one forward with its inputs; the functions decorated with its `right` and `wrong` become its cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

STYLES = ("vjp", "backward", "grad", "derivative", "jacobian", "value_and_grad")
# fmt: off
CAUSES = frozenset({
    "sign", "factor", "mean-for-sum", "zeroed", "transpose", "swapped", "missing-sum", "elementwise-factor",
    "jacobian-diagonal", "stale-value", "not-accumulated", "permuted", "missing-term", "partial", "forward-broadcast",
    "dtype", "shape", "nan", "nondeterministic", "mutated-input", "aliasing", "raises", "unknown",
})
# fmt: on
Maker = Callable[[np.random.Generator, Any], np.ndarray]
MakeInputs = Callable[[np.random.Generator, Any], tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Case:
    """One hand-derived gradient with the forward it belongs to.

    `causes` holds the acceptable explanations of a wrong one: any of them will do, or with `all_of` each is wanted.
    `unknown` stands among them where no repair of the gradient alone can show the cause. `dtypes` names the types of
    input at which the verdict is certain: a fault of 1e-10 can't be seen in float32.
    """

    name: str
    style: str
    forward: Callable[..., Any]
    gradient: Callable[..., Any] | bool
    make_inputs: MakeInputs
    wrt: tuple[int, ...] | None = None
    causes: frozenset[str] = frozenset()
    wrong: bool = False
    all_of: bool = False
    note: str = ""
    dtypes: tuple[str, ...] = ("float32", "float64")

    def __post_init__(self) -> None:
        assert self.style in STYLES, self.style
        assert self.causes <= CAUSES, self.causes
        assert self.wrong == bool(self.causes), self.name

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for `gt.check_gradient(forward, **arguments, inputs=...)`."""
        arguments: dict[str, Any] = {self.style: self.gradient}
        if self.wrt is not None:
            arguments["wrt"] = self.wrt
        return arguments


@dataclass
class Family:
    """A forward, how its gradient is written down, and the inputs at which it is checked."""

    name: str
    style: str
    forward: Callable[..., Any] | None
    make_inputs: MakeInputs
    wrt: tuple[int, ...] | None = None
    cases: list[Case] = field(default_factory=list)

    def right(self, gradient: Callable[..., Any]) -> Callable[..., Any]:
        """A right gradient; it is called as the family is."""
        self._add(self.name, gradient)
        return gradient

    def wrong(self, *causes: str, **changes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A wrong gradient, explained by one of the causes; `changes` are other fields of its case."""

        def add(gradient: Callable[..., Any]) -> Callable[..., Any]:
            name = f"{self.name}/{gradient.__name__.replace('_', '-')}"
            self._add(name, gradient, causes=frozenset(causes), wrong=True, **changes)
            return gradient

        return add

    def _add(self, name: str, gradient: Callable[..., Any], **changes: Any) -> None:
        fields: dict[str, Any] = {
            "style": self.style,
            "forward": self.forward,
            "gradient": gradient,
            "make_inputs": self.make_inputs,
            "wrt": self.wrt,
        } | changes
        if fields["style"] == "value_and_grad":
            fields |= {"forward": gradient, "gradient": True}
        self.cases.append(Case(name, **fields))


def draw(*makers: Maker) -> MakeInputs:
    """Inputs drawn one after the other."""
    return lambda rng, dtype: tuple(make(rng, dtype) for make in makers)


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Maker:
    """Normally distributed numbers."""
    return lambda rng, dtype: np.asarray(shift + scale * rng.standard_normal(shape)).astype(dtype)


def away(*shape: int, gap: float = 0.125) -> Maker:
    """Numbers of either sign, none nearer to 0 than the gap; the first two of them are +1 and -1 times theirs."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        size = gap + np.abs(rng.standard_normal(shape))
        sign = rng.choice([-1.0, 1.0], size=shape)
        sign.flat[:2] = 1.0, -1.0
        return (sign * size).astype(dtype)

    return make


def uniform(low: float, high: float, *shape: int) -> Maker:
    """Numbers between two bounds."""
    return lambda rng, dtype: rng.uniform(low, high, shape).astype(dtype)


def spread(*shape: int, step: float = 0.5) -> Maker:
    """Numbers in random order, no two nearer than the step: no ties for a maximum."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        size = int(np.prod(shape))
        return ((rng.permutation(size) - size / 2 + 0.25) * step).reshape(shape).astype(dtype)

    return make


def labels(batch: int, classes: int) -> Maker:
    """Integer labels, the first ones all different so that several classes occur."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        drawn = rng.integers(0, classes, batch)
        drawn[:2] = 0, classes - 1
        return drawn

    return make


def one_hot(batch: int, classes: int) -> Maker:
    """Rows of the identity, as targets."""
    return lambda rng, dtype: np.eye(classes)[labels(batch, classes)(rng, dtype)].astype(dtype)


def binary(*shape: int) -> Maker:
    """Zeros and ones, both present."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        drawn = rng.integers(0, 2, shape)
        drawn.flat[:2] = 0, 1
        return drawn.astype(dtype)

    return make


def distribution(*shape: int) -> Maker:
    """Positive numbers that sum to one along the last axis."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        weights = rng.uniform(0.2, 1.0, shape)
        return (weights / weights.sum(axis=-1, keepdims=True)).astype(dtype)

    return make


def near(values: Any, scale: float = 0.01) -> Maker:
    """Small deviations from given numbers: which side of a threshold each is on is certain."""
    return lambda rng, dtype: (np.array(values) + scale * rng.standard_normal(np.shape(values))).astype(dtype)


def fixed(values: Any) -> Maker:
    """The same numbers each time; floating ones get the type asked for."""

    def make(rng: np.random.Generator, dtype: Any) -> np.ndarray:
        array = np.array(values)
        return array.astype(dtype) if array.dtype.kind == "f" else array

    return make
