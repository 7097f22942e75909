"""The TensorFlow backend: GradientTape, once for every operation, in modes eager, graph and xla."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError

from .interface import Array, Call, Operation, Rule
from .network import Network
from .operations import find_operation
from .quiet_import import import_tensorflow
from .signature import Shape

tf = import_tensorflow()

from gradtwin.backends.tensorflow_rules import RULES  # noqa: E402  (needs the silenced import above)

Tensor = Any
#: The shapes of the arrays of each of several calls; None stands for no array.
Shapes = Sequence[Sequence[Shape | None]]


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
        self._answered: dict[Any, Shapes] = {}

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
        [(y, *gradients)] = self.answer([Call(find_operation(operation), inputs, y_bar)])
        assert y is not None
        return y, tuple(gradients)

    def update(self, operation: str | Operation, *inputs: Array) -> None:
        """Change the weights and the optimizer's state in place by one step on variables of their values."""
        [changed] = self.answer([Call(find_operation(operation), inputs)])
        for x, new in zip(inputs, changed, strict=False):  # these inputs come first
            x[...] = new

    def answer(self, calls: Sequence[Call]) -> list[tuple[Array | None, ...]]:
        """Return for each call the value and the gradients; for an update, the arrays that it changes, updated.

        In the modes graph and xla all calls are one graph of one vector: passing many small arrays costs more than the
        arithmetic.

        Raises ArgumentTypeError for calls of different dtypes, which one vector would silently unify.
        """
        if not calls:
            return []
        purposes = tuple([(call.operation.name, call.operation.settings, call.y_bar is None) for call in calls])
        for call in calls:
            call.operation.validate(call.inputs, call.y_bar)
        dtypes = {call.inputs[0].dtype.newbyteorder("=") for call in calls}
        if len(dtypes) > 1:
            shown = ", ".join(sorted(dtype.name for dtype in dtypes))
            raise ArgumentTypeError(f"calls: they have the dtypes {shown}; expected one. Convert them with .astype.")
        bodies = [self._bind_update(call) if call.y_bar is None else self._bind_tape(call) for call in calls]
        if self.mode == "eager":
            answers = [body(*map(to_tensor, call.arrays)) for body, call in zip(bodies, calls, strict=True)]
            return [tuple([None if t is None else to_array(t) for t in answer]) for answer in answers]

        shapes = [[x.shape for x in call.arrays] for call in calls]
        key = (purposes, str(shapes))

        def body(vector: Tensor) -> Tensor:
            answers = [run(*given) for run, given in zip(bodies, _unpack(vector, shapes, tf.reshape), strict=True)]
            self._answered[key] = [[None if t is None else tuple(t.shape) for t in answer] for answer in answers]
            return tf.concat([tf.reshape(t, [-1]) for answer in answers for t in answer if t is not None], 0)

        vector = self.run(key, body, to_tensor(np.concatenate([x.ravel() for call in calls for x in call.arrays])))
        return [tuple(answer) for answer in _unpack(to_array(vector), self._answered[key], np.reshape)]

    def _bind_tape(self, call: Call) -> Callable[..., list[Tensor]]:
        rule = self.bind_rule(call.operation)

        def body(*tensors: Tensor) -> list[Tensor]:
            inputs, upstream = tensors[:-1], tensors[-1]
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                y = rule(*inputs)
            return [y, *tape.gradient(y, inputs, output_gradients=upstream)]

        return body

    def _bind_update(self, call: Call) -> Callable[..., list[Tensor]]:
        operation, count = call.operation, len(call.operation.changed)  # these inputs come first
        key = (operation.name, operation.settings, *[(x.shape, x.dtype) for x in call.inputs[:count]])
        if key not in self._variables:
            self._variables[key] = [tf.Variable(to_tensor(x)) for x in call.inputs[:count]]
        variables, rule = self._variables[key], self.bind_rule(operation)

        def body(*tensors: Tensor) -> list[Tensor]:
            for variable, tensor in zip(variables, tensors, strict=False):
                variable.assign(tensor)
            rule(*variables, *tensors[count:])
            return [variable.read_value() for variable in variables]

        return body

    def bind_rule(self, operation: Operation) -> Rule:
        """Return the operation's forward function with its options."""
        return partial(self.rules[operation.name], **operation.keywords)

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> TensorFlowTrainer:
        """Return a trainer of the network that starts from a copy of these weights."""
        return TensorFlowTrainer(self, network, weights, learning_rate)

    def run(self, purpose: Hashable, body: Callable[..., Any], *tensors: Tensor) -> Any:
        """Return `body(*tensors)`, run eagerly, as a traced graph, or compiled by XLA.

        A traced graph is kept for its purpose and the tensors' shapes and dtypes.
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
        vector = self._backend.run((id(self), "weights"), self._pack_weights)
        [arrays] = _unpack(to_array(vector).copy(), [[tuple(v.shape) for v in self._variables.values()]], np.reshape)
        return dict(zip(self._variables, arrays, strict=True))

    def state(self) -> dict[str, tuple[Array, ...]]:
        """Return a copy of the optimizer's state for each weight, in the order of the operation's inputs."""
        return {name: tuple([to_array(v).copy() for v in state]) for name, state in self._states.items()}

    def _pack_weights(self) -> Tensor:
        return tf.concat([tf.reshape(variable, [-1]) for variable in self._variables.values()], 0)

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


def _unpack(vector: Any, shapes: Shapes, reshape: Callable[[Any, Shape], Any]) -> list[list[Any]]:
    """Return the arrays of these shapes of which a vector, of either library, was packed."""
    start, unpacked = 0, []
    for group in shapes:
        parts: list[Any] = []
        for shape in group:
            if shape is None:
                parts.append(None)
            else:
                size = math.prod(shape)
                parts.append(reshape(vector[start : start + size], shape))
                start += size
        unpacked.append(parts)
    return unpacked


def to_tensor(array: Array) -> Tensor:
    """Return a tensor of the array's values; TensorFlow would misread byte-swapped memory."""
    if isinstance(array, np.ndarray):
        array = np.asarray(array, dtype=array.dtype.newbyteorder("="))
    return tf.convert_to_tensor(array)


def to_array(tensor: Tensor) -> Array:
    """Return a NumPy array of the tensor's values."""
    return np.asarray(tf.convert_to_tensor(tensor).numpy())
