"""The TensorFlow backend: GradientTape, once for every operation, in modes eager, graph and xla."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Rule
from gradtwin.backends.network import Network
from gradtwin.backends.operations import find_operation
from gradtwin.backends.quiet_import import import_tensorflow

tf = import_tensorflow()

from gradtwin.backends.tensorflow_rules import RULES  # noqa: E402  (needs the silenced import above)

Tensor = Any


class TensorFlowBackend:
    """Runs each operation's forward function under GradientTape.

    In the modes graph and xla each operation is traced once for its shapes and dtypes; `trace_count` counts that.
    """

    name = "tensorflow"

    def __init__(self, mode: str = "eager", rules: Mapping[str, Rule] | None = None) -> None:
        self.mode = mode
        self.rules: dict[str, Rule] = {**RULES, **(rules or {})}
        self.trace_count = 0
        self._traced: dict[Any, Callable[..., Any]] = {}
        self._variables: dict[Any, Tensor] = {}

    def value(self, operation: str, *inputs: Array) -> Array:
        """Y = f(x, …)."""
        find_operation(operation).validate(inputs)
        return to_array(self.run((operation, "value"), self.rules[operation], *map(to_tensor, inputs)))

    def value_and_gradients(
        self, operation: str, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input, by the tape; None where it finds no connection."""
        find_operation(operation).validate(inputs, y_bar)

        def body(upstream: Tensor, *tensors: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                y = self.rules[operation](*tensors)
            return y, tape.gradient(y, tensors, output_gradients=upstream)

        y, gradients = self.run((operation, "gradients"), body, *map(to_tensor, (y_bar, *inputs)))
        return to_array(y), tuple(None if g is None else to_array(g) for g in gradients)

    def update(self, operation: str, *inputs: Array) -> None:
        """Change the first input, the weights, in place by one step of an optimizer on a variable of its value."""
        find_operation(operation).validate(inputs)
        weights = to_tensor(inputs[0])
        key = (operation, weights.shape, weights.dtype)
        if key not in self._variables:
            self._variables[key] = tf.Variable(weights)
        variable = self._variables[key]
        variable.assign(weights)
        self.run(
            (operation, "update", weights.shape),
            partial(self.rules[operation], variable),
            *map(to_tensor, inputs[1:]),
        )
        inputs[0][...] = variable.numpy()

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> TensorFlowTrainer:
        """Return a trainer of the network that starts from a copy of these weights."""
        return TensorFlowTrainer(self, network, weights, learning_rate)

    def run(self, purpose: Hashable, body: Callable[..., Any], *tensors: Tensor) -> Any:
        """Return `body(*tensors)`, run as this mode runs it: as it is, as a traced graph, or compiled by XLA.

        What is traced is kept for the purpose and the tensors' shapes and dtypes.
        """
        if self.mode == "eager":
            return body(*tensors)
        key = (purpose, tuple([(t.shape, t.dtype) for t in tensors]))
        if key not in self._traced:

            def counted(*arguments: Tensor) -> Any:
                self.trace_count += 1  # Python runs this line while tracing only
                return body(*arguments)

            function = tf.function(counted, jit_compile=self.mode == "xla")
            self._traced[key] = function.get_concrete_function(*tensors)
        return self._traced[key](*tensors)


class TensorFlowTrainer:
    """A network's weights as variables, and the step that changes them in place."""

    def __init__(
        self, backend: TensorFlowBackend, network: Network, weights: Mapping[str, Array], learning_rate: float
    ) -> None:
        self._variables = {name: tf.Variable(to_tensor(array), name=name) for name, array in weights.items()}
        self._layers = [
            (
                find_operation(layer.operation),
                backend.rules[layer.operation],
                [self._variables[p] for p in layer.parameters],
            )
            for layer in network.layers
        ]
        self._loss = find_operation(network.loss)
        self._loss_rule = backend.rules[network.loss]
        self._update_rule = backend.rules[network.optimizer]
        dtype = next(iter(self._variables.values())).dtype
        self._learning_rate = tf.constant(learning_rate, dtype=dtype)
        self._backend = backend

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""
        return float(self._backend.run((id(self), "step"), self._step, to_tensor(x), to_tensor(target)))

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""
        return float(self._backend.run((id(self), "loss"), self._compute_loss, to_tensor(x), to_tensor(target)))

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""
        return {name: variable.numpy().copy() for name, variable in self._variables.items()}

    def _step(self, x: Tensor, target: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = self._compute_loss(x, target)
        variables = list(self._variables.values())
        for w, dw in zip(variables, tape.gradient(loss, variables), strict=True):
            self._update_rule(w, dw, self._learning_rate)
        return loss

    def _compute_loss(self, x: Tensor, target: Tensor) -> Tensor:
        y = x
        for _, rule, variables in self._layers:
            y = rule(y, *variables)
        return self._loss_rule(y, target)


def to_tensor(array: Array) -> Tensor:
    """Return a tensor of the array's values; TensorFlow would take byte-swapped memory as it stands."""
    if isinstance(array, np.ndarray):
        array = np.asarray(array, dtype=array.dtype.newbyteorder("="))
    return tf.convert_to_tensor(array)


def to_array(tensor: Tensor) -> Array:
    """Return a NumPy array of the tensor's values."""
    return np.asarray(tf.convert_to_tensor(tensor).numpy())
