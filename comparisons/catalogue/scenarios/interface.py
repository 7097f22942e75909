"""A scenario: a network, its published settings, and its data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Network

#: How a network's outputs are read as decisions: the largest of a row, above a threshold, or not at all.
Decision = Literal["largest", "above half", "none"]


#: The picture of the trained network: curves over one input, the surface over two, some digits, or none.
Picture = Literal["curves", "surface", "digits", "none"]


@dataclass(frozen=True)
class ScenarioData:
    """Data and start weights, in float64; `true_weights` where the data were made from some."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    weights: dict[str, Array]
    true_weights: dict[str, Array] | None = None


@dataclass(frozen=True)
class Request:
    """A run's request to a scenario: the seed, the user's data, and the options that the scenario has."""

    seed: int
    arrays: Mapping[str, Array] | None = None
    activation: str | None = None
    init_mean: float | None = None


@dataclass(frozen=True)
class Scenario:
    """A published system. `prepare(request)` makes its network and data, or takes the data of a file instead.

    `epochs` passes over the training data in batches of `batch` samples (None: all at once) are as published. If the
    published data have another number of samples, an epoch is `epoch_samples` of them. `learning_rate` is the published
    one; with `rate_by_root` it belongs to single samples, and the summed steps of a batch take it over √batch.
    `options` are the fields of a Request that it uses, and `activations` the alternatives to the published one.
    """

    name: str
    summary: str
    prepare: Callable[[Request], tuple[Network, ScenarioData]]
    epochs: int
    learning_rate: float
    seed: int
    batch: int | None = None
    epoch_samples: int | None = None
    rate_by_root: bool = False
    decision: Decision = "none"
    picture: Picture = "none"
    options: tuple[str, ...] = ()
    activations: tuple[str, ...] = field(default=("relu", "leaky-relu", "sigmoid", "tanh", "softplus"))

    def count_steps(self, samples: int, batch: int | None) -> int:
        """Return the number of steps that the published epochs take."""
        if batch is None:
            return self.epochs
        if self.epoch_samples is None:
            return self.epochs * -(-samples // batch)
        return -(-self.epochs * self.epoch_samples // batch)

    def scale_rate(self, batch: int | None) -> float:
        """Return the published learning rate as batches of this size take it (Krizhevsky 2014, section 5)."""
        return self.learning_rate / math.sqrt(batch) if batch and self.rate_by_root else self.learning_rate
