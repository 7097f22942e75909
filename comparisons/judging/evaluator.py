"""Looks at a point: the user's value and gradients there, and the oracle's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.drawing.problems import LAYOUTS
from gradtwin.comparisons.oracles.differences import DifferencesOracle
from gradtwin.comparisons.oracles.interface import Answer, Oracle, UntrustedError
from gradtwin.comparisons.oracles.reference import ReferenceOracle
from gradtwin.comparisons.oracles.traced import TracedOracle
from gradtwin.comparisons.precision.constants import JACOBIAN_ROWS, SAFETY
from gradtwin.comparisons.precision.reference_precision import is_within_float32, narrow_operation
from gradtwin.comparisons.precision.rounding import nudge, scaled_error, vanished, wider_error
from gradtwin.comparisons.precision.size import root_mean_square
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.functions import ContractError, Evaluation, Written, is_floating, resolve_wrt
from gradtwin.errors import ArgumentValueError, GradTwinError

#: Users draw their inputs from default_rng(0) too; a y_bar equal to an input would hide faults.
UPSTREAM_STREAM = 0x79BA12

#: How the inputs of the first nudged point lie in memory.
NUDGED_LAYOUTS = {1: "strided"}

#: What is worth saying in the report; a dict, for its order.
Notes = dict[str, None]


def _given(upstream: Array, _: Array) -> Array:
    return upstream


@dataclass(frozen=True)
class Look:
    """Both sides at one point, before anything is judged.

    `inputs` are those of the point that is judged.
    """

    inputs: Sequence[Any]
    evaluation: Evaluation
    y_bar: Array | None
    upstream: Array
    names: tuple[str, ...]
    wrt: tuple[int, ...]
    left: tuple[Array, ...]
    right: tuple[Array | None, ...]
    answer: Answer

    @cached_property
    def operands(self) -> tuple[float, ...]:
        """The size of what each gradient is formed from: ‖ȳ ∘ y‖ over the typical size of its input, 0 if unknown.

        A gradient that is smaller than this by many digits is zero by cancellation.
        """
        with np.errstate(all="ignore"):
            products = np.multiply(self.upstream, self.evaluation.y, dtype=np.float64)
            size = float(np.linalg.norm(products.ravel()))
            reaches = [size / (root_mean_square(self.inputs[i]) or 1.0) for i in self.wrt]
        return tuple(reach if np.isfinite(reach) else 0.0 for reach in reaches)

    def operands_at(self, k: int) -> Array:
        """Return the same for each element of the k-th gradient, where a small input has a large one."""
        x = np.asarray(self.inputs[self.wrt[k]], np.float64)
        with np.errstate(all="ignore"):
            return np.asarray(self.operands[k] * np.fmax(1.0, root_mean_square(x) / np.abs(x)))

    def name(self, k: int) -> str:
        """Return the words for the k-th differentiated input."""
        return f"input {self.wrt[k]} ({self.names[self.wrt[k]]})"


@dataclass(frozen=True)
class Moved:
    """The user's side at the nudged point of a seed."""

    evaluation: Evaluation
    y_bar: Array | None
    left: tuple[Array, ...]
    seed: int


def _nudged(base: Look, seed: int) -> list[Any]:
    """Return the inputs with the differentiated ones nudged."""
    return [_nudged_input(x, seed) if i in base.wrt else x for i, x in enumerate(base.inputs)]


def _nudged_input(x: Any, seed: int) -> Any:
    if isinstance(x, np.ndarray):
        return nudge(x, seed)
    return float(nudge(np.asarray(x), seed)) if isinstance(x, float) else x


class Draws:
    """Looks at nudged points. The oracle is asked there only where rounding must be measured: it costs most.

    The user's side is run at the first ones at once, for what it makes of their layout.
    """

    def __init__(self, looker: Looker, inputs: Sequence[Any], base: Look, seed: int, notes: Notes, first: int) -> None:
        self._looker, self._inputs, self._base, self._seed, self._notes = looker, inputs, base, seed, notes
        self._next = 1
        #: The looks there are so far, none before `measure`.
        self.looks: list[Look] = []
        moved = [self._move(k) for k in range(1, first + 1)]
        if not all(at is not None and self._is_steady(at) for at in moved):
            self._measure_at(moved)

    def measure(self, count: int) -> None:
        """Have looks at so many points."""
        self._measure_at([self._move(k) for k in range(self._next, count + 1)])

    def _measure_at(self, moved: list[Moved | None]) -> None:
        self._next += len(moved)
        looks = [self._looker.nudged(at, self._base, self._notes) for at in moved if at is not None]
        self.looks += [look for look in looks if look is not None]

    def _move(self, k: int) -> Moved | None:
        return self._looker.move(self._inputs, self._base, self._seed, k)

    def _is_steady(self, at: Moved) -> bool:
        """Return whether rounding can't be as large as what it is in, as far as the user's side tells.

        A difference of two sides varies by no more than both do, and so much of it is allowed in the end.
        """
        before, after = (self._base.evaluation.y, *self._base.left), (at.evaluation.y, *at.left)
        if [x.shape for x in before] != [x.shape for x in after]:
            return False
        for one, two in zip(before, after, strict=True):
            with np.errstate(all="ignore"):
                size = np.linalg.norm(one.ravel())
                moved = np.linalg.norm(np.subtract(two, one, dtype=np.float64).ravel())
            if not 2 * SAFETY * moved <= size / 2:  # where a half of it would pass too
                return False
        return True


class Looker:
    """Looks at points with one pair of forward and gradient, and one oracle."""

    def __init__(self, written: Written, wrt: Sequence[int] | int | None, reference: Callable[..., Any] | None) -> None:
        self.written = written
        self.wrt = wrt
        self._reference = reference
        self._narrow: str | None = None
        self.oracle: Oracle = TracedOracle(written) if reference is None else ReferenceOracle(reference)
        self._distrusted: Oracle | None = None

    @property
    def has_reference(self) -> bool:
        """Whether a reference judges, and not the forward itself."""
        return self.oracle.name == "reference"

    def trust_again(self) -> None:
        """Go back to the oracle that was distrusted at one point."""
        self.oracle, self._distrusted = self._distrusted or self.oracle, None

    def narrow_reference(self, inputs: Sequence[Any]) -> str | None:
        """Return what holds less than float64 inside a reference that is given float64, None if nothing does."""
        if self._reference is not None and self._narrow is None:
            self._narrow = narrow_operation(self._reference, inputs)
        return self._narrow

    def is_narrow_value(self, base: Look, inputs: Sequence[Any]) -> bool:
        """Return whether the two values differ by no more than a forward in float32 loses."""

        def value(at: Sequence[Any]) -> Array | None:
            try:
                return self.written.value(at)
            except (ContractError, GradTwinError):
                return None

        with np.errstate(all="ignore"):
            apart = np.abs(base.evaluation.y.astype(np.float64) - base.answer.y)
        return is_within_float32(value, inputs, apart)

    def look(self, inputs: Sequence[Any], seed: int, notes: Notes) -> Look:
        """Look at a point, with y_bar of a stream of gradtwin's own; ContractError where the user's side breaks."""
        written = self.written

        def make_y_bar(y: Array) -> Array:
            rng = np.random.default_rng([seed, UPSTREAM_STREAM])
            return np.asarray(rng.standard_normal(y.shape), dtype=y.dtype.newbyteorder("="))

        evaluation, y_bar = written.run(inputs, make_y_bar)
        names = written.names(len(inputs))
        wrt, gradients = self._pair(inputs, names, evaluation)
        self._check_output(evaluation.y, inputs, wrt)
        upstream = np.ones_like(evaluation.y) if y_bar is None else y_bar
        if written.style == "jacobian" and evaluation.y.size > JACOBIAN_ROWS:
            upstream = make_y_bar(evaluation.y)
        answer = self.ask(inputs, wrt, upstream, notes)
        right = self._right(answer, evaluation.y, wrt, inputs)
        return Look(inputs, evaluation, y_bar, upstream, names, wrt, gradients, right, answer.without_tape())

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], upstream: Array, notes: Notes) -> Answer:
        """Ask the oracle; where the forward can't be traced, differences take its place from then on."""
        try:
            answer = self.oracle.ask(inputs, wrt, upstream)
        except UntrustedError as error:
            notes[f"the forward can't be traced: {error} Judged by differences instead."] = None
            self.oracle = DifferencesOracle(self.written)
            answer = self.oracle.ask(inputs, wrt, upstream)
        notes |= dict.fromkeys(answer.notes)
        return answer

    def distrust(self, base: Look, inputs: Sequence[Any], notes: Notes) -> Look:
        """Look again with differences, where TensorFlow did not compute the value that NumPy did."""
        notes["the traced forward computes another value than NumPy; judged by differences instead"] = None
        return self._look_by(DifferencesOracle(self.written), base, inputs, notes)

    def trace_instead(self, base: Look, inputs: Sequence[Any], notes: Notes) -> Look:
        """Look again with the forward traced, where the reference is right to float32's precision only."""
        notes[
            f"the reference has {self._narrow} of less than float64 inside; judged by autodiff of the forward itself"
        ] = None
        return self._look_by(TracedOracle(self.written), base, inputs, notes)

    def _look_by(self, oracle: Oracle, base: Look, inputs: Sequence[Any], notes: Notes) -> Look:
        self._distrusted = self._distrusted or self.oracle
        self.oracle = oracle
        answer = self.ask(inputs, base.wrt, base.upstream, notes)
        right = self._right(answer, base.evaluation.y, base.wrt, inputs)
        return replace(base, right=right, answer=answer.without_tape())

    def _check_output(self, y: Array, inputs: Sequence[Any], wrt: tuple[int, ...]) -> None:
        style = self.written.style
        if style in ("grad", "value_and_grad") and y.size != 1:
            raise ArgumentValueError(
                f"forward: it returned shape {y.shape}; with {style} expected one number, whose gradient it is. "
                f"For an array-valued forward give vjp=, derivative= or jacobian=."
            )
        if style == "derivative" and (len(wrt) != 1 or y.shape != np.shape(inputs[wrt[0]])):
            raise ArgumentValueError(
                f"derivative: forward takes shape {np.shape(inputs[wrt[0]])} to {y.shape}; expected an elementwise "
                f"function of one array. For others give vjp= or jacobian=."
            )

    def move(self, inputs: Sequence[Any], base: Look, seed: int, k: int) -> Moved | None:
        """Run the user's side at a nudged point, None where it does not compare; at the first one not contiguous."""
        layout = LAYOUTS[NUDGED_LAYOUTS[k]] if k in NUDGED_LAYOUTS else None
        try:
            evaluation, y_bar = self.written.run(
                _nudged(base, seed + k), lambda _: nudge(base.upstream, seed + k), layout
            )
            wrt, left = self._pair(inputs, base.names, evaluation)
        except ContractError as error:
            if k in NUDGED_LAYOUTS and not base.evaluation.changed:
                text = f"with {NUDGED_LAYOUTS[k]} inputs, {error.cause.text}"
                raise ContractError(replace(error.cause, text=text)) from error
            return None
        if evaluation.y.shape != base.evaluation.y.shape or wrt != base.wrt:
            return None
        return Moved(evaluation, y_bar, left, seed + k)

    def nudged(self, at: Moved, base: Look, notes: Notes) -> Look | None:
        """Look at a nudged point with the oracle too, None where its gradients do not compare."""
        evaluation, left = at.evaluation, at.left
        upstream = np.ones_like(evaluation.y) if at.y_bar is None else at.y_bar
        if self.written.style == "jacobian" and evaluation.y.size > JACOBIAN_ROWS:
            upstream = base.upstream
        if base.answer.error is not None:  # differences know their own error, and cost too much to repeat
            return replace(base, evaluation=evaluation, left=left)
        inputs = _nudged(base, at.seed)
        answer = self.ask(inputs, base.wrt, upstream, notes)
        if [g.shape for g in left] != [g.shape for g in base.left]:
            return None
        right = self._right(answer, evaluation.y, base.wrt, inputs)
        return replace(base, evaluation=evaluation, left=left, right=right, answer=answer.without_tape())

    def scaled_errors(self, inputs: Sequence[Any], base: Look) -> list[Array] | None:
        """Return each gradient's rounding error on both sides together, from float32 and float64 at one point.

        None where the functions don't give finite numbers in float32.
        """

        def cast(x: Any, dtype: Any) -> Any:
            floating = isinstance(x, np.ndarray) and x.dtype.kind == "f"
            return x.astype(np.float32).astype(dtype) if floating else x

        found = []
        for dtype in (np.float32, np.float64):
            with np.errstate(over="ignore"):
                at, upstream = [cast(x, dtype) for x in inputs], cast(np.asarray(base.upstream), dtype)
            try:
                evaluation, _ = self.written.run(at, partial(_given, upstream))
                answer = self.oracle.ask(at, base.wrt, upstream.astype(evaluation.y.dtype))
                _, left = self._pair(inputs, base.names, evaluation)
            except (ContractError, UntrustedError):
                return None
            if evaluation.y.shape != base.evaluation.y.shape or [g.shape for g in left] != [g.shape for g in base.left]:
                return None
            right = self._right(answer, evaluation.y, base.wrt, at)
            found.append(replace(base, evaluation=evaluation, upstream=upstream, left=left, right=right))
        errors = []
        for k in range(len(base.wrt)):
            sides = list(zip(*(self.sides(look, k, inputs) for look in (base, *found)), strict=True))
            error = np.sum([scaled_error(*side) for side in sides], axis=0)
            left, _, wide = sides[0]
            errors.append(np.where(vanished(left, wide, base.operands_at(k)), 0.0, error))
        return errors

    def errors_by_wider(self, inputs: Sequence[Any], base: Look, allowed: Sequence[Array]) -> list[Array] | None:
        """Return the rounding error of the user's float64 gradients: how far they move when computed in long double.

        It shows terms that float64 absorbs at this point, which float32 absorbs whole. Where the wider gradient differs
        from the oracle's as well, its error counts as 0: that is no rounding. None where there is no wider format, or
        the functions don't keep it.
        """
        if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps or self.written.style == "jacobian":
            return None

        def widened(x: Any) -> Any:
            return x.astype(np.longdouble) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x

        try:
            evaluation, _ = self.written.run([widened(x) for x in inputs], partial(_given, widened(base.upstream)))
            wrt, wide = self._pair(inputs, base.names, evaluation)
        except (ContractError, GradTwinError):
            return None
        if wrt != base.wrt or [g.shape for g in wide] != [g.shape for g in base.left]:
            return None
        errors = []
        for k, limit in enumerate(allowed):
            left, right = self.sides(base, k, inputs)
            own = wide[k].reshape(left.shape)
            error = wider_error(left, own, right, limit)
            errors.append(np.where(vanished(left, own, base.operands_at(k)), 0.0, error))
        return errors

    def sides(self, look: Look, k: int, inputs: Sequence[Any]) -> tuple[Array, Array]:
        """Return both sides' k-th gradient in one shape; a large Jacobian is contracted with y_bar."""
        right = look.right[k]
        shape = np.shape(inputs[look.wrt[k]]) if right is None else right.shape
        left = look.left[k]
        if self.written.style == "jacobian" and look.evaluation.y.size > JACOBIAN_ROWS:
            left = np.tensordot(look.upstream, left, look.upstream.ndim)
        return left.reshape(shape), np.zeros(shape, left.dtype) if right is None else right

    def _right(self, answer: Answer, y: Array, wrt: tuple[int, ...], inputs: Sequence[Any]) -> tuple[Array | None, ...]:
        if self.written.style != "jacobian" or y.size > JACOBIAN_ROWS:
            return answer.gradients
        rows: list[list[Array]] = [[] for _ in wrt]
        for k in range(y.size):
            one_hot = np.zeros(y.size, dtype=y.dtype.newbyteorder("="))
            one_hot[k] = 1
            for row, bar, i in zip(rows, answer.pull_back(one_hot.reshape(y.shape)), wrt, strict=True):
                row.append(np.zeros(np.shape(inputs[i])) if bar is None else bar)
        shapes = [y.shape + np.shape(inputs[i]) for i in wrt]
        return tuple(np.asarray(row).reshape(shape) for row, shape in zip(rows, shapes, strict=True))

    def _pair(
        self, inputs: Sequence[Any], names: tuple[str, ...], evaluation: Evaluation
    ) -> tuple[tuple[int, ...], tuple[Array, ...]]:
        """Return the differentiated positions and their gradients."""
        wrt, gradients = resolve_wrt(self.wrt, inputs, names, evaluation.gradients)
        kept = []
        for i, gradient in zip(wrt, gradients, strict=True):
            if gradient is not None:
                if not is_floating(inputs[i]):
                    raise ContractError(
                        Cause("shape", True, names[i], f"a gradient came for {names[i]}, which is not floating.")
                    )
                kept.append((i, gradient))
            elif self.wrt is not None:
                text = f"the gradient of input {i} ({names[i]}) is None, and wrt={wrt} asks for it."
                raise ContractError(Cause("shape", True, "None", text))
        if not kept:
            raise ArgumentValueError(
                "gradient: every gradient is None; expected at least one array. Is a `return` missing?"
            )
        return tuple(i for i, _ in kept), tuple(gradient for _, gradient in kept)
