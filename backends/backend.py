"""What every backend can do: the value and the gradients of an operation, an update, the training of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .interface import Array, Call, Operation
from .network import Network


class Trainer(Protocol):
    """A network's weights and its optimizer's state on one backend, and the step that trains them."""

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""

    def predict(self, x: Array) -> Array:
        """Return the network's output at the present weights."""

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""

    def state(self) -> dict[str, tuple[Array, ...]]:
        """Return a copy of the optimizer's state for each weight, in the order of the operation's inputs."""


class Backend(Protocol):
    """What every backend can do with an operation of the catalogue: one by name, or with options bound."""

    name: str
    mode: str

    def value(self, operation: str | Operation, *inputs: Array) -> Array:
        """Y = f(x, …)."""

    def value_and_gradients(
        self, operation: str | Operation, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input; None where the backend finds no connection."""

    def update(self, operation: str | Operation, *inputs: Array) -> None:
        """Change the weights, the first input, and the optimizer's state in place by one step."""

    def answer(self, calls: Sequence[Call]) -> list[tuple[Array | None, ...]]:
        """Return for each call the value and the gradients, or copies of what the update makes of what it changes."""

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> Trainer:
        """Return a trainer of the network that starts from a copy of these weights."""
