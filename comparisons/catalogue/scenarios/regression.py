"""S0: one matrix product, a mean-square loss and gradient descent; find the weights that made the targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Layer, Network
from gradtwin.errors import InputFileError

from .interface import Request, Scenario, ScenarioData


def _prepare(request: Request) -> tuple[Network, ScenarioData]:
    data = _make_data(request.seed, request.arrays)
    return make_network(data.weights["w"].shape), data


def make_network(shape: tuple[int, ...]) -> Network:
    """Return the network whose weights have this shape."""
    return Network([Layer("matmul", {"w": shape})], loss="half-mse", optimizer="sgd")


def _make_data(seed: int, arrays: Mapping[str, Array] | None) -> ScenarioData:
    rng = np.random.RandomState(seed)  # the published run's generator, and its order of draws
    if arrays is not None:
        return _from_file(rng, arrays)
    x_train = rng.uniform(-5, 5, (10, 5))
    true_weights = rng.uniform(-5, 5, (5, 3))
    x_test = rng.uniform(-5, 5, (5, 5))
    start = rng.uniform(-3, 3, (5, 3))
    return ScenarioData(
        x_train, x_train @ true_weights, x_test, x_test @ true_weights, {"w": start}, {"w": true_weights}
    )


def _from_file(rng: np.random.RandomState, arrays: Mapping[str, Array]) -> ScenarioData:
    x_train, y_train, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    for name in ("x_train", "y_train", "x_test", "y_test"):
        if arrays[name].ndim != 2:
            raise InputFileError(
                f"data: {name} has shape {arrays[name].shape}; expected two axes, (samples, features)."
            )
    start = rng.uniform(-3, 3, (x_train.shape[1], y_train.shape[1]))
    return ScenarioData(x_train, y_train, x_test, y_test, {"w": start})


REGRESSION = Scenario(
    name="regression",
    summary="targets = inputs @ true weights; 10 samples, 5 features, 3 outputs; full-batch gradient descent",
    prepare=_prepare,
    epochs=400,
    learning_rate=0.01,
    seed=123456,
)
