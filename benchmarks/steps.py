"""The training steps that are timed: of S0, S3 and S4, each a network with a batch of data and start weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from zlib import crc32

import numpy as np

from gradtwin.backends.interface import Array, Operation, Pullback
from gradtwin.backends.network import Network
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.catalogue.scenarios import find_scenario
from gradtwin.comparisons.catalogue.scenarios.interface import Request, ScenarioData
from gradtwin.comparisons.catalogue.scenarios.regression import REGRESSION, make_network

#: The scenarios whose steps are timed. The size of the first is that of its matrices, of the others the batch.
STEPS = (REGRESSION.name, "digits-dense", "digits-conv")


@dataclass(frozen=True)
class Step:
    """A network, a batch, and the weights by name, which a step changes."""

    network: Network
    x: Array
    target: Array
    weights: dict[str, Array]
    learning_rate: float

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The batch, then the weights."""
        return self.x, self.target, *self.weights.values()


def draw_step(case: str, extents: tuple[int, int, int], dtype: str, seed: int) -> Step:
    """Return the step of a scenario at a size, the same in every process."""
    scenario = find_scenario(case)
    kind = find_dtype(dtype)
    if case == REGRESSION.name:
        rows, inner, columns = extents
        rng = np.random.default_rng([seed, crc32(case.encode()), *extents])
        x, target, w = (rng.standard_normal(s).astype(kind) for s in ((rows, inner), (rows, columns), (inner, columns)))
        return Step(make_network(w.shape), x, target, {"w": w}, scenario.learning_rate)
    network, data = _prepare(case, seed)
    batch = np.arange(extents[0])
    x, target = (whole.take(batch, axis=0, mode="wrap").astype(kind) for whole in (data.x_train, data.y_train))
    weights = {name: array.astype(kind) for name, array in data.weights.items()}
    return Step(network, x, target, weights, scenario.scale_rate(extents[0]))


@lru_cache(maxsize=8)
def _prepare(case: str, seed: int) -> tuple[Network, ScenarioData]:
    return find_scenario(case).prepare(Request(seed))


def run_rules(network: Network, x: Array, target: Array, *weights: Array) -> tuple[Array, Callable[..., list[Array]]]:
    """Return the loss by the catalogue's rules alone, and functions for the gradient of each weight, by ∂L/∂L = 1."""
    named = dict(zip(network.shapes, weights, strict=True))
    y, tape = x, []
    for layer in network.layers:
        y, pullbacks = _bind(layer.bound)(y, *[named[name] for name in layer.parameters])
        tape.append(pullbacks)
    loss, (y_pullback, _) = _bind(network.bound_loss)(y, target)
    return loss, partial(_pull_back, tape, y_pullback)


def _pull_back(tape: Sequence[Sequence[Pullback]], y_pullback: Pullback, loss_bar: Array) -> list[Array]:
    gradients: list[Array] = []
    y_bar = y_pullback(loss_bar)
    for depth, (pullback, *others) in reversed(list(enumerate(tape))):
        gradients = [*[other(y_bar) for other in others], *gradients]
        if depth:
            y_bar = pullback(y_bar)
    return gradients


def step_by_rules(network: Network, x: Array, target: Array, learning_rate: Array, one: Array, *weights: Array) -> None:
    """Change the weights in place by one step of plain gradient descent, by the catalogue's rules alone."""
    _, differentiate = run_rules(network, x, target, *weights)
    update = _bind(network.bound_optimizer)
    for w, dw in zip(weights, differentiate(one), strict=True):
        update(w, dw, learning_rate)


def _bind(operation: Operation) -> Callable[..., tuple[Array, tuple[Pullback, ...]]]:
    return partial(RULES[operation.name], **operation.keywords)
