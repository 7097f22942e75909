"""Causes that act element by element: a factor missing or extra, a mask once too often or turned round."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS

from .activations import FUNCTIONS, Function
from .trial import OUTPUT, Finding, Repair, Trial, View, times


def elementwise_factor(view: View) -> Iterator[Repair]:
    """x_bar is right up to a factor that is y_bar, an input, y, or an activation's derivative: missing or extra."""
    if view.left.shape != view.right.shape:
        return
    for function in FUNCTIONS:
        for name in (*view.sources(), *(() if function.two_valued else _counts(view))):
            if factor_of(view, name, function) is None:
                continue
            words = function.words.format(name)
            one = name in view.sources() and view.sources()[name].size == 1 < view.right.size
            slug, how = ("factor", "") if one else ("elementwise-factor", ", element by element")
            detail = words.replace("the output y", "the value y") if one else words
            lacks, extra = f"{{gradient}} lacks a factor{how}", f"{{gradient}} has a factor once too often{how}"
            yield Repair(
                (Finding(slug, detail, f"{lacks}: {detail}."),),
                partial(_multiplied, name=name, function=function),
                with_constant=partial(_times_constant, slug, lacks, detail, False),
            )
            yield Repair(
                (Finding(slug, detail, f"{extra}: {detail}."),),
                partial(_spoilt, name=name, function=function),
                with_constant=partial(_times_constant, slug, extra, detail, True),
            )
    if view.point.y_bar is not None:
        text = "{gradient} does not use y_bar: it is right where y_bar is all ones."
        yield Repair((Finding("elementwise-factor", "y_bar", text),), _of_ones)
    for position, _ in view.floating_inputs():
        if position != view.position:
            name = view.name(position)
            ones = "all ones" if np.size(view.point.inputs[position]) > 1 else "1"
            text = f"{{gradient}} does not use {name}: it is right where {name} is {ones}."
            yield Repair((Finding("elementwise-factor", name, text),), partial(_with_ones, position=position))


def _times_constant(slug: str, text: str, factor: str, is_extra: bool, constant: str, one_over: str) -> Finding:
    """Return the finding of a factor that the constant c of c · x_bar is part of, or 1/c where it is extra."""
    constant = one_over if is_extra else constant
    product = f"({factor})" if factor.startswith("1 ") else factor
    detail = f"-{product}" if constant == "-1" else f"{constant} · {product}"
    return Finding(slug, detail, f"{text}: {detail}.")


def upstream_factor(view: View) -> Iterator[Repair]:
    """x_bar = (y_bar F(y)) · ∂h/∂x of y = f(h(x)): an activation's derivative F, behind which x_bar is a sum."""
    if view.point.y_bar is None or view.left.shape != view.right.shape:
        return
    for function in FUNCTIONS:
        words = function.words.format(OUTPUT)
        lacking = Finding("elementwise-factor", words, f"{{gradient}} lacks a factor of y_bar: {words}.")
        yield Repair((lacking,), partial(_with_upstream, function=function, lacks=True))
        extra = Finding("elementwise-factor", words, f"{{gradient}} has a factor of y_bar once too often: {words}.")
        yield Repair((extra,), partial(_with_upstream, function=function, lacks=False))


def _with_upstream(view: View, function: Function, lacks: bool) -> Trial | None:
    """Compare with y_bar times a function of y: the user's gradient of it, else the right one of it."""
    if view.point.y_bar is None:
        return None
    with np.errstate(all="ignore"):
        made = np.asarray(function.of(view.y) * view.y_bar, dtype=view.point.y_bar.dtype)
    if not np.isfinite(made).all() or made.shape != view.y_bar.shape:
        return None
    left = view.rerun(view.point.inputs, made) if lacks else view.left
    right = view.right if lacks else view.oracle(upstream=made)
    if left is None or right is None or left.shape != right.shape:
        return None
    return view.trial(left, right, view.allowed + factor_error(view, np.ones_like(right), view.scale))


def _with_ones(view: View, position: int) -> Trial | None:
    """Compare with the right gradient where another input is all ones; None where the user's changes with it."""
    inputs = list(view.point.inputs)
    inputs[position] = np.ones_like(inputs[position])
    found, again = view.oracle(inputs=tuple(inputs)), view.rerun(tuple(inputs))
    if found is None or found.shape != view.left.shape:
        return None
    if again is not None and (again.shape != view.left.shape or not view.trial(view.left, again).passes()):
        return None
    return view.trial(view.left, found)


def one_side(view: View) -> Iterator[Repair]:
    """x_bar is 0 where something is not positive, and right elsewhere: a region, and a mask once too often."""
    mask = next(function for function in FUNCTIONS if function.two_valued)
    for name in view.sources() if view.left.shape == view.right.shape else ():
        made = factor_of(view, name, mask)
        if made is None:
            continue
        source = view.sources()[name]
        sides = {"negative": bool((source < 0).any()), "zero": bool((source == 0).any())}
        where = f"where {name} is {' or '.join(word for word, occurs in sides.items() if occurs)}"
        region = Finding("partial", where, f"{{gradient}} is wrong {where} (zero there), and right everywhere else.")
        words = mask.words.format(name)
        text = f"{{gradient}} has a factor once too often, element by element: {words}."
        extra = Finding("elementwise-factor", words, text)
        yield Repair((region, extra), partial(_spoilt, name=name, function=mask))


def other_side(view: View) -> Iterator[Repair]:
    """x_bar is 0 where something is positive, and only there, and it must be 0 elsewhere: an inverted mask.

    This is a guess: the right elements beside the zeros can't be derived from the wrong ones.
    """
    for name in view.sources(view.right.shape) if view.left.shape == view.right.shape else ():
        trial = None if name == "y_bar" else _turned_mask(view, name)
        if trial is not None and trial.passes() and trial.left.any() and not trial.left.all():
            words = f"the relu mask of {name}"
            text = f"{{gradient}} has {words} the wrong way round."
            yield Repair((Finding("elementwise-factor", words, text),), partial(_turned_mask, name=name), guess=True)


def _turned_mask(view: View, name: str) -> Trial | None:
    """Compare the zeros of both sides with a mask."""
    source = view.sources().get(name)
    if source is None or not view.left.shape == view.right.shape == source.shape:
        return None
    known = view.as_given().known()
    mask = (source > 0)[known].astype(float)
    both = np.concatenate([(view.left == 0)[known], (view.right != 0)[known]]).astype(float)
    return Trial(both, np.concatenate([mask, mask]), np.zeros(both.shape))


def _counts(view: View) -> dict[str, Array]:
    """Return how often an input of indices names each row of the gradient, at least 1."""
    found: dict[str, Array] = {}
    for position, given in enumerate(view.point.inputs if view.right.ndim else ()):
        index = np.asarray(given)
        rows = len(view.right)
        if index.dtype.kind in "iu" and index.size and -rows <= index.min() and index.max() < rows:
            counts = np.bincount(np.where(index < 0, index + rows, index).ravel().astype(int), minlength=rows)
            if (counts > 1).any():
                shaped = np.maximum(counts, 1.0).reshape(rows, *(1,) * (view.right.ndim - 1))
                found[f"the counts of {view.name(position)}"] = shaped
    return found


def factor_of(view: View, name: str, function: Function) -> Array | None:
    """Return a factor in the gradient's shape, None where it has none there or is not finite."""
    source = view.sources().get(name)
    if source is None:
        source = _counts(view).get(name)
    if source is None or source.ndim > view.right.ndim:
        return None
    aligned = (1,) * (view.right.ndim - source.ndim) + source.shape
    if any(n not in (1, m) for n, m in zip(aligned, view.right.shape, strict=True)):
        axes = [axis for axis, n in enumerate(view.right.shape) if source.shape == (n,)]
        if len(axes) != 1:  # else it goes along the one axis of its length, as channels do
            return None
        aligned = tuple(n if axis == axes[0] else 1 for axis, n in enumerate(view.right.shape))
    with np.errstate(all="ignore"):
        made = np.asarray(function.of(source)).reshape(aligned)
    return np.broadcast_to(made, view.right.shape) if np.isfinite(made).all() else None


def _multiplied(view: View, name: str, function: Function) -> Trial | None:
    made = factor_of(view, name, function)
    if made is None or view.left.shape != view.right.shape:
        return None
    left, allowed = times(view, made, view.left, view.allowed)
    bits = _pattern_bits(made, view.left) if function.two_valued else None
    return view.trial(left, allowed=allowed + factor_error(view, made, view.left), bits=bits)


def _spoilt(view: View, name: str, function: Function) -> Trial | None:
    made = factor_of(view, name, function)
    if made is None or view.left.shape != view.right.shape:
        return None
    right, allowed = times(view, made, view.right, view.allowed)
    bits = _pattern_bits(made, view.right) if function.two_valued else None
    return view.trial(view.left, right, allowed + factor_error(view, made, view.right), bits=bits)


def _pattern_bits(mask: Array, gradient: Array) -> float:
    """Return how many elements show a mask, none if they show only one of its values."""
    shown = mask[gradient != 0]
    return 0.0 if not shown.size or (shown == shown[0]).all() else float(shown.size)


def factor_error(view: View, made: Array, gradient: Array) -> Array:
    """Return how far roundings of a factor, formed from terms of size 1 and its own, move the product."""
    return np.asarray(FACTOR_ROUNDINGS * view.u * (1 + np.abs(made)) * np.abs(gradient))


def _of_ones(view: View) -> Trial | None:
    found = view.oracle(upstream=np.ones_like(view.y_bar))
    return None if found is None else view.trial(view.left, found)
