"""Causes that are a term: one that is missing, or of which the gradient has too much."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, combinations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS, RATIO_DIGITS

from .quantities import number
from .trial import (
    Finding,
    Repair,
    Trial,
    View,
    bits_of,
    distinct,
    within,
)


def missing_term(view: View) -> Iterator[Repair]:
    """x_bar + c · term: an input, y_bar times something, a constant, or a sum spread evenly."""
    if view.left.shape != view.right.shape:
        return
    for name, term in _terms(view).items():
        fitted = _coefficient(view, term)
        if fitted is None:
            continue
        c, doubt = fitted
        detail = number(c) if not name else name if number(c) == "1" else f"{number(c)} · {name}"
        text = f"{{gradient}} lacks a {'term' if name else 'constant'}: {detail}."

        def attempt(v: View, name: str = name, c: float = c, doubt: float = doubt) -> Trial | None:
            there = _terms(v).get(name)
            if there is None or _is_two_sided(v):
                return None
            term, error = there
            part = c * term
            missing, allowed = _missing(v)
            allowed = allowed + abs(c) * error + doubt * np.abs(term) + 2 * v.u * np.abs(part)
            bits = float(bits_of(np.abs(missing), allowed).sum())  # the difference shows it, even where right is 0
            return v.trial(v.left + part, allowed=allowed, bits=bits)

        yield Repair((Finding("missing-term", detail, text),), attempt, fitted=True)
    for axis in range(view.right.ndim):
        if view.right.shape[axis] > 1:
            text = f"{{gradient}} lacks a term that is constant along axis {axis}."
            finding = Finding("missing-term", f"constant along axis {axis}", text)
            yield Repair((finding,), partial(_constant_along, axis=axis), fitted=True)


def missing_multiple(view: View) -> Iterator[Repair]:
    """x_bar + k · s with a number k for each line: what goes through a mean, a variance or a norm of the line."""
    if view.left.shape != view.right.shape:
        return
    dimensions = range(view.right.ndim)
    for axes in chain.from_iterable(combinations(dimensions, n) for n in reversed(range(1, view.right.ndim + 1))):
        along = f"along axis {axes[0]}" if len(axes) == 1 else f"along axes {', '.join(map(str, axes))}"
        for name in view.sources(view.right.shape):
            if name == "y_bar" and view.point.y_bar is None:
                continue
            for basis, words in _BASES.items():
                multiple = f"{words.format(name)} {along}"
                text = f"{{gradient}} lacks a term that is a multiple of {multiple}."
                finding = Finding("missing-term", f"a multiple of {multiple}", text)
                yield Repair((finding,), partial(_multiple_along, axes=axes, name=name, basis=basis), fitted=True)


#: The parts of a missing term in each line: a source, its deviation from its mean, or the source and a constant.
_BASES = {"": "{}", "centred": "{0} less its mean", "constant": "{} and a constant"}


def _terms(view: View) -> dict[str, tuple[Array, Array]]:
    """Return the terms that a gradient may lack, by name, with their rounding; the nameless one is a constant."""
    shape = view.right.shape
    named = view.sources(shape)
    others = {name: source for name, source in named.items() if name != "y_bar"}
    upstream = view.y_bar if view.y_bar.shape == shape else None
    found = {"": np.ones(shape), **named}
    found |= {f"the sign of {name}": np.sign(source) for name, source in others.items()}
    sums: dict[str, tuple[Array, Array]] = {}
    with np.errstate(all="ignore"):
        if upstream is not None:
            for name, source in others.items() if view.point.y_bar is not None else ():
                found[f"y_bar · {name}"] = upstream * source
        products = {"what is there": view.left} | ({} if upstream is None else {"y_bar": upstream})
        products |= (
            {} if upstream is None else {f"y_bar · {name}": upstream * source for name, source in others.items()}
        )
        for name, product in products.items():
            for axis in range(product.ndim) if product.size else ():
                length = product.shape[axis]
                total, size = (
                    np.broadcast_to(part.sum(axis, keepdims=True), shape) for part in (product, np.abs(product))
                )
                error = (length + FACTOR_ROUNDINGS) * view.u * size
                sums[f"the mean of {name} along axis {axis}"] = total / length, error / length
                for other, source in others.items():
                    sums[f"{other} · the sum of {name} along axis {axis}"] = source * total, np.abs(source) * error
        known = {name: (term, FACTOR_ROUNDINGS * view.u * _size(term)) for name, term in found.items()} | sums
    return {name: pair for name, pair in known.items() if np.isfinite(pair[0]).all()}


def _size(term: Array) -> Array:
    """Return the scale of a term's roundings: its terms have size 1, or its own size if it is small."""
    return np.abs(term) + min(1.0, float(np.max(np.abs(term), initial=0.0)))


def _is_two_sided(view: View) -> bool:
    """Return whether both gradients know two values only: then their difference fits many a term."""
    sides = (view.left, view.right)
    return view.right.size > 2 and all(np.count_nonzero(distinct(side, view.allowed)) <= 2 for side in sides)


def _missing(view: View) -> tuple[Array, Array]:
    """Return the missing part of left and its allowed error, with the rounding of the subtraction."""
    return view.right - view.left, view.allowed + view.u * (np.abs(view.left) + np.abs(view.right))


def _coefficient(view: View, term: tuple[Array, Array]) -> tuple[float, float] | None:
    """Return c with c · term = the missing part, from the element that determines it best, and the error of c.

    Each is compared with its own size: a term may have another unit than the gradient.
    """
    value, error = term
    missing, allowed = _missing(view)
    with np.errstate(all="ignore"):
        doubt = allowed / np.abs(missing) + error / np.abs(value)
        doubt = np.where(view.as_given().known() & np.isfinite(doubt), doubt, np.inf)
        if not (doubt < 1).any():
            return None
        best = np.unravel_index(np.argmin(np.where(doubt == doubt.min(), -np.abs(missing), 0.0)), doubt.shape)
        c = float(missing[best] / value[best])
    return (c, abs(c) * float(doubt[best])) if np.isfinite(c) else None


def _multiple_along(view: View, axes: tuple[int, ...], name: str, basis: str) -> Trial | None:
    """Right − left against its projection, in each line, on a source; None where a gradient is such a multiple itself.

    A projection on k directions of a line of n fits k elements of any line: n − k of them prove something.
    """
    source = view.sources(view.right.shape).get(name)
    count = int(np.prod([view.right.shape[axis] for axis in axes]))
    free = count - (2 if basis == "constant" else 1)
    if source is None or not np.isfinite(source).all() or free < 1 or _is_two_sided(view):
        return None

    def lines(array: Array) -> Array:
        return np.moveaxis(array, axes, range(-len(axes), 0)).reshape(-1, count)

    given = lines(source)
    directions = [given if not basis else given - given.mean(1, keepdims=True)]
    if basis == "constant":
        directions.append(np.ones_like(given))
    sizes = [np.linalg.norm(direction, axis=1, keepdims=True) for direction in directions]
    if (sizes[0] <= view.u**RATIO_DIGITS * np.linalg.norm(given, axis=1, keepdims=True)).any():
        return None  # it does not vary
    units = [direction / size for direction, size in zip(directions, sizes, strict=True)]
    lost = (count + FACTOR_ROUNDINGS) * view.u * np.linalg.norm(given, axis=1, keepdims=True) / sizes[0]

    def projected(part: Array, doubt: Array) -> tuple[Array, Array]:
        """Return the projection, and the allowed difference from the part if that is a multiple."""
        onto = [unit * (unit * part).sum(1, keepdims=True) for unit in units]
        carried = [np.abs(unit) * (np.abs(unit) * doubt).sum(1, keepdims=True) for unit in units]
        return sum(onto), doubt + sum(carried) + lost * np.linalg.norm(part, axis=1, keepdims=True)

    left, right, allowed = lines(view.left), lines(view.right), lines(view.allowed)
    for part in (left, right):
        onto, doubt = projected(part, allowed)
        if within(part, onto, doubt).all():
            return None
    rounding = view.u * (np.abs(left) + np.abs(right))
    missing = right - left
    onto, doubt = projected(missing, allowed + rounding)
    return view.trial(missing, onto, doubt, bits=free / count * float(bits_of(np.abs(onto), doubt).sum()))


def _constant_along(view: View, axis: int) -> Trial | None:
    """Right − left against its mean along an axis; None where the gradients don't vary along it themselves."""
    missing = view.right - view.left
    mean = np.broadcast_to(missing.mean(axis, keepdims=True), missing.shape)
    if _is_two_sided(view) or any(
        within(part, part.mean(axis, keepdims=True), view.allowed).all() for part in (view.left, view.right)
    ):
        return None
    rounding = (view.right.shape[axis] + FACTOR_ROUNDINGS) * view.u * (np.abs(view.left) + np.abs(view.right))
    allowed = view.allowed + rounding
    allowed = allowed + allowed.mean(axis, keepdims=True)
    # what differs little between the lines too may be noise
    return view.trial(missing, mean, allowed, bits=float(bits_of(np.abs(mean - missing.mean()), allowed).sum()))
