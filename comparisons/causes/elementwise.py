"""Causes that act element by element: a factor missing or extra, a diagonal for a Jacobian, a stale value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS, LEAST_RATIOS, PROBES, RATIO_DIGITS

from .trial import (
    OUTPUT,
    Finding,
    Repair,
    Trial,
    View,
    bits_of,
    distinct,
    joined,
    times,
    within,
)


@dataclass(frozen=True)
class Function:
    """A function of one array, such as an activation's derivative; `two_valued` if it shows little of its argument."""

    words: str
    of: Callable[[Array], Array]
    two_valued: bool = False
    #: Where it is 0, and so is any gradient that has it as a factor.
    root: float | None = None


def _sigmoid(s: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -s)))


def _softmax(s: Array) -> Array:
    if not s.ndim or s.shape[-1] < 2:  # of one number it is 1
        return np.full_like(s, np.nan)
    shifted = np.exp(s - s.max(-1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


# fmt: off
FUNCTIONS = (
    Function("{}",                       lambda s: s, root=0.0),
    Function("the relu mask of {}",      lambda s: (s > 0) * 1.0, two_valued=True),
    Function("tanh' of {}",              lambda s: 1 / np.cosh(s) ** 2),
    Function("1 − {}²",                  lambda s: 1 - s * s, root=1.0),
    Function("1 − {}",                   lambda s: 1 - s, root=1.0),
    Function("1 + {}",                   lambda s: 1 + s, root=-1.0),
    Function("sigmoid' of {}",           lambda s: _sigmoid(s) * _sigmoid(-s)),
    Function("{0}(1 − {0})",             lambda s: s * (1 - s), root=0.0),
    Function("sigmoid of {}",            _sigmoid),
    Function("tanh of {}",               np.tanh, root=0.0),
    Function("{}²",                      lambda s: s * s, root=0.0),
    Function("exp of {}",                np.exp),
    Function("log of {}",                np.log, root=1.0),
    Function("cos of {}",                np.cos),
    Function("sin of {}",                np.sin, root=0.0),
    Function("1 + |{}|",                 lambda s: 1 + np.abs(s)),
    Function("1/(1 + {}²)",              lambda s: 1 / (1 + s * s)),
    Function("√{}",                      np.sqrt, root=0.0),
)
# fmt: on

#: Possible replacements of an input: functions of it that forward may compute.
REPLACEMENTS = (
    Function("relu of {}", lambda s: np.maximum(s, 0)),
    Function("tanh of {}", np.tanh),
    Function("sigmoid of {}", _sigmoid),
    Function("exp of {}", np.exp),
    Function("softmax of {}", _softmax),
)


def elementwise_factor(view: View) -> Iterator[Repair]:
    """x_bar is right up to a factor that is y_bar, an input, y, or an activation's derivative: missing or extra."""
    if view.left.shape != view.right.shape:
        return
    for function in FUNCTIONS:
        for name in (*view.sources(), *(() if function.two_valued else _counts(view))):
            if _factor(view, name, function) is None:
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
    return view.trial(left, right, view.allowed + _factor_error(view, np.ones_like(right), view.scale))


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
        made = _factor(view, name, mask)
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


def jacobian_diagonal(view: View) -> Iterator[Repair]:
    """x_bar = y_bar · diag(J), where y_bar · J was needed: every output depends on several inputs."""
    if view.point.style == "jacobian" and view.left.shape == view.right.shape == 2 * view.y.shape and view.y.ndim:
        text = (
            "{gradient} has only the diagonal of the Jacobian: each output depends on several inputs; add the "
            "off-diagonal terms."
        )
        yield Repair((Finding("jacobian-diagonal", "", text),), _diagonal_alone)
    if not view.left.shape == view.right.shape == view.y.shape:
        return
    for axis in dict.fromkeys((view.y.ndim - 1, 0)) if view.y.ndim else ():
        text = (
            f"{{gradient}} uses only the diagonal of the Jacobian along axis {axis}: each output depends on every "
            f"input there; add the off-diagonal terms."
        )
        finding = Finding("jacobian-diagonal", f"axis {axis}", text)
        yield Repair((finding,), partial(_diagonal, axis=axis))
        yield Repair((finding,), partial(_softmax_diagonal, axis=axis))


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


def _factor(view: View, name: str, function: Function) -> Array | None:
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
    made = _factor(view, name, function)
    if made is None or view.left.shape != view.right.shape:
        return None
    left, allowed = times(view, made, view.left, view.allowed)
    bits = _pattern_bits(made, view.left) if function.two_valued else None
    return view.trial(left, allowed=allowed + _factor_error(view, made, view.left), bits=bits)


def _spoilt(view: View, name: str, function: Function) -> Trial | None:
    made = _factor(view, name, function)
    if made is None or view.left.shape != view.right.shape:
        return None
    right, allowed = times(view, made, view.right, view.allowed)
    bits = _pattern_bits(made, view.right) if function.two_valued else None
    return view.trial(view.left, right, allowed + _factor_error(view, made, view.right), bits=bits)


def _pattern_bits(mask: Array, gradient: Array) -> float:
    """Return how many elements show a mask, none if they show only one of its values."""
    shown = mask[gradient != 0]
    return 0.0 if not shown.size or (shown == shown[0]).all() else float(shown.size)


def _factor_error(view: View, made: Array, gradient: Array) -> Array:
    """Return how far roundings of a factor, formed from terms of size 1 and its own, move the product."""
    return np.asarray(FACTOR_ROUNDINGS * view.u * (1 + np.abs(made)) * np.abs(gradient))


def _of_ones(view: View) -> Trial | None:
    found = view.oracle(upstream=np.ones_like(view.y_bar))
    return None if found is None else view.trial(view.left, found)


def _diagonal_alone(view: View) -> Trial | None:
    """Compare a Jacobian with its diagonal; the missing off-diagonal elements are the evidence."""
    if view.left.shape != view.right.shape:
        return None
    on = np.eye(view.y.size, dtype=bool).reshape(view.right.shape)
    bits = float(bits_of(np.abs(view.right), view.allowed)[~on].sum())
    allowed = np.where(on, view.allowed, 0.0)
    return view.trial(view.left, np.where(on, view.right, 0.0), allowed, bits=bits)


def _diagonal(view: View, axis: int) -> Trial | None:
    """Probe with one index of an axis at a time; the rows across it must not depend on each other."""
    if not 1 < view.y.shape[axis] <= PROBES:
        return None
    diagonal = np.zeros_like(view.right)
    for i in range(view.y.shape[axis]):
        index = (slice(None),) * axis + (i,)
        upstream = np.zeros_like(view.y_bar)
        upstream[index] = 1
        found = view.oracle(upstream=upstream)
        if found is None:
            return None
        diagonal[index] = found[index]
    return view.trial(view.left, *times(view, view.y_bar, diagonal, view.allowed))


def _softmax_diagonal(view: View, axis: int) -> Trial:
    """x_bar = y (y_bar − Σ y_bar y), of which y_bar y (1 − y) is the diagonal: softmax, without an oracle."""
    weighted = view.y * view.y_bar
    right = weighted - view.y * weighted.sum(axis, keepdims=True)
    length = view.y.shape[axis]
    error = (
        (length + FACTOR_ROUNDINGS) * view.u * (np.abs(weighted) + view.y * np.abs(weighted).sum(axis, keepdims=True))
    )
    allowed = view.allowed + error
    return joined(view.trial(view.left, weighted * (1 - view.y), allowed), view.trial(view.right, right, allowed))


def _at_other(view: View, function: Function, used: str, due: str) -> Trial | None:
    """Left · f(due) = right · f(used)."""
    here, there = (_factor(view, name, function) for name in (used, due))
    if here is None or there is None or _is_turned_over(view):
        return None
    left, left_allowed = times(view, there, view.left, view.allowed)
    right, right_allowed = times(view, here, view.right, view.allowed)
    rounding = _factor_error(view, there, view.left) + _factor_error(view, here, view.right)
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
