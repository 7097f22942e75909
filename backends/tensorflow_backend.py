"""The TensorFlow backend: GradientTape, once for every operation, in modes eager, graph and xla."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Operation, Rule
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

    def value(self, operation: str | Operation, *inputs: Array) -> Array:
        """Y = f(x, …)."""
        operation = find_operation(operation)
        operation.validate(inputs)
        purpose = (operation.name, operation.settings, "value")
        return to_array(self.run(purpose, self.bind_rule(operation), *map(to_tensor, inputs)))

    def value_and_gradients(
        self, operation: str | Operation, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input, by the tape; None where it finds no connection."""
        operation = find_operation(operation)
        operation.validate(inputs, y_bar)
        rule = self.bind_rule(operation)

        def body(upstream: Tensor, *tensors: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                y = rule(*tensors)
            return y, tape.gradient(y, tensors, output_gradients=upstream)

        purpose = (operation.name, operation.settings, "gradients")
        y, gradients = self.run(purpose, body, *map(to_tensor, (y_bar, *inputs)))
        return to_array(y), tuple(None if g is None else to_array(g) for g in gradients)

    def update(self, operation: str | Operation, *inputs: Array) -> None:
        """Change the weights and the optimizer's state in place by one step on variables of their values."""
        operation = find_operation(operation)
        operation.validate(inputs)
        changed = len(operation.changed)  # these inputs come first
        tensors = [to_tensor(x) for x in inputs]
        key = (operation.name, operation.settings, *[(t.shape, t.dtype) for t in tensors[:changed]])
        if key not in self._variables:
            self._variables[key] = [tf.Variable(t) for t in tensors[:changed]]
        variables = self._variables[key]
        for variable, tensor in zip(variables, tensors, strict=False):
            variable.assign(tensor)
        self.run(key, partial(self.bind_rule(operation), *variables), *tensors[changed:])
        for x, variable in zip(inputs, variables, strict=False):
            x[...] = variable.numpy()

    def bind_rule(self, operation: Operation) -> Rule:
        """Return the operation's forward function with its options."""
        return partial(self.rules[operation.name], **operation.keywords)

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
    """A network's weights and its optimizer's state as variables, and the step that changes them in place."""

    def __init__(
        self, backend: TensorFlowBackend, network: Network, weights: Mapping[str, Array], learning_rate: float
    ) -> None:
        self._variables = {name: tf.Variable(to_tensor(array), name=name) for name, array in weights.items()}
        self._states = {
            name: [tf.Variable(to_tensor(array)) for array in network.start_state(w)] for name, w in weights.items()
        }
        self._layers = [
            (backend.bind_rule(layer.bound), [self._variables[p] for p in layer.parameters]) for layer in network.layers
        ]
        self._loss_rule = backend.bind_rule(network.bound_loss)
        self._update_rule = backend.bind_rule(network.bound_optimizer)
        dtype = next(iter(self._variables.values())).dtype
        self._learning_rate = tf.constant(learning_rate, dtype=dtype)
        self._backend = backend

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""
        return float(self._backend.run((id(self), "step"), self._step, to_tensor(x), to_tensor(target)))

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""
        return float(self._backend.run((id(self), "loss"), self._compute_loss, to_tensor(x), to_tensor(target)))

    def predict(self, x: Array) -> Array:
        """Return the network's output at the present weights."""
        return to_array(self._backend.run((id(self), "predict"), self._compute_output, to_tensor(x)))

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""
        return {name: variable.numpy().copy() for name, variable in self._variables.items()}

    def state(self) -> dict[str, tuple[Array, ...]]:
        """Return a copy of the optimizer's state for each weight, in the order of the operation's inputs."""
        return {name: tuple([to_array(v).copy() for v in state]) for name, state in self._states.items()}

    def _step(self, x: Tensor, target: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = self._compute_loss(x, target)
        variables = list(self._variables.values())
        gradients = tape.gradient(loss, variables)
        for w, state, dw in zip(variables, self._states.values(), gradients, strict=True):
            self._update_rule(w, *state, dw, self._learning_rate)
        return loss

    def _compute_loss(self, x: Tensor, target: Tensor) -> Tensor:
        return self._loss_rule(self._compute_output(x), target)

    def _compute_output(self, x: Tensor) -> Tensor:
        for rule, variables in self._layers:
            x = rule(x, *variables)
        return x


def to_tensor(array: Array) -> Tensor:
    """Return a tensor of the array's values; TensorFlow would take byte-swapped memory as it stands."""
    if isinstance(array, np.ndarray):
        array = np.asarray(array, dtype=array.dtype.newbyteorder("="))
    return tf.convert_to_tensor(array)


def to_array(tensor: Tensor) -> Array:
    """Return a NumPy array of the tensor's values."""
    return np.asarray(tf.convert_to_tensor(tensor).numpy())
