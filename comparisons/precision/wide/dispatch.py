"""Which rule computes a function on wide arrays: `apply` is the one way in, for protocols and for callers."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import NoWideFormError

Rule = Callable[..., Any]

#: NumPy's and SciPy's functions and what computes them; a rule takes the function's own arguments.
RULES: dict[Any, Rule] = {}
#: Ufuncs, and the methods of ufuncs, by the rule rule(ufunc, *args, **kwargs).
METHODS: dict[str, Rule] = {}
#: What finds a rule for a function without one: `special.py` and `scipy_functions.py` add themselves.
FINDERS: list[Callable[[Any], Rule | None]] = []
#: What makes a rule of NumPy's own Python source; `numpy_source.py` adds itself.
SOURCES: list[Callable[[Any], Rule | None]] = []


def apply(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
    """Run a function of NumPy or SciPy, a ufunc, one of its methods or an operator on wide and plain arrays.

    Raises
    ------
    NoWideFormError
        If the function would lose the low halves.

    """
    kwargs = {key: x for key, x in (kwargs or {}).items() if x is not np._NoValue}
    with np.errstate(all="ignore"):
        return _rule(function)(*args, **kwargs)


def own_rule(function: Any) -> Rule | None:
    """Return the rule that is written here for a function, None if there is none."""
    rule = RULES.get(function)
    if rule is not None:
        return rule
    ufunc, method = function, "__call__"
    if isinstance(function, types.BuiltinMethodType) and isinstance(function.__self__, np.ufunc):
        ufunc, method = function.__self__, function.__name__
    for find in FINDERS:
        rule = find(function)
        if rule is not None:
            return rule
    if isinstance(ufunc, np.ufunc):
        return lambda *args, **kwargs: METHODS[method](ufunc, *args, **kwargs)
    return None


def _rule(function: Any) -> Rule:
    rule = own_rule(function)
    if rule is not None:
        return rule
    for source in SOURCES:
        rule = source(function)
        if rule is not None:
            return rule
    raise no_wide_form(name_of(function))


def no_wide_form(name: str) -> NoWideFormError:
    """Return the error of a function that has no rule."""
    return NoWideFormError(
        f"{name}: got a wide array; expected a function with a wide form. Use functions of NumPy that have one, or "
        "pass `.high`, which is float64."
    )


def name_of(function: Any) -> str:
    """Return a function's name as users write it."""
    if isinstance(function, np.ufunc):
        return f"np.{function.__name__}"
    module = (getattr(function, "__module__", None) or "").replace("numpy", "np", 1)
    return f"{module}.{getattr(function, '__qualname__', None) or function!r}".lstrip(".")
