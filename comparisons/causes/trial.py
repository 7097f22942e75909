"""A repair, the things that it looks at, and the test that it has made a gradient right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.precision import precision_of
from gradtwin.comparisons.guards.time_limits import TimeIsUp
from gradtwin.comparisons.judging.point import Point
from gradtwin.comparisons.precision.constants import NOISE_BITS, OTHER_POINTS, SEARCH_ELEMENTS, SEARCH_RUNS

#: (inputs, y_bar) → gradients in the order of `wrt`; None where the function can't be run there.
Gradients = Callable[[tuple[Any, ...], Array], tuple[Array, ...] | None]

#: What y is called in sentences.
OUTPUT = "the output y"


@dataclass
class Work:
    """What a search has cost: runs of the functions, and elements that these and the trials went through."""

    runs: int = 0
    elements: int = 0

    def add(self, elements: int, runs: int = 0) -> None:
        """Count a trial, or runs of the functions that went through so many elements in all."""
        self.runs += runs
        self.elements += elements

    @property
    def is_spent(self) -> bool:
        """Whether no more repairs are tried. Work is counted, not time: every machine finds the same cause."""
        return self.runs >= SEARCH_RUNS or self.elements >= SEARCH_ELEMENTS


@dataclass
class Tools:
    """What may be run again: the oracle's gradients, and the user's, of any inputs; what they answered and cost."""

    oracle_vjp: Gradients | None = None
    rerun: Gradients | None = None
    answers: dict[Any, tuple[Array, ...] | None] = field(default_factory=dict)
    work: Work = field(default_factory=Work)


class View:
    """One differentiated input at one point, as the repairs see it."""

    def __init__(self, point: Point, k: int, tools: Tools, intermediates: Mapping[str, Array] | None = None) -> None:
        self.point = point
        self.k = k
        self.tools = tools
        self.position = point.wrt[k]
        self.left = widen(point.left[k])
        self.infinite = np.isinf(self.left)
        self.left = np.where(self.infinite, np.nan, self.left)
        self.is_whole = np.asarray(point.left[k]).dtype.kind in "iu"
        self.right = widen(point.right[k])
        self.allowed = np.broadcast_to(widen(point.allowed[k]), self.right.shape)
        self.scale = np.broadcast_to(widen(point.scale[k]), self.right.shape)
        self.y = widen(point.y)
        self.y_bar = np.ones_like(self.y) if point.y_bar is None else widen(point.y_bar)
        #: Gives the same input at so many other points: each is looked at anew, where a repair works here.
        self.find_others: Callable[[int], tuple[View, ...]] = lambda count: ()
        self.intermediates = {name: widen(array) for name, array in (intermediates or {}).items()}
        judged = [np.asarray(part).dtype for part in (point.inputs[self.position], point.y)]
        #: Unit roundoff of the arithmetic that is judged.
        self.u = max(
            (precision_of(dtype).u for dtype in judged if dtype.kind in "fV"), default=precision_of(_FLOAT64).u
        )

    def of(self, k: int) -> View:
        """Return the view of another differentiated input at the same point."""
        return View(self.point, k, self.tools, self.intermediates)

    def name(self, position: int) -> str:
        """Return the name of an input, or else its position."""
        name = self.point.names[position] if position < len(self.point.names) else ""
        return name or f"input {position}"

    def floating_inputs(self) -> Iterator[tuple[int, Array]]:
        """Yield position and array of every floating input."""
        for position, given in enumerate(self.point.inputs):
            array = np.asarray(given)
            if array.dtype.kind == "f" or (array.dtype.kind == "V" and array.dtype.names is None):
                yield position, widen(array)

    @cached_property
    def others(self) -> tuple[View, ...]:
        """The same input at all other points."""
        return self.find_others(OTHER_POINTS)

    @cached_property
    def wrong(self) -> Array:
        """Where the gradient is known and wrong."""
        trial = self.as_given()
        return np.asarray(trial.known() & ~within(trial.left, trial.right, trial.allowed))

    @cached_property
    def telling(self) -> Array:
        """Where a fault would show: an element that is 0 anyway may be right by chance."""
        return np.asarray(self.wrong | (np.abs(self.right) > self.allowed))

    def sources(self, shape: tuple[int, ...] | None = None) -> dict[str, Array]:
        """Return the named arrays of the point: y_bar, inputs, y, intermediates; only those of a given shape."""
        return {name: array for name, array in self._sources.items() if shape in (None, array.shape)}

    @cached_property
    def _sources(self) -> dict[str, Array]:
        known = {} if self.point.y_bar is None else {"y_bar": self.y_bar}
        known |= {self.name(position): array for position, array in self.floating_inputs()}
        known |= {OUTPUT: self.y}
        known |= self.intermediates
        return {name: array for name, array in known.items() if array.size}

    def differs(self) -> bool:
        """Return whether the gradient is wrong somewhere where something is known."""
        given = self.as_given()
        return bool(self.right.size) and given.is_telling() and not given.passes()

    def trial(self, left: Array, right: Array | None = None, allowed: Array | None = None, **more: Any) -> Trial:
        """Return a trial of `left` against the right gradient, or another pair that the repair makes equal."""
        self.tools.work.add(left.size)
        return Trial(left, self.right if right is None else right, self.allowed if allowed is None else allowed, **more)

    def oracle(self, inputs: tuple[Any, ...] | None = None, upstream: Array | None = None) -> Array | None:
        """Return the right gradient of other inputs or of another y_bar, None where it can't be had."""
        return self._call(self.tools.oracle_vjp, inputs, upstream)

    def rerun(self, inputs: tuple[Any, ...], upstream: Array | None = None) -> Array | None:
        """Return the user's gradient of other inputs or of another y_bar, None where it can't be had."""
        return self._call(self.tools.rerun, inputs, upstream)

    def _call(
        self, gradients: Gradients | None, inputs: tuple[Any, ...] | None, upstream: Array | None
    ) -> Array | None:
        if gradients is None:
            return None
        given = self.point.inputs if inputs is None else inputs
        y_bar = (self.y_bar if upstream is None else upstream).astype(np.asarray(self.point.y).dtype)
        key = (gradients, *[(a.shape, a.dtype.str, hash(a.tobytes())) for a in map(np.asarray, (*given, y_bar))])
        if key not in self.tools.answers:
            self.tools.work.add(sum(np.size(x) for x in (*given, y_bar)), runs=1)
            try:
                self.tools.answers[key] = gradients(given, y_bar)
            except (Exception, TimeIsUp):  # the functions are not ours, and may refuse what stands for an input
                self.tools.answers[key] = None
        found = self.tools.answers[key]
        return None if found is None or len(found) <= self.k else widen(found[self.k])

    def as_given(self) -> Trial:
        """Return the trial of no repair at all."""
        return self.trial(self.left)


@dataclass(frozen=True)
class Trial:
    """Two arrays that are equal, to `allowed`, if the repair is the right one.

    `bits` is the evidence of their equality, if it doesn't follow from the size of the differences: for two-valued
    patterns it is the number of elements. NaN in `left` means unknown (NaN has its own cause).
    """

    left: Array
    right: Array
    allowed: Array
    bits: float | None = None

    def known(self) -> Array:
        """Return where a comparison means something."""
        return np.asarray(np.isfinite(self.right) & np.isfinite(self.allowed) & ~np.isnan(self.left))

    def is_telling(self) -> bool:
        """Return whether the repair can fail at all."""
        return self.left.shape != self.right.shape or bool(self.known().any())

    def passes(self) -> bool:
        """Return whether all that is known is equal."""
        if self.left.shape != self.right.shape or not self.known().any():
            return False
        return bool(within(self.left, self.right, self.allowed)[self.known()].all())

    def evidence(self, before: Trial) -> float:
        """Return the evidence of a pass in bits: each earlier difference over the allowed error now.

        A repair may make both sides equal by making them small. The evidence is therefore at most their size over
        `allowed`.
        """
        if self.bits is not None:
            return self.bits
        same = before.left.shape == before.right.shape == self.right.shape
        size = np.abs(self.right)
        if same:
            size = np.minimum(size, np.abs(before.left - before.right))
        return float(bits_of(size, self.allowed)[self.known()].sum())

    def is_varied(self) -> bool:
        """Return whether at least two elements differ in magnitude: else one number could explain them by chance."""
        sizes = np.abs(self.right[self.known() & (np.abs(self.right) > self.allowed)])
        return bool(sizes.size) and not within(sizes, sizes[0], 2 * self.allowed.max(initial=0.0)).all()


@dataclass(frozen=True)
class Finding:
    """A cause in words; `{gradient}` in the text stands for the gradients that have it."""

    cause: str
    detail: str
    text: str


@dataclass(frozen=True)
class Repair:
    """A way to make a gradient right, with its parameters fixed, so that it can be tried at any point.

    `attempt` returns None where the repair can't be tried. The parameters of a `fitted` repair were taken from the
    data; one point then proves nothing. A `guess` is shown without a trial. A `costly` repair asks the oracle many
    times, and is tried at few points. A repair with `tells_where` finds the place of the fault, and not the reason.
    `with_constant` gives the finding with a constant factor, from the factor's words and those of its reciprocal.
    """

    findings: tuple[Finding, ...]
    attempt: Callable[[View], Trial | None]
    fitted: bool = False
    guess: bool = False
    costly: bool = False
    tells_where: bool = False
    with_constant: Callable[[str, str], Finding] | None = None


#: Looks at a mismatch and yields the repairs of one cause that are worth trying there.
Propose = Callable[[View], Iterator[Repair]]


def distinct(values: Array, allowed: Array) -> Array:
    """Return a mask that keeps one number of each value: the numbers that are far from the next larger one."""
    order = np.argsort(values, axis=None)
    ascending, doubt = values.ravel()[order], allowed.ravel()[order]
    keep = np.ones(values.size, bool)
    keep[order[:-1]] = np.diff(ascending) > 2 * np.maximum(doubt[:-1], doubt[1:])
    return keep.reshape(values.shape)


def within(left: Array, right: Array, allowed: Array | float) -> Array:
    """Return where |left − right| ≤ allowed, or both are the same infinity."""
    with np.errstate(all="ignore"):
        return np.asarray((np.abs(left - right) <= allowed) | (left == right))


def joined(*trials: Trial) -> Trial:
    """Return one trial of all of them."""
    unequal = [trial for trial in trials if trial.left.shape != trial.right.shape]
    if unequal:
        return unequal[0]
    parts = zip(*[(trial.left.ravel(), trial.right.ravel(), trial.allowed.ravel()) for trial in trials], strict=True)
    left, right, allowed = (np.concatenate(part) for part in parts)
    return Trial(left, right, allowed)


def bits_of(size: Array, allowed: Array) -> Array:
    """Return the bits of evidence of a fit to within `allowed` of numbers of that size."""
    with np.errstate(all="ignore"):
        bits = np.log2(size / np.maximum(allowed, np.finfo(np.float64).tiny)) - NOISE_BITS
    return np.asarray(np.where(bits > 0, bits, 0.0))


def times(view: View, factor: Array | float, left: Array, allowed: Array) -> tuple[Array, Array]:
    """Return factor · left and its allowed error: left's error grows with the factor, and the product is rounded.

    `allowed` covers both sides, of which the factor scales one: max(1, |factor|) · allowed + u |factor · left|.
    """
    with np.errstate(all="ignore"):
        size = np.abs(factor)
        error = np.maximum(1.0, size) * allowed + 2 * view.u * np.abs(factor * left)
        return np.asarray(factor * left), np.asarray(error)


def widen(array: Any) -> Array:
    """Return an array in float64, or wider where it is wider."""
    given = np.asarray(array)
    return given if given.dtype.kind == "f" and given.dtype.itemsize > 8 else given.astype(np.float64)


_FLOAT64 = np.dtype(np.float64)
