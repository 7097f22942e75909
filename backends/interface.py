"""The contract between an operation and a backend; read this module first.

An *operation* is one row of the catalogue (`operations.py`): a name, the shapes it takes and its equation. A
*backend* computes an operation's value and gradients. The NumPy backend does so by a hand-derived *rule*, the
TensorFlow backend by a forward function under GradientTape.

Notation, everywhere: `y = f(x)`; `y_bar` is the upstream gradient ∂L/∂y; the pullback of `x` returns
`x_bar = y_bar · ∂y/∂x`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError, unknown_name
from gradtwin.memory import check_fits

from .signature import Shape, Signature, parse

Array = npt.NDArray[Any]
Pullback = Callable[[Array], Array]
#: A hand-derived rule: the inputs to `(y, pullbacks)`, one pullback for each differentiable input.
#: An optimizer's rule changes its first input in place and returns None.
Rule = Callable[..., Any]


#: The extent of an output's dimension, from those of the inputs by name and the options.
Extent = Callable[[Mapping[str, int], Mapping[str, Any]], int]


@dataclass(frozen=True, eq=False)
class Operation:
    """One row of the catalogue, with its options at their defaults or bound to other values.

    Parameters
    ----------
    name : str
        The name, such as "matmul".
    kind : {"map", "loss", "update"}
        An array from arrays, a number from arrays, or an optimizer's step. A step has no gradient; it changes its first
        input, the weights, and the inputs in `state` in place.
    inputs : tuple of str
        The names of the inputs.
    signature : str
        Their shapes and the output's, as a gufunc has them.
    equation : str
        The equation, for tables.
    stacked : bool, default False
        Whether leading axes are allowed, and broadcast.
    mean : bool, default False
        Whether it averages over the elements, which is undefined without any.
    exact : bool, default False
        Whether it consists of sums and products alone. Small integers then have no rounding.
    state : mapping, default {}
        For a step: the values of the state's inputs before the first step.
    options : mapping, default {}
        For each keyword argument of the rules, the values to try, with the default first.
    settings : tuple, default ()
        The options that are bound.
    derived : mapping, default {}
        For each dimension of the output that no input has, a function that computes it.
    extents : mapping, default {}
        The smallest and the largest drawn length of a dimension.
    domains : mapping, default {}
        For inputs that can't be any numbers, the name of their domain in `domains.py`.
    convention : str, default ""
        The gradient where there is no derivative.
    nonfinite : str, default ""
        How the libraries differ at infinities and NaN.
    elementary : bool, default False
        Whether a library may have one kernel for the value, with an elementary function's accuracy.
    """

    name: str
    kind: Literal["map", "loss", "update"]
    inputs: tuple[str, ...]
    signature: str
    equation: str
    stacked: bool = False
    mean: bool = False
    exact: bool = False
    state: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    settings: tuple[tuple[str, Any], ...] = ()
    derived: Mapping[str, Extent] = field(default_factory=dict)
    extents: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    convention: str = ""
    nonfinite: str = ""
    elementary: bool = False

    @property
    def shapes(self) -> Signature:
        """The parsed signature."""
        return parse(self.signature, tuple(self.derived))

    @cached_property
    def changed(self) -> tuple[int, ...]:
        """The positions of the inputs that an update changes in place."""
        if self.kind != "update":
            return ()
        return (0, *[self.inputs.index(name) for name in self.state])

    @property
    def keywords(self) -> dict[str, Any]:
        """The keyword arguments of the rules: the options bound; the rules' own defaults are the others."""
        return dict(self.settings)

    @property
    def title(self) -> str:
        """The name with the options bound, for messages."""
        shown = ", ".join(f"{name}={value}" for name, value in self.settings)
        return f"{self.name}({shown})" if shown else self.name

    def bind(self, **settings: Any) -> Operation:
        """Return the operation with these options; raise ArgumentValueError for an unknown or impossible one."""
        for name, value in settings.items():
            _check_option(self, name, value)
        return _bind(self, tuple(sorted({**self.keywords, **settings}.items())))

    def variants(self) -> list[Operation]:
        """Return the operation at its defaults, and then with each other value of each option, one at a time."""
        others = [{name: value} for name, values in self.options.items() for value in values[1:]]
        return [self, *[self.bind(**settings) for settings in others]]

    def validate(self, inputs: Sequence[Array], y_bar: Array | None = None) -> None:
        """Raise ShapeError, ArgumentTypeError or ArgumentValueError unless the operation takes these arrays.

        Only number, dtypes and shapes are checked. Valid combinations are remembered.
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
        return output_shape(self, [array.shape for array in inputs])


@lru_cache(maxsize=1024)
def _bind(operation: Operation, settings: tuple[tuple[str, Any], ...]) -> Operation:
    return replace(operation, settings=settings)  # one object for equal settings, so that caches find it


def _check_option(operation: Operation, name: str, value: Any) -> None:
    if name not in operation.options:
        raise unknown_name(f"{operation.name}: option", name, list(operation.options) or ["none"])
    default, *others = operation.options[name]
    if isinstance(default, str | bool):
        fits, expected = value in (default, *others), f"one of {', '.join(map(repr, (default, *others)))}"
    elif isinstance(default, int):
        fits, expected = isinstance(value, int) and not isinstance(value, bool) and value >= 1, "a whole number from 1"
    else:
        fits, expected = isinstance(value, int | float) and bool(np.isfinite(value)), "a finite number"
    if not fits:
        raise ArgumentValueError(f"{operation.name}: {name} is {value!r}; expected {expected}.")


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
    output = output_shape(operation, shapes)
    if operation.mean and 0 in shapes[0]:
        raise ShapeError(
            f"{operation.name}: {names[0]} has shape {shapes[0]}, no elements, and the mean of none is 0/0. "
            f"Give at least one element."
        )
    check_memory(operation, shapes, output, specs[0][1].itemsize)
    if upstream and upstream[0] != output:
        raise ShapeError(f"{operation.name}: y_bar has shape {upstream[0]}; expected the value's shape {output}.")


def check_memory(operation: Operation, shapes: Sequence[Shape], output: Shape, itemsize: int) -> None:
    """Raise ArgumentValueError unless the value, and all windows over x, fit in memory."""
    elements = math.prod(output)
    if "p" in operation.derived:
        size = operation.keywords.get("size", operation.options.get("size", (1,))[0])
        window = shapes[1][:2] if len(shapes) > 1 else (size, size)
        elements = math.prod(output[:3]) * math.prod(window) * shapes[0][3]
    check_fits(f"{operation.title}: its value at {_join(shapes)}", elements * itemsize, "Give smaller arrays.")


def _join(shapes: Sequence[Shape]) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes)


def output_shape(operation: Operation, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the operation's value at inputs of these shapes; raise ShapeError unless they fit."""
    try:
        bound = operation.shapes.match(shapes, operation.inputs, operation.stacked)
    except ShapeError as error:
        raise ShapeError(f"{operation.name}: {error}") from None
    if operation.derived:
        extents = {name: extent[0] for name, extent in bound.items() if len(extent) == 1}
        options = {name: values[0] for name, values in operation.options.items()} | operation.keywords
        for name, derive in operation.derived.items():
            bound[name] = (derive(extents, options),)
            if bound[name][0] < 0:
                given = " and ".join(f"{n} has shape {s}" for n, s in zip(operation.inputs, shapes, strict=True))
                raise ShapeError(f"{operation.title}: {given}: the window is larger than the input.")
    return operation.shapes.output_shape(bound)


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether both libraries have this real floating dtype; bfloat16 counts, longdouble does not."""
    return dtype.newbyteorder("=").name in ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Call:
    """One evaluation of an operation: value and gradients for the upstream gradient `y_bar`; an update has none."""

    operation: Operation
    inputs: tuple[Array, ...]
    y_bar: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The inputs, and the upstream gradient if there is one."""
        return self.inputs if self.y_bar is None else (*self.inputs, self.y_bar)
