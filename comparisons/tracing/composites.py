"""Functions in terms of others, on tracing arrays: whatever computes the shadows, the others have its rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from .conversion import is_tracing, plain
from .dispatch import RULES, Rule, call, composed, stepwise, valued


def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Clip(a) = min(max(a, low), high): at a bound the gradient is a's."""
    low, high = (a_min if a_min is not None else min), (a_max if a_max is not None else max)
    steps = [(np.maximum, low), (np.minimum, high)]
    used = [(ufunc, bound) for ufunc, bound in steps if bound is not None]
    for number, (ufunc, bound) in enumerate(used):
        a = call(ufunc, (a, bound), {"out": out} if out is not None and number == len(used) - 1 else {})
    return a


def _std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, **options: Any) -> Any:
    return call(np.sqrt, (call(np.var, (a, axis, dtype, None, ddof), options),), {} if out is None else {"out": out})


def _in_steps(ufunc: np.ufunc) -> Rule:
    """Return the rule of a ufunc's `reduce` that has no counterpart: one element after another."""

    def reduce(a: Any, axis: int = 0, *, keepdims: bool = False) -> Any:
        a = a if is_tracing(a) else call(np.array, (a,), {})
        first, *others = call(np.moveaxis, (a, axis, 0), {})
        for x in others:
            first = call(ufunc, (first, x), {})
        return call(np.expand_dims, (first, axis), {}) if keepdims else first

    return valued(reduce)


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, **_: Any) -> Any:
    return call(np.sum, (call(np.diagonal, (a, offset, axis1, axis2), {}), -1), {})


def _outer_of(ufunc: np.ufunc) -> Any:
    """f(aᵢ, bⱼ) for all i and j."""

    def operation(a: Any, b: Any, **options: Any) -> Any:
        a = a if is_tracing(a) else np.asarray(a)
        b = b if is_tracing(b) else np.asarray(b)
        return call(ufunc, (call(np.reshape, (a, np.shape(a) + (1,) * np.ndim(b)), {}), b), options)

    return composed(operation)


def correlate_windows(a: Any, v: Any, low: Any, high: Any) -> Any:
    """yₖ = Σᵢ aₖ₊ᵢ vᵢ, in any number of dimensions, with `low` and `high` zeros added at the ends of each axis."""
    padded = call(np.pad, (a, list(zip(low, high, strict=True))), {})
    windows = call(np.lib.stride_tricks.sliding_window_view, (padded, np.shape(v)), {})
    return call(np.tensordot, (windows, v, np.ndim(v)), {})


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Y = fᵢ + (x − xᵢ)(fᵢ₊₁ − fᵢ)/(xᵢ₊₁ − xᵢ) between two neighbours, constant beyond the ends."""
    if period is not None or np.size(plain(xp)) == 1:
        return NotImplemented
    x, xp, fp = (call(np.asarray, (item, float), {}) for item in (x, xp, fp))
    at, nodes = np.asarray(plain(x)), plain(xp)
    i = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    y = fp[i] + (x - xp[i]) * ((fp[i + 1] - fp[i]) / (xp[i + 1] - xp[i]))
    y = call(np.where, (at < nodes[0], fp[0] if left is None else left, y), {})
    return call(np.where, (at > nodes[-1], fp[-1] if right is None else right, y), {})


def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """yₖ = Σᵢ aₖ₋ᵢ vᵢ."""
    if np.size(plain(v)) > np.size(plain(a)):
        a, v = v, a
    return _slide(a, call(np.flip, (v,), {}), mode)


def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """yₖ = Σᵢ aₖ₊ᵢ vᵢ; with a longer v the result is reversed, as NumPy has it."""
    if np.size(plain(v)) > np.size(plain(a)):
        return call(np.flip, (_slide(v, a, mode),), {})
    return _slide(a, v, mode)


def _slide(a: Any, v: Any, mode: str) -> Any:
    a, v = (x if is_tracing(x) else np.asarray(x) for x in (a, v))
    size = np.size(plain(v))
    low = {"full": size - 1, "valid": 0, "same": size // 2}[mode]
    high = {"full": size - 1, "valid": 0, "same": size - 1 - low}[mode]
    return correlate_windows(a, v, [low], [high])


# fmt: off
RULES.update(dict.fromkeys([
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside, np.round, np.around, np.fix,
    np.spacing, np.ndarray.round,
], stepwise))
RULES.update({
    np.clip:             composed(_clip),
    np.std:              composed(_std),
    np.trace:            valued(_trace),
    np.interp:           valued(_interp),
    np.convolve:         valued(_convolve),
    np.correlate:        valued(_correlate),
    np.logaddexp.reduce: _in_steps(np.logaddexp),
    np.hypot.reduce:     _in_steps(np.hypot),
})
RULES.update({
    ufunc.outer: _outer_of(ufunc)
    for ufunc in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum)
})
# fmt: on
