"""Causes that leave the numbers and put them elsewhere: another shape, a transpose, an exchange, another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import FACTOR_ROUNDINGS, FEW_DIGITS, LEAST_OF_ROUNDING, MOST_AXES, SHIFTS

from .axes import name_axes, subsets
from .trial import Finding, Repair, Trial, View, bits_of, distinct

#: Axes of a kernel, by how many it has: those of space come first or last.
_REVERSED = {1: ((0,),), 2: ((0, 1),), 3: ((2,), (0,)), 4: ((2, 3), (0, 1))}


def dtype(view: View) -> Iterator[Repair]:
    """x_bar cut to whole numbers; or rounded to a narrower format: in the end, in the steps before, or inside."""
    if view.left.shape != view.right.shape:
        return
    if view.is_whole:
        text = (
            "{gradient} is right, but cut to whole numbers: it was written into an array of integers. Make the "
            "array floating."
        )
        yield Repair((Finding("dtype", "integer", text),), _cut)
    for roundings, what in ((1, "rounded to"), (FACTOR_ROUNDINGS, "computed in")):
        for narrow in (np.float32, np.float16):
            text = f"{{gradient}} is right, but {what} {narrow.__name__}: keep the input's dtype throughout."
            finding = Finding("dtype", narrow.__name__, text)
            yield Repair((finding,), partial(_rounded, narrow=narrow, roundings=roundings))
    u = float(np.finfo(np.float32).eps) / 2
    known = view.as_given().known()
    with np.errstate(all="ignore"):
        apart = np.abs(view.left - view.right)[known]
        size = view.scale[known]
        is_small = view.u < u and (apart <= FACTOR_ROUNDINGS * u * size).all()
    if is_small and np.median(apart[size > 0] / size[size > 0]) > u / LEAST_OF_ROUNDING:
        text = "{gradient} is right to float32's precision only: look for a float32 inside, or for a small constant."
        yield Repair((Finding("dtype", "float32", text),), View.as_given, guess=True)


def _cut(view: View) -> Trial:
    """Compare with the right gradient cut towards zero; one that is whole anyway proves nothing."""
    below, above = np.trunc(view.right - view.allowed), np.trunc(view.right + view.allowed)
    cut = np.where(view.left == below, below, above)
    bits = float(np.count_nonzero(np.abs(view.right - cut) > view.allowed))
    return view.trial(view.left, cut, np.zeros_like(cut), bits=bits)


def _rounded(view: View, narrow: type[np.floating], roundings: int) -> Trial | None:
    """Compare where every element is one of a narrower format; None elsewhere. Values of few digits prove nothing."""
    u = float(np.finfo(narrow).eps) / 2
    if u <= view.u or view.left.shape != view.right.shape:
        return None
    finite = np.isfinite(view.left)
    with np.errstate(all="ignore"):
        if (view.left.astype(narrow) != view.left)[finite].any():
            return None
        tiny = float(np.finfo(narrow).smallest_subnormal) / 2
        size = np.abs(view.right) if roundings == 1 else view.scale
        digits = np.ldexp(np.frexp(np.where(finite, view.left, 0.0))[0], int(np.finfo(narrow).nmant * FEW_DIGITS))
    # each element happens to be so round once in u/v.u
    bits = float(np.count_nonzero(digits != np.rint(digits))) * float(np.log2(u / view.u))
    return view.trial(view.left, allowed=view.allowed + roundings * u * size + tiny, bits=bits)


def shape(view: View) -> Iterator[Repair]:
    """x_bar in another shape: reshaped, not yet spread, or summed over an axis that the input has itself."""
    given, wanted = view.left.shape, view.right.shape
    if given == wanted:
        return
    text = f"{{gradient}} has shape {given} in place of {wanted}"
    detail = f"{given} for {wanted}"
    if view.left.size == view.right.size:
        finding = Finding("shape", detail, f"{text}; the values are right in order: reshape.")
        yield Repair((finding,), lambda v: v.trial(v.left.reshape(v.right.shape)))
    elif view.left.size < view.right.size:
        if _broadcasts(given, wanted):
            finding = Finding("shape", detail, f"{text}; the values are right: broadcast them to the input's shape.")
            yield Repair((finding,), lambda v: v.trial(np.broadcast_to(v.left, v.right.shape)))
        for axes in subsets(len(wanted)):
            for keep in (False, True):
                summed = np.sum(view.right, axes, keepdims=keep)
                if summed.shape == given:
                    over = f"summed over {name_axes(axes)}"
                    finding = Finding(
                        "shape", over, f"{text}: it is {over}, which the input has too; leave out that sum."
                    )
                    yield Repair((finding,), partial(_summed, axes=axes, keep=keep))


def transpose(view: View) -> Iterator[Repair]:
    """x_bar → x_barᵀ, or its elements in the order of the transpose."""
    finding = Finding("transpose", "", "{gradient} is transposed.")
    if view.left.ndim == 2 and view.left.T.shape == view.right.shape:
        yield Repair((finding,), lambda v: v.trial(v.left.T))
    if view.left.ndim > 2 and np.swapaxes(view.left, -1, -2).shape == view.right.shape:
        text = "{gradient} has its last two axes exchanged: each of its matrices is transposed."
        stacked = Finding("transpose", "last two axes", text)
        yield Repair((stacked,), lambda v: _placed(v, np.swapaxes(v.left, -1, -2)))
    if view.right.ndim > 1 and view.left.size == view.right.size:
        text = "{gradient} is reshaped where it must be transposed."
        reordered = Finding("transpose", "reshaped", text)
        yield Repair((reordered,), lambda v: v.trial(v.left.reshape(v.right.T.shape).T))


def swapped(view: View) -> Iterator[Repair]:
    """Gradients returned in another order: two exchanged, or all moved on by one."""
    count = len(view.point.wrt)
    for other in range(count):
        if other != view.k:
            i, j = sorted((view.k, other))
            order = {k: k for k in range(count)} | {i: j, j: i}
            names = " and ".join(view.point.words[p] for p in (view.point.wrt[i], view.point.wrt[j]))
            text = f"the gradients of {names} are exchanged: return them in the order of the inputs."
            exchanged = Finding("swapped", f"{view.point.wrt[i]}, {view.point.wrt[j]}", text)
            yield _reordered((exchanged,), (i, j), order)
            turned = Finding("transpose", "", "each of the exchanged gradients is transposed.")
            yield _reordered((exchanged, turned), (i, j), order, np.transpose)
    for step in (1, -1) if count > 2 else ():
        order = {k: (k + step) % count for k in range(count)}
        text = "the gradients are all there, in another order: return them in the order of the inputs."
        yield _reordered((Finding("swapped", "rotated", text),), tuple(range(count)), order)


def permuted(view: View) -> Iterator[Repair]:
    """x_bar with its elements elsewhere: axes reversed, shifted or in another order, or any other order."""
    if view.left.size != view.right.size:
        return
    if view.left.shape == view.right.shape:
        axes = [axis for axis, length in enumerate(view.right.shape) if length > 1]
        for chosen in (*combinations(axes, 1), *combinations(axes, 2)):
            text = f"is reversed along {name_axes(chosen)}"
            yield _moved(text, partial(np.flip, axis=chosen))
        for axis in axes:
            for shift in (shift for shift in SHIFTS if shift % view.right.shape[axis]):
                yield _moved(f"is shifted by {shift} along axis {axis}", partial(np.roll, shift=-shift, axis=axis))
        for shift in (1, -1) if view.right.ndim > 1 else ():
            yield _moved(f"is shifted by {shift}, counted through all axes", partial(np.roll, shift=-shift))
        yield _moved("is reversed along every axis", np.flip)
    if 2 < view.left.ndim <= MOST_AXES:
        for order in permutations(range(view.left.ndim)):
            if order != tuple(range(view.left.ndim)):
                yield _moved(
                    f"has its axes permuted: its np.transpose(…, {order}) is right", partial(np.transpose, axes=order)
                )
    if view.left.shape == view.right.shape and view.left.size > 2:
        text = "{gradient} has the right elements in wrong places: look at its indices."
        yield Repair((Finding("permuted", "elements", text),), _sorted)


def other_way_round(view: View) -> Iterator[Repair]:
    """x_bar is right for another input reversed, as a convolution's kernel must be, or transposed, as weights must."""
    if view.left.shape != view.right.shape:
        return
    for position, array in view.floating_inputs():
        if position == view.position or array.size < 2:
            continue
        name = view.name(position)
        for axes in _REVERSED.get(array.ndim, ()) if array.ndim == view.right.ndim == view.y.ndim else ():
            words = f"{name} reversed along {name_axes(axes)}"
            text = f"{{gradient}} is the right one for {words}: reverse it there, once."
            flip = partial(np.flip, axis=axes)
            finding = Finding("permuted", words, text)
            yield Repair((finding,), partial(_right_for_moved, position=position, move=flip), costly=True)
        if array.ndim == 2 and array.shape[0] == array.shape[1]:
            text = f"{{gradient}} is the right one for {name} transposed: transpose {name} in it, once."
            finding = Finding("transpose", name, text)
            yield Repair((finding,), partial(_right_for_moved, position=position, move=np.transpose), costly=True)


def _right_for_moved(view: View, position: int, move: Callable[[Array], Array]) -> Trial | None:
    inputs = list(view.point.inputs)
    inputs[position] = np.ascontiguousarray(move(np.asarray(inputs[position])))
    found = view.oracle(inputs=tuple(inputs))
    return None if found is None or found.shape != view.left.shape else view.trial(view.left, found)


def _moved(words: str, move: Callable[[Array], Array]) -> Repair:
    return Repair((Finding("permuted", words, f"{{gradient}} {words}."),), lambda v: _placed(v, move(v.left)))


def _placed(view: View, left: Array) -> Trial:
    """Compare elements that were moved; of a two-valued pattern an element proves one bit."""
    values = np.count_nonzero(distinct(view.right, view.allowed))
    return view.trial(left, bits=float(view.right.size) if values <= 2 else None)


def _sorted(view: View) -> Trial | None:
    """Compare the elements in ascending order, on both sides; equal ones prove little, and two values nothing.

    An element proves something as far as the right one at its own place is from the one that it equals: where all keep
    their order, as they do under a factor, nothing was moved.
    """
    if view.left.shape != view.right.shape:
        return None
    order, order_of_left = np.argsort(view.right, axis=None), np.argsort(view.left, axis=None)
    right, allowed = view.right.ravel()[order], view.allowed.ravel()[order]
    size = np.minimum(np.abs(right), np.abs(right - view.right.ravel()[order_of_left]))
    bits = np.sort(bits_of(size, allowed)[distinct(right, allowed)])[:-2]
    if not bits.any():
        return None
    return view.trial(np.sort(view.left, axis=None), right, allowed, bits=float(bits.sum()))


def _reordered(
    findings: tuple[Finding, ...],
    chosen: tuple[int, ...],
    order: dict[int, int],
    move: Callable[[Array], Array] = np.asarray,
) -> Repair:
    def attempt(v: View) -> Trial | None:
        views = {k: v.of(k) for k in chosen}
        lefts = {k: move(views[order[k]].left) for k in chosen}
        if any(lefts[k].shape != views[k].right.shape for k in chosen):
            return None
        left = np.concatenate([lefts[k].ravel() for k in chosen])
        right = np.concatenate([views[k].right.ravel() for k in chosen])
        return Trial(left, right, np.concatenate([views[k].allowed.ravel() for k in chosen]))

    return Repair(findings, attempt)


def _summed(view: View, axes: tuple[int, ...], keep: bool) -> Trial:
    """Compare with the right gradient summed over axes: errors add, and the sum is rounded."""
    count = view.right.size / max(view.left.size, 1)
    rounding = count * view.u * np.sum(np.abs(view.right), axes, keepdims=keep)
    allowed = np.sum(view.allowed, axes, keepdims=keep) + rounding
    return view.trial(view.left, np.asarray(np.sum(view.right, axes, keepdims=keep)), np.asarray(allowed))


def _broadcasts(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(given, wanted) == wanted
    except ValueError:
        return False
