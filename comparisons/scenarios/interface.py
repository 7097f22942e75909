"""What a scenario is: a network, its published settings, and its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Network


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
class Scenario:
    """A published system. `make_data(seed, arrays)` makes its data, or takes those that a file has instead."""

    name: str
    summary: str
    network: Network
    steps: int
    learning_rate: float
    seed: int
    make_data: Callable[[int, Mapping[str, Array] | None], ScenarioData]
