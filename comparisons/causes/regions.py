"""Causes that hold for part of a gradient: NaN, a kink, and a region that is wrong while the rest is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial as bind
from itertools import chain, combinations

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import DOUBLE_DIGITS, LEAST_RIGHT, LEAST_STEP, MOST_LISTED

from .trial import Finding, Repair, Trial, View, widen, within


def not_a_number(view: View) -> Finding | None:
    """Return the finding that left is NaN or infinite where right is finite: a fact, besides any other fault.

    NaN on one side where the other is infinite is one too.
    """
    if view.left.shape != view.right.shape:
        bad = ~np.isfinite(view.left)
        words = "" if np.isfinite(view.right).all() and bad.any() else None
    else:
        bad = ~np.isfinite(view.left) & np.isfinite(view.right)
        words = _describe(view, bad) if bad.any() else None
    if words is None:
        return _not_the_same_number(view)
    what = "infinite" if (view.infinite & bad).any() else "NaN"
    text = (
        f"{{gradient}} is {what} {words or 'in places'}, and the true gradient is finite there: look for 0/0, ∞/∞ "
        f"or overflow."
    )
    return Finding("nan", words, text)


def _not_the_same_number(view: View) -> Finding | None:
    if view.left.shape != view.right.shape:
        return None
    undefined = np.isnan(view.left) & ~view.infinite
    for bad, one, other in (
        (undefined & np.isinf(view.right), "NaN", "infinite"),
        (view.infinite & np.isnan(view.right), "infinite", "NaN"),
    ):
        if bad.any():
            words = _describe(view, bad)
            text = (
                f"{{gradient}} is {one} {words}, where autodiff's is {other}: forward overflows there, or divides "
                f"by 0, and neither is a derivative."
            )
            return Finding("nan", words, text)
    return None


def kink(view: View) -> Iterator[Repair]:
    """Wrong only where an input is exactly 0, or equals its neighbour or another input: there may be no derivative."""
    for words, region in _ties(view).items():
        finding = Finding(
            "kink", words, f"{{gradient}} differs only {words}, where the function may have no derivative."
        )
        if region.any() and not region.all() and not (view.wrong & ~region).any():
            yield Repair((finding,), View.as_given, guess=True)


def partial(view: View) -> Iterator[Repair]:
    """Right except on a region."""
    if view.left.shape != view.right.shape:
        return
    wrong = view.wrong
    if wrong.all() or not wrong.any():
        return
    for words, rule in _regions(view, wrong):
        text = f"{{gradient}} is wrong {words}{_how(view, wrong)}, and right everywhere else."
        yield Repair((Finding("partial", words, text),), bind(_foretold, rule=rule), fitted=True, tells_where=True)


def _foretold(view: View, rule: Callable[[View], Array | None]) -> Trial | None:
    """Compare the wrong elements with a region; elements that are 0 in any case prove nothing."""
    region = rule(view)
    if region is None or view.left.shape != view.right.shape:
        return None
    wrong = view.wrong
    telling = view.telling
    foretold = region & telling
    bits = float(np.count_nonzero(telling)) if foretold.any() and (telling & ~foretold).any() else 0.0
    return Trial(wrong.astype(float), foretold.astype(float), np.zeros(wrong.shape), bits)


def _regions(view: View, wrong: Array) -> Iterator[tuple[str, Callable[[View], Array | None]]]:
    """Yield regions that are exactly the wrong elements here: by an input's value, then by place."""
    telling = view.telling
    names = [name for name in view.sources(view.right.shape) if name != "y_bar"]
    for name in names:
        yield from _by_value(view, name, wrong, telling)
    for one, other in combinations(names, 2):
        difference = bind(_difference, one=one, other=other)
        yield from _by_threshold(view, f"{one} · {other}", bind(_product, one=one, other=other), 1)
        yield from _by_threshold(view, f"|{one} − {other}|", bind(_distance, one=one, other=other), 1)
        yield from _by_threshold(view, f"{one} − {other}", difference, 1)
        yield from _by_threshold(view, f"{one} − {other}", difference, -1)
    for words, rule in _by_rule(view, names):
        region = rule(view)
        if region is not None and (region & telling == wrong).all():
            yield words, rule
    for words, mask in _by_place(wrong).items():
        if (mask & telling == wrong).all() and not mask.all():
            yield words, bind(_at_place, mask=mask)


def _by_value(
    view: View, name: str, wrong: Array, telling: Array
) -> Iterator[tuple[str, Callable[[View], Array | None]]]:
    signs = {"negative": np.less, "positive": np.greater, "zero": np.equal}
    for word, compare in signs.items():

        def by_sign(v: View, compare: Callable[[Array, int], Array] = compare) -> Array | None:
            return compare(v.sources()[name], 0)

        if (by_sign(view) & telling == wrong).all():
            yield f"where {name} is {word}", by_sign
    yield from _by_threshold(view, name, lambda v: v.sources()[name], 1)
    yield from _by_threshold(view, name, lambda v: v.sources()[name], -1)
    yield from _by_threshold(view, f"|{name}|", lambda v: np.abs(v.sources()[name]), 1)
    yield from _by_interval(view, name)


def _by_threshold(
    view: View, shown: str, what: Callable[[View], Array], flip: int
) -> Iterator[tuple[str, Callable[[View], Array | None]]]:
    """Yield the region beyond a threshold, if one separates the wrong elements: above it, or below for a flip."""

    def level(v: View) -> Array:
        return flip * what(v)

    low, high = -np.inf, np.inf
    for v in chain((view,), _lazily(view)):  # one threshold for all points
        low = max(low, float(level(v)[v.telling & ~v.wrong].max(initial=-np.inf)))
        high = min(high, float(level(v)[v.wrong].min(initial=np.inf)))
        if not low < high:
            return
    seen = max(np.count_nonzero(v.telling & ~v.wrong) for v in (view, *view.others))
    nearest = min((view, *view.others), key=lambda v: float(level(v)[v.wrong].min(initial=np.inf)))
    if -np.inf < low < high < np.inf and seen >= LEAST_RIGHT and _is_step(nearest, level(nearest)):
        threshold = _roundest(low, high)
        word = "above" if flip > 0 else "below"
        yield f"where {shown} is {word} {flip * threshold:.4g}", bind(_beyond, level=level, threshold=threshold)


def _is_step(view: View, level: Array) -> bool:
    """Return whether the wrong element of the lowest level is wrong by much."""
    first = np.unravel_index(np.argmin(np.where(view.wrong, level, np.inf)), level.shape)
    return bool(np.abs(view.left - view.right)[first] > LEAST_STEP * view.allowed[first])


def _by_interval(view: View, name: str) -> Iterator[tuple[str, Callable[[View], Array | None]]]:
    """Yield the interval that holds the wrong elements at all points, if there are right ones on both sides of it."""
    if not _is_interval(view.sources()[name], view):
        return
    views = (view, *view.others)
    wrong = np.concatenate([v.sources()[name][v.wrong] for v in views])
    right = [v.sources()[name][v.telling & ~v.wrong] for v in views]
    first, last = wrong.min(), wrong.max()
    around = np.concatenate(right)
    seen = [max(np.count_nonzero(part < first) for part in right), max(np.count_nonzero(part > last) for part in right)]
    if min(seen) < LEAST_RIGHT or ((first <= around) & (around <= last)).any():
        return
    low = _roundest(float(around[around < first].max()), float(first))
    high = _roundest(float(last), float(around[around > last].min()))
    yield f"where {name} is between {low:.4g} and {high:.4g}", bind(_between, name=name, low=low, high=high)


def _is_interval(source: Array, view: View) -> bool:
    """Return whether the right elements here lie outside the range of the wrong ones."""
    right, wrong = source[view.telling & ~view.wrong], source[view.wrong]
    return not ((wrong.min() <= right) & (right <= wrong.max())).any()


def _lazily(view: View) -> Iterator[View]:
    yield from view.others


def _between(view: View, name: str, low: float, high: float) -> Array:
    source = view.sources()[name]
    return np.asarray((low < source) & (source < high))


def _by_rule(view: View, names: list[str]) -> Iterator[tuple[str, Callable[[View], Array | None]]]:
    """Yield regions that two arrays give together: labels, values that reach the output, the larger of two inputs."""
    for position, given in enumerate(view.point.inputs):
        if np.asarray(given).dtype.kind in "iu":
            name = view.name(position)
            yield f"at the class that {name} names, in each row", bind(_labelled, position=position, flip=False)
            yield f"except at the class that {name} names, in each row", bind(_labelled, position=position, flip=True)
    own = view.name(view.position)
    yield f"where {own} is not a value of y (such as a maximum)", bind(_attained, flip=True)
    yield f"where {own} is a value of y (such as a maximum)", bind(_attained, flip=False)
    for low in names:
        for high in names:
            if low != high:
                yield f"where {low} is below {high}", bind(_below, low=low, high=high)


def _product(view: View, one: str, other: str) -> Array:
    sources = view.sources()
    return sources[one] * sources[other]


def _difference(view: View, one: str, other: str) -> Array:
    sources = view.sources()
    return sources[one] - sources[other]


def _distance(view: View, one: str, other: str) -> Array:
    return np.abs(_difference(view, one, other))


def _labelled(view: View, position: int, flip: bool) -> Array | None:
    labels = np.asarray(view.point.inputs[position])
    classes = view.right.shape[-1] if view.right.ndim else 0
    if view.right.shape != (*labels.shape, classes) or ((labels < -classes) | (labels >= classes)).any():
        return None
    return np.asarray((np.arange(classes) == (labels % classes)[..., np.newaxis]) != flip)


def _attained(view: View, flip: bool) -> Array | None:
    x = widen(view.point.inputs[view.position])
    return np.isin(x, view.y) != flip if x.shape == view.right.shape else None


def _below(view: View, low: str, high: str) -> Array | None:
    sources = view.sources(view.right.shape)
    return np.asarray(sources[low] < sources[high]) if {low, high} <= sources.keys() else None


def _at_place(view: View, mask: Array) -> Array | None:
    return mask if mask.shape == view.right.shape else None


def _beyond(view: View, level: Callable[[View], Array], threshold: float) -> Array:
    return np.asarray(level(view) > threshold)


def _by_place(wrong: Array) -> dict[str, Array]:
    """Return regions by place, the plainest first."""
    found: dict[str, Array] = {}
    if wrong.ndim > 1:
        for axes in dict.fromkeys(
            (tuple(range(wrong.ndim)), (wrong.ndim - 2, wrong.ndim - 1), (wrong.ndim - 3, wrong.ndim - 2))
        ):
            if axes[0] >= 0 and all(wrong.shape[axis] > 2 for axis in axes):
                border = np.ones(wrong.shape, bool)
                border[tuple(slice(1, -1) if axis in axes else slice(None) for axis in range(wrong.ndim))] = False
                along = f"of axes {', '.join(map(str, axes))}"
                found |= {f"on the border {along}": border, f"inside the border {along}": ~border}
    if wrong.ndim > 1 and wrong.shape[-1] == wrong.shape[-2]:
        square = np.eye(wrong.shape[-1], dtype=bool)
        masks = {"on the diagonal": square, "off the diagonal": ~square}
        ones = np.ones_like(square)
        masks |= {"above the diagonal": np.triu(ones, 1), "below the diagonal": np.tril(ones, -1)}
        found |= {words: np.broadcast_to(mask, wrong.shape) for words, mask in masks.items()}
    sets = [
        np.flatnonzero(wrong.any(axis=tuple(a for a in range(wrong.ndim) if a != axis))) for axis in range(wrong.ndim)
    ]
    box = np.zeros(wrong.shape, bool)
    box[np.ix_(*sets)] = True
    parts = [
        f"{_indices(s, n)} of axis {axis}"
        for axis, (s, n) in enumerate(zip(sets, wrong.shape, strict=True))
        if len(s) < n
    ]
    entries = np.argwhere(wrong)
    if wrong.ndim and (box == wrong).all() and all(len(s) == 1 for s in sets):
        found[f"at index {tuple(int(i) for i in entries[0])}"] = box
    else:
        found["at " + ", ".join(parts)] = box
    if len(entries) <= MOST_LISTED:
        found["at indices " + ", ".join(str(tuple(int(i) for i in entry)) for entry in entries)] = wrong
    return found


def _indices(chosen: Array, length: int) -> str:
    if len(chosen) == 1:
        return {0: "index 0 (the first)", length - 1: f"index {length - 1} (the last)"}.get(
            int(chosen[0]), f"index {chosen[0]}"
        )
    if len(chosen) == chosen[-1] - chosen[0] + 1:
        return f"indices {chosen[0]} to {chosen[-1]}"
    shown = ", ".join(map(str, chosen[:MOST_LISTED]))
    return f"indices {shown}" + (", …" if len(chosen) > MOST_LISTED else "")


def _how(view: View, wrong: Array) -> str:
    """Describe the gradient where it is wrong, if it is simple."""
    left, right = view.left[wrong], view.right[wrong]
    if not left.any():
        return " (zero there)"
    if within(-left, right, view.allowed[wrong]).all():
        return " (of wrong sign there)"
    return " (not zero there)" if not right.any() else ""


def _describe(view: View, bad: Array) -> str:
    """Return where the marked elements are, in words."""
    for name in view.sources(view.right.shape):
        source = view.sources()[name]
        if name != "y_bar" and bad.any() and not bad.all():
            if (bad == (source == 0)).all():
                return f"where {name} is zero"
            for word, flip in (("above", 1), ("below", -1)):
                low, high = (flip * source)[~bad].max(), (flip * source)[bad].min()
                if low < high:
                    return f"where {name} is {word} {flip * _roundest(float(low), float(high)):.4g}"
    entries = [str(tuple(int(i) for i in entry)) for entry in np.argwhere(bad)[:MOST_LISTED]]
    return "everywhere" if bad.all() else f"at {', '.join(entries)}{', …' if bad.sum() > MOST_LISTED else ''}"


def _ties(view: View) -> dict[str, Array]:
    """Return where a kink is likely, by words."""
    if view.left.shape != view.right.shape:
        return {}
    # An equality that always holds is not a tie: max(x, 0) equals x wherever x is positive.
    arrays = {view.name(position): x for position, x in view.floating_inputs() if x.shape == view.right.shape}
    own = view.name(view.position)
    found = {f"where {name} is exactly 0": source == 0 for name, source in arrays.items()}
    if own in arrays:
        source = arrays[own]
        found |= {f"where {own} equals {name}": source == other for name, other in arrays.items() if name != own}
        _, inverse, counts = np.unique(source, return_inverse=True, return_counts=True)
        found[f"where elements of {own} are equal"] = (counts > 1)[inverse].reshape(source.shape)
    return found


def _roundest(low: float, high: float) -> float:
    """Return the number with the fewest digits in (low, high)."""
    middle = (low + high) / 2
    for digits in range(DOUBLE_DIGITS):
        scale = 10.0 ** (digits - np.floor(np.log10(max(abs(low), abs(high)))))
        candidate = float(np.round(middle * scale) / scale)
        if low < candidate < high:
            return candidate
    return middle
