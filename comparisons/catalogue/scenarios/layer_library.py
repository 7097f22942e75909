"""S4: a small layer library's four examples: exclusive or, digits by dense layers and by a convolution, noise.

The source takes one sample at a time; here its steps for a batch are summed, and `--batch 1` is the published run.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Layer, Network
from gradtwin.backends.signature import Shape

from .digits import CLASSES, read_digits
from .interface import Request, Scenario, ScenarioData
from .xor_logloss import INPUTS, TARGETS

SAMPLES = 1000
KERNEL = 3


def _draw(request: Request, shapes: Mapping[str, Shape]) -> dict[str, Array]:
    rng = np.random.default_rng([request.seed, 1])
    mean = 0.0 if request.init_mean is None else request.init_mean
    return {name: mean + rng.uniform(-0.5, 0.5, shape) for name, shape in shapes.items()}


def _dense_layers(request: Request, *widths: int) -> list[Layer]:
    layers: list[Layer] = []
    for number, (inner, outer) in enumerate(pairwise(widths), start=1):
        layers.append(Layer("dense", {f"w{number}": (inner, outer), f"b{number}": (outer,)}))
        layers.append(Layer(request.activation or "tanh"))
    return layers


def _convolution(name: str, depth: int, outputs: int) -> Layer:
    return Layer("conv2d", {f"kernel{name}": (KERNEL, KERNEL, depth, outputs), f"bias{name}": (outputs,)})


def _network(layers: list[Layer]) -> Network:
    return Network(layers, loss="mse-per-output", optimizer="sgd")


def _prepare_xor(request: Request) -> tuple[Network, ScenarioData]:
    network = _network(_dense_layers(request, 2, 3, 1))
    return network, ScenarioData(INPUTS, TARGETS, INPUTS, TARGETS, _draw(request, network.shapes))


def _prepare_digits(request: Request) -> tuple[Network, ScenarioData]:
    digits = read_digits(request.arrays, request.seed)
    x_train, x_test = (x.reshape(len(x), -1) for x in (digits.x_train, digits.x_test))
    network = _network(_dense_layers(request, x_train.shape[1], 100, 50, CLASSES))
    weights = _draw(request, network.shapes)
    return network, ScenarioData(x_train[:SAMPLES], digits.y_train[:SAMPLES], x_test, digits.y_test, weights)


def _prepare_convolution(request: Request) -> tuple[Network, ScenarioData]:
    digits = read_digits(request.arrays, request.seed)
    x_train, x_test = (x[..., np.newaxis] for x in (digits.x_train, digits.x_test))
    rows, columns = (extent - KERNEL + 1 for extent in x_train.shape[1:3])
    activation = Layer(request.activation or "tanh")
    dense = _dense_layers(request, rows * columns, 100, CLASSES)
    network = _network([_convolution("", 1, 1), activation, Layer("flatten"), *dense])
    weights = _draw(request, network.shapes)
    return network, ScenarioData(x_train[:SAMPLES], digits.y_train[:SAMPLES], x_test, digits.y_test, weights)


def _prepare_noise(request: Request) -> tuple[Network, ScenarioData]:
    rng = np.random.default_rng(request.seed)
    x, y = rng.random((1, 10, 10, 1)), rng.random((1, 4, 4, 2))
    activation = Layer(request.activation or "tanh")
    depths = (1, 1, 1, 2)
    layers = []
    for number, (depth, outputs) in enumerate(pairwise(depths), start=1):
        layers += [_convolution(str(number), depth, outputs), activation]
    # One sample, so that the mean over all is that over its outputs.
    network = Network(layers, loss="mse", optimizer="sgd")
    return network, ScenarioData(x, y, x, y, _draw(request, network.shapes))


_OPTIONS = ("activation", "init_mean")

LAYER_LIBRARY = (
    Scenario(
        name="xor-tanh",
        summary="exclusive or; 2-3-1, tanh on both, mean square; 1000 epochs",
        prepare=_prepare_xor,
        epochs=1000,
        learning_rate=0.1,
        seed=0,
        batch=4,
        decision="above half",
        picture="surface",
        options=_OPTIONS,
    ),
    Scenario(
        name="digits-tanh",
        summary="1000 digits; 100-50-10, tanh, mean square; 35 epochs in batches",
        prepare=_prepare_digits,
        epochs=35,
        learning_rate=0.1,
        seed=0,
        batch=8,
        decision="largest",
        picture="digits",
        options=_OPTIONS,
    ),
    Scenario(
        name="digits-conv",
        summary="1000 digits; convolution 3×3×1, 100-10, tanh, mean square; 100 epochs in batches",
        prepare=_prepare_convolution,
        epochs=100,
        learning_rate=0.1,
        seed=0,
        batch=32,
        rate_by_root=True,  # the published rate for a sum of 32 saturates tanh: nothing is learned
        decision="largest",
        picture="digits",
        options=_OPTIONS,
    ),
    Scenario(
        name="conv-random",
        summary="noise to noise by three 3×3 convolutions of depths 1, 1, 2 with tanh; 1000 epochs",
        prepare=_prepare_noise,
        epochs=1000,
        learning_rate=0.3,
        seed=0,
        options=_OPTIONS,
    ),
)
