"""The contract between an operation and a backend; nothing else to read first.

An *operation* is one row of the catalogue (`operations.py`): a name, the shapes it takes and its equation. A
*backend* computes an operation's value and gradients. The NumPy backend does so by a hand-derived *rule*, the
TensorFlow backend by a forward function under GradientTape.

Notation, everywhere: `y = f(x)`; `y_bar` is the upstream gradient ∂L/∂y; `x_bar = y_bar · ∂y/∂x` is what the pullback
of `x` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from gradtwin.backends.network import Network
from gradtwin.backends.signature import Shape, Signature, parse
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

Array = npt.NDArray[Any]
Pullback = Callable[[Array], Array]
#: A hand-derived rule: the inputs to `(y, pullbacks)`, one pullback for each differentiable input.
#: An optimizer's rule changes its first input in place and returns None.
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Operation:
    """One row of the catalogue.

    `kind` is `map` (an array from arrays), `loss` (a scalar from arrays) or `update` (an optimizer's step, which
    changes its first input in place and has no gradient). `stacked` allows leading axes that broadcast. `mean` marks
    an average over the elements, which is undefined for none.
    """

    name: str
    kind: Literal["map", "loss", "update"]
    inputs: tuple[str, ...]
    signature: str
    equation: str
    stacked: bool = False
    mean: bool = False

    @property
    def shapes(self) -> Signature:
        """The parsed signature."""
        return parse(self.signature)

    def validate(self, inputs: Sequence[Array], y_bar: Array | None = None) -> None:
        """Raise ShapeError, ArgumentTypeError or ArgumentValueError unless the operation takes these arrays.

        Number, dtype and shape are looked at, never the values; what was valid once is remembered.
        """
        for name, array in zip((*self.inputs, "y_bar"), (*inputs, y_bar), strict=False):
            if not isinstance(array, np.ndarray) and array is not None:
                raise ArgumentTypeError(
                    f"{self.name}: {name} is {type(array).__name__}; expected an array. Convert it with np.asarray."
                )
        upstream = None if y_bar is None else (y_bar.shape, y_bar.dtype)
        _validate(self, tuple([(array.shape, array.dtype) for array in inputs]), upstream)

    def output_shape(self, inputs: Sequence[Array]) -> Shape:
        """Return the shape of the operation's value at these arrays, which must be valid."""
        return _output_shape(self, [array.shape for array in inputs])


_Spec = tuple[Shape, np.dtype[Any]]


@lru_cache(maxsize=4096)
def _validate(operation: Operation, specs: tuple[_Spec, ...], upstream: _Spec | None) -> None:
    names = operation.inputs
    if len(specs) != len(names):
        raise ArgumentValueError(
            f"{operation.name}: got {len(specs)} arrays; expected {len(names)}: {', '.join(names)}."
        )
    for name, (_, dtype) in zip(names, specs, strict=True):
        if not is_floating(dtype):
            raise ArgumentTypeError(
                f"{operation.name}: {name} has dtype {dtype}; expected a floating dtype. "
                f"Convert it, for example with {name}.astype(np.float64)."
            )
    given = {**dict(zip(names, specs, strict=True)), **({"y_bar": upstream} if upstream else {})}
    if len({dtype.newbyteorder("=") for _, dtype in given.values()}) > 1:
        shown = ", ".join(f"{name} {dtype}" for name, (_, dtype) in given.items())
        raise ArgumentTypeError(
            f"{operation.name}: the arrays have different dtypes ({shown}); expected one. Convert them with .astype."
        )
    shapes = [shape for shape, _ in specs]
    try:
        output = _output_shape(operation, shapes)
    except ShapeError as error:
        raise ShapeError(f"{operation.name}: {error}") from None
    if operation.mean and 0 in shapes[0]:
        raise ShapeError(
            f"{operation.name}: {names[0]} has shape {shapes[0]}, no elements, and the mean of none is 0/0. "
            f"Give at least one element."
        )
    if upstream and upstream[0] != output:
        raise ShapeError(f"{operation.name}: y_bar has shape {upstream[0]}; expected the value's shape {output}.")


def _output_shape(operation: Operation, shapes: Sequence[Shape]) -> Shape:
    bound = operation.shapes.match(shapes, operation.inputs, operation.stacked)
    return operation.shapes.output_shape(bound)


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype is a real floating one that both libraries have; bfloat16 counts, longdouble does not."""
    return dtype.newbyteorder("=").name in ("float16", "bfloat16", "float32", "float64")


class Trainer(Protocol):
    """A network's weights on one backend, and the step that trains them."""

    def step(self, x: Array, target: Array) -> float:
        """Do one optimizer's step on a batch, in place, and return the loss before it."""

    def loss(self, x: Array, target: Array) -> float:
        """Return the loss at the present weights."""

    def weights(self) -> dict[str, Array]:
        """Return a copy of the weights, by name."""


class Backend(Protocol):
    """What every backend can do with an operation of the catalogue."""

    name: str
    mode: str

    def value(self, operation: str, *inputs: Array) -> Array:
        """Y = f(x, …)."""

    def value_and_gradients(
        self, operation: str, *inputs: Array, y_bar: Array
    ) -> tuple[Array, tuple[Array | None, ...]]:
        """Y = f(x, …) and x_bar = y_bar · ∂y/∂x for each input; None where the backend finds no connection."""

    def update(self, operation: str, *inputs: Array) -> None:
        """Change the first input, the weights, in place by one step of an optimizer."""

    def trainer(self, network: Network, weights: Mapping[str, Array], learning_rate: float) -> Trainer:
        """Return a trainer of the network that starts from a copy of these weights."""
