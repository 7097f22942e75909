"""Running error analysis of a rule: run it on error-carrying arrays, and the bound of its result comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Rule
from gradtwin.backends.precision import precision_of
from gradtwin.comparisons import error_rules  # noqa: F401  (registers how errors pass through NumPy's functions)
from gradtwin.comparisons.bounded_array import BoundedArray, Format, Reals, bounded

#: Below so many elements in all, values of float64 rules are held in longdouble, whose products are not BLAS.
LONGDOUBLE_ELEMENTS = 4096


@dataclass(frozen=True)
class Bound:
    """What is allowed of a result: `value ± error`, elementwise; `scale` is the sum of absolute products behind it."""

    value: Reals
    error: Reals
    scale: Reals


def bound_rule(rule: Rule, inputs: Sequence[Array], y_bar: Array | None = None) -> tuple[Bound, tuple[Bound, ...]]:
    """Return the bounds of a rule's value and, with y_bar, of each of its gradients."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        y, pullbacks = rule(*[BoundedArray.of(x, form) for x in inputs])
        if y_bar is None:
            return _as_bound(y, form), ()
        upstream = BoundedArray.of(y_bar, form, cotangent=True)
        return _as_bound(y, form), tuple(_as_bound(pullback(upstream), form) for pullback in pullbacks)


def bound_update(rule: Rule, inputs: Sequence[Array]) -> Bound:
    """Return the bound of the weights that an optimizer's rule leaves in its first input."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        weights, *others = [BoundedArray.of(x, form) for x in inputs]
        rule(weights, *others)
        return _as_bound(weights, form)


def _format_for(inputs: Sequence[Array]) -> Format:
    judged = precision_of(inputs[0].dtype)
    small = sum(x.size for x in inputs) <= LONGDOUBLE_ELEMENTS
    wide = np.longdouble if judged.dtype == np.float64 and small else np.float64
    return Format(judged, np.dtype(wide))


def _as_bound(result: Any, form: Format) -> Bound:
    result = bounded(result, form)
    # The bound is itself computed in float64: a relative 2^-30 covers its own rounding for sums of up to 2^22 terms.
    return Bound(result.value, result.error * (1 + 2.0**-30), result.scale)
