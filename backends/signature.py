"""Shapes as data: one gufunc string documents, validates and generates the shapes of an operation.

It has NumPy's generalised ufunc signatures (`(n?,k),(k,m?)->(n?,m?)`), and `(...)` for a whole shape of any number of
dimensions, the same wherever it occurs, as in `(...),(...)->()`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

Shape = tuple[int, ...]

#: NumPy's arrays have no more dimensions, and no extent has more digits.
LARGEST_RANK, MOST_DIGITS = 64, 18

#: Characters of a malformed signature that its error repeats.
LONGEST_SHOWN = 200
_DIMENSION = re.compile(r"[A-Za-z_][A-Za-z_0-9]*\??|[0-9]+|\.\.\.")


@dataclass(frozen=True)
class Signature:
    """`(n,k),(k,m)->(n,m)`: the core dimensions of each input and of the output."""

    text: str
    inputs: tuple[tuple[str, ...], ...]
    output: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, derived: Sequence[str] = ()) -> Signature:
        """Read a signature; raise ArgumentTypeError or ArgumentValueError, saying which part is malformed.

        `derived` are dimensions of the output that need occur in no input.
        """
        if not isinstance(text, str):
            raise ArgumentTypeError(
                f"signature: got {text!r} of type {type(text).__name__}; expected text such as '(n,k),(k,m)->(n,m)'."
            )
        compact = re.sub(r"\s", "", text)
        sides = compact.split("->")
        if len(sides) != 2:
            raise _malformed(text, f"it has {len(sides) - 1} arrows '->' where one is needed")
        inputs = _parse_side(text, sides[0], "left of '->'")
        outputs = _parse_side(text, sides[1], "right of '->'")
        if len(outputs) != 1:
            raise _malformed(text, f"it has {len(outputs)} outputs where one is needed")
        known = {name for core in inputs for name in core} | set(derived)
        for name in outputs[0]:
            if name not in known and not name.isdigit():
                raise _malformed(text, f"the output's dimension {name!r} occurs in no input")
        return cls(compact, inputs, outputs[0])

    def match(self, shapes: Sequence[Shape], names: Sequence[str], stacked: bool = False) -> dict[str, Shape]:
        """Bind each dimension's name to its extent(s), or raise ShapeError naming the inputs that disagree.

        With `stacked`, leading dimensions beyond the core ones are allowed and must broadcast, as in NumPy's
        generalised ufuncs; they are bound to the name `"stack"`.
        """
        bound: dict[str, Shape] = {}
        owner: dict[str, str] = {}
        stacks: list[tuple[str, Shape]] = []
        for name, shape, core in zip(names, shapes, self.inputs, strict=True):
            dimensions, stack = self._align(name, shape, core, stacked)
            stacks.append((name, stack))
            for dimension, extent in dimensions.items():
                if dimension.isdigit() and extent != (int(dimension),):
                    raise ShapeError(
                        self._clash(names, shapes, f"{name} needs extent {dimension} where it has {extent[0]}")
                    )
                if bound.setdefault(dimension, extent) != extent:
                    detail = (
                        f"{dimension} is {_show(bound[dimension])} in {owner[dimension]} but {_show(extent)} in {name}"
                    )
                    raise ShapeError(self._clash(names, shapes, detail))
                owner.setdefault(dimension, name)
        bound["stack"] = self._broadcast(stacks, names, shapes)
        return bound

    def output_shape(self, bound: dict[str, Shape]) -> Shape:
        """Return the output's shape for the dimensions that `match` has bound."""
        core = [bound.get(_bare(name), (int(name),) if name.isdigit() else ()) for name in self.output]
        return bound["stack"] + tuple(extent for extents in core for extent in extents)

    def _align(self, name: str, shape: Shape, core: tuple[str, ...], stacked: bool) -> tuple[dict[str, Shape], Shape]:
        if core == ("...",):
            return {"...": shape}, ()
        if len(shape) < len(core):
            core = tuple(dimension for dimension in core if not dimension.endswith("?"))
        if len(shape) < len(core) or (len(shape) > len(core) and not stacked):
            raise ShapeError(
                f"{name} has shape {shape}, {len(shape)}-dimensional; expected {_show_core(core)} as in {self.text}."
            )
        split = len(shape) - len(core)
        return {_bare(d): (extent,) for d, extent in zip(core, shape[split:], strict=True)}, shape[:split]

    def _broadcast(self, stacks: list[tuple[str, Shape]], names: Sequence[str], shapes: Sequence[Shape]) -> Shape:
        result: list[int] = []
        for offset in range(1, max((len(stack) for _, stack in stacks), default=0) + 1):
            extents = {stack[-offset] for _, stack in stacks if len(stack) >= offset} - {1}
            if len(extents) > 1:
                raise ShapeError(
                    self._clash(names, shapes, f"the stacks' axis -{offset} can't broadcast {sorted(extents)}")
                )
            result.insert(0, extents.pop() if extents else 1)
        return tuple(result)

    def _clash(self, names: Sequence[str], shapes: Sequence[Shape], detail: str) -> str:
        given = " and ".join(f"{name} has shape {shape}" for name, shape in zip(names, shapes, strict=True))
        return f"{given}: {detail}. Expected shapes as in {self.text}."


@cache
def parse(text: str, derived: tuple[str, ...] = ()) -> Signature:
    """Return the parsed signature, parsing each text once."""
    return Signature.parse(text, derived)


def _parse_side(text: str, side: str, where: str) -> tuple[tuple[str, ...], ...]:
    if not re.fullmatch(r"\([^()]*\)(,\([^()]*\))*", side):
        raise _malformed(text, f"{side!r}, {where}, is not a list of bracketed shapes")
    cores = []
    for inside in re.findall(r"\(([^()]*)\)", side):
        core = tuple(inside.split(",")) if inside else ()
        for dimension in core:
            if not _DIMENSION.fullmatch(dimension):
                raise _malformed(text, f"{dimension!r} is not a dimension")
            if dimension.isdigit() and len(dimension) > MOST_DIGITS:
                raise _malformed(text, f"an extent of {len(dimension)} digits is larger than any array's")
        if len(core) > LARGEST_RANK:
            raise _malformed(text, f"a shape has {len(core)} dimensions, and arrays at most {LARGEST_RANK}")
        if "..." in core and core != ("...",):
            raise _malformed(text, "'...' must stand alone in its brackets")
        cores.append(core)
    return tuple(cores)


def _malformed(text: str, detail: str) -> ArgumentValueError:
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return ArgumentValueError(
        f"signature: {shown!r} is malformed: {detail}. Expected a form such as '(n,k),(k,m)->(n,m)'."
    )


def _bare(dimension: str) -> str:
    return dimension.rstrip("?")


def _show(extent: Shape) -> str:
    return str(extent[0]) if len(extent) == 1 else str(extent)


def _show_core(core: tuple[str, ...]) -> str:
    return f"({','.join(core)})" + ("" if core else ", a scalar")
