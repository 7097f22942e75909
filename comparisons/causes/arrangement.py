"""Causes that leave the numbers and put them elsewhere: another shape, a transpose, an exchange, another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, combinations, permutations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.causes.trial import Finding, Repair, Trial, View

#: Axes are permuted in every way up to so many.
MOST_AXES = 4

#: Shifts that are tried along an axis.
SHIFTS = (1, -1, 2, -2)


def dtype(_: View) -> Iterator[Repair]:
    """x_bar rounded to a narrower format on the way."""
    for narrow in (np.float32, np.float16):
        u = float(np.finfo(narrow).eps) / 2

        def attempt(v: View, narrow: type[np.floating] = narrow, u: float = u) -> Trial | None:
            with np.errstate(all="ignore"):
                if (
                    u <= v.u
                    or v.left.shape != v.right.shape
                    or (v.left.astype(narrow) != v.left)[np.isfinite(v.left)].any()
                ):
                    return None
                tiny = float(np.finfo(narrow).smallest_subnormal) / 2
                # each element that is not 0 happens to be so round once in u/v.u
                bits = float(np.count_nonzero(v.left)) * float(np.log2(u / v.u))
                return v.trial(v.left, allowed=v.allowed + u * np.abs(v.right) + tiny, bits=bits)

        text = f"{{gradient}} is right, but rounded to {narrow.__name__}: keep the input's dtype throughout."
        yield Repair((Finding("dtype", narrow.__name__, text),), attempt)


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
        for axes in _subsets(len(wanted)):
            for keep in (False, True):
                summed = np.sum(view.right, axes, keepdims=keep)
                if summed.shape == given:
                    over = f"summed over {_axes(axes)}"
                    finding = Finding(
                        "shape", over, f"{text}: it is {over}, which the input has itself; leave out that sum."
                    )
                    yield Repair((finding,), partial(_summed, axes=axes, keep=keep))


def transpose(view: View) -> Iterator[Repair]:
    """x_bar → x_barᵀ, or its elements in the order of the transpose."""
    finding = Finding("transpose", "", "{gradient} is transposed.")
    if view.left.ndim == 2 and view.left.T.shape == view.right.shape:
        yield Repair((finding,), lambda v: v.trial(v.left.T))
    if view.right.ndim > 1 and view.left.size == view.right.size:
        text = "{gradient} has the elements of its transpose in order: transpose, where it reshapes."
        reordered = Finding("transpose", "reshaped", text)
        yield Repair((reordered,), lambda v: v.trial(v.left.reshape(v.right.T.shape).T))


def swapped(view: View) -> Iterator[Repair]:
    """Gradients returned in another order: two exchanged, or all moved on by one."""
    count = len(view.point.wrt)
    for other in range(count):
        if other != view.k:
            i, j = sorted((view.k, other))
            order = {k: k for k in range(count)} | {i: j, j: i}
            names = " and ".join(f"input {p} ({view.name(p)})" for p in (view.point.wrt[i], view.point.wrt[j]))
            text = f"the gradients of {names} are exchanged: return them in the order of the inputs."
            yield _reordered(Finding("swapped", f"{view.point.wrt[i]}, {view.point.wrt[j]}", text), (i, j), order)
    for step in (1, -1) if count > 2 else ():
        order = {k: (k + step) % count for k in range(count)}
        text = "the gradients are all there, in another order: return them in the order of the inputs."
        yield _reordered(Finding("swapped", "rotated", text), tuple(range(count)), order)


def permuted(view: View) -> Iterator[Repair]:
    """x_bar with its elements elsewhere: axes reversed, shifted or in another order, or any other order."""
    if view.left.size != view.right.size:
        return
    axes = range(view.right.ndim)
    if view.left.shape == view.right.shape:
        for chosen in (*combinations(axes, 1), *combinations(axes, 2)):
            text = f"is reversed along {_axes(chosen)}"
            yield _moved(text, partial(np.flip, axis=chosen))
        for axis in axes:
            for shift in SHIFTS:
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
        text = "{gradient} has the right elements at wrong places: look at its indices."
        yield Repair((Finding("permuted", "elements", text),), _sorted)


def _moved(words: str, move: Callable[[Array], Array]) -> Repair:
    return Repair((Finding("permuted", words, f"{{gradient}} {words}."),), lambda v: v.trial(move(v.left)))


def _sorted(view: View) -> Trial:
    """Compare the elements in ascending order, on both sides."""
    order = np.argsort(view.right, axis=None)
    return view.trial(np.sort(view.left, axis=None), view.right.ravel()[order], view.allowed.ravel()[order])


def _reordered(finding: Finding, chosen: tuple[int, ...], order: dict[int, int]) -> Repair:
    def attempt(v: View) -> Trial | None:
        views = {k: v.of(k) for k in chosen}
        if any(views[order[k]].left.shape != views[k].right.shape for k in chosen):
            return None
        left = np.concatenate([views[order[k]].left.ravel() for k in chosen])
        right = np.concatenate([views[k].right.ravel() for k in chosen])
        return Trial(left, right, np.concatenate([views[k].allowed.ravel() for k in chosen]))

    return Repair((finding,), attempt)


def _summed(view: View, axes: tuple[int, ...], keep: bool) -> Trial:
    """Compare with the right gradient summed over axes: errors add, and the sum is rounded."""
    count = view.right.size / max(view.left.size, 1)
    rounding = count * view.u * np.sum(np.abs(view.right), axes, keepdims=keep)
    allowed = np.sum(view.allowed, axes, keepdims=keep) + rounding
    return view.trial(view.left, np.asarray(np.sum(view.right, axes, keepdims=keep)), np.asarray(allowed))


def _subsets(count: int) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1))


def _broadcasts(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(given, wanted) == wanted
    except ValueError:
        return False


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
