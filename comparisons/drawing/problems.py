"""Problems drawn with Hypothesis: shapes from an operation's signature, values of two kinds, memory layouts.

Small problems are drawn element by element, so they can shrink. Large ones are built from a drawn shape and seed; they
are quick and show rounding.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import configuration
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradtwin.backends.interface import Array, Operation
from gradtwin.backends.precision import Precision, precision_of
from gradtwin.backends.signature import Shape

from .domains import DOMAINS


@contextmanager
def tables_apart() -> Iterator[None]:
    """Let Hypothesis keep its tables in the user's cache within the block, unless another place is set.

    By default it would make a folder in the working folder. A permanent setting would replace the one of the user's
    tests.
    """
    before = vars(configuration).get("__hypothesis_home_directory")
    if before is None and not os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        configuration.set_hypothesis_home_dir(cache / "gradtwin" / "hypothesis")
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)


@dataclass(frozen=True)
class Problem:
    """An operation's inputs and, unless it is an update, the upstream gradient, with how they were made.

    `operation` has the options bound that were drawn with them.
    """

    operation: Operation
    inputs: tuple[Array, ...]
    y_bar: Array | None
    made_of: str

    def describe(self) -> str:
        """Return the arrays as NumPy would print them, short ones whole."""
        lines = [f"{self.operation.title}; values: {self.made_of}"]
        arrays = [*self.inputs] + ([] if self.y_bar is None else [self.y_bar])
        for name, array in zip((*self.operation.inputs, "y_bar"), arrays, strict=False):
            shown = np.array2string(np.asarray(array), threshold=12, edgeitems=2, separator=", ")
            lines.append(f"{name} {array.shape} {array.dtype}: {' '.join(shown.split())}")
        return "\n".join(lines)


# Memory layouts: the same values in another place.

Layout = Callable[[Array], Array]


def _strided(x: Array) -> Array:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def _reversed(x: Array) -> Array:
    return np.asarray(np.flip(np.array(np.flip(x), order="C")))


def _broadcast(x: Array) -> Array:
    """Repeat the first row with stride 0: the one layout that needs special values."""
    return np.broadcast_to(x[:1], x.shape)


def _read_only(x: Array) -> Array:
    x = x.copy()
    x.setflags(write=False)
    return x


LAYOUTS: dict[str, Layout] = {
    "C": lambda x: x,
    "Fortran": lambda x: np.array(x, order="F"),
    "strided": lambda x: _strided(x) if x.ndim else x,
    "negative stride": _reversed,
    "broadcast": lambda x: _broadcast(x) if x.ndim and x.size else x,
    "read-only": _read_only,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()) if x.dtype.kind == "f" else x,
}


# Values, by shape and seed. Each takes the generator and the shapes of all arrays of a problem.


def _normal(rng: np.random.Generator, shapes: list[Shape], _: Operation, __: Precision) -> list[Array]:
    return [_ordinary(rng, shape) for shape in shapes]


def _ordinary(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw numbers of ordinary size; a few of them in eighths, for readable shrunk examples."""
    values = np.asarray(rng.standard_normal(shape))
    return np.rint(values * 8) / 8 if values.size <= 4 else values


def _scaled(rng: np.random.Generator, shapes: list[Shape], _: Operation, precision: Precision) -> list[Array]:
    """Scale each array by a different power of two, over the format's range: products may leave it."""
    reach = int(np.log2(precision.largest)) // 2
    return [np.ldexp(rng.standard_normal(shape), int(rng.integers(-reach, reach))) for shape in shapes]


def _mixed(rng: np.random.Generator, shapes: list[Shape], _: Operation, __: Precision) -> list[Array]:
    """Elements of very different sizes beside each other."""
    return [np.ldexp(rng.standard_normal(shape), rng.integers(-10, 10, shape)) for shape in shapes]


def _integers(rng: np.random.Generator, shapes: list[Shape], _: Operation, __: Precision) -> list[Array]:
    """Small integers: sums and products are exact, and the two sides must agree to the last bit."""
    return [np.asarray(rng.integers(-3, 4, shape), np.float64) for shape in shapes]


def _sparse(rng: np.random.Generator, shapes: list[Shape], _: Operation, __: Precision) -> list[Array]:
    """Mostly zeros."""
    return [rng.standard_normal(shape) * (rng.random(shape) < 0.2) for shape in shapes]


def _zeros(_: np.random.Generator, shapes: list[Shape], __: Operation, ___: Precision) -> list[Array]:
    return [np.zeros(shape) for shape in shapes]


def _subnormal(rng: np.random.Generator, shapes: list[Shape], _: Operation, precision: Precision) -> list[Array]:
    """Around and below the smallest normal number, which TensorFlow's kernels flush to zero."""
    return [precision.smallest_normal * 4 * rng.standard_normal(shape) for shape in shapes]


def _cancelling(
    rng: np.random.Generator, shapes: list[Shape], operation: Operation, precision: Precision
) -> list[Array]:
    """Make sums whose terms cancel: along a dimension that inputs share, the second half undoes the first, all but."""
    arrays = _normal(rng, shapes, operation, precision)
    cores = operation.shapes.inputs
    if cores[0] == ("...",):  # elementwise: the second input is the first but for some last places
        nearly = 1 + 8 * precision.u * rng.integers(-2, 3, shapes[0])
        return [
            arrays[0],
            *(arrays[0] * nearly if s == shapes[0] else a for a, s in zip(arrays[1:], shapes[1:], strict=True)),
        ]
    summed = cores[0][-1]
    if len(cores) < 2 or summed not in cores[1]:
        return arrays
    first, second = (np.array(array) for array in arrays[:2])
    half = first.shape[-1] // 2 if first.ndim else 0
    axis = max(cores[1].index(summed) - len(cores[1]), -second.ndim)
    if half:
        first[..., half : 2 * half] = first[..., :half] * (1 + 8 * precision.u)
        rows = np.moveaxis(second, axis, 0)
        rows[half : 2 * half] = -rows[:half]
    return [first, second, *arrays[2:]]


Values = Callable[[np.random.Generator, list[Shape], Operation, Precision], list[Array]]
VALUES: dict[str, Values] = {
    "normal": _normal,
    "integers": _integers,
    "scaled": _scaled,
    "mixed sizes": _mixed,
    "cancelling": _cancelling,
    "sparse": _sparse,
    "zeros": _zeros,
    "subnormal": _subnormal,
}


# Made once: to make a strategy costs as much as to draw from it.
_BUILT, _SEED, _IN_FOUR = st.booleans(), st.integers(0, 2**32 - 1), st.integers(0, 3)
_VALUES, _LAYOUT = st.sampled_from(list(VALUES)), st.sampled_from(list(LAYOUTS))


def build_problem(operation: Operation, dtype: np.dtype[Any], shapes: list[Shape], values: str, seed: int) -> Problem:
    """Return the problem of a shape, a kind of values and a seed."""
    rng = np.random.default_rng(seed)
    precision = precision_of(dtype)
    made = VALUES[values](rng, shapes, operation, precision)
    return _with_upstream(operation, dtype, made, lambda shape: _ordinary(rng, shape), values)


def _with_upstream(
    operation: Operation,
    dtype: np.dtype[Any],
    made: Sequence[Array],
    draw_values: Callable[[Shape], Array],
    made_of: str,
) -> Problem:
    """Return the problem of these values, each moved into its input's domain, and of an upstream gradient."""
    inputs = []
    for name, x in zip(operation.inputs, made, strict=True):
        with np.errstate(all="ignore"):
            admitted = DOMAINS[operation.domains[name]](x) if name in operation.domains else x
            inputs.append(np.asarray(admitted, dtype=dtype))
    if operation.kind == "update":
        return Problem(operation, tuple(inputs), None, made_of)
    y_bar = np.asarray(draw_values(operation.output_shape(inputs)), dtype=dtype)
    return Problem(operation, tuple(inputs), y_bar, made_of)


@st.composite
def shapes_of(draw: st.DrawFn, operation: Operation, largest: int) -> list[Shape]:
    """Draw the shapes of an operation's inputs from its signature; shrinks towards few axes of extent 0 or 1.

    An operation that averages gets at least one element.
    """
    smallest = 1 if operation.mean else 0
    extents: dict[str, int] = {}
    whole: Shape | None = None
    dropped = {name for core in operation.shapes.inputs for name in core if name.endswith("?") and draw(_IN_FOUR) == 3}
    cores: list[Shape] = []
    for core in operation.shapes.inputs:
        if core == ("...",):
            if whole is None:
                whole = tuple(draw(st.lists(st.integers(smallest, max(1, round(largest**0.5))), max_size=3)))
            cores.append(whole)
            continue
        kept = [name for name in core if name not in dropped]
        for name in kept:
            if name not in extents:
                low, high = operation.extents.get(name, (smallest, largest))
                low = max(low, smallest)
                extents[name] = int(name) if name.isdigit() else draw(st.integers(low, max(low, min(high, largest))))
        cores.append(tuple(extents[name] for name in kept))
    if operation.stacked and draw(_IN_FOUR) == 3:
        stacks = draw(
            hnp.mutually_broadcastable_shapes(num_shapes=len(cores), max_dims=2, max_side=3, min_side=smallest)
        )
        # A stack needs matrices: NumPy takes a 1-D operand as one row or column for the whole stack.
        return [
            stack + core if len(core) == len(names) else core
            for stack, core, names in zip(stacks.input_shapes, cores, operation.shapes.inputs, strict=True)
        ]
    return cores


@st.composite
def problems(
    draw: st.DrawFn, operation: Operation, dtype: np.dtype[Any], largest: int = 64, layout: str | None = None
) -> Problem:
    """Draw a problem: element by element, or large by seed; shrinks towards small shapes, zeros and C order.

    The operation's options are drawn too; they shrink towards the defaults. Every array is in the memory layout
    `layout`, where one is given, else each in one drawn for it.
    """
    operation = draw(st.sampled_from(operation.variants()))
    if draw(_BUILT):
        # Now and then a contraction over thousands, but thin, to be quick.
        seed = draw(_SEED)
        shapes = draw(shapes_of(operation, largest))
        if not operation.derived and draw(_IN_FOUR) == 3:
            shapes = _lengthen(operation, shapes, draw(st.integers(largest, 8192)))
        problem = build_problem(operation, dtype, shapes, draw(_VALUES), seed)
    else:
        problem = draw(_by_element(operation, dtype, _elements(dtype), "element by element"))
    count = len(problem.inputs) + 1
    return with_layouts(problem, [layout or draw(_LAYOUT) for _ in range(count)])


@st.composite
def _by_element(
    draw: st.DrawFn, operation: Operation, dtype: np.dtype[Any], elements: st.SearchStrategy[Any], made_of: str
) -> Problem:
    """Draw a small problem element by element; shrinks towards few elements that are zero."""

    def draw_values(shape: Shape) -> Array:
        return draw(_arrays(dtype, shape, elements))

    made = [draw_values(shape) for shape in draw(shapes_of(operation, 4))]
    return _with_upstream(operation, dtype, made, draw_values, made_of)


def with_layouts(problem: Problem, layouts: list[str]) -> Problem:
    """Return the problem in other memory layouts, one for each input and one for y_bar."""
    inputs = tuple(LAYOUTS[name](x) for name, x in zip(layouts, problem.inputs, strict=False))
    y_bar = None if problem.y_bar is None else LAYOUTS[layouts[-1]](problem.y_bar)
    used = layouts[: len(inputs)] + ([] if y_bar is None else layouts[-1:])
    return Problem(problem.operation, inputs, y_bar, f"{problem.made_of}; layouts: {', '.join(used)}")


def special_problems(operation: Operation, dtype: np.dtype[Any]) -> st.SearchStrategy[Problem]:
    """Draw small problems with infinities and NaN among the elements; shrinks towards zeros."""
    elements = st.one_of(_elements(dtype), st.sampled_from([np.inf, -np.inf, np.nan]).map(dtype.type))
    return _by_element(operation, dtype, elements, "with infinities and NaN")


def shapes_from(operation: Operation, sizes: Sequence[int]) -> list[Shape]:
    """Return the shapes of an operation's inputs for extents in the order of the signature's dimensions.

    Beyond the last they start again; extents that the operation limits are kept within its limits.
    """
    names = dict.fromkeys(name for core in operation.shapes.inputs for name in core)
    extents = {}
    for k, name in enumerate(names):
        low, high = operation.extents.get(name, (0, max(sizes)))
        extents[name] = int(name) if name.isdigit() else min(max(sizes[k % len(sizes)], low), high)
    return [
        tuple(sizes[:2]) if core == ("...",) else tuple(extents[name] for name in core)
        for core in operation.shapes.inputs
    ]


def _lengthen(operation: Operation, shapes: list[Shape], length: int) -> list[Shape]:
    """Make one summed dimension long, or a row of the only input, and keep the others short."""
    cores = operation.shapes.inputs
    if cores[0] == ("...",):
        return [(length,) if core == ("...",) else shape for core, shape in zip(cores, shapes, strict=True)]
    shared = next((name for name in cores[0] if sum(name in core for core in cores) > 1), cores[0][-1])
    lengthened = []
    for core, shape in zip(cores, shapes, strict=True):
        kept = [name for name in core if not name.endswith("?")] if len(shape) < len(core) else list(core)
        extents = shape[len(shape) - len(kept) :]
        lengthened.append(tuple(length if n == shared else min(e, 4) for n, e in zip(kept, extents, strict=True)))
    return lengthened


@functools.lru_cache(maxsize=1024)
def _arrays(dtype: np.dtype[Any], shape: Shape, elements: st.SearchStrategy[Any]) -> st.SearchStrategy[Array]:
    return hnp.arrays(dtype, shape, elements=elements)


@functools.cache
def _elements(dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    """Draw one number: a small integer, one of ordinary size, or any finite one; shrinks towards 0."""
    width = dtype.itemsize * 8
    if dtype.kind != "f":  # bfloat16, which Hypothesis does not know: the upper half of a float32
        return st.floats(width=16, allow_nan=False, allow_infinity=False).map(dtype.type)
    return st.one_of(
        st.integers(-4, 4).map(dtype.type),
        st.floats(-4, 4, width=width),  # type: ignore[arg-type]
        st.floats(allow_nan=False, allow_infinity=False, width=width),  # type: ignore[arg-type]
    )
