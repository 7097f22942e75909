"""The formula of a gradient, judged in wide arithmetic: the code's own gradient against forward's derivative.

Both are compared along directions that every element enters with its own size. What a direction leaves open, because
it is too small beside the others, goes into the next one, which moves it further. A difference that stays is traced to
its element, unless the code's own rounded constants, or a kink, explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import ExactFunctions, NotExactError
from gradtwin.comparisons.precision.formula_constants import (
    FORMULA_ELEMENTS,
    FORMULA_OPERATIONS,
    JACOBIAN_ELEMENTS,
    NEAR_A_LIMIT,
    WIDE_SMALLEST,
)
from gradtwin.comparisons.subjects.functions import UserFunctions

from .elements import Elements
from .formula_outcome import Fault, Formula
from .formula_search import Search

__all__ = ["Fault", "Formula", "judge_formulas", "judge_jacobian"]


def judge_formulas(
    user: UserFunctions,
    inputs: Sequence[Any],
    wrt: tuple[int, ...],
    y_bar: Array | None,
    left: Sequence[Array],
    right: Sequence[Array | None],
    seed: int,
) -> list[Formula]:
    """Judge the formula of each gradient at a point; `left` and `right` are their values in the inputs' dtypes.

    Where the functions can't be run in wide arithmetic, `why_not` has the reason.
    """
    count = sum(np.size(inputs[i]) for i in wrt)
    if count > FORMULA_ELEMENTS:
        why = f"too large: {count} elements; up to {FORMULA_ELEMENTS} are judged"
        return [Formula(why_not=why)] * len(wrt)
    exact = ExactFunctions(user, inputs, y_bar)
    try:
        with np.errstate(all="ignore"):
            gradients = exact.gradients()
            if [np.size(g.high) for g in gradients] != [np.size(inputs[i]) for i in wrt]:
                why = "in wide arithmetic other gradients came than in the inputs' dtypes"
                return [Formula(why_not=why)] * len(wrt)
            if exact.operations > FORMULA_OPERATIONS:
                why = f"too long: {exact.operations} operations; up to {FORMULA_OPERATIONS} are judged"
                return [Formula(why_not=why)] * len(wrt)
            elements = Elements(inputs, wrt, gradients)
            if elements.reach.min(initial=1.0) < WIDE_SMALLEST or elements.is_tiny:
                return [Formula(why_not="inputs are so small that wide arithmetic underflows")] * len(wrt)
            found = Search(exact, elements, _suspicion(left, right), seed).run()
            if exact.loops and any(f.fault and (f.digits or 0) >= NEAR_A_LIMIT for f in found):
                found = _at_the_limit(found, exact, elements, _suspicion(left, right), seed)
            return [replace(f, exact=elements.values(k)) for k, f in enumerate(found)]
    except NotExactError as error:
        return [Formula(why_not=str(error))] * len(wrt)


def judge_jacobian(
    user: UserFunctions, inputs: Sequence[Any], wrt: tuple[int, ...], y: Array, seed: int
) -> list[Formula]:
    """Judge the formula of Jacobians at a point, row by row."""
    sizes = [int(np.size(inputs[i])) for i in wrt]
    if y.size * sum(sizes) > JACOBIAN_ELEMENTS:
        why = f"too large: {y.size * sum(sizes)} elements of Jacobians; up to {JACOBIAN_ELEMENTS} are judged"
        return [Formula(why_not=why)] * len(wrt)
    exact = ExactFunctions(user, inputs, None)
    rows: list[list[Formula]] = []
    try:
        with np.errstate(all="ignore"):
            gradients = exact.gradients()
            if [np.size(g.high) for g in gradients] != [y.size * size for size in sizes]:
                return [Formula(why_not="in wide arithmetic another shape came than in the inputs' dtypes")] * len(wrt)
            for number in range(y.size):
                of_one = exact.of_output(number, y)
                elements = Elements(inputs, wrt, of_one.gradients())
                rows.append(Search(of_one, elements, np.zeros(elements.high.shape), seed).run())
    except NotExactError as error:
        return [Formula(why_not=str(error))] * len(wrt)
    shapes = [y.shape + np.shape(inputs[i]) for i in wrt]
    values = [np.reshape(g.high, shape) for g, shape in zip(gradients, shapes, strict=True)]
    return [_of_rows([row[k] for row in rows], values[k], y.shape) for k in range(len(wrt))]


def _of_rows(rows: Sequence[Formula], exact: Array, outputs: tuple[int, ...]) -> Formula:
    """Return the outcome of a Jacobian by those of its rows: the first fault, the fewest digits."""
    digits = [row.digits for row in rows if row.digits is not None]
    fault = None
    for number, row in enumerate(rows):
        if row.fault is not None:
            at = tuple(int(i) for i in np.unravel_index(number, outputs))
            fault = replace(row.fault, index=(*at, *row.fault.index))
            break
    flags = {
        name: np.reshape(
            [np.broadcast_to(getattr(row, name), exact.shape[len(outputs) :]) for row in rows], exact.shape
        )
        for name in ("open", "undecided", "at_kinks")
    }
    notes = tuple(dict.fromkeys(note for row in rows for note in row.notes))
    found = Formula(exact, min(digits, default=None), fault, notes=notes)
    return replace(found, **flags)  # type: ignore[arg-type]


def _at_the_limit(
    found: list[Formula], exact: ExactFunctions, elements: Elements, suspicion: Array, seed: int
) -> list[Formula]:
    """Return the outcome with the faults that are none where iterations go on to their limit."""
    limit = exact.continued()
    try:
        there = Search(limit, Elements.like(elements, limit.gradients()), suspicion, seed).run()
        apart = abs(float(limit.value({}, 0.0) - exact.value({}, 0.0))) / max(exact.terms, WIDE_SMALLEST)
    except NotExactError:
        return found
    return [
        replace(other, stopped=apart) if f.fault is not None and other.fault is None else f
        for f, other in zip(found, there, strict=True)
    ]


def _suspicion(left: Sequence[Array], right: Sequence[Array | None]) -> Array:
    """Return how far both sides are apart, relative to their size: where to look first for what is wrong."""
    parts = []
    for mine, theirs in zip(left, right, strict=True):
        a, b = mine.astype(np.float64).reshape(-1), np.zeros(mine.size) if theirs is None else theirs.reshape(-1)
        parts.append(np.abs(a - b) / np.fmax(np.abs(a), np.abs(b)))
    apart = np.concatenate(parts)
    return np.where(np.isnan(apart), 0.0, apart)
