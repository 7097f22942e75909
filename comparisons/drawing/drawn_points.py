"""Points to judge a user's gradient at, drawn with Hypothesis: shapes from a signature, values in a domain."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradtwin.backends.interface import Array
from gradtwin.backends.signature import Shape, Signature
from gradtwin.comparisons.precision.constants import DECIMALS_END, EXCLUDED_PARTS, ORDINARY
from gradtwin.errors import ArgumentTypeError, ArgumentValueError
from gradtwin.memory import check_fits

from .problems import LAYOUTS

#: The least number of copies of a point that a check holds: two sides, their gradients and moved points.
COPIES = 8

#: Layouts that keep the values as drawn; the judge itself adds strided and read-only memory.
_LAYOUT = st.sampled_from([name for name in LAYOUTS if name != "broadcast"])

# Made once: to make a strategy costs as much as to draw from it.
_BUILT, _SEED, _EXTENT = st.booleans(), st.integers(0, 2**16), st.integers(1, 6)


@dataclass(frozen=True)
class Domain:
    """The values that an input may have: a range, and excluded points, where there is no derivative."""

    low: float = ORDINARY[0]
    high: float = ORDINARY[1]
    excluded: tuple[float, ...] = ()

    def admit(self, array: Array) -> Array:
        """Return the values with those next to an excluded point moved off it, by a hundredth of the range."""
        margin = (self.high - self.low) / EXCLUDED_PARTS
        for point in self.excluded:
            near = np.abs(array - point) < margin
            array = np.where(near, point + np.where(array < point, -margin, margin), array)
        return array


def read_domains(domain: Any, count: int) -> list[Domain]:
    """Return one domain for each input, from None, one `(low, high)` for all, or a sequence or mapping by position.

    An entry is None, `(low, high)`, or `(low, high, [excluded points])`.
    """
    if domain is None or _is_range(domain):
        return [_read_domain(domain)] * count
    if isinstance(domain, Mapping):
        unknown = [key for key in domain if key not in range(count)]
        if unknown:
            raise ArgumentValueError(
                f"domain: there is no input {unknown[0]!r}; expected positions from 0 to {count - 1}."
            )
        return [_read_domain(domain.get(i)) for i in range(count)]
    if isinstance(domain, Sequence) and not isinstance(domain, str) and len(domain) == count:
        return [_read_domain(entry) for entry in domain]
    raise ArgumentValueError(
        f"domain: got {domain!r}; expected (low, high), or one such entry for each of the {count} inputs."
    )


def _is_range(entry: Any) -> bool:
    return (
        isinstance(entry, tuple | list) and len(entry) in (2, 3) and all(isinstance(x, int | float) for x in entry[:2])
    )


def _read_domain(entry: Any) -> Domain:
    if entry is None:
        return Domain()
    if isinstance(entry, Domain):
        return entry
    if not _is_range(entry):
        raise ArgumentTypeError(f"domain: got {entry!r}; expected (low, high) or (low, high, [excluded points]).")
    low, high = _as_float(entry[0]), _as_float(entry[1])
    if not (low < high and np.isfinite(high - low)):
        raise ArgumentValueError(f"domain: got ({low}, {high}); expected a finite range, the lower number first.")
    excluded = entry[2] if len(entry) == 3 else ()
    if not isinstance(excluded, Sequence) or not all(isinstance(x, int | float) for x in excluded):
        raise ArgumentTypeError(f"domain: got {excluded!r} as excluded points; expected a list of numbers.")
    return Domain(low, high, tuple(map(_as_float, excluded)))


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # a whole number beyond the largest float
        return float("inf") if number > 0 else float("-inf")


@st.composite
def points(
    draw: st.DrawFn, signature: Signature, dtype: np.dtype[Any], domains: Sequence[Domain], short: bool = False
) -> tuple[Array, ...]:
    """Draw the inputs; shrinks towards extents of 1, short decimals near 0, and C order. `short`: decimals alone."""
    shapes = draw_shapes(draw, signature)
    if not short and draw(_BUILT):
        seed = draw(_SEED)
        rng = np.random.default_rng(seed)
        made = [d.low + (d.high - d.low) * rng.random(shape) for d, shape in zip(domains, shapes, strict=True)]
    else:
        made = [draw(_decimals(d, shape)) for d, shape in zip(domains, shapes, strict=True)]
    inputs = [np.asarray(d.admit(x), dtype=dtype) for d, x in zip(domains, made, strict=True)]
    return tuple(LAYOUTS[draw(_LAYOUT)](x) for x in inputs)


def check_memory(signature: Signature, dtype: np.dtype[Any]) -> None:
    """Raise ArgumentValueError unless a check at inputs drawn for a signature fits in memory."""
    shapes = _typical_shapes(signature)
    size = COPIES * dtype.itemsize * sum(math.prod(shape) for shape in shapes)
    drawn = ", ".join(map(str, shapes))
    check_fits(f"signature: checking at inputs of shapes {drawn}", size, "Lower the numbers in it, or use fewer axes.")


def typical_point(
    signature: Signature, dtype: np.dtype[Any], domains: Sequence[Domain], seed: int
) -> tuple[Array, ...]:
    """Return a point with a different length for each dimension; equal ones hide transposes and lost sums."""
    rng = np.random.default_rng([seed, 1])
    result = []
    for shape, domain in zip(_typical_shapes(signature), domains, strict=True):
        values = domain.low + (domain.high - domain.low) * rng.random(shape)
        result.append(np.asarray(domain.admit(values), dtype=dtype))
    return tuple(result)


def _typical_shapes(signature: Signature) -> list[Shape]:
    extents: dict[str, int] = {}
    # Many elements, so that a cause doesn't fit by chance; but loops over many dimensions must end.
    start = {0: 0, 1: 17, 2: 7, 3: 5}.get(len({name for core in signature.inputs for name in core}), 3)
    for name in dict.fromkeys(name.rstrip("?") for core in signature.inputs for name in core):
        extents[name] = int(name) if name.isdigit() else start + len(extents)
    return [
        (4, 5) if core == ("...",) else tuple(extents[name.rstrip("?")] for name in core) for core in signature.inputs
    ]


def draw_shapes(draw: st.DrawFn, signature: Signature) -> list[Shape]:
    """Draw the shapes of a signature's inputs; shrinks towards extents of 1."""
    extents: dict[str, int] = {}
    whole: Shape | None = None
    shapes: list[Shape] = []
    for core in signature.inputs:
        if core == ("...",):
            if whole is None:
                whole = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
            shapes.append(whole)
            continue
        for name in core:
            if name not in extents:
                extents[name] = int(name) if name.isdigit() else draw(_EXTENT)
        shapes.append(tuple(extents[name] for name in core))
    return shapes


@functools.lru_cache(maxsize=1024)
def _decimals(domain: Domain, shape: Shape) -> st.SearchStrategy[Array]:
    """Draw an array of numbers of at most two decimals in the domain; shrinks towards those nearest 0."""
    if max(abs(domain.low), abs(domain.high)) < DECIMALS_END:
        low, high = int(np.ceil(domain.low * 100)), int(np.floor(domain.high * 100))
        if low <= high:
            # Divided as a whole: a number that is mapped by itself takes twice as long to draw.
            return hnp.arrays(np.int64, shape, elements=st.integers(low, high)).map(lambda hundredths: hundredths / 100)
    return hnp.arrays(np.float64, shape, elements=st.floats(domain.low, domain.high))
