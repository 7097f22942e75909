"""What rounding explains of the two sides of a user's gradient at one point, measured on both of them.

The oracle is asked at nudged points only where rounding must be measured: it costs most. The user's side is run at the
first of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.drawing.problems import LAYOUTS
from gradtwin.comparisons.oracles.interface import UntrustedError
from gradtwin.comparisons.precision.constants import DRAWN_ELEMENTS, FIRST_DRAWS, MORE_DRAWS, SAFETY
from gradtwin.comparisons.precision.rounding import (
    absorbed_error,
    allowed_difference,
    cancelled_error,
    nudge,
    nudge_input,
    scaled_error,
    vanished,
    wider_error,
)
from gradtwin.comparisons.subjects.functions import Place
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.errors import GradTwinError

from .evaluator import Evaluator, Mine, Notes, Sides
from .exceeding import exceeds

#: How the inputs of the first nudged point lie in memory.
NUDGED_LAYOUTS = {1: "strided"}


def _given(upstream: Array, _: Array) -> Array:
    return upstream


class Measured:
    """The rounding of both sides at one point, measured as closely as it must be."""

    def __init__(self, evaluator: Evaluator, sides: Sides, seed: int, notes: Notes) -> None:
        self.evaluator, self.sides = evaluator, sides
        self._seed, self._notes = seed, notes
        self._next = 1
        #: Both sides at the nudged points so far, none before `measure`.
        self.others: list[Sides] = []

    def begin(self) -> Measured:
        """Run the user's side at the first nudged points, and the oracle's where that does not look steady."""
        moved = [self._move(k) for k in range(1, FIRST_DRAWS + 1)]
        if not all(at is not None and self._is_steady(at) for at in moved):
            self._measure_at(moved)
        return self

    def measure(self, count: int) -> None:
        """Have both sides at so many nudged points."""
        self._measure_at([self._move(k) for k in range(self._next, count + 1)])

    def of_value(self) -> Array:
        """Return what forward's value and the oracle's may differ by, as far as it is measured now."""
        value, right = self.sides.evaluation.y, self.sides.answer.y
        return allowed_difference((value, right), [(other.evaluation.y, other.answer.y) for other in self.others])

    def of_gradients(self) -> list[Array]:
        """Return what each gradient may differ by, as far as it is measured now."""
        return [self._of_gradient(k) for k in range(len(self.sides.wrt))]

    def closely(self) -> list[Array]:
        """Return what each gradient may differ by; where one exceeds it, rounding is measured ever more closely."""
        sides, errors = self.sides, self.sides.answer.error
        allowed = self.of_gradients()
        if self._exceeded(allowed) and not self.others:
            terms = max((n for x in sides.inputs for n in np.shape(x)), default=1)
            for k, limit in enumerate(allowed):
                np.fmax(limit, cancelled_error(sides.pair(k), terms), out=limit)
        elements = sum(limit.size for limit in allowed)
        for count in (FIRST_DRAWS, FIRST_DRAWS + max(MORE_DRAWS, DRAWN_ELEMENTS // max(1, elements))):
            if not self._exceeded(allowed):
                return allowed
            self.measure(count)
            allowed = self.of_gradients()
        if self._exceeded(allowed) and errors is None:
            allowed = self._with(allowed, self._scaled_errors())
        if self._exceeded(allowed):
            allowed = [limit + self.absorbed(k) for k, limit in enumerate(allowed)]
        if self._exceeded(allowed) and errors is None:
            allowed = self._with(allowed, self._errors_by_wider(allowed))
        return allowed

    def absorbed(self, k: int) -> Array:
        """Return the error of elements that are zero by cancellation."""
        return absorbed_error(self.sides.pair(k), self.sides.operands[k])

    @staticmethod
    def _with(allowed: list[Array], errors: list[Array] | None) -> list[Array]:
        if errors is None:
            return allowed
        return [limit + error for limit, error in zip(allowed, errors, strict=True)]

    def _of_gradient(self, k: int) -> Array:
        allowed = allowed_difference(self.sides.pair(k), [other.pair(k) for other in self.others])
        errors = self.sides.answer.error
        return allowed if errors is None else allowed + errors[k]

    def _exceeded(self, allowed: Sequence[Array]) -> bool:
        return any(np.any(exceeds(*self.sides.pair(k), limit)) for k, limit in enumerate(allowed))

    # Nudged points.

    def _move(self, k: int) -> Mine | None:
        """Run the user's side at a nudged point, None where it does not compare; at the first one not contiguous."""
        sides, seed = self.sides, self._seed + k
        inputs = [nudge_input(x, seed) if i in sides.wrt else x for i, x in enumerate(sides.inputs)]
        layouts = [LAYOUTS[NUDGED_LAYOUTS[k]], None] if k in NUDGED_LAYOUTS else [None]
        mine = None
        for layout in layouts:  # that it refuses a layout is a note of the check of side effects
            try:
                mine = self.evaluator.run(Place(inputs, lambda _: nudge(sides.upstream, seed), layout))
                break
            except ContractError:
                continue
        if mine is None or mine.evaluation.y.shape != sides.evaluation.y.shape or mine.wrt != sides.wrt:
            return None
        if mine.evaluation.y_bar is None and self._is_contracted():
            return replace(mine, upstream=sides.upstream)
        return mine

    def _is_contracted(self) -> bool:
        """Return whether a Jacobian is compared as its product with y_bar."""
        return not np.array_equal(self.sides.upstream, np.ones_like(self.sides.upstream))

    def _is_steady(self, at: Mine) -> bool:
        """Return whether rounding can't be as large as what it is in, as far as the user's side shows.

        A difference of two sides varies by no more than both do, and so much of it is allowed in the end.
        """
        before, after = (self.sides.evaluation.y, *self.sides.left), (at.evaluation.y, *at.left)
        if [x.shape for x in before] != [x.shape for x in after]:
            return False
        for one, two in zip(before, after, strict=True):
            with np.errstate(all="ignore"):
                size = np.linalg.norm(one.ravel())
                moved = np.linalg.norm(np.subtract(two, one, dtype=np.float64).ravel())
            if not 2 * SAFETY * moved <= size / 2:  # where a half of it would pass too
                return False
        return True

    def _measure_at(self, moved: Sequence[Mine | None]) -> None:
        self._next += len(moved)
        found = [self._ask_nudged(at) for at in moved if at is not None]
        self.others += [other for other in found if other is not None]

    def _ask_nudged(self, at: Mine) -> Sides | None:
        """Return both sides at a nudged point, None where their gradients do not compare."""
        if self.sides.answer.error is not None:  # differences know their own error, and cost too much to repeat
            return replace(self.sides, evaluation=at.evaluation, left=at.left)
        try:
            sides = self.evaluator.ask(at, self._notes)
        except UntrustedError:
            return None
        is_alike = [g.shape for g in at.left] == [g.shape for g in self.sides.left]
        return replace(sides, inputs=self.sides.inputs) if is_alike else None

    # Other formats.

    def _scaled_errors(self) -> list[Array] | None:
        """Return each gradient's rounding error on both sides together, from float32 and float64 at one point.

        None where the functions don't give finite numbers in float32.
        """
        base = self.sides

        def cast(x: Any, dtype: Any) -> Any:
            floating = isinstance(x, np.ndarray) and x.dtype.kind == "f"
            return x.astype(np.float32).astype(dtype) if floating else x

        found = []
        for dtype in (np.float32, np.float64):
            with np.errstate(over="ignore"):
                at, upstream = [cast(x, dtype) for x in base.inputs], cast(np.asarray(base.upstream), dtype)
            try:
                mine = self.evaluator.run(Place(at, partial(_given, upstream)))
                asked = replace(mine, wrt=base.wrt, upstream=upstream.astype(mine.evaluation.y.dtype))
                other = self.evaluator.ask(asked, {})
            except (ContractError, UntrustedError, GradTwinError):  # no more than the functions were asked for
                return None
            if mine.evaluation.y.shape != base.evaluation.y.shape:
                return None
            if [g.shape for g in mine.left] != [g.shape for g in base.left]:
                return None
            found.append(replace(other, inputs=base.inputs, upstream=upstream))
        errors = []
        for k in range(len(base.wrt)):
            sides = list(zip(*(other.pair(k) for other in (base, *found)), strict=True))
            error = np.sum([scaled_error(*side) for side in sides], axis=0)
            left, _, wide = sides[0]
            errors.append(np.where(vanished(left, wide, base.operands_at(k)), 0.0, error))
        return errors

    def _errors_by_wider(self, allowed: Sequence[Array]) -> list[Array] | None:
        """Return the rounding error of the user's float64 gradients: how far they move when computed in long double.

        It shows terms that float64 absorbs at this point, which float32 absorbs whole. Where the wider gradient differs
        from the oracle's as well, its error counts as 0: that is no rounding. None where there is no wider format, or
        the functions don't keep it.
        """
        base = self.sides
        no_wider = np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps
        if no_wider or self.evaluator.user.style == "jacobian":
            return None

        def widened(x: Any) -> Any:
            return x.astype(np.longdouble) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x

        try:
            inputs = [widened(x) for x in base.inputs]
            mine = self.evaluator.run(Place(inputs, partial(_given, widened(base.upstream))))
        except (ContractError, GradTwinError):
            return None
        if mine.wrt != base.wrt or [g.shape for g in mine.left] != [g.shape for g in base.left]:
            return None
        errors = []
        for k, limit in enumerate(allowed):
            left, right = base.pair(k)
            own = mine.left[k].reshape(left.shape)
            error = wider_error(left, own, right, limit)
            errors.append(np.where(vanished(left, own, base.operands_at(k)), 0.0, error))
        return errors
