"""A hand-derived gradient against autodiff at one point; whether it is right, and if not, why.

Stages in order: contract → value → gradient → side effects. What rounding explains is measured on both sides
themselves (`rounding.py`); what it does not explain is settled in `disputes.py`, and then goes to the causes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.causes import diagnose
from gradtwin.comparisons.drawing.problems import LAYOUTS
from gradtwin.comparisons.oracles.interface import Answer
from gradtwin.comparisons.oracles.sampling import Along
from gradtwin.comparisons.precision.constants import (
    ANOTHER_OF_ZEROS,
    ANOTHER_SCALE,
    DRAWN_ELEMENTS,
    FIRST_DRAWS,
    MORE_DRAWS,
    OTHER_DRAWS,
    RERUN_DIGITS,
    UNITS_MOVED,
)
from gradtwin.comparisons.precision.rounding import absorbed_error, allowed_difference, cancelled_error
from gradtwin.comparisons.precision.running_error import Bound
from gradtwin.comparisons.results.data import Cause, Check
from gradtwin.comparisons.subjects.functions import ContractError, Written
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .comparator import Subject, compare_arrays
from .disputes import exceeds, settle, unresolved
from .evaluator import UPSTREAM_STREAM, Draws, Look, Looker, Notes
from .point import Point


@dataclass
class Judgement:
    """What came of one point: the checks, the point itself where gradients were compared, and what is worth a note."""

    checks: list[Check] = field(default_factory=list)
    point: Point | None = None
    oracle: str = ""
    notes: Notes = field(default_factory=dict)


class GradientJudge:
    """Judges one pair of forward and gradient at any point."""

    def __init__(
        self,
        written: Written,
        wrt: Sequence[int] | int | None,
        reference: Callable[..., Any] | None,
        operation: str,
    ) -> None:
        self.written = written
        self.wrt = wrt
        self.reference = reference
        self.operation = operation
        self._looker = Looker(written, wrt, reference)

    def judge(self, inputs: Sequence[Any], seed: int, *, explain: bool = True) -> Judgement:
        """Judge at one point; `explain` looks for the cause of a mismatch, which costs more than finding it."""
        found = Judgement()
        subject = Subject(self.operation, _dtype_of(inputs), "eager")
        try:
            base = self._looker.look(inputs, seed, found.notes)
            self._judge_values(subject, base, inputs, seed, found, explain)
        except ContractError as error:
            found.checks.append(subject.check("contract", "contract", "mismatch", error.cause))
        found.oracle = found.oracle or self._looker.oracle.name
        self._looker.trust_again()
        return found

    def look_only(self, inputs: Sequence[Any], seed: int) -> Point | None:
        """Return a point that a cause must hold at too, without a verdict; None where nothing can be compared there.

        The oracle is the one that judges now, and rounding is measured at few points: what is sought there is whether
        a repair fits, not who is at fault.
        """
        notes: Notes = {}
        try:
            base = self._looker.look(inputs, seed, notes)
            draws = Draws(self._looker, inputs, base, seed, notes, FIRST_DRAWS)
            draws.measure(OTHER_DRAWS)
        except ContractError:
            return None
        if base.evaluation.y.shape != base.answer.y.shape:
            return None
        if not self._is_comparable(base, inputs):
            return _known(self._point(base, inputs, self._allowed_alone(base, inputs)), base.answer)
        if self._compared_value(Subject("", "", ""), base, draws).verdict == "mismatch":
            return None
        return _known(self._point(base, inputs, self._measured(base, draws.looks, inputs), draws.looks), base.answer)

    def _judge_values(
        self,
        subject: Subject,
        base: Look,
        inputs: Sequence[Any],
        seed: int,
        found: Judgement,
        explain: bool,
    ) -> None:
        found.checks.append(self._contract(subject, base, inputs, found))
        side_effects = self._side_effects(subject, base, inputs, found)  # now, while little is held in memory
        draws = self._draws(inputs, base, seed, found)
        value = self._value(subject, base, draws)
        blamed = self._blame_reference(value, base, inputs)
        if blamed is not None:
            base = self._looker.trace_instead(base, inputs, found.notes)
            draws = self._draws(inputs, base, seed, found)
            value = self._value(subject, base, draws)
        if value.verdict == "mismatch" and self._looker.oracle.name == "traced":
            base = self._looker.distrust(base, inputs, found.notes)
            draws = self._draws(inputs, base, seed, found)
            value = self._value(subject, base, draws)
        found.checks.append(blamed or value)
        if self._is_comparable(base, inputs):
            self._judge_gradients(subject, base, draws, inputs, seed, found)
            if self._looker.has_reference and _accused(found) and self._looker.narrow_reference(inputs):
                # The reference's few digits would hide what is wrong.
                found.checks = [check for check in found.checks if check.stage != "gradient"]
                base = self._looker.trace_instead(base, inputs, found.notes)
                self._judge_gradients(subject, base, self._draws(inputs, base, seed, found), inputs, seed, found)
        elif explain:
            found.point = _known(self._point(base, inputs, self._allowed_alone(base, inputs)), base.answer)
        found.checks.append(side_effects)
        found.oracle = self._looker.oracle.name
        if found.point is not None and explain and any(c.verdict == "mismatch" for c in found.checks):
            self._explain(found, inputs)

    def _judge_gradients(
        self,
        subject: Subject,
        base: Look,
        draws: Draws,
        inputs: Sequence[Any],
        seed: int,
        found: Judgement,
    ) -> None:
        allowed = self._allowed(base, draws, inputs)
        point = self._point(base, inputs, allowed, draws.looks)
        values_differ = any(cause.cause.startswith("forward") for check in found.checks for cause in check.causes)
        rights = []
        for k in range(len(base.wrt)):
            if base.right[k] is None:
                found.notes[f"TensorFlow finds no path from {base.name(k)} to the output"] = None
            settled = settle(self._looker, point, k, allowed[k], seed, found.notes)
            theirs = point.right[k]  # where it is not a number, the causes get what the vote says
            rights.append(_without_nan(theirs, settled.right))
            scale = point.scale[k] / 2  # at an allowed error of half its size, a halved gradient would pass too
            absorbed = self._absorbed(base, k, inputs)
            if unresolved(self._looker, point, k, allowed[k] + absorbed if absorbed.any() else allowed[k], seed):
                found.notes[f"the gradient of {base.name(k)} is not zero, and smaller than its rounding errors"] = None
                scale = np.zeros_like(scale)
            bound = Bound(_without_nan(settled.right, 0.0), allowed[k] / 2, scale)
            left = point.left[k].reshape(settled.right.shape)
            check = compare_arrays(subject, f"gradient of {base.name(k)}", "gradient", left, settled.right, bound)
            if check.evidence:
                check = replace(check, evidence=replace(check.evidence, vote=settled.vote))
            is_blamed = check.verdict == "mismatch" and not values_differ  # of two functions each may be the right one
            found.checks.append(replace(check, causes=settled.causes) if is_blamed else check)
            if not left.size:
                found.notes[f"the gradient of {base.name(k)} is empty"] = None
            if base.answer.samples is not None:
                found.checks.append(self._along(subject, base.name(k), base.answer.samples[k].along))
        found.point = _known(replace(point, right=tuple(rights)), base.answer)

    def _along(self, subject: Subject, name: str, along: Along) -> Check:
        """Compare the sums along directions, which every entry of a gradient enters."""
        bound = Bound(along.value, along.error / 2, np.fmax(np.abs(along.given), np.abs(along.value)) / 2)
        what = f"gradient of {name} along {along.value.size} directions"
        return compare_arrays(subject, what, "gradient", along.given, along.value, bound)

    def _point(self, base: Look, inputs: Sequence[Any], allowed: list[Array], others: Sequence[Look] = ()) -> Point:
        left = tuple(np.asarray(g) for g in base.left)
        right = tuple(
            np.zeros(np.shape(inputs[i])) if g is None else np.asarray(g)
            for i, g in zip(base.wrt, base.right, strict=True)
        )
        # Where both sides are exactly zero: how large a gradient nearby points have, for how far they were moved.
        sensitivity = list(base.operands)
        for look in others:
            for k, theirs in enumerate(look.right):
                if theirs is not None and theirs.shape == right[k].shape:
                    moved_by = UNITS_MOVED * float(np.finfo(right[k].dtype).eps)
                    sensitivity[k] = np.fmax(sensitivity[k], float(np.max(np.abs(theirs), initial=0.0)) / moved_by)
        scales = []
        for k, (mine, theirs) in enumerate(zip(left, right, strict=True)):
            size = np.asarray(np.abs(theirs, dtype=np.float64))
            if mine.shape == theirs.shape:
                np.fmax(size, np.abs(mine, dtype=np.float64), out=size)
            zero = size == 0
            np.fmax(size, base.operands[k], out=size)
            size[zero] = sensitivity[k]
            scales.append(size)
        y_bar = base.y_bar
        return Point(
            self.written.style,
            tuple(inputs),
            base.wrt,
            base.names,
            base.evaluation.y,
            y_bar,
            left,
            right,
            tuple(allowed),
            tuple(scales),
        )

    def _allowed(self, base: Look, draws: Draws, inputs: Sequence[Any]) -> list[Array]:
        """Return the allowed differences; where something exceeds them, rounding is measured, ever more closely."""
        allowed = self._measured(base, draws.looks, inputs)
        if self._exceeded(base, allowed, inputs) and not draws.looks:
            terms = max((n for x in inputs for n in np.shape(x)), default=1)
            for k, limit in enumerate(allowed):
                np.fmax(limit, cancelled_error(self._looker.sides(base, k, inputs), terms), out=limit)
        elements = sum(limit.size for limit in allowed)
        for count in (FIRST_DRAWS, FIRST_DRAWS + max(MORE_DRAWS, DRAWN_ELEMENTS // max(1, elements))):
            if not self._exceeded(base, allowed, inputs):
                return allowed
            draws.measure(count)
            allowed = self._measured(base, draws.looks, inputs)
        if self._exceeded(base, allowed, inputs) and base.answer.error is None:
            scaled = self._looker.scaled_errors(inputs, base)
            if scaled is not None:
                allowed = [limit + error for limit, error in zip(allowed, scaled, strict=True)]
        if self._exceeded(base, allowed, inputs):
            allowed = [limit + self._absorbed(base, k, inputs) for k, limit in enumerate(allowed)]
        if self._exceeded(base, allowed, inputs) and base.answer.error is None:
            wider = self._looker.errors_by_wider(inputs, base, allowed)
            if wider is not None:
                allowed = [limit + error for limit, error in zip(allowed, wider, strict=True)]
        return allowed

    def _is_comparable(self, base: Look, inputs: Sequence[Any]) -> bool:
        """Return whether every gradient has as many elements as it must."""
        shapes = self._expected(base, inputs)
        return all(g.size == np.prod(shape, dtype=int) for g, shape in zip(base.left, shapes, strict=True))

    def _allowed_alone(self, base: Look, inputs: Sequence[Any]) -> list[Array]:
        """Return what a repair of a gradient of another shape may be off by: the oracle's own rounding."""
        zeros = [np.zeros(np.shape(inputs[i])) for i in base.wrt]
        rights = [zero if g is None else g for zero, g in zip(zeros, base.right, strict=True)]
        return [allowed_difference((g, g), []) for g in rights]

    def _exceeded(self, base: Look, allowed: list[Array], inputs: Sequence[Any]) -> bool:
        return any(np.any(exceeds(*self._looker.sides(base, k, inputs), limit)) for k, limit in enumerate(allowed))

    def _measured(self, base: Look, looks: list[Look], inputs: Sequence[Any]) -> list[Array]:
        return [self._allowed_of(base, looks, k, inputs) for k in range(len(base.wrt))]

    def _allowed_of(self, base: Look, looks: list[Look], k: int, inputs: Sequence[Any]) -> Array:
        sides, others = self._looker.sides(base, k, inputs), [self._looker.sides(look, k, inputs) for look in looks]
        allowed = allowed_difference(sides, others)
        if base.answer.error is not None:
            allowed = allowed + base.answer.error[k]
        return allowed

    def _absorbed(self, base: Look, k: int, inputs: Sequence[Any]) -> Array:
        return absorbed_error(self._looker.sides(base, k, inputs), base.operands[k])

    def _draws(self, inputs: Sequence[Any], base: Look, seed: int, found: Judgement) -> Draws:
        return Draws(self._looker, inputs, base, seed, found.notes, FIRST_DRAWS)

    def _expected(self, base: Look, inputs: Sequence[Any]) -> list[tuple[int, ...]]:
        """Return the shape that each gradient must have."""
        lead = base.evaluation.y.shape if self.written.style == "jacobian" else ()
        return [lead + np.shape(inputs[i]) for i in base.wrt]

    def _contract(self, subject: Subject, base: Look, inputs: Sequence[Any], found: Judgement) -> Check:
        causes = []
        for k, (gradient, shape) in enumerate(zip(base.left, self._expected(base, inputs), strict=True)):
            what = f"the gradient of {base.name(k)}"
            given = inputs[base.wrt[k]]
            x = np.asarray(given)
            if gradient.shape != shape and not (gradient.size == 1 and not isinstance(given, np.ndarray)):
                text = f"{what} has shape {gradient.shape}; expected {shape}."
                causes.append(Cause("shape", True, str(gradient.shape), text))
            if gradient.dtype.kind != "f":
                found.notes[f"{what} has dtype {gradient.dtype}; arithmetic on it in place would truncate"] = None
            elif gradient.dtype.itemsize < x.dtype.itemsize:
                text = f"{what} has dtype {gradient.dtype}, narrower than the input's {x.dtype}."
                causes.append(Cause("dtype", True, str(gradient.dtype), text))
            elif gradient.dtype.itemsize > x.dtype.itemsize:
                found.notes[f"{what} has dtype {gradient.dtype}, wider than the input's {x.dtype}"] = None
        return subject.check("contract", "contract", "mismatch" if causes else "match", *causes)

    def _value(self, subject: Subject, base: Look, draws: Draws) -> Check:
        """Compare forward's value with the oracle's; rounding is measured where a few roundings don't explain it."""
        check = self._compared_value(subject, base, draws)
        for count in (FIRST_DRAWS, FIRST_DRAWS + MORE_DRAWS):
            if check.verdict == "mismatch" and base.evaluation.y.shape == base.answer.y.shape:
                draws.measure(count)
                check = self._compared_value(subject, base, draws)
        return check

    def _compared_value(self, subject: Subject, base: Look, draws: Draws) -> Check:
        y, right = base.evaluation.y, base.answer.y
        if y.shape != right.shape:
            text = f"forward returned shape {y.shape}; the {self._looker.oracle.name} oracle {right.shape}."
            slug = "forward-broadcast" if right.size < y.size else "forward"
            return subject.check("value", "value", "mismatch", Cause(slug, True, str(y.shape), text))
        allowed = allowed_difference((y, right), [(o.evaluation.y, o.answer.y) for o in draws.looks])
        size = np.fmax(np.abs(y, dtype=np.float64), np.abs(right, dtype=np.float64))
        known = _without_nan(right, 0.0)  # NaN on both sides is not a match by silence
        check = compare_arrays(
            subject, "value", "value", y, right, Bound(known, allowed / 2, np.fmax(size, allowed * 2))
        )
        if check.verdict == "mismatch":
            text = "forward and the reference compute different values, so their gradients can't agree."
            return replace(check, causes=(Cause("forward", True, "", text),))
        return check

    def _blame_reference(self, value: Check, base: Look, inputs: Sequence[Any]) -> Check | None:
        """Return the check of the value with the reference at fault, where that is right to float32's precision only.

        None where it is not: the two compute different values.
        """
        looker = self._looker
        if value.verdict != "mismatch" or not looker.has_reference or base.evaluation.y.shape != base.answer.y.shape:
            return None
        narrow = looker.narrow_reference(inputs)
        if narrow is None or not looker.is_narrow_value(base, inputs):
            return None
        text = (
            f"the reference is right to float32's precision only: it has {narrow} of less than float64 inside, and "
            f"forward agrees with it to that precision. Make it float64, or check at float32 inputs."
        )
        return replace(value, causes=(Cause("reference", True, narrow, text),))

    def _side_effects(self, subject: Subject, base: Look, inputs: Sequence[Any], found: Judgement) -> Check:
        causes = [
            Cause(
                "mutated-input",
                True,
                what,
                f"{what.partition(' by ')[0]} was changed in place {what[what.find(' by ') + 1 :]}.",
            )
            for what in base.evaluation.changed
        ]
        found.notes |= dict.fromkeys(base.evaluation.views)
        try:
            again, _ = self.written.run(inputs, lambda _: base.upstream, LAYOUTS["read-only"])
        except ContractError as error:
            if not base.evaluation.changed:
                causes.append(replace(error.cause, text=f"with read-only inputs, {error.cause.text}"))
            return subject.check("side effects", "side-effect", "mismatch", *causes)
        floats = [x.dtype for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        coarsest = max((float(np.finfo(dtype).eps) for dtype in floats), default=0.0)
        before = (base.evaluation.y, *base.evaluation.gradients)
        after = (again.y, *again.gradients)
        for what, one, two in zip(("forward", *(["the gradient"] * len(before))), before, after, strict=False):
            if one is not None and two is not None and one.shape == two.shape and differs(one, two, coarsest):
                text = (
                    f"two runs of {what} on equal inputs differ: seed what it draws inside, or let it take the random "
                    f"numbers, such as a mask, as an input."
                )
                causes.append(Cause("nondeterministic", True, what, text))
                break
        return subject.check("side effects", "side-effect", "mismatch" if causes else "match", *causes)

    def _explain(self, found: Judgement, inputs: Sequence[Any]) -> None:
        """Put the causes of a wrong gradient on its check."""
        point = found.point
        assert point is not None
        known = {cause.cause for check in found.checks if check.stage != "value" for cause in check.causes}
        known |= {cause.cause for check in found.checks for cause in check.causes} - {"reference"}
        values = [c for c in found.checks if c.stage == "gradient" and c.verdict == "mismatch"]
        shapes = [c for c in found.checks if c.stage == "contract" and c.verdict == "mismatch"]
        if (not values and not shapes) or known & {"forward", "reference", "raises", "nondeterministic"}:
            return

        def another(seed: int) -> Point | None:
            rng = np.random.default_rng([seed, UPSTREAM_STREAM, 1])
            for keeps_whole in (False, True):  # what only bears whole numbers is moved as far as it can be
                moved = [redrawn(x, rng, keeps_whole) if i in point.wrt else x for i, x in enumerate(inputs)]
                with suppress(ArgumentTypeError, ArgumentValueError):
                    if (found := self.look_only(moved, seed)) is not None:
                        return found
            return None

        answers: dict[Any, Answer] = {}
        oracle = self._looker.oracle

        def rerun(at: Sequence[Any], y_bar: Array | None) -> tuple[Array, ...]:
            evaluation, _ = self.written.run(at, lambda y: y_bar if y_bar is not None else np.ones_like(y))
            return tuple(g for g in evaluation.gradients if g is not None)

        def oracle_vjp(at: Sequence[Any], y_bar: Array | None) -> tuple[Array, ...]:
            upstream = np.ones_like(self.written.value(at)) if y_bar is None else y_bar
            key = tuple((x.shape, x.dtype.str, x.tobytes()) for x in map(np.asarray, at))
            if key not in answers:  # one run of forward serves every y_bar; the last one's tape is kept
                answers.clear()
                answers[key] = oracle.ask(at, point.wrt, upstream)
            gradients = answers[key].pull_back(upstream)
            return tuple(
                np.zeros(np.shape(at[i])) if g is None else g for i, g in zip(point.wrt, gradients, strict=True)
            )

        probe = None if oracle.name == "finite-differences" else oracle_vjp  # each of its answers is many evaluations
        causes = diagnose(point, another, oracle_vjp=probe, rerun=rerun)
        for target in (*values[:1], *shapes[:1]):
            position = found.checks.index(target)
            found.checks[position] = replace(target, causes=(*causes, *target.causes))


def _known(point: Point, answer: Answer) -> Point:
    """Return the point with NaN where the oracle did not look: a cause can't be told by what stands there."""
    if answer.samples is None:
        return point
    parts = zip(point.right, answer.samples, strict=True)
    return replace(point, right=tuple(np.where(s.known, g, np.nan) for g, s in parts), is_sample=True)


def _accused(found: Judgement) -> bool:
    """Return whether the values agree and a gradient is wrong, and it is not the reference that is."""
    wrong = [check for check in found.checks if check.stage in ("value", "gradient") and check.verdict == "mismatch"]
    return any(check.stage == "gradient" and not check.causes for check in wrong) and wrong[0].stage != "value"


def _without_nan(values: Array, instead: Array | float) -> Array:
    nan = np.isnan(values)
    return np.where(nan, instead, values).astype(values.dtype) if nan.any() else values


def differs(one: Array, two: Array, coarsest: float) -> bool:
    """Return whether two runs differ in the leading half of their digits, where no order of summation shows."""
    if (one == two).all():
        return False
    one64, two64 = one.astype(np.float64), two.astype(np.float64)
    own = float(np.finfo(one.dtype).eps) if one.dtype.kind == "f" else 0.0
    half = max(own, coarsest) ** RERUN_DIGITS
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(one64), where=np.isfinite(one64), initial=0.0))
        apart = np.abs(one64 - two64) > half * size
        return bool(np.any(apart & ~(np.isnan(one64) & np.isnan(two64))))


def redrawn(x: Any, rng: np.random.Generator, keeps_whole: bool = True) -> Any:
    """Draw other values like these: permuted and scaled, which keeps most domains; whole numbers stay, if they are to.

    Integers always do, and zeros and ones, which are a mask.
    """
    if isinstance(x, float):
        return x * float(rng.uniform(*ANOTHER_SCALE))
    array = np.asarray(x)
    if array.size and not array.any():  # what holds at 0 alone is not the cause
        return np.asarray(rng.uniform(*ANOTHER_OF_ZEROS, array.shape), dtype=array.dtype)
    if array.size == 0 or array.dtype.kind in "iub" or np.isin(array, (0, 1)).all():
        return x
    if keeps_whole and np.all(array == np.rint(array)):
        return x
    shuffled = rng.permutation(array.ravel()).reshape(array.shape)
    return np.asarray(shuffled * rng.uniform(*ANOTHER_SCALE, array.shape), dtype=array.dtype)


def _dtype_of(inputs: Sequence[Any]) -> str:
    for x in inputs:
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            return str(x.dtype.newbyteorder("=").name)
    return "float64"
