"""The cause that a gradient is right for another value in the place of an input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import LEAST_RATIOS, RATIO_DIGITS

from .activations import FUNCTIONS, REPLACEMENTS, Function
from .elementwise import factor_error, factor_of
from .trial import Finding, Repair, Trial, View, bits_of, distinct, times, within


def stale_value(view: View) -> Iterator[Repair]:
    """x_bar is right for another value in the place of an input: y for x, or x after a change in place."""
    names = [name for name in view.sources(view.right.shape) if name != "y_bar"]
    for function in FUNCTIONS:
        for used in names if not function.two_valued and view.left.shape == view.right.shape else ():
            for due in names:
                if used != due:
                    words = function.words.format("its argument")
                    text = (
                        f"{{gradient}} takes {words} at {used}, where {due} belongs: keep {due} for the backward pass."
                    )
                    finding = Finding("stale-value", f"{used} for {due}", text)
                    yield Repair((finding,), partial(_at_other, function=function, used=used, due=due))
    for position, array in view.floating_inputs():
        due = view.name(position)
        for name in _replacements(view, position, array):
            text = f"{{gradient}} is right for {name} instead of {due}: keep {due} as forward got it."
            stale = Finding("stale-value", f"{name} for {due}", text)
            yield Repair((stale,), partial(_right_for, position=position, name=name))
            text = (
                f"{{gradient}} becomes right with {name} in the place of {due}: the derivative is written for {name}."
            )
            other = Finding("stale-value", f"{due} for {name}", text)
            yield Repair((other,), partial(_repaired_by, position=position, name=name))


def _at_other(view: View, function: Function, used: str, due: str) -> Trial | None:
    """Left · f(due) = right · f(used)."""
    here, there = (factor_of(view, name, function) for name in (used, due))
    if here is None or there is None or _is_turned_over(view):
        return None
    left, left_allowed = times(view, there, view.left, view.allowed)
    right, right_allowed = times(view, here, view.right, view.allowed)
    rounding = factor_error(view, there, view.left) + factor_error(view, here, view.right)
    trial = _beyond_a_mask(view, view.trial(left, right, left_allowed + right_allowed + rounding))
    if trial is None or not trial.passes():
        return trial
    is_product = _vanishes(view, used, function, view.rerun) and _vanishes(view, due, function, view.oracle)
    return trial if is_product else None


def _vanishes(
    view: View, name: str, function: Function, gradient: Callable[[tuple[object, ...]], Array | None]
) -> bool:
    """Return whether a gradient is 0 where a function of an input is, as it must be if it has that as a factor.

    The ratio of y to x in y = x h(x) has h too, although neither is a factor of the other. True if it can't be decided.
    """
    positions = [p for p, array in view.floating_inputs() if view.name(p) == name and array.shape == view.right.shape]
    if function.root is None or not positions:
        return True
    inputs = list(view.point.inputs)
    inputs[positions[0]] = np.full_like(inputs[positions[0]], function.root)
    found = gradient(tuple(inputs))
    return found is None or not np.isfinite(found).any() or not np.nan_to_num(found).any()


def _is_turned_over(view: View) -> bool:
    """Return whether left · right is one number up to y_bar²: a ratio upside down fits the squares of its parts."""
    with np.errstate(all="ignore"):
        product = view.left * view.right
        if view.point.y_bar is not None and view.y_bar.shape == product.shape:
            product = product / view.y_bar**2
    if not product.size or not np.isfinite(product).all():
        return False
    doubt = view.u**RATIO_DIGITS * np.abs(product)  # half of the digits are enough to decide
    is_uniform = within(view.left, view.left.flat[0], view.allowed).all()
    return bool(within(product, product.flat[0], doubt).all() and not is_uniform)


def _replacements(view: View, position: int, array: Array) -> dict[str, Array]:
    """Return possible replacements of an input: other arrays of its shape, and activations of it.

    Constant arrays are left out.
    """
    own = view.name(position)
    found = {name: other for name, other in view.sources(array.shape).items() if name not in (own, "y_bar")}
    with np.errstate(all="ignore"):
        found |= {function.words.format(own): np.asarray(function.of(array)) for function in REPLACEMENTS}
    return {name: other for name, other in found.items() if other.size < 2 or (other != other.flat[0]).any()}


def _replaced(view: View, position: int, name: str) -> tuple[object, ...] | None:
    given = np.asarray(view.point.inputs[position])
    made = _replacements(view, position, given.astype(view.y.dtype)).get(name)
    if made is None:
        return None
    inputs = list(view.point.inputs)
    inputs[position] = made.astype(given.dtype)
    return tuple(inputs)


def _right_for(view: View, position: int, name: str) -> Trial | None:
    inputs = _replaced(view, position, name)
    found = None if inputs is None else view.oracle(inputs=inputs)
    if found is None or found.shape != view.left.shape:
        return None
    return _beyond_a_mask(view, view.trial(view.left, found))


def _repaired_by(view: View, position: int, name: str) -> Trial | None:
    inputs = _replaced(view, position, name)
    found = None if inputs is None else view.rerun(inputs)
    return None if found is None else _beyond_a_mask(view, view.trial(found))


def _beyond_a_mask(view: View, trial: Trial) -> Trial | None:
    """Return a trial whose evidence comes from elements that neither side has at 0, with several ratios between them.

    None where there are too few. A mask, or a slope that differs on two sides, is reproduced by anything
    that is monotonous.
    """
    given = view.as_given()
    if trial.left.shape != trial.right.shape or given.left.shape != given.right.shape != trial.right.shape:
        return trial
    differs = given.known() & trial.known()
    differs &= (np.abs(given.left) > given.allowed) & (np.abs(given.right) > given.allowed)
    differs &= ~within(given.left, given.right, given.allowed)
    ratio = given.left[differs] / given.right[differs]
    doubt = given.allowed[differs] * (1 + np.abs(ratio)) / np.abs(given.right[differs])
    if np.count_nonzero(distinct(ratio, doubt)) < min(LEAST_RATIOS, given.right.size):
        return None
    size = np.minimum(np.abs(trial.right), np.abs(given.left - given.right))
    return replace(trial, bits=float(bits_of(size, trial.allowed)[differs].sum()))
