"""The NumPy backend: runs the hand-derived rules. NumPy is the only library it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from gradtwin.backends.numpy_rules import RULES

from .interface import Array, Call, Operation, Rule
from .network import Network
from .operations import find_operation


class NumpyBackend:
    """Runs each operation by its hand-derived rule; `rules` replaces rules by name, to judge other ones."""

    name = "numpy"

    def __init__(self, mode: str = "eager", rules: Mapping[str, Rule] | None = None) -> None:
        self.mode = mode
        self.rules: dict[str, Rule] = {**RULES, **(rules or {})}
        for name in self.rules:
            find_operation(name)

    def value(self, operation: str | Operation, *inputs: Array) -> Array:
        """Y = f(x, …)."""
        rule = self._find_rule(operation, inputs)
        return _as_array(rule(*inputs)[0], inputs[0])

    def value_and_gradients(
        self, operation: str | Operation, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input, by the rule's pullbacks."""
        y, pullbacks = self._find_rule(operation, inputs, y_bar)(*inputs)
        return _as_array(y, y_bar), tuple([_as_array(pullback(y_bar), y_bar) for pullback in pullbacks])

    def update(self, operation: str | Operation, *inputs: Array) -> None:
        """Change the weights, the first input, and the optimizer's state in place by one step."""
        self._find_rule(operation, inputs)(*inputs)

    def answer(self, calls: Sequence[Call]) -> list[tuple[Array | None, ...]]:
        """Return for each call the value and the gradients; for an update, copies of the arrays that it changed."""
        answers: list[tuple[Array | None, ...]] = []
        for call in calls:
            if call.y_bar is not None:
                y, gradients = self.value_and_gradients(call.operation, *call.inputs, y_bar=call.y_bar)
                answers.append((y, *gradients))
            else:
                changed = call.operation.changed
                given = [x.copy(order="K") if i in changed else x for i, x in enumerate(call.inputs)]
                self.update(call.operation, *given)
                answers.append(tuple([given[i] for i in changed]))
        return answers

    def bind_rule(self, operation: Operation) -> Rule:
        """Return the operation's rule with its options."""
        rule = self.rules[operation.name]
        return partial(rule, **operation.keywords) if operation.settings else rule

    def _find_rule(self, name: str | Operation, inputs: Sequence[Array], y_bar: Array | None = None) -> Rule:
        operation = find_operation(name)
        operation.validate(inputs, y_bar)
        return self.bind_rule(operation)

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> NumpyTrainer:
        """Return a trainer of the network that starts from a copy of these weights."""
        return NumpyTrainer(self, network, weights, learning_rate)


def _as_array(result: Array, like: Array) -> Array:
    """Return a result as an array; NumPy widens products of bfloat16, which is not its own, to float32."""
    array = np.asarray(result)
    return array.astype(like.dtype) if like.dtype.kind == "V" and array.dtype == np.float32 else array


class NumpyTrainer:
    """A network's weights and its optimizer's state as arrays, and the step that changes them in place."""

    def __init__(
        self, backend: NumpyBackend, network: Network, weights: Mapping[str, Array], learning_rate: float
    ) -> None:
        self._weights = {name: np.array(array, dtype=array.dtype.newbyteorder("=")) for name, array in weights.items()}
        self._states = {name: network.start_state(w) for name, w in self._weights.items()}
        self._network = network
        self._layers = [
            (backend.bind_rule(layer.bound), tuple([self._weights[name] for name in layer.parameters]))
            for layer in network.layers
        ]
        update = backend.bind_rule(network.bound_optimizer)
        # Each layer from the last, by its depth, with where the rule has its parameters, and what updates each.
        self._backwards = [
            (
                depth,
                tuple(
                    [
                        (i, partial(update, self._weights[name], *self._states[name]))
                        for i, name in enumerate(layer.parameters, 1)
                    ]
                ),
            )
            for depth, layer in enumerate(network.layers)
        ][::-1]
        self._first = min((depth for depth, layer in enumerate(network.layers) if layer.parameters), default=0)
        self._loss_rule = backend.bind_rule(network.bound_loss)
        dtype = next(iter(self._weights.values())).dtype
        self._learning_rate = float(dtype.type(learning_rate))  # a number costs less than a 0-d array
        self._x: Array | None = None  # the arrays accepted last
        self._target: Array | None = None

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""
        if x is not self._x or target is not self._target:
            self._validate(x, target)
        y, tape = x, []
        for rule, parameters in self._layers:
            y, pullbacks = rule(y, *parameters)
            tape.append(pullbacks)
        loss, (y_pullback, _) = self._loss_rule(y, target)
        y_bar = y_pullback(1.0)
        steps = []  # taken last: a pullback reads the weights as they were
        for depth, trained in self._backwards:
            pullbacks = tape[depth]
            for i, update in trained:
                steps.append((update, pullbacks[i](y_bar)))
            if depth > self._first:  # nothing needs the gradient of the data
                y_bar = pullbacks[0](y_bar)
        for update, dw in steps:
            update(dw, self._learning_rate)
        return float(loss)

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""
        self._validate(x, target)
        return float(self._loss_rule(self.predict(x), target)[0])

    def predict(self, x: Array) -> Array:
        """Return the network's output at the present weights."""
        for rule, parameters in self._layers:
            x = rule(x, *parameters)[0]
        return x

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""
        return {name: array.copy() for name, array in self._weights.items()}

    def state(self) -> dict[str, tuple[Array, ...]]:
        """Return a copy of the optimizer's state for each weight, in the order of the operation's inputs."""
        return {name: tuple([array.copy() for array in state]) for name, state in self._states.items()}

    def _validate(self, x: Array, target: Array) -> None:
        """Let every operation look at its arrays, unless it accepted arrays of these shapes and dtypes last."""
        if not (_alike(x, self._x) and _alike(target, self._target)):
            y = x
            for layer, (rule, parameters) in zip(self._network.layers, self._layers, strict=True):
                layer.bound.validate((y, *parameters))
                y = rule(y, *parameters)[0]
            self._network.bound_loss.validate((y, target))
        self._x, self._target = x, target


def _alike(x: Array, known: Array | None) -> bool:
    return known is not None and isinstance(x, np.ndarray) and (x.shape, x.dtype) == (known.shape, known.dtype)
