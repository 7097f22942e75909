"""The choice of an oracle at a point: the reference or the trace, or another one if these can't be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.differences import DifferencesOracle
from gradtwin.comparisons.oracles.interface import Oracle, UntrustedError
from gradtwin.comparisons.oracles.reference import ReferenceOracle
from gradtwin.comparisons.oracles.traced import trace_of
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.precision.constants import FIRST_DRAWS, MORE_DRAWS
from gradtwin.comparisons.precision.reference_precision import is_within_float32
from gradtwin.comparisons.results.data import Cause, Check
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.errors import GradTwinError

from .evaluator import Evaluator, Mine, Notes, Sides
from .judge import Compared, Title, compare
from .measured import Measured
from .titles import Titles

VALUES_DIFFER = Cause(
    "forward", True, "", "forward and the reference compute different values, so their gradients can't agree."
)


@dataclass(frozen=True)
class Chosen:
    """The oracle that judges, as an evaluator by it; both sides by it, their rounding, and the check of the value."""

    evaluator: Evaluator
    sides: Sides
    measured: Measured
    value: Check


def choose(titles: Titles, evaluator: Evaluator, mine: Mine, seed: int, notes: Notes) -> Chosen:
    """Compare forward's value with the oracle's, and take another oracle where that is at fault for a difference.

    A reference that is right to float32's precision only gives way to the trace, a trace that computes another value
    than NumPy to differences.
    """
    chosen = _by(titles, evaluator, mine, seed, notes)
    blamed = _blame_reference(chosen)
    if blamed is not None:
        chosen = choose_trace(titles, chosen, mine, seed, notes)
    if chosen.value.verdict == "mismatch" and chosen.evaluator.oracle.name == "traced":
        notes["the traced forward computes another value than NumPy; judged by differences instead"] = None
        chosen = _by(titles, evaluator.by(DifferencesOracle(evaluator.user)), mine, seed, notes)
    return chosen if blamed is None else replace(chosen, value=blamed)


def choose_trace(titles: Titles, chosen: Chosen, mine: Mine, seed: int, notes: Notes) -> Chosen:
    """Take the trace in place of a reference that holds less than float64 inside."""
    oracle = chosen.evaluator.oracle
    assert isinstance(oracle, ReferenceOracle)
    narrow = oracle.narrow_operation(mine.inputs)
    notes[f"the reference has {narrow} narrower than float64 inside; judged by autodiff of forward"] = None
    return _by(titles, chosen.evaluator.by(trace_of(chosen.evaluator.user)), mine, seed, notes)


def ask(evaluator: Evaluator, mine: Mine, notes: Notes) -> tuple[Evaluator, Sides]:
    """Ask the oracle; where the forward can't be traced, differences take its place."""
    try:
        return evaluator, evaluator.ask(mine, notes)
    except UntrustedError as error:
        notes[f"forward can't be traced: {str(error).rstrip('.')}. Judged by differences instead."] = None
        oracle: Oracle = DifferencesOracle(evaluator.user)
        return evaluator.by(oracle), evaluator.by(oracle).ask(mine, notes)


def compare_value(titles: Titles, measured: Measured) -> Check:
    """Compare forward's value with the oracle's, as far as rounding is measured now."""
    y, right = measured.sides.evaluation.y, measured.sides.answer.y
    title: Title = ("value", "value")
    if y.shape != right.shape:
        text = f"forward returned shape {y.shape}; the {measured.evaluator.oracle.name} oracle {right.shape}."
        slug = "forward-broadcast" if right.size < y.size else "forward"
        [check] = compare(titles, [Compared(title, y, right, None, (Cause(slug, True, str(y.shape), text),))])
        return check
    allowed = measured.of_value()
    size = np.fmax(np.abs(y, dtype=np.float64), np.abs(right, dtype=np.float64))
    known = without_nan(right, 0.0)  # NaN on both sides is not a match by silence
    allowance = Allowance(known, allowed, np.fmax(size, allowed * 2))
    [check] = compare(titles, [Compared(title, y, right, allowance, (VALUES_DIFFER,))])
    return check


def without_nan(values: Array, instead: Array | float) -> Array:
    """Return the values with something in the place of NaN."""
    nan = np.isnan(values)
    return np.where(nan, instead, values).astype(values.dtype) if nan.any() else values


def _by(titles: Titles, evaluator: Evaluator, mine: Mine, seed: int, notes: Notes) -> Chosen:
    """Return both sides by an oracle; rounding is measured where a few roundings don't explain the value."""
    evaluator, sides = ask(evaluator, mine, notes)
    measured = Measured(evaluator, sides, seed, notes).begin()
    value = compare_value(titles, measured)
    for count in (FIRST_DRAWS, FIRST_DRAWS + MORE_DRAWS):
        if value.verdict == "mismatch" and sides.evaluation.y.shape == sides.answer.y.shape:
            measured.measure(count)
            value = compare_value(titles, measured)
    return Chosen(evaluator, sides, measured, value)


def _blame_reference(chosen: Chosen) -> Check | None:
    """Return the check of the value with the reference at fault, where that is right to float32's precision only.

    None where it is not: the two compute different values.
    """
    sides, oracle = chosen.sides, chosen.evaluator.oracle
    if chosen.value.verdict != "mismatch" or not isinstance(oracle, ReferenceOracle):
        return None
    if sides.evaluation.y.shape != sides.answer.y.shape:
        return None
    narrow = oracle.narrow_operation(sides.inputs)
    if narrow is None or not _is_narrow_value(chosen):
        return None
    text = (
        f"the reference is right to float32's precision only: it has {narrow} narrower than float64 inside, and "
        f"forward agrees with it to that precision. Make it float64, or check at float32 inputs."
    )
    return replace(chosen.value, causes=(Cause("reference", True, narrow, text),))


def _is_narrow_value(chosen: Chosen) -> bool:
    """Return whether the two values differ by no more than a forward in float32 loses."""

    def value(at: Sequence[Any]) -> Array | None:
        try:
            return chosen.evaluator.user.value(at)
        except (ContractError, GradTwinError):
            return None

    sides = chosen.sides
    with np.errstate(all="ignore"):
        apart = np.abs(sides.evaluation.y.astype(np.float64) - sides.answer.y)
    return is_within_float32(value, sides.inputs, apart)
