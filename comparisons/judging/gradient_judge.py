"""A hand-derived gradient against autodiff at one point: whether it is right.

Stages in order: contract → value → gradient → side effects. Rounding is measured on both sides
themselves (`measured.py`); a difference that it does not explain is settled in `disputes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.guards.time_limits import TimeIsUp, describe
from gradtwin.comparisons.oracles.interface import Oracle
from gradtwin.comparisons.oracles.reference import ReferenceOracle
from gradtwin.comparisons.oracles.sampling import Along
from gradtwin.comparisons.oracles.traced import trace_of
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.precision.constants import OTHER_DRAWS, UNITS_MOVED
from gradtwin.comparisons.precision.formula_constants import FORMULA_ROUNDINGS
from gradtwin.comparisons.precision.rounding import allowed_difference
from gradtwin.comparisons.results.data import Cause, Check
from gradtwin.comparisons.results.formula import Accuracy
from gradtwin.comparisons.subjects.functions import UserFunctions
from gradtwin.comparisons.subjects.interface import ContractError

from .choice import Chosen, ask, choose, choose_trace, compare_value, without_nan
from .disputes import settle, unresolved
from .evaluator import Evaluator, Mine, Notes, Sides
from .exactness import (
    ask_wide,
    is_proven,
    is_tensorflow_near,
    kink_cause,
    proven_check,
    unstable_note,
    with_fault,
    with_iteration,
    with_undecided,
)
from .formula_outcome import Fault, Formula
from .judge import Compared, compare
from .measured import Measured
from .point import Point
from .repeated import find_effects
from .titles import Titles


@dataclass(frozen=True)
class Judgement:
    """The outcome of one point: the checks, the point itself if gradients can be compared, and notes.

    `oracle` is the oracle that judged, None if the user's side broke before.
    """

    checks: list[Check]
    point: Point | None = None
    oracle: Oracle | None = None
    notes: Notes = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether a check is a mismatch."""
        return any(check.verdict == "mismatch" for check in self.checks)


class GradientJudge:
    """Judges one pair of forward and gradient at any point; `upstream` takes the place of a drawn y_bar."""

    def __init__(
        self,
        user: UserFunctions,
        wrt: Sequence[int] | int | None,
        reference: Callable[..., Any] | None,
        operation: str,
        *,
        upstream: Array | None = None,
        suffix: str = "",
    ) -> None:
        self.user = user
        self.wrt = wrt
        self.reference = reference
        self.operation = operation
        self._suffix = suffix
        oracle = trace_of(user) if reference is None else ReferenceOracle(reference)
        self._evaluator = Evaluator(user, wrt, oracle, upstream)

    def of(self, user: UserFunctions) -> GradientJudge:
        """Return the judge of another pair of functions, with drawn upstream gradients."""
        return GradientJudge(user, self.wrt, self.reference, self.operation, suffix=self._suffix)

    def judge(self, inputs: Sequence[Any], seed: int) -> Judgement:
        """Judge at one point."""
        titles = Titles(self.operation, _dtype_of(inputs), suffix=self._suffix)
        notes: Notes = {}
        try:
            mine = self._evaluator.evaluate(inputs, seed)
            contract = titles.contract(_check_contract(self.user, mine, notes))
            effects = titles.side_effects(find_effects(self.user, mine, notes))  # now, while little is in memory
            chosen = choose(titles, self._evaluator, mine, seed, notes)
            if not _is_comparable(self.user, mine):
                point = _known(_point(self.user, chosen.sides, _allowed_alone(chosen.sides)), chosen.sides)
                return Judgement([contract, chosen.value, effects], point, chosen.evaluator.oracle, notes)
            gradients, point = _compare_gradients(titles, chosen, seed, notes)
            if _is_narrow(chosen, gradients):  # the reference's few digits would hide what is wrong
                value = chosen.value
                chosen = replace(choose_trace(titles, chosen, mine, seed, notes), value=value)
                gradients, point = _compare_gradients(titles, chosen, seed, notes)
        except ContractError as error:
            return Judgement([titles.contract(error.causes)], notes=notes)
        except TimeIsUp as error:
            if self.user.timeout is None:  # it is a caller's limit
                raise
            text = f"{describe(error, self.user.timeout, 'the check')}; its gradient was not judged."
            return Judgement([titles.undecided("contract", "contract", Cause("timeout", True, "", text))], notes=notes)
        checks = [contract, chosen.value, *gradients, effects]
        return Judgement(checks, point, chosen.evaluator.oracle, notes)

    def look_only(self, inputs: Sequence[Any], seed: int, oracle: Oracle) -> Point | None:
        """Return a point at which a cause must hold too, without a verdict; None if nothing can be compared there.

        The oracle is the one that judges now, and rounding is measured at few points: the question there is
        whether a repair fits, and not who is at fault.
        """
        notes: Notes = {}
        try:
            evaluator, sides = ask(self._evaluator.by(oracle), self._evaluator.evaluate(inputs, seed), notes)
            if sides.evaluation.y.shape != sides.answer.y.shape:
                return None
            if not _is_comparable(self.user, sides):
                return _known(_point(self.user, sides, _allowed_alone(sides)), sides)
            measured = Measured(evaluator, sides, seed, notes).begin()
            measured.measure(OTHER_DRAWS)
        except (ContractError, TimeIsUp):
            return None
        if compare_value(Titles("", ""), measured).verdict == "mismatch":
            return None
        return _known(_point(self.user, sides, measured.of_gradients(), measured.others), sides)


def _compare_gradients(titles: Titles, chosen: Chosen, seed: int, notes: Notes) -> tuple[list[Check], Point]:
    """Return a check for each gradient, and the point for causes to look at.

    The formula is judged in wide arithmetic; where that can't decide, the values are, with their measured rounding.
    """
    sides = chosen.sides
    exactness = ask_wide(chosen, seed)
    count = len(sides.wrt)
    proven = [is_proven(sides.left[k], exactness.formulas[k], exactness.accuracies[k]) for k in range(count)]
    if all(proven) and all(map(is_tensorflow_near, exactness.accuracies)):
        by_values: list[list[Check]] = [[] for _ in range(count)]
        point = _known(_point(chosen.evaluator.user, sides, _allowed_alone(sides)), sides)
    else:
        by_values, point = _compare_values(titles, chosen, seed, notes)
    checks: list[Check] = []
    for k, found in enumerate(exactness.formulas):
        name, accuracy = sides.name(k), exactness.accuracies[k]
        measured = by_values[k]
        if proven[k] and not _is_reference_wrong(chosen, measured):
            check = proven_check(titles, f"gradient of {name}", sides.left[k], sides.right[k], found)
            causes = [cause for other in measured for cause in other.causes if cause.cause == "reference"]
            check, measured = replace(check, causes=tuple(causes)), []
        else:
            check, *measured = measured
        check = with_iteration(with_undecided(check, found), found)
        if found.fault is not None:
            check, point = _blame(check, chosen, point, k, found.fault)
        checks += [replace(check, formula=exactness.record(k), accuracy=accuracy), *measured]
        loss = exactness.losses[k] if exactness.losses else ""
        notes |= dict.fromkeys(_notes(name, found, accuracy if check.verdict == "match" else None, loss))
        if not sides.left[k].size:
            notes[f"the gradient of {name} is empty"] = None
    return checks, point


def _is_reference_wrong(chosen: Chosen, measured: Sequence[Check]) -> bool:
    """Return whether a reference that the user gave has a wrong gradient: the two don't agree, and it is at fault."""
    is_reference = isinstance(chosen.evaluator.oracle, ReferenceOracle)
    return is_reference and any(check.verdict == "mismatch" and check.causes for check in measured)


def _notes(name: str, found: Formula, accuracy: Accuracy | None, loss: str) -> Iterator[str]:
    """Yield the notes on a gradient's formula."""
    yield from found.notes
    if found.at_kinks.any():
        count = int(found.at_kinks.sum())
        entries = "1 entry" if count == 1 else f"{count} entries"
        yield f"kink: {name} has {entries} without a derivative; the gradient lies between those around"
    note = unstable_note(name, accuracy, loss)
    if note is not None:
        yield note


def _blame(check: Check, chosen: Chosen, point: Point, k: int, fault: Fault) -> tuple[Check, Point]:
    """Return the mismatch of a gradient with a wrong formula, and the point where its causes are looked for."""
    left = chosen.sides.left[k]
    by_values = check.verdict == "mismatch"
    check = with_fault(check, left, fault)
    cause = kink_cause(chosen.sides.name(k), fault)
    if cause is not None:
        return replace(check, causes=(cause,)), point
    if by_values:
        return check, point
    right = np.array(point.right[k], np.float64)
    right[fault.index] = fault.right
    u = float(np.finfo(np.asarray(chosen.sides.inputs[chosen.sides.wrt[k]]).dtype).eps) / 2
    allowed = FORMULA_ROUNDINGS * u * np.abs(right)
    rights = tuple(right if i == k else r for i, r in enumerate(point.right))
    limits = tuple(allowed if i == k else a for i, a in enumerate(point.allowed))
    return check, replace(point, right=rights, allowed=limits)


def _compare_values(titles: Titles, chosen: Chosen, seed: int, notes: Notes) -> tuple[list[list[Check]], Point]:
    """Return the checks of each gradient's values, with what disputes settled, and the point for causes to look at."""
    sides, evaluator = chosen.sides, chosen.evaluator
    allowed = chosen.measured.closely()
    point = _point(evaluator.user, sides, allowed, chosen.measured.others)
    values_differ = any(cause.cause.startswith("forward") for cause in chosen.value.causes)
    rights: list[Array] = []
    checks: list[list[Check]] = []
    for k in range(len(sides.wrt)):
        if sides.right[k] is None:
            notes[f"TensorFlow finds no path from {sides.name(k)} to the output"] = None
        settled = settle(evaluator, point, k, allowed[k], seed, notes)
        rights.append(without_nan(point.right[k], settled.right))  # the causes get the vote
        scale = point.scale[k] / 2  # at an allowed error of half its size, a halved gradient would pass too
        absorbed = chosen.measured.absorbed(k)
        if unresolved(evaluator, point, k, allowed[k] + absorbed if absorbed.any() else allowed[k], seed):
            notes[f"the gradient of {sides.name(k)} is not zero, and smaller than its rounding errors"] = None
            scale = np.zeros_like(scale)
        left = point.left[k].reshape(settled.right.shape)
        pair = Compared(
            (f"gradient of {sides.name(k)}", "gradient"),
            left,
            settled.right,
            Allowance(without_nan(settled.right, 0.0), allowed[k], scale),
            () if values_differ else settled.causes,  # of two functions each may be the right one
        )
        [check] = compare(titles, [pair])
        if check.evidence:
            check = replace(check, evidence=replace(check.evidence, vote=settled.vote))
        checks.append([check])
        if sides.answer.samples is not None:
            checks[-1].append(_compare_along(titles, sides.name(k), sides.answer.samples[k].along))
    return checks, _known(replace(point, right=tuple(rights)), sides)


def _compare_along(titles: Titles, name: str, along: Along) -> Check:
    """Compare the sums along directions, which every entry of a gradient enters."""
    allowance = Allowance(along.value, along.error, np.fmax(np.abs(along.given), np.abs(along.value)) / 2)
    title = f"gradient of {name} along {along.value.size} directions"
    [check] = compare(titles, [Compared((title, "gradient"), along.given, along.value, allowance)])
    return check


def _is_narrow(chosen: Chosen, gradients: Sequence[Check]) -> bool:
    """Return whether a reference accuses a gradient that it knows too few digits of: the values agree."""
    oracle = chosen.evaluator.oracle
    if not isinstance(oracle, ReferenceOracle) or chosen.value.verdict == "mismatch":
        return False
    accuses = any(check.verdict == "mismatch" and not check.causes for check in gradients)
    return accuses and oracle.narrow_operation(chosen.sides.inputs) is not None


def _point(user: UserFunctions, sides: Sides, allowed: list[Array], others: Sequence[Sides] = ()) -> Point:
    left = tuple(np.asarray(g) for g in sides.left)
    right = tuple(
        np.zeros(np.shape(sides.inputs[i])) if g is None else np.asarray(g)
        for i, g in zip(sides.wrt, sides.right, strict=True)
    )
    # Where both sides are exactly zero: how large a gradient nearby points have, for how far they were moved.
    sensitivity = list(sides.operands)
    for other in others:
        for k, theirs in enumerate(other.right):
            if theirs is not None and theirs.shape == right[k].shape:
                moved_by = UNITS_MOVED * float(np.finfo(right[k].dtype).eps)
                sensitivity[k] = np.fmax(sensitivity[k], float(np.max(np.abs(theirs), initial=0.0)) / moved_by)
    scales = []
    for k, (mine, theirs) in enumerate(zip(left, right, strict=True)):
        size = np.asarray(np.abs(theirs, dtype=np.float64))
        if mine.shape == theirs.shape:
            np.fmax(size, np.abs(mine, dtype=np.float64), out=size)
        zero = size == 0
        np.fmax(size, sides.operands[k], out=size)
        size[zero] = sensitivity[k]
        scales.append(size)
    return Point(
        user.style,
        tuple(sides.inputs),
        sides.wrt,
        user.names(len(sides.inputs)),
        sides.words,
        sides.evaluation.y,
        sides.y_bar,
        left,
        right,
        tuple(allowed),
        tuple(scales),
    )


def _known(point: Point, sides: Sides) -> Point:
    """Return the point with NaN where the oracle did not look: these elements prove no cause."""
    samples = sides.answer.samples
    if samples is None:
        return point
    parts = zip(point.right, samples, strict=True)
    return replace(point, right=tuple(np.where(s.known, g, np.nan) for g, s in parts), is_sample=True)


def _allowed_alone(sides: Sides) -> list[Array]:
    """Return the allowed error of a repair of a gradient with another shape: the oracle's rounding."""
    zeros = [np.zeros(np.shape(sides.inputs[i])) for i in sides.wrt]
    rights = [zero if g is None else g for zero, g in zip(zeros, sides.right, strict=True)]
    return [allowed_difference((g, g), []) for g in rights]


def _expected(user: UserFunctions, mine: Mine) -> list[tuple[int, ...]]:
    """Return the shape that each gradient must have."""
    lead = mine.evaluation.y.shape if user.style == "jacobian" else ()
    return [lead + np.shape(mine.inputs[i]) for i in mine.wrt]


def _is_comparable(user: UserFunctions, mine: Mine) -> bool:
    """Return whether every gradient has as many elements as it must."""
    shapes = _expected(user, mine)
    return all(g.size == np.prod(shape, dtype=int) for g, shape in zip(mine.left, shapes, strict=True))


def _check_contract(user: UserFunctions, mine: Mine, notes: Notes) -> list[Cause]:
    """Return the faults of the gradients' shapes and dtypes."""
    causes = []
    words = user.words(len(mine.inputs))
    for i, gradient, shape in zip(mine.wrt, mine.left, _expected(user, mine), strict=True):
        what = f"the gradient of {words[i]}"
        given = mine.inputs[i]
        x = np.asarray(given)
        if gradient.shape != shape and not (gradient.size == 1 and not isinstance(given, np.ndarray)):
            text = f"{what} has shape {gradient.shape}; expected {shape}."
            causes.append(Cause("shape", True, str(gradient.shape), text))
        if gradient.dtype.kind != "f":
            notes[f"{what} has dtype {gradient.dtype}; arithmetic on it in place would truncate"] = None
        elif gradient.dtype.itemsize < x.dtype.itemsize:
            text = f"{what} has dtype {gradient.dtype}, narrower than the input's {x.dtype}."
            causes.append(Cause("dtype", True, str(gradient.dtype), text))
        elif gradient.dtype.itemsize > x.dtype.itemsize:
            notes[f"{what} has dtype {gradient.dtype}, wider than the input's {x.dtype}"] = None
    return causes


def _dtype_of(inputs: Sequence[Any]) -> str:
    for x in inputs:
        if isinstance(x, np.ndarray) and x.dtype.kind == "f":
            return str(x.dtype.newbyteorder("=").name)
    return "float64"
