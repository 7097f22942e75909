"""The user's own functions in twice the precision: the gradient as written, and forward's derivative beside it.

Along a direction v, φ(t) = Σ ȳ · forward(inputs + t v), and φ'(0) is taken by central differences, extrapolated to
t = 0 (Richardson 1911). Both precisions take the branches that float64 takes at the inputs. A derivative has an error
estimate: the wide rounding of φ's terms over the step, and what another step changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.formula_constants import MORE_ITERATIONS, NOISE_UNIT, WIDE_SMALLEST, WIDE_UNIT
from gradtwin.comparisons.subjects.functions import UserFunctions, WideParts

if TYPE_CHECKING:
    from gradtwin.comparisons.precision.wide import WideArray
    from gradtwin.comparisons.tracing.wide import Watch

#: A direction: for each differentiated position how far each element moves.
Direction = Mapping[int, Array]


class NotExactError(Exception):
    """The functions can't be run in wide arithmetic; the message says why, with function, file and line."""


@dataclass(frozen=True)
class Slope:
    """φ'(0) of `count` differences: what the last one changed, and the rounding."""

    value: Fraction
    changed: float
    rounding: float
    count: int

    def error(self, scale: float) -> float:
        """Return an estimate of the error, `scale` being Σ |direction · gradient|.

        If n differences leave an error in t²ⁿ, the last of them changed t²ⁿ⁻², so that the error is the n/(n−1)-th
        power of what it changed, relative to `scale`.
        """
        part = self.changed / scale if scale > 0 else 1.0
        if not part < 1 or self.count < 2:
            return self.changed + self.rounding
        return float(scale * part ** (self.count / (self.count - 1))) + self.rounding


class ExactFunctions:
    """A user's forward and gradient at one point, in wide arithmetic.

    `shift` moves the point by a little, where wide values then decide; `ties` seeds how they decide on thresholds.
    `constants` are the numbers of many digits that the runs so far met in the code. `row` picks one row of a Jacobian:
    its number, and how many there are.
    """

    def __init__(
        self,
        user: UserFunctions,
        inputs: Sequence[Any],
        y_bar: Array | None,
        shift: Direction | None = None,
        constants: dict[float, float] | None = None,
        ties: int | None = None,
        terms: float | None = None,
        more: int = 0,
        row: tuple[int, int] | None = None,
    ) -> None:
        self._user = user
        self._inputs = tuple(inputs)
        self._y_bar = y_bar
        self._shift = shift
        self._ties = ties
        self._terms = terms
        self._more = more
        self._row = row
        #: Whether values decided when a loop of forward ended.
        self.loops = False
        #: How many results the last run computed.
        self.operations = 0
        floats = [np.asarray(x).dtype for x in inputs if np.asarray(x).dtype.kind == "f"]
        self._narrows: str = min(floats, key=lambda dtype: dtype.itemsize).name if floats else ""
        self.constants: dict[float, float] = {} if constants is None else constants

    def shifted(self, shift: Direction, ties: int | None = None) -> ExactFunctions:
        """Return the same functions at a point nearby."""
        return ExactFunctions(
            self._user, self._inputs, self._y_bar, shift, self.constants, ties, self._terms, self._more, self._row
        )

    def of_output(self, number: int, y: Array) -> ExactFunctions:
        """Return the same functions for one output alone: a row of a Jacobian."""
        y_bar = np.zeros(y.size)
        y_bar[number] = 1.0
        return ExactFunctions(self._user, self._inputs, y_bar.reshape(y.shape), row=(number, y.size))

    def continued(self) -> ExactFunctions:
        """Return the same functions with iterations that go on long after their end."""
        return ExactFunctions(self._user, self._inputs, self._y_bar, more=MORE_ITERATIONS, row=self._row)

    def gradients(self, moved: float | None = None, noise: int | None = None) -> tuple[WideArray, ...]:
        """Return the gradients that the user's code computes, without those that are None.

        `moved` is a number of the code that is moved by its rounding; `noise` seeds one more rounding of all results.
        """
        parts = self._parts()
        with_y_bar, given, run = self._gradient_run(parts)
        shadows = {i + with_y_bar: shadow for i, shadow in self._moved({}, 0.0).items()}
        how: dict[str, Any] = {"moved": moved, "noise": noise}
        found, has_narrowed = self._compute(parts, run, given, shadows, narrows=self._narrows, **how)
        if has_narrowed:  # a fault of the gradient's, unless forward itself works in that dtype
            _, forward_too = self._compute(self._parts(), parts.value, parts.inputs, {}, narrows=self._narrows)
            if forward_too:
                self._narrows = ""
                return self.gradients(moved, noise)
        gradients = tuple(gradient for gradient in found if gradient is not None)
        return gradients if self._row is None else tuple(_row(g, *self._row) for g in gradients)

    def watched(self, watch: Watch) -> tuple[Array, ...]:
        """Return NumPy's values of the gradients, of a run that records what each operation loses."""
        from gradtwin.comparisons.tracing import UntraceableError
        from gradtwin.comparisons.tracing.wide import PLAIN, WideEngine, compute

        parts = self._parts()
        _, given, run = self._gradient_run(parts)
        try:
            with self._user.wide_limit():
                found = compute(WideEngine(PLAIN, watch), parts.functions, run, given, parts.held)
        except UntraceableError as error:
            raise NotExactError(str(error)) from error
        return tuple(np.asarray(g) for g in found.values if g is not None)

    def _gradient_run(self, parts: WideParts) -> tuple[bool, tuple[Any, ...], Any]:
        """Return whether the gradient takes y_bar, its arguments, and what calls it."""
        with_y_bar = self._user.has_upstream
        given = (_like_input(self._y_bar), *parts.inputs) if with_y_bar else parts.inputs

        def run(functions: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
            upstream, rest = (arguments[0], arguments[1:]) if with_y_bar else (None, arguments)
            return parts.gradients(functions, upstream, rest)

        return with_y_bar, given, run

    @property
    def terms(self) -> float:
        """The size of the terms that φ is made of, as far as it is known: of those that are summed at the end."""
        if self._terms is None:
            self.value({}, 0.0)
        assert self._terms is not None
        return self._terms

    def look_at_terms(self) -> bool:
        """Measure the size of all terms, by what one more rounding of each result changes; return whether it grew."""
        before, noisy, plain = self.terms, self.value({}, 0.0, noise=0), self.value({}, 0.0)
        self._terms = max(before, abs(float(noisy - plain)) / NOISE_UNIT)
        return self._terms > 2 * before

    def value(
        self, direction: Direction, step: float, moved: float | None = None, noise: int | None = None
    ) -> Fraction:
        """Return φ(step)."""
        from gradtwin.comparisons.precision.wide import apply

        parts = self._parts()
        [y], _ = self._compute(parts, parts.value, parts.inputs, self._moved(direction, step), moved=moved, noise=noise)
        if y is None or not np.isfinite(y.high).all():
            raise NotExactError("forward's value is not finite in wide arithmetic")
        if 0 < float(np.abs(y.high).max(initial=0.0)) < WIDE_SMALLEST:
            raise NotExactError("forward's value is so small that wide arithmetic underflows")
        terms = y if self._y_bar is None else y * self._y_bar.astype(np.float64)
        if self._terms is None:
            self._terms = float(np.sum(np.abs(terms.high)))
        return _fraction(apply(np.sum, (terms,)))

    def slope(self, direction: Direction, exponent: int, count: int, moved: float | None = None) -> Slope:
        """Return φ'(0) along a direction from `count` differences, the longest of 2 to the `exponent`."""
        rows: list[Fraction] = []
        h = 2.0**exponent
        for step in (h / 2**k for k in range(count)):
            above, below = self.value(direction, step, moved), self.value(direction, -step, moved)
            rows.append((above - below) / (2 * Fraction(step)))
        table, before = rows, rows[-1]
        for j in range(1, count):
            before = table[-1]
            table = [near + (near - far) / (4**j - 1) for far, near in pairwise(table)]
        rounding = WIDE_UNIT * self.terms * 2.0 ** (count - 1) / h
        return Slope(table[-1], abs(float(table[-1] - before)), rounding, count)

    def _moved(self, direction: Direction, step: float) -> dict[int, WideArray]:
        """Return the wide values of the inputs that are not where NumPy's values are."""
        from gradtwin.comparisons.precision.wide import wide

        places = {*direction, *(self._shift or {})}
        found = {}
        for i in places:
            x = wide(np.ascontiguousarray(self._inputs[i]) if np.ndim(self._inputs[i]) else self._inputs[i])
            if self._shift and i in self._shift:
                x = x + self._shift[i]
            if i in direction:
                x = x + step * np.asarray(direction[i])
            found[i] = x
        return found

    def _parts(self) -> WideParts:
        return self._user.wide_parts(self._inputs)

    def _compute(
        self,
        parts: WideParts,
        run: Any,
        given: Sequence[Any],
        shadows: Mapping[int, WideArray],
        **how: Any,
    ) -> tuple[tuple[WideArray | None, ...], bool]:
        """Return the results of a wide run, and whether a value was cast to a narrower dtype on its way."""
        from gradtwin.comparisons.tracing import UntraceableError
        from gradtwin.comparisons.tracing.wide import Mode, WideEngine, compute

        engine = WideEngine(Mode(free=self._shift is not None, ties=self._ties, more=self._more, **how))
        try:
            with self._user.wide_limit():
                found = compute(engine, parts.functions, run, given, parts.held, shadows)
        except UntraceableError as error:
            raise NotExactError(str(error)) from error
        except MemoryError as error:
            raise NotExactError("wide arithmetic ran out of memory") from error
        for number, u in engine.constants.items():
            self.constants[number] = max(u, self.constants.get(number, 0.0))
        if found.escapes:
            raise NotExactError(f"a value left wide arithmetic: {found.escapes[0]}")
        self.loops |= found.loops
        self.operations = engine.operations
        return found.results, engine.has_narrowed


def _row(jacobian: WideArray, number: int, rows: int) -> WideArray:
    """Return one row of a Jacobian."""
    from gradtwin.comparisons.precision.wide import WideArray

    return WideArray(np.reshape(jacobian.high, (rows, -1))[number], np.reshape(jacobian.low, (rows, -1))[number])


def _like_input(y_bar: Array | None) -> Any:
    assert y_bar is not None
    return y_bar if y_bar.ndim else y_bar.dtype.type(y_bar)


def _fraction(x: WideArray) -> Fraction:
    return Fraction(float(x.high)) + Fraction(float(x.low))
