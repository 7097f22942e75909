"""The NumPy backend: runs the hand-derived rules. NumPy is the only library it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from gradtwin.backends.interface import Array, Pullback, Rule
from gradtwin.backends.network import Network
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.operations import find_operation


class NumpyBackend:
    """Runs each operation by its hand-derived rule; `rules` replaces rules by name, to judge one's own."""

    name = "numpy"

    def __init__(self, mode: str = "eager", rules: Mapping[str, Rule] | None = None) -> None:
        self.mode = mode
        self.rules: dict[str, Rule] = {**RULES, **(rules or {})}
        for name in self.rules:
            find_operation(name)

    def value(self, operation: str, *inputs: Array) -> Array:
        """Y = f(x, …)."""
        find_operation(operation).validate(inputs)
        return _as_array(self.rules[operation](*inputs)[0], inputs[0])

    def value_and_gradients(
        self, operation: str, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input, by the rule's pullbacks."""
        find_operation(operation).validate(inputs, y_bar)
        y, pullbacks = self.rules[operation](*inputs)
        return _as_array(y, y_bar), tuple([_as_array(pullback(y_bar), y_bar) for pullback in pullbacks])

    def update(self, operation: str, *inputs: Array) -> None:
        """Change the first input, the weights, in place by one step of an optimizer."""
        find_operation(operation).validate(inputs)
        self.rules[operation](*inputs)

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> NumpyTrainer:
        """Return a trainer of the network that starts from a copy of these weights."""
        return NumpyTrainer(self, network, weights, learning_rate)


def _as_array(result: Array, like: Array) -> Array:
    """Return a result as an array; NumPy widens products of bfloat16, which is not its own, to float32."""
    array = np.asarray(result)
    return array.astype(like.dtype) if like.dtype.kind == "V" and array.dtype == np.float32 else array


class NumpyTrainer:
    """A network's weights as arrays, and the step that changes them in place."""

    def __init__(
        self, backend: NumpyBackend, network: Network, weights: Mapping[str, Array], learning_rate: float
    ) -> None:
        self._weights = {name: np.array(array, dtype=array.dtype.newbyteorder("=")) for name, array in weights.items()}
        self._layers = [
            (
                find_operation(layer.operation),
                backend.rules[layer.operation],
                [self._weights[p] for p in layer.parameters],
            )
            for layer in network.layers
        ]
        self._loss = find_operation(network.loss)
        self._loss_rule = backend.rules[network.loss]
        self._update_rule = backend.rules[network.optimizer]
        dtype = next(iter(self._weights.values())).dtype
        self._learning_rate = np.asarray(learning_rate, dtype=dtype)
        self._one = np.ones((), dtype=dtype)

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""
        y, pullbacks = self._forward(x)
        loss, (y_pullback, _) = self._compute_loss(y, target)
        y_bar = y_pullback(self._one)
        gradients = []
        for depth in reversed(range(len(pullbacks))):
            x_pullback, *parameter_pullbacks = pullbacks[depth]
            gradients.append([pullback(y_bar) for pullback in parameter_pullbacks])
            if depth:  # nothing needs the gradient of the data
                y_bar = x_pullback(y_bar)
        for (_, _, parameters), parameter_bars in zip(self._layers, reversed(gradients), strict=True):
            for w, dw in zip(parameters, parameter_bars, strict=True):
                self._update_rule(w, dw, self._learning_rate)
        return float(loss)

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""
        return float(self._compute_loss(self._forward(x)[0], target)[0])

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""
        return {name: array.copy() for name, array in self._weights.items()}

    def _forward(self, x: Array) -> tuple[Array, list[Sequence[Pullback]]]:
        y = x
        pullbacks = []
        for operation, rule, parameters in self._layers:
            operation.validate((y, *parameters))
            y, layer_pullbacks = rule(y, *parameters)
            pullbacks.append(layer_pullbacks)
        return y, pullbacks

    def _compute_loss(self, y: Array, target: Array) -> tuple[Array, Sequence[Pullback]]:
        self._loss.validate((y, target))
        loss, pullbacks = self._loss_rule(y, target)
        return loss, pullbacks
