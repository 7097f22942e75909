"""S1: sine and cosine of numbers in [0, 1), learnt from mini-batches; the bias is the weight of a constant one."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Layer, Network

from .interface import Request, Scenario, ScenarioData

HIDDEN, BATCHES, BATCH = 16, 300, 32


def _prepare(request: Request) -> tuple[Network, ScenarioData]:
    rng = np.random.default_rng(request.seed)
    x_train = rng.random((BATCHES * BATCH, 1))
    x_test = np.linspace(0, 1, 30)[:, np.newaxis]
    mean = 0.0 if request.init_mean is None else request.init_mean
    weights = {"w1": rng.normal(mean, 0.1, (HIDDEN, 2)), "w2": rng.normal(mean, 0.1, (2, HIDDEN))}
    activation = request.activation or "relu"
    layers = [
        Layer("prepend-one"),
        Layer("linear", {"w1": (HIDDEN, 2)}),
        Layer(activation),
        Layer("linear", {"w2": (2, HIDDEN)}),  # the output has no bias
        Layer(activation),
    ]
    # The published cost is the sum of squares; the gradient that it propagates is that of half of it.
    network = Network(layers, loss="half-sse-per-sample", optimizer="sgd")
    return network, ScenarioData(x_train, _curves(x_train), x_test, _curves(x_test), weights)


def _curves(x: Array) -> Array:
    return np.hstack([np.sin(x), np.cos(x)])


SINCOS = Scenario(
    name="sincos",
    summary="sin x and cos x on [0, 1); 1-16-2, relu on both; 300 batches of 32; bias as a constant-one column",
    prepare=_prepare,
    epochs=1,
    learning_rate=1.0,
    seed=0,
    batch=BATCH,
    picture="curves",
    options=("activation", "init_mean"),
)
