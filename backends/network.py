"""A network as a list of operations with named parameters, for any backend."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np

from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError, unknown_name
from gradtwin.memory import check_fits

from .interface import Array, Operation, check_memory, output_shape
from .operations import OPERATIONS, find_operation
from .signature import Shape


@dataclass(frozen=True)
class Layer:
    """One operation of a network, with the names and the shapes of its parameters.

    Parameters
    ----------
    operation : str
        An operation of the catalogue of the kind "map".
    parameters : mapping, default {}
        Names and shapes of the operation's inputs after the first, in their order.
    options : mapping, default {}
        Options of the operation, such as ``{"padding": "same"}``.

    Examples
    --------
    >>> Layer("dense", {"w": (2, 8), "b": (8,)}).bound.equation
    'Y = X W + b'
    """

    operation: str
    parameters: Mapping[str, Shape] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bound(self) -> Operation:
        """The catalogue's operation with the layer's options."""
        return find_operation(self.operation).bind(**self.options)


@dataclass(frozen=True)
class Network:
    """A chain of layers, a loss of its output and a target, and an optimizer.

    Parameters
    ----------
    layers : sequence of Layer
        The layers, in the order of forward.
    loss : str
        An operation of the catalogue of the kind "loss".
    optimizer : str, default "sgd"
        An operation of the catalogue of the kind "update".
    samples : {"rows", "columns"}, default "rows"
        Where the samples are in the data: (n, ...) or (..., n).
    loss_options, optimizer_options : mapping, default {}
        Options of the two.

    Raises
    ------
    ArgumentTypeError
        If a layer is not a Layer.
    ArgumentValueError
        If an operation or an option is not known, or two layers share the name of a parameter.

    Examples
    --------
    >>> Network([Layer("dense", {"w1": (2, 8), "b1": (8,)}), Layer("tanh")], "mse", "adam").shapes
    {'w1': (2, 8), 'b1': (8,)}
    """

    layers: Sequence[Layer]
    loss: str
    optimizer: str = "sgd"
    samples: Literal["rows", "columns"] = "rows"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise ArgumentTypeError(f"layers: got {layer!r}; expected gt.Layer(operation, parameters).")
            _check_kind("layers", layer.operation, "map")
            count = len(layer.bound.inputs) - 1
            if len(layer.parameters) != count:
                raise ArgumentValueError(
                    f"layers: {layer.operation} has parameters {', '.join(layer.parameters) or 'none'}; expected "
                    f"{count}, for its inputs {', '.join(layer.bound.inputs[1:]) or 'none but the first'}."
                )
            for name, shape in layer.parameters.items():
                if not all(isinstance(extent, Integral) and int(extent) >= 1 for extent in shape):
                    given = f"{layer.operation}'s parameter {name} has shape {tuple(shape)}"
                    raise ArgumentValueError(f"layers: {given}; expected whole numbers from 1.")
        names = [name for layer in self.layers for name in layer.parameters]
        shared = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if shared:
            raise ArgumentValueError(f"layers: the name {shared[0]!r} occurs twice; expected one for each parameter.")
        if self.samples not in ("rows", "columns"):
            raise ArgumentValueError(f"samples: got {self.samples!r}; expected 'rows' or 'columns'.")
        _check_kind("loss", self.loss, "loss").bind(**self.loss_options)
        _check_kind("optimizer", self.optimizer, "update").bind(**self.optimizer_options)

    @property
    def bound_loss(self) -> Operation:
        """The catalogue's loss with its options."""
        return find_operation(self.loss).bind(**self.loss_options)

    @property
    def bound_optimizer(self) -> Operation:
        """The catalogue's optimizer with its options."""
        return find_operation(self.optimizer).bind(**self.optimizer_options)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter, by name."""
        return {name: tuple(shape) for layer in self.layers for name, shape in layer.parameters.items()}

    @property
    def sample_axis(self) -> int:
        """The axis of the data along which the samples lie."""
        return 0 if self.samples == "rows" else -1

    def output_shape(self, x: Array) -> Shape:
        """Return the shape of the network's output.

        Parameters
        ----------
        x : ndarray
            A batch of inputs, of any dtype.

        Returns
        -------
        tuple of int
            The shape.

        Raises
        ------
        ShapeError
            If the data don't fit the layers; the message names the layer.

        Examples
        --------
        >>> Network([Layer("dense", {"w": (2, 3), "b": (3,)})], "mse").output_shape(np.ones((5, 2)))
        (5, 3)
        """
        shape = np.shape(x)
        for depth, layer in enumerate(self.layers):
            shapes = [shape, *[tuple(s) for s in layer.parameters.values()]]
            try:
                shape = output_shape(layer.bound, shapes)
            except ShapeError as error:
                given = ", ".join(f"{name} {tuple(s)}" for name, s in layer.parameters.items())
                raise ShapeError(
                    f"layer {depth} ({layer.operation}) doesn't fit its input: the input has shape {shape}"
                    f"{f', its parameters {given}' if given else ''}. {error}"
                ) from None
            check_memory(layer.bound, shapes, shape, np.asarray(x).itemsize)
        return shape

    def validate(self, x: Array, target: Array) -> None:
        """Raise ShapeError unless the data fit the layers and the loss.

        Parameters
        ----------
        x : ndarray
            A batch of inputs, of any dtype.
        target : ndarray
            The target of the loss.

        Raises
        ------
        ShapeError
            If they don't fit; the message names the layer, or the loss.

        Examples
        --------
        >>> Network([Layer("dense", {"w": (2, 3), "b": (3,)})], "mse").validate(np.ones((5, 2)), np.ones((5, 3)))
        """
        shape = self.output_shape(x)
        try:
            output_shape(self.bound_loss, [shape, np.shape(target)])
        except ShapeError as error:
            raise ShapeError(
                f"the loss doesn't fit the network's output: the output has shape {shape}, the target "
                f"{np.shape(target)}. {error}"
            ) from None

    def draw_weights(self, seed: int = 0) -> dict[str, Array]:
        """Return start weights in float64: Glorot's uniform ones for matrices and kernels, 0 for the others.

        Parameters
        ----------
        seed : int, default 0
            Equal seeds draw equal weights.

        Returns
        -------
        dict of str to ndarray
            The weights by name, in the order of the layers.

        Raises
        ------
        ArgumentValueError
            If the weights don't fit in memory.

        Notes
        -----
        Glorot & Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010).

        Examples
        --------
        >>> weights = Network([Layer("dense", {"w": (2, 3), "b": (3,)})], "mse").draw_weights(seed=1)
        >>> weights["w"].shape, weights["b"].tolist()
        ((2, 3), [0.0, 0.0, 0.0])
        """
        self.check_memory(np.dtype(np.float64))
        rng = np.random.default_rng(seed)
        return {name: _glorot(rng, shape) for name, shape in self.shapes.items()}

    def check_memory(self, dtype: np.dtype[Any]) -> None:
        """Raise ArgumentValueError unless weights, their gradients and the optimizer's state fit in memory.

        Parameters
        ----------
        dtype : numpy.dtype
            The dtype to train in.

        Raises
        ------
        ArgumentValueError
            If they don't fit; the message names the largest parameters.

        Examples
        --------
        >>> Network([Layer("dense", {"w": (2, 3), "b": (3,)})], "mse").check_memory(np.dtype("float32"))
        """
        copies = 2 + len(self.bound_optimizer.state)
        count = sum(math.prod(shape) for shape in self.shapes.values())
        largest = sorted(self.shapes.items(), key=lambda item: -math.prod(item[1]))[:3]
        shown = ", ".join(f"{name} {shape}" for name, shape in largest)
        check_fits(f"network: training {shown}", copies * count * dtype.itemsize, "Make its layers smaller.")

    def start_state(self, w: Array) -> tuple[Array, ...]:
        """Return the optimizer's state for a weight before the first step.

        Parameters
        ----------
        w : ndarray
            The weight, of any shape and a floating dtype.

        Returns
        -------
        tuple of ndarray
            The state, in the order of the operation's inputs, with the weight's shape (or 0-d) and dtype.

        Examples
        --------
        >>> Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse", "momentum").start_state(np.ones(2))
        (array([0., 0.]),)
        """
        operation = self.bound_optimizer
        scalars = {name for name, core in zip(operation.inputs, operation.shapes.inputs, strict=True) if core == ()}
        return tuple(
            np.full(() if name in scalars else w.shape, value, dtype=w.dtype.newbyteorder("="))
            for name, value in operation.state.items()
        )

    def batches(
        self, x: Array, target: Array, size: int | None, rng: np.random.Generator | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Yield the data in batches; the last one has what is left.

        Parameters
        ----------
        x, target : ndarray
            The data, with as many samples each.
        size : int or None
            The number of samples in a batch; None for all at once.
        rng : numpy.random.Generator, optional
            Shuffles the samples first.

        Yields
        ------
        tuple of ndarray
            The inputs and the targets of a batch.

        Examples
        --------
        >>> network = Network([Layer("dense", {"w": (2, 1), "b": (1,)})], "mse")
        >>> [len(x) for x, _ in network.batches(np.ones((5, 2)), np.ones((5, 1)), 2)]
        [2, 2, 1]
        """
        count = x.shape[self.sample_axis]
        if size is None or (size == count and rng is None):
            yield x, target
            return
        order = np.arange(count) if rng is None else rng.permutation(count)
        for start in range(0, count, size):
            chosen = order[start : start + size]
            yield (
                np.ascontiguousarray(x.take(chosen, axis=self.sample_axis)),
                np.ascontiguousarray(target.take(chosen, axis=self.sample_axis)),
            )


def check_batch(batch: int | None, count: int) -> None:
    """Raise ArgumentValueError unless batches of so many can be taken from so many samples."""
    if count == 0:
        raise ArgumentValueError("data: there are no samples; expected at least one.")
    if batch is not None and not (isinstance(batch, int) and 1 <= batch <= count):
        raise ArgumentValueError(
            f"batch: got {batch!r}; expected a whole number from 1 to {count}, the number of samples."
        )


KINDS = {"map": "a map", "loss": "a loss", "update": "an update"}


def _check_kind(argument: str, name: str, kind: str) -> Operation:
    """Return the catalogue's operation of this name; raise ArgumentValueError unless it has one of this kind."""
    if not isinstance(name, str) or name not in OPERATIONS:
        raise unknown_name(argument, name, [row.name for row in OPERATIONS.values() if row.kind == kind])
    operation = OPERATIONS[name]
    if operation.kind != kind:
        raise ArgumentValueError(
            f"{argument}: {operation.name!r} is not {KINDS[kind]} but {KINDS[operation.kind]}; expected {KINDS[kind]}."
        )
    return operation


def _glorot(rng: np.random.Generator, shape: Shape) -> Array:
    if len(shape) < 2:
        return np.zeros(shape)
    receptive = int(np.prod(shape[:-2], dtype=int))
    limit = np.sqrt(6 / (receptive * (shape[-2] + shape[-1])))
    return np.asarray(rng.uniform(-limit, limit, shape))
