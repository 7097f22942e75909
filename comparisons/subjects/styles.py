"""Adapters for the rarer ways of writing a gradient down: each turns what people write into `vjp` or `backward`.

Use them as `gt.check_gradient(forward, vjp=gt.styles.upstream_last(my_gradient), inputs=...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError, ArgumentValueError

Function = Callable[..., Any]


def upstream_last(gradient: Function) -> Function:
    """`gradient(*inputs, y_bar)` → `vjp(y_bar, *inputs)`."""
    return _named(gradient, lambda y_bar, *inputs: gradient(*inputs, y_bar))


def accumulating(gradient: Function, count: int) -> Function:
    """`gradient(y_bar, *inputs, *gradients)` that adds to its last `count` arrays → `vjp(y_bar, *inputs)`.

    The arrays start at zero and have the shapes of the first `count` inputs.
    """
    if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
        raise ArgumentValueError(f"count: got {count!r}; expected the number of arrays that are added to, at least 1.")

    def vjp(y_bar: Any, *inputs: Any) -> tuple[Any, ...]:
        if count > len(inputs):
            raise ArgumentValueError(
                f"count: got {count}, and forward takes {len(inputs)} inputs; expected at most one array for each."
            )
        gradients = tuple(np.zeros_like(x) for x in inputs[:count])
        gradient(y_bar, *inputs, *gradients)
        return gradients

    return _named(gradient, vjp)


def of_output(derivative: Function, forward: Function) -> Function:
    """`derivative(y)` in terms of the output, such as `1 - y * y` for tanh → `vjp(y_bar, x)`."""
    return _named(derivative, lambda y_bar, x: y_bar * derivative(forward(x)))


def by_name(gradient: Function, names: Iterable[str]) -> Function:
    """Turn a vjp that returns a dict into one that returns its entries in the order of `names`."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ArgumentTypeError(f"names: got {names!r}; expected a list of the dict's keys, such as ['dw', 'db'].")
    wanted = tuple(names)

    def vjp(*arguments: Any) -> tuple[Any, ...]:
        found = gradient(*arguments)
        if not isinstance(found, dict):
            raise ArgumentTypeError(f"gradient: it returned {type(found).__name__}; expected a dict of arrays by name.")
        missing = [name for name in wanted if name not in found]
        if missing:
            known = ", ".join(map(repr, found))
            raise ArgumentValueError(
                f"names: {missing[0]!r} is not among the gradient's keys; expected some of: {known}."
            )
        return tuple(found[name] for name in wanted)

    return _named(gradient, vjp)


def one_by_one(*gradients: Function | None) -> Function:
    """One function for each input, `gradient_i(y_bar, *inputs)`, None for one without → `vjp(y_bar, *inputs)`."""
    for gradient in gradients:
        if gradient is not None:
            _check_callable(gradient)

    def vjp(y_bar: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(None if gradient is None else gradient(y_bar, *inputs) for gradient in gradients)

    return vjp


def cache_at(forward: Function, output: int = 0) -> Function:
    """Turn a forward that returns several things, y at position `output`, into one that returns (y, cache).

    The cache is the bare thing where there is one other, else a tuple of them.
    """

    def returns_pair(*inputs: Any) -> tuple[Any, Any]:
        found = forward(*inputs)
        if not isinstance(found, tuple | list) or not -len(found) <= output < len(found):
            raise ArgumentValueError(
                f"output: forward returned {type(found).__name__}; expected a tuple that has a position {output}."
            )
        others = [item for i, item in enumerate(found) if i != output % len(found)]
        return found[output], others[0] if len(others) == 1 else tuple(others)

    return _named(forward, returns_pair)


def cache_first(backward: Function) -> Function:
    """`backward(cache, y_bar)` → `backward(y_bar, cache)`."""
    return _named(backward, lambda y_bar, cache: backward(cache, y_bar))


def _named(function: Function, adapted: Function) -> Function:
    """Give an adapter the name of what it adapts, for messages."""
    _check_callable(function)
    adapted.__name__ = getattr(function, "__name__", "gradient")
    return adapted


def _check_callable(function: Any) -> None:
    if not callable(function):
        raise ArgumentTypeError(f"styles: got {type(function).__name__} to adapt; expected a function.")
