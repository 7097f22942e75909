"""Causes that one number undoes: a gradient of zeros, a wrong sign, a constant factor and what it is called."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import (
    CLEARLY,
    FACTOR_ROUNDINGS,
    LARGEST_COMMON,
    LARGEST_DENOMINATOR,
    MOST_NAMES,
    SHOWN_DIGITS,
)

from .sums import contribution
from .trial import OUTPUT, Finding, Repair, Trial, View, times


@dataclass(frozen=True)
class Quantity:
    """A number that a gradient typically has too often or lacks.

    The gradient is `value ** power` times too large; `slug` is what the report calls that, `inverse` what it calls one
    over it, `words` what a sentence calls `value`. What is made of a quantity is named only where the quantity itself
    isn't the number: the larger its `reach`, the later. A `fixed` one is the same at all points of these shapes.
    """

    slug: str
    inverse: str
    words: str
    value: float
    power: int
    reach: int
    fixed: bool

    @property
    def ratio(self) -> float:
        """The user's gradient over the right one."""
        return float(self.value**self.power)


@dataclass(frozen=True)
class SummedAxis:
    """An axis over which a gradient is a sum; `broadcast` if it is one of y that the gradient's input lacks."""

    words: str
    length: int
    broadcast: bool
    #: Its length, or those of the axes that it stands for.
    lengths: tuple[int, ...]


#: What is made of a quantity: slug, slug of one over it, words, value, reach.
_FORMS = (
    ("{}", "1/{}", "{}", lambda q: q, 0),
    ("√{}", "1/√{}", "the root of {}", math.sqrt, 1),
    ("{0}/({0}-1)", "({0}-1)/{0}", "n/(n − 1) with n = {}", lambda n: n / (n - 1) if n > 1 else 1, 1),
    ("{}/2", "2/{}", "half {}", lambda q: q / 2, 2),
    ("2·{}", "1/(2·{})", "twice {}", lambda q: 2 * q, 2),
)

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
            yield Repair((_mean_finding(axis),), partial(_averaged, length=axis.length))


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


def quantities(view: View) -> list[Quantity]:
    """Return the numbers by which a gradient is typically too large or too small, by two first."""
    found = [Quantity("2", "1/2", "", 2.0, 1, 0, True), Quantity("1/2", "2", "", 2.0, -1, 0, True)]
    for form, inverse, words, function, reach in _FORMS:
        for slug, meaning, basic in _basic_quantities(view):
            if basic > 0 and (value := function(basic)) != 1:
                said, fixed = words.format(meaning), isinstance(basic, int)
                over, under = form.format(slug), inverse.format(slug)
                found.append(Quantity(over, under, said, value, 1, reach, fixed))
                found.append(Quantity(under, over, said, value, -1, reach, fixed))
    return found


def _basic_quantities(view: View) -> Iterator[tuple[str, str, float]]:
    """Yield slug, words and value of the lengths and sizes of all arrays, and of inputs that are one number.

    A derivative acts element by element: no length is in it.
    """
    for name, shape in _shapes(view) if view.point.style != "derivative" else ():
        for axis, length in enumerate(shape) if len(shape) > 1 else ():
            if axis == 0:
                yield "batch", f"the batch size (axis 0 of {name})", length
            else:
                yield f"axis {axis} of {name}", f"the length of axis {axis} of {name}", length
        yield "N", f"N, the number of elements of {name}", math.prod(shape)
        if len(shape) > 2 and shape[0]:
            words = f"the number of elements of {name} per item of axis 0"
            yield words, words, math.prod(shape[1:])
    for position, array in view.floating_inputs():
        if array.size > 1 and np.isfinite(norm := float(np.linalg.norm(array.astype(np.float64)))):
            yield f"‖{view.name(position)}‖", f"the norm of {view.name(position)}", norm
        if array.size == 1 and position not in view.point.wrt:
            yield view.name(position), view.name(position), float(array.ravel()[0])


def summed_axes(view: View) -> list[SummedAxis]:
    """Return what this gradient sums over.

    The broadcast axes of y are those that the gradient lacks or has only once. Without such, as in a product of
    matrices, an axis is summed if its length occurs among the other arrays and not in the gradient.
    """
    shape, of_y = view.right.shape, view.y.shape
    aligned = (1,) * (len(of_y) - len(shape)) + shape
    if shape != of_y and len(aligned) == len(of_y) and all(a in (1, b) for a, b in zip(aligned, of_y, strict=True)):
        axes = [axis for axis, (a, b) in enumerate(zip(aligned, of_y, strict=True)) if a < b]
        lengths_of_y = tuple(of_y[axis] for axis in axes)
        found = [SummedAxis(f"axis {axis} of y", of_y[axis], True, (of_y[axis],)) for axis in axes]
        if len(axes) > 1:
            words = f"axes {', '.join(map(str, axes))} of y"
            found.append(SummedAxis(words, math.prod(lengths_of_y), True, lengths_of_y))
        return found
    if len(shape) == 1 < len(of_y) and shape[0] in of_y:  # along another axis than the last, as channels are
        own = of_y.index(shape[0])
        axes = [axis for axis in range(len(of_y)) if axis != own]
        if of_y.count(shape[0]) == 1:
            words = f"axes {', '.join(map(str, axes))} of y" if len(axes) > 1 else f"axis {axes[0]} of y"
        else:
            words = f"every axis of y but one of length {shape[0]}"
        return [
            *(SummedAxis(f"axis {axis} of y", of_y[axis], True, (of_y[axis],)) for axis in axes if len(axes) > 1),
            SummedAxis(words, math.prod(of_y[axis] for axis in axes), True, tuple(of_y[axis] for axis in axes)),
        ]
    lengths: dict[int, SummedAxis] = {}
    for name, other in _shapes(view):
        for axis, length in enumerate(other):
            if length > 1 and length not in shape:
                lengths.setdefault(length, SummedAxis(f"axis {axis} of {name}", length, False, (length,)))
    return list(lengths.values())


def _shapes(view: View) -> Iterator[tuple[str, tuple[int, ...]]]:
    for position, array in view.floating_inputs():
        if array.size > 1:
            yield view.name(position), array.shape
    if view.y.size > 1:
        yield OUTPUT, view.y.shape


def _averaged(view: View, length: int) -> Trial | None:
    return _divided(view, view.as_given(), 1 / length)


def _follows_length(view: View, axis: SummedAxis, too_large: bool) -> bool | None:
    """Return whether the gradient is wrong by another factor where the axis is one shorter, as that of a mean is.

    False if the factor stays, which is then a number of the formula's. None where it can't be told: the functions may
    be bound to this length, or both gradients be 0 there.
    """
    cut = max(axis.lengths)

    def shorter(given: Any) -> Any:
        array = np.asarray(given)
        return array[tuple(slice(-1) if n == cut else slice(None) for n in array.shape)] if array.ndim else given

    inputs, upstream = tuple(shorter(x) for x in view.point.inputs), shorter(view.y_bar)
    left, right = view.rerun(inputs, upstream), view.oracle(inputs, upstream)
    if left is None or right is None or left.size != right.size:
        return None
    size, wanted = (float(np.linalg.norm(gradient.ravel())) for gradient in (left, right))
    length = math.prod(n - 1 if n == cut else n for n in axis.lengths)
    by_length, by_number = (abs((size / n if too_large else size * n) - wanted) for n in (length, axis.length))
    near, far = sorted((by_length, by_number))
    return by_length < by_number if CLEARLY * near < far else None


def _divided(view: View, trial: Trial | None, ratio: float) -> Trial | None:
    """Return the trial of left / ratio; as it was where its shapes differ, for a factor does not help that."""
    if trial is None or trial.left.shape != trial.right.shape:
        return trial
    left, allowed = times(view, 1 / ratio, trial.left, trial.allowed)
    return replace(trial, left=left, allowed=allowed)


def fit(trial: Trial) -> tuple[float, float] | None:
    """Return c with c · left = right, from the element that tells it best, and how far c may be off."""
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
    ratio, value = names[0].ratio, names[0].value
    words = any(quantity.words for quantity in names)
    worth = [quantity for quantity in names if quantity.words and (value != 2 or not _is_axis(quantity))]
    slugs = dict.fromkeys([number(ratio), *(quantity.slug for quantity in (worth[:1] if names[0].reach else worth))])
    called = _origin(value, worth, near)
    undo = f"divide by {number(ratio)}" if ratio > 1 else f"multiply by {number(1 / ratio)}"
    text = f"{{gradient}} is {_times(ratio)}{f' ({number(value)} {called})' if called else ''}: {undo}."
    plainly = Finding("factor", " = ".join(list(slugs)[: 1 + MOST_NAMES]), text)
    if value != round(value) or names[0].reach or not words:
        return plainly
    unclear = None
    for axis in _axes_of_length(view, round(value), ratio > 1):
        follows = _follows_length(view, axis, ratio > 1)
        if follows:
            return _mean_finding(axis, ratio > 1)
        unclear = unclear or (axis if follows is None else None)
    if unclear is None or (value == 2 and (view.y.size == 1 or not unclear.words.startswith("axis 0 "))):
        return plainly  # a two is likelier a square's or a half than two columns, or two items of a loss
    return _mean_finding(unclear, ratio > 1)


def _origin(value: float, names: Sequence[Quantity], near: Sequence[Quantity]) -> str:
    """Return what a number is: what it may be, where it may as well be another, or stand in the formula; else nothing.

    A common number that is a length may be the root of an axis's length too, as in attention.
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


def _axes_of_length(view: View, length: int, too_large: bool) -> Iterator[SummedAxis]:
    """Yield axes of a length over which forward or gradient sums, so that a mean can stand for a sum or a sum for it.

    A scalar loss is summed over all that its inputs have. Else a gradient that is too small sums over an axis of y,
    and one that is too large belongs to an input that forward sums over.
    """
    if view.y.size == 1:
        for name, shape in _shapes(view):
            for axes in _groups(shape, length):
                yield SummedAxis(f"{_axes(axes)} of {name}", length, False, tuple(shape[a] for a in axes))
    elif view.point.y_bar is None or view.left.shape != view.right.shape:
        return
    elif too_large:
        for axes in _groups(view.right.shape, length):
            if all(_mixes(view, axis) for axis in axes):
                lengths = tuple(view.right.shape[axis] for axis in axes)
                yield SummedAxis(f"{_axes(axes)} of {view.name(view.position)}", length, False, lengths)
    else:
        yield from (axis for axis in summed_axes(view) if not axis.broadcast and axis.length == length)
        for axes in _groups(view.y.shape, length):
            parts = [contribution(view, axes, g) for g in range(2)]
            if all(part is not None for part in parts) and np.all([part != 0 for part in parts], axis=0).any():
                yield SummedAxis(f"{_axes(axes)} of y", length, False, tuple(view.y.shape[a] for a in axes))


def _groups(shape: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    """Return the neighbouring axes that have so many elements together."""
    found = [tuple(range(i, j)) for i in range(len(shape)) for j in range(i + 1, len(shape) + 1)]
    return [axes for axes in found if length > 1 and math.prod(shape[axis] for axis in axes) == length]


def _mixes(view: View, axis: int) -> bool:
    """Return whether one element of y depends on several indices of an axis of the input."""
    for g in (0, view.y.size // 2):
        part = contribution(view, tuple(range(view.y.ndim)), g)
        if part is not None and part.shape == view.right.shape:
            others = tuple(a for a in range(part.ndim) if a != axis)
            if np.count_nonzero((part != 0).any(axis=others)) > 1:
                return True
    return False


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _mean_finding(axis: SummedAxis, too_large: bool = False) -> Finding:
    length = axis.length
    mean = f"a mean over {axis.words} where the sum belongs: {length} times too small; multiply by {length}."
    whole = f"a sum over {axis.words} where the mean belongs: {length} times too large; divide by {length}."
    return Finding("mean-for-sum", str(length), f"{{gradient}} is {whole if too_large else mean}")


def _times(value: float) -> str:
    return f"{number(value)} times too large" if value > 1 else f"{number(1 / value)} times too small"


def number(value: float) -> str:
    """Return a number in short: as a simple fraction where it is one, else in six digits."""
    simple = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    doubt = FACTOR_ROUNDINGS * float(np.finfo(np.float64).eps) * abs(value)
    is_decimal = abs(float(f"{value:.{SHOWN_DIGITS}g}") - value) <= doubt
    is_simple = abs(float(simple) - value) <= doubt and abs(simple.numerator) <= LARGEST_DENOMINATOR
    if is_simple and (abs(simple.numerator) == 1 or not is_decimal):
        return str(simple)
    short = f"{value:.{SHOWN_DIGITS}g}"
    return short if short != "1" else f"1 {'+' if value > 1 else '-'} {abs(value - 1):.3g}"
