"""The verdicts of the formula in wide arithmetic on each gradient of a point, and the digits that both sides keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import ExactFunctions, NotExactError
from gradtwin.comparisons.precision.constants import UNDECIDED_PART
from gradtwin.comparisons.precision.formula_constants import FORMULA_ROUNDINGS
from gradtwin.comparisons.results.data import Cause, Check, Verdict, Worst
from gradtwin.comparisons.results.formula import Accuracy, FormulaRecord
from gradtwin.comparisons.subjects.functions import Place
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.errors import GradTwinError

from .choice import Chosen
from .formula import Fault, Formula, judge_formulas, judge_jacobian
from .lost_digits import describe_loss, digits_of, find_loss, keeps_far_fewer
from .titles import Titles

#: Of decimal digits.
BASE = 10

#: Names the stream of the rounding of the inputs.
ROUNDING_STREAM = 0x20D


@dataclass(frozen=True)
class Exactness:
    """What wide arithmetic says of each gradient of a point."""

    formulas: Sequence[Formula]
    accuracies: Sequence[Accuracy | None]
    #: What costs a gradient its digits, in words; empty where nothing does, or it is not known.
    losses: Sequence[str] = ()

    def record(self, k: int) -> FormulaRecord:
        """Return how the k-th gradient's formula was judged."""
        found = self.formulas[k]
        if found.why_not:
            return FormulaRecord(None, "measured", found.why_not)
        return FormulaRecord(found.digits, "exact")


def ask_wide(chosen: Chosen, seed: int) -> Exactness:
    """Judge the formula of each gradient at a point in wide arithmetic."""
    sides, user = chosen.sides, chosen.evaluator.user
    count = len(sides.wrt)
    why = ""
    if chosen.value.verdict == "mismatch":
        why = "forward and the reference compute different values"
    elif any(
        np.size(g) != np.size(theirs) for g, theirs in zip(sides.left, sides.right, strict=True) if theirs is not None
    ):
        why = "a gradient has another size than its input"
    if why:
        return Exactness([Formula(why_not=why)] * count, [None] * count)
    left = [np.asarray(g) for g in sides.left]
    if user.style == "jacobian":
        formulas = judge_jacobian(user, sides.inputs, sides.wrt, sides.evaluation.y, seed)
    else:
        formulas = judge_formulas(user, sides.inputs, sides.wrt, sides.y_bar, left, sides.right, seed)
    moved = _conditions(chosen, left, seed) if any(f.is_right for f in formulas) else []
    accuracies = [
        None if not f.is_right or f.exact is None else _accuracy(left[k], sides.right[k], f.exact, moved[k])
        for k, f in enumerate(formulas)
    ]
    losses = [
        _find_loss(chosen, k, f.exact, moved[k], accuracy)
        if f.exact is not None and accuracy is not None and _is_unstable(accuracy)
        else ""
        for k, (f, accuracy) in enumerate(zip(formulas, accuracies, strict=True))
    ]
    return Exactness(formulas, accuracies, losses)


def _find_loss(chosen: Chosen, k: int, exact: Array, moved: Array | None, accuracy: Accuracy) -> str:
    """Return what costs the k-th gradient its digits, in words."""
    sides = chosen.sides
    functions = ExactFunctions(chosen.evaluator.user, sides.inputs, sides.y_bar)

    def digits(gradient: Array) -> float:
        found = _accuracy(gradient, None, exact, moved)
        return 0.0 if found is None or found.numpy is None else found.numpy

    try:
        loss = find_loss(lambda watch: functions.watched(watch)[k], digits, accuracy.allowed or 0.0)
    except (NotExactError, IndexError):
        return ""
    return "" if loss is None else describe_loss(loss)


def is_proven(left: Array, found: Formula, accuracy: Accuracy | None) -> bool:
    """Return whether a gradient is right: its formula is, all of it is known, and its values keep a digit in all."""
    if not found.is_right or found.exact is None or not _all_known(left, found) or found.stopped is not None:
        return False
    if accuracy is None or accuracy.numpy is None or accuracy.numpy >= min(1.0, accuracy.allowed or 0.0):
        return True
    with np.errstate(all="ignore"):
        size = np.linalg.norm(found.exact.ravel())
        error = np.linalg.norm((left.reshape(found.exact.shape).astype(np.float64) - found.exact).ravel())
    return bool(np.isfinite(size) and error <= size / BASE)


def is_tensorflow_near(accuracy: Accuracy | None) -> bool:
    """Return whether TensorFlow keeps about what the problem allows, as far as that is known."""
    if accuracy is None or accuracy.tensorflow is None or accuracy.allowed is None:
        return True
    return not keeps_far_fewer(accuracy.tensorflow, accuracy.allowed)


def proven_check(titles: Titles, name: str, left: Array, right: Array | None, found: Formula) -> Check:
    """Return the match of a gradient that is proven."""
    assert found.exact is not None
    exact = found.exact
    theirs = np.full(exact.shape, np.nan) if right is None else right.astype(np.float64)
    mine = left.reshape(exact.shape).astype(np.float64)
    worst = None
    if mine.size:
        u = float(np.finfo(left.dtype).eps) / 2 if left.dtype.kind == "f" else 0.0
        with np.errstate(all="ignore"):
            error = np.abs(mine - exact)
            part = error / np.fmax(np.abs(exact), np.finfo(np.float64).tiny)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(part)), exact.shape))
        allowed = max(float(error[index]), u * abs(float(exact[index])))
        worst = Worst(
            index, float(mine[index]), float(theirs[index]), float(exact[index]), float(error[index]), allowed
        )
    return Check(
        titles.name(name), titles.operation, "gradient", titles.dtype, titles.mode, "match", left.size, worst=worst
    )


def with_fault(check: Check, left: Array, fault: Fault) -> Check:
    """Return the check of a gradient whose formula is wrong at an element, whatever its values showed."""
    if check.verdict == "mismatch":
        return check
    u = float(np.finfo(left.dtype).eps) / 2 if left.dtype.kind == "f" else float(np.finfo(np.float64).eps) / 2
    allowed = FORMULA_ROUNDINGS * u * abs(fault.right)
    if fault.between:
        allowed = (fault.between[1] - fault.between[0]) / 2
    error = abs(fault.given - fault.right)
    worst = Worst(fault.index, fault.given, fault.right, fault.right, error, allowed)
    return replace(
        check, verdict="mismatch", mismatched=1, inconclusive=0, worst=worst, causes=(), undecided_examples=0
    )


def with_undecided(check: Check, found: Formula) -> Check:
    """Return the check of a gradient of which some elements tie with too many others to be judged."""
    count = int(found.undecided.sum())
    if not count or check.verdict == "mismatch" or found.exact is None:
        return check
    size = np.abs(found.exact) ** 2
    most = float(size[found.undecided].sum()) > UNDECIDED_PART * float(size.sum()) or not size.any()
    text = f"{count} elements tie with so many others that no mean of the gradients around was found: move the inputs."
    verdict: Verdict = "inconclusive" if most else check.verdict
    return replace(
        check,
        verdict=verdict,
        inconclusive=max(check.inconclusive, count),
        causes=(*check.causes, Cause("kink", False, "", text)),
        undecided_examples=int(verdict == "inconclusive"),
    )


def with_iteration(check: Check, found: Formula) -> Check:
    """Return the check of a gradient that is right for the limit of an iteration, which forward does not reach."""
    if found.stopped is None:
        return check
    text = (
        f"the iteration stopped early: the gradient is the one of its limit, from which forward differs by a part of "
        f"{found.stopped:.1g}. Let it go on further, or take that difference as the gradient's error."
    )
    cause = Cause("forward", False, f"{found.stopped:.1g}", text)
    return replace(check, verdict="inconclusive", inconclusive=check.size, causes=(cause,), undecided_examples=1)


def kink_cause(name: str, fault: Fault) -> Cause | None:
    """Return the cause of a gradient that is not between those around a kink."""
    if fault.between is None:
        return None
    low, high = fault.between
    text = (
        f"{name} has a kink at {_at(fault.index)}, where the gradient jumps. There it is {fault.given:.6g}; around it "
        f"lies between {low:.6g} and {high:.6g}"
    )
    if low <= fault.given <= high:
        return Cause("kink", True, _at(fault.index), f"{text}, but the elements that tie add up wrongly.")
    return Cause("kink", True, _at(fault.index), f"{text}.")


def unstable_note(name: str, accuracy: Accuracy | None, loss: str) -> str | None:
    """Return the note on a gradient that keeps far fewer digits than its problem allows; `loss` says where they go."""
    if accuracy is None or not _is_unstable(accuracy):
        return None
    return (
        f"unstable: the gradient of {name} has the right formula, and keeps {accuracy.numpy:.1f} digits where the "
        f"problem allows {accuracy.allowed:.1f}{loss and f': {loss}'}"
    )


def unstable_check(check: Check, cause: Cause) -> Check:
    """Return the mismatch of a gradient that has the right formula, and loses too many digits."""
    mismatched = max(1, check.mismatched)
    return replace(check, verdict="mismatch", mismatched=mismatched, causes=(cause, *check.causes))


def _is_unstable(accuracy: Accuracy) -> bool:
    if accuracy.numpy is None or accuracy.allowed is None:
        return False
    return keeps_far_fewer(accuracy.numpy, accuracy.allowed)


def _all_known(left: Array, found: Formula) -> bool:
    assert found.exact is not None
    finite = np.isfinite(left.reshape(found.exact.shape)) | ~np.isfinite(found.exact)
    return not (found.open.any() or found.undecided.any()) and bool(finite.all())


def _conditions(chosen: Chosen, left: Sequence[Array], seed: int) -> list[Array | None]:
    """Return how far one rounding of the inputs moves each gradient: what a larger move changes, scaled down."""
    sides = chosen.sides
    rng = np.random.default_rng([seed, ROUNDING_STREAM])

    def moved(x: Any) -> Any:
        array = np.asarray(x)
        step = float(np.finfo(array.dtype).eps) ** 0.5 * rng.choice([-1.0, 1.0], array.shape)
        return (array * (1 + step)).astype(array.dtype)[()]

    inputs = [moved(x) if i in sides.wrt else x for i, x in enumerate(sides.inputs)]
    try:
        again = chosen.evaluator.run(Place(inputs, lambda _: sides.upstream)).left
    except (ContractError, GradTwinError):
        return [None] * len(left)
    found: list[Array | None] = []
    for mine, other in zip(left, again, strict=True):
        if mine.shape != other.shape or mine.dtype.kind != "f":
            found.append(None)
            continue
        eps = float(np.finfo(mine.dtype).eps)
        with np.errstate(all="ignore"):
            found.append(np.abs(other.astype(np.float64) - mine) * (eps**0.5 / 2))
    return found


def _accuracy(left: Array, right: Array | None, exact: Array, moved: Array | None) -> Accuracy | None:
    """Return the digits that both sides keep, each at the element where it loses most beside the problem.

    `moved` is how far one rounding of the inputs moves the gradient.
    """
    finite = np.isfinite(exact) & (exact != 0)
    if not finite.any() or left.dtype.kind != "f":
        return None
    u = float(np.finfo(left.dtype).eps) / 2
    size = np.abs(exact[finite])
    with np.errstate(all="ignore"):
        condition = np.full(size.shape, u) if moved is None else moved.reshape(exact.shape)[finite] / size
    condition = np.fmax(np.where(np.isfinite(condition), condition, u), u)

    def worst(values: Array) -> tuple[float, float]:
        with np.errstate(all="ignore"):
            error = np.abs(values.reshape(exact.shape).astype(np.float64)[finite] - exact[finite]) / size
        error = np.where(np.isfinite(error), error, 1.0)
        at = int(np.argmax(error / condition))
        return digits_of(max(error[at], u)), digits_of(condition[at])

    mine, allowed = worst(left)
    return Accuracy(mine, None if right is None else worst(right)[0], allowed)


def _at(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else "the number"
