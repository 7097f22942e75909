"""S2: exclusive or by tanh and sigmoid with the log loss; samples are in columns."""

from __future__ import annotations

import numpy as np

from gradtwin.backends.network import Layer, Network

from .interface import Request, Scenario, ScenarioData

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
HIDDEN = 3


def _prepare(request: Request) -> tuple[Network, ScenarioData]:
    rng = np.random.default_rng(request.seed)
    mean = 0.0 if request.init_mean is None else request.init_mean
    weights = {
        "w1": rng.normal(mean, 1, (HIDDEN, 2)),
        "b1": np.zeros((HIDDEN, 1)),
        "w2": rng.normal(mean, 1, (1, HIDDEN)),
        "b2": np.zeros((1, 1)),
    }
    layers = [
        Layer("dense-columns", {"w1": (HIDDEN, 2), "b1": (HIDDEN, 1)}),
        Layer(request.activation or "tanh"),
        Layer("dense-columns", {"w2": (1, HIDDEN), "b2": (1, 1)}),
        Layer("sigmoid"),
    ]
    network = Network(layers, loss="log-loss", optimizer="sgd", samples="columns")
    return network, ScenarioData(INPUTS.T, TARGETS.T, INPUTS.T, TARGETS.T, weights)


XOR_LOGLOSS = Scenario(
    name="xor-logloss",
    summary="exclusive or; 2-3-1, tanh and sigmoid, log loss, samples in columns; 1500 steps with all four",
    prepare=_prepare,
    epochs=1500,
    learning_rate=0.1,
    seed=0,
    decision="above half",
    picture="surface",
    options=("activation", "init_mean"),
)
