"""Causes that one number repairs: a gradient of zeros, a wrong sign, and a constant factor with its name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import CLEARLY, FACTOR_ROUNDINGS, LARGEST_COMMON, MOST_NAMES

from .quantities import Quantity, correction, number, quantities
from .summed_axes import SummedAxis, axes_of_length, mean_finding, summed_axes
from .trial import Finding, Repair, Trial, View, times

_WRONG_SIGN = Finding("sign", "", "{gradient} has the wrong sign: negate it.")


def zeroed(view: View) -> Iterator[Repair]:
    """x_bar = 0 where it should not be."""
    if view.left.size and not view.left.any():
        text = "{gradient} is zero everywhere: it is never computed, or overwritten."
        yield Repair((Finding("zeroed", "", text),), _is_zero)


def _is_zero(view: View) -> Trial:
    return view.trial(view.left, np.zeros(view.left.shape), np.zeros(view.left.shape), bits=np.inf)


def sign(_: View) -> Iterator[Repair]:
    """x_bar → −x_bar."""
    yield Repair((_WRONG_SIGN,), lambda v: v.trial(-v.left))


def mean_for_sum(view: View) -> Iterator[Repair]:
    """x_bar = (Σ over a broadcast axis)/length → Σ over it."""
    for axis in summed_axes(view):
        if axis.broadcast:
            yield Repair((mean_finding(axis),), partial(_averaged, length=axis.length))


def factor(view: View) -> Iterator[Repair]:
    """x_bar → x_bar / c."""
    yield from scaled(view, Repair((), View.as_given))


def scaled(view: View, first: Repair) -> Iterator[Repair]:
    """Yield a repair followed by a division by a constant: by one with a name, else by the number itself."""
    trial = first.attempt(view)
    fitted = None if trial is None else fit(trial)
    if fitted is None:
        return
    multiplier, error = fitted
    flip = -1.0 if multiplier < 0 else 1.0
    before = (*first.findings, _WRONG_SIGN) if flip < 0 else first.findings
    doubt = error + FACTOR_ROUNDINGS * view.u * abs(multiplier)

    def found(factor: Finding, slug: str, inverse: str) -> tuple[Finding, ...]:
        """Return the first repair's findings with the constant in them, or else after them."""
        if first.with_constant is None:
            return (*before, factor)
        sign = "-" if flip < 0 else ""
        return (first.with_constant(f"{sign}{inverse}", f"{sign}{slug}"),)

    if abs(abs(multiplier) - 1) <= doubt:
        if flip < 0:
            negated = before if first.with_constant is None else (first.with_constant("-1", "-1"),)
            yield Repair(negated, lambda v: _divided(v, first.attempt(v), -1), first.fitted, costly=first.costly)
        return
    near = [quantity for quantity in quantities(view) if abs(1 / quantity.ratio - abs(multiplier)) <= doubt]
    names = _plainest(near)
    for group in dict.fromkeys([tuple(names), *((quantity,) for quantity in names)]) if names else ():  # all, then each

        def by_name(v: View, group: tuple[Quantity, ...] = group) -> Trial | None:
            keys = {(quantity.words, quantity.power) for quantity in group}
            made = first.attempt(v)
            there = [quantity.ratio for quantity in quantities(v) if (quantity.words, quantity.power) in keys]
            trials = [_divided(v, made, flip * ratio) for ratio in there]
            return _weakest(trials) if len(there) == len(group) else None

        one = group[0]
        called = (number(one.ratio), number(1 / one.ratio)) if one.fixed else (one.slug, one.inverse)
        findings = found(_named(view, group, near), *called)
        is_fitted = first.fitted or (bool(first.findings) and one.reach > 0)  # on top of a repair, many a number fits
        yield Repair(findings, by_name, is_fitted, costly=first.costly)

    def by_number(v: View) -> Trial | None:
        made = first.attempt(v)
        divided = _divided(v, made, 1 / multiplier)
        if made is None or divided is None:
            return None
        return replace(divided, allowed=divided.allowed + error * np.abs(made.left))

    ratio = number(1 / abs(multiplier))
    text = f"{{gradient}} is {_times(1 / abs(multiplier))}, by the same factor everywhere."
    findings = found(Finding("factor", ratio, text), ratio, number(abs(multiplier)))
    yield Repair(findings, by_number, True, costly=first.costly)


def _plainest(near: Sequence[Quantity]) -> list[Quantity]:
    """Return the quantities of the least reach."""
    least = min((quantity.reach for quantity in near), default=0)
    return [quantity for quantity in near if quantity.reach == least]


def _is_common(value: float) -> bool:
    return value == round(value) <= LARGEST_COMMON


def _averaged(view: View, length: int) -> Trial | None:
    return _divided(view, view.as_given(), 1 / length)


def _follows_length(view: View, axis: SummedAxis, too_large: bool) -> bool | None:
    """Return whether the factor changes if the axis is one shorter, as the factor of a mean does.

    False if the factor stays the same; it is then a number of the formula. None if it can't be decided, because the
    functions are bound to this length, or both gradients are 0 there.
    """
    length = math.prod(n - (n == max(axis.lengths)) for n in axis.lengths)
    powers = 1 if too_large else -1
    return _becomes(view, max(axis.lengths), float(axis.length) ** powers, float(length) ** powers)


def _follows_form(view: View, quantity: Quantity) -> bool:
    """Return whether the factor changes as this number does if the longest of its axes is one shorter."""
    if not quantity.lengths:
        return False
    length = math.prod(n - (n == max(quantity.lengths)) for n in quantity.lengths)
    there = quantity.form(length) ** quantity.power
    return _becomes(view, max(quantity.lengths), quantity.ratio, there) is True


def _becomes(view: View, cut: int, here: float, there: float) -> bool | None:
    """Return whether a gradient that is `here` times too large is `there` times where axes of length `cut` are shorter.

    False if it is `here` times there too. None if it can't be decided.
    """

    def shorter(given: Any) -> Any:
        array = np.asarray(given)
        return array[tuple(slice(-1) if n == cut else slice(None) for n in array.shape)] if array.ndim else given

    inputs, upstream = tuple(shorter(x) for x in view.point.inputs), shorter(view.y_bar)
    left, right = view.rerun(inputs, upstream), view.oracle(inputs, upstream)
    if left is None or right is None or left.size != right.size:
        return None
    size, wanted = (float(np.linalg.norm(gradient.ravel())) for gradient in (left, right))
    by_length, by_number = abs(size / there - wanted), abs(size / here - wanted)
    near, far = sorted((by_length, by_number))
    return by_length < by_number if CLEARLY * near < far else None


def _divided(view: View, trial: Trial | None, ratio: float) -> Trial | None:
    """Return the trial of left / ratio; as it was where its shapes differ, for a factor does not help that."""
    if trial is None or trial.left.shape != trial.right.shape:
        return trial
    left, allowed = times(view, 1 / ratio, trial.left, trial.allowed)
    return replace(trial, left=left, allowed=allowed)


def fit(trial: Trial) -> tuple[float, float] | None:
    """Return c with c · left = right, from the element that determines it best, and the error of c."""
    if not trial.left.shape == trial.right.shape == np.shape(trial.allowed):
        return None
    with np.errstate(all="ignore"):
        telling = trial.known() & np.isfinite(trial.left) & (trial.left != 0) & (np.abs(trial.right) > trial.allowed)
        if not telling.any():
            return None
        size = np.abs(trial.right)
        doubt = np.where(telling, trial.allowed / size, np.inf)
        best = np.unravel_index(np.argmin(np.where(doubt == doubt.min(), -size, 0.0)), size.shape)
        c = float(trial.right[best] / trial.left[best])
        error = max(1.0, abs(c)) * float(trial.allowed[best] / np.abs(trial.left[best]))
    return (c, error) if np.isfinite(c) and error < abs(c) else None


def _weakest(trials: Sequence[Trial | None]) -> Trial | None:
    """Return a trial that fails, else any; None if one could not be made."""
    made = [trial for trial in trials if trial is not None]
    return next((trial for trial in made if not trial.passes()), made[0]) if len(made) == len(trials) else None


def _named(view: View, names: Sequence[Quantity], near: Sequence[Quantity]) -> Finding:
    """Return the finding of a factor; that of a mean in its place, where it is as long as an axis that is summed.

    `near` are all quantities that are this number.
    """
    ratio, value, reach = names[0].ratio, names[0].value, names[0].reach
    names = [q for q in names if q.form is not correction or _follows_form(view, q)]  # 1.5 is a number of its own
    words = any(quantity.words for quantity in names)
    worth = [quantity for quantity in names if quantity.words and (value != 2 or not _is_axis(quantity))]
    slugs = dict.fromkeys([number(ratio), *(quantity.slug for quantity in (worth[:1] if reach else worth))])
    called = _origin(value, worth, near)
    undo = f"divide by {number(ratio)}" if ratio > 1 else f"multiply by {number(1 / ratio)}"
    text = f"{{gradient}} is {_times(ratio)}{f' ({number(value)} {called})' if called else ''}: {undo}."
    plainly = Finding("factor", " = ".join(list(slugs)[: 1 + MOST_NAMES]), text)
    if value != round(value) or reach or not words:
        return plainly
    unclear = None
    for axis in axes_of_length(view, round(value), ratio > 1):
        follows = _follows_length(view, axis, ratio > 1)
        if follows:
            return mean_finding(axis, ratio > 1)
        unclear = unclear or (axis if follows is None else None)
    if unclear is None or (value == 2 and (view.y.size == 1 or not unclear.words.startswith("axis 0 "))):
        return plainly  # a two is likelier a square's or a half than two columns, or two items of a loss
    return mean_finding(unclear, ratio > 1, is_sure=False)


def _origin(value: float, names: Sequence[Quantity], near: Sequence[Quantity]) -> str:
    """Return the name of a number; with "may be" if it may also be another number or one of the formula; else nothing.

    A common number that is a length may also be the root of an axis's length, as in attention.
    """
    by_slug = {quantity.slug: quantity.words for quantity in reversed(names)}
    slugs = list(dict.fromkeys(quantity.slug for quantity in names))
    said = [by_slug[slug] for slug in slugs[: 1 if names and names[0].reach else MOST_NAMES]]
    if said and _is_common(value) and not names[0].reach:
        said += [quantity.words for quantity in near if "√axis" in quantity.slug][:1]
    unsure = len(said) > 1 or any(q.reach for q in names) or (_is_common(value) and not _vary(names))
    return f"{'may be' if unsure else 'is'} {' or '.join(said)}" if said else ""


def _vary(names: Sequence[Quantity]) -> bool:
    return any(not quantity.fixed for quantity in names)


def _is_axis(quantity: Quantity) -> bool:
    return "axis" in quantity.slug


def _times(value: float) -> str:
    return f"{number(value)} times too large" if value > 1 else f"{number(1 / value)} times too small"
