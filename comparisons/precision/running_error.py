"""Running error analysis of a rule: run it on error-carrying arrays, and the bound of its result comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Operation, Rule
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.precision import precision_of

from . import error_rules  # noqa: F401  (registers NumPy's functions)
from .allowance import Allowance
from .bounded_array import BoundedArray, Format, Reals, bounded
from .constants import BOUNDS_OWN_ERROR, ELEMENTARY_ROUNDINGS, LONGDOUBLE_ELEMENTS


@dataclass(frozen=True)
class Bound:
    """What one result may be: `value ± error`, elementwise; `scale` is the sum of absolute products behind it."""

    value: Reals
    error: Reals
    scale: Reals

    def of_two(self) -> Allowance:
        """Return what two such results may differ by: each may err by as much, either way."""
        return Allowance(self.value, 2 * self.error, self.scale)


def bound_operation(operation: Operation, inputs: Sequence[Array], y_bar: Array | None = None) -> tuple[Bound, ...]:
    """Return the bounds of an operation's value and gradients, or of the arrays that an update changes, by its rule."""
    rule = partial(RULES[operation.name], **operation.keywords)
    if operation.kind == "update":
        return bound_update(rule, inputs, operation.changed)
    value, gradients = bound_rule(rule, inputs, y_bar)
    if operation.elementary:
        one_kernel = ELEMENTARY_ROUNDINGS * _format_for(inputs).u * np.abs(value.value).astype(np.float64)
        value = replace(value, error=np.maximum(value.error, one_kernel))
    return value, *gradients


def bound_rule(rule: Rule, inputs: Sequence[Array], y_bar: Array | None = None) -> tuple[Bound, tuple[Bound, ...]]:
    """Return the bounds of a rule's value and, with y_bar, of each of its gradients."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        y, pullbacks = rule(*[BoundedArray.of(x, form) for x in inputs])
        if y_bar is None:
            return _as_bound(y, form), ()
        upstream = BoundedArray.of(y_bar, form, cotangent=True)
        return _as_bound(y, form), tuple(_as_bound(pullback(upstream), form) for pullback in pullbacks)


def bound_update(rule: Rule, inputs: Sequence[Array], changed: Sequence[int] = (0,)) -> tuple[Bound, ...]:
    """Return the bounds of the inputs that an optimizer's rule changes in place."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        given = [BoundedArray.of(x, form) for x in inputs]
        rule(*given)
        return tuple(_as_bound(given[i], form) for i in changed)


def _format_for(inputs: Sequence[Array]) -> Format:
    judged = precision_of(inputs[0].dtype)
    small = sum(x.size for x in inputs) <= LONGDOUBLE_ELEMENTS
    wide = np.longdouble if judged.dtype == np.float64 and small else np.float64
    return Format(judged, np.dtype(wide))


def _as_bound(result: Any, form: Format) -> Bound:
    result = bounded(result, form)
    return Bound(result.value, result.error * (1 + BOUNDS_OWN_ERROR), result.scale)
