"""Adapters for the rarer ways of writing a gradient: each turns a function into a `vjp`, a `backward` or a forward.

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
    """``gradient(*inputs, y_bar)`` → ``vjp(y_bar, *inputs)``.

    Parameters
    ----------
    gradient : callable
        A function that takes the upstream gradient last; `y_bar` has the shape and the dtype of forward's output.

    Returns
    -------
    callable
        A function for `vjp=`.

    Raises
    ------
    ArgumentTypeError
        If `gradient` is not callable.

    Notes
    -----
    The order of frameworks whose functions end with the upstream gradient, such as Chainer's `backward(x, gy)`.

    Examples
    --------
    >>> upstream_last(lambda x, y_bar: 2 * x * y_bar)(1.0, 3.0)
    6.0
    """
    return _named(gradient, lambda y_bar, *inputs: gradient(*inputs, y_bar))


def accumulating(gradient: Function, count: int) -> Function:
    """``gradient(y_bar, *inputs, *gradients)``, which adds to its last `count` arrays → ``vjp(y_bar, *inputs)``.

    Parameters
    ----------
    gradient : callable
        A function that adds to its last `count` arguments in place.
    count : int
        The number of these arrays. They start at zero, with the shapes and dtypes of the first `count` inputs.

    Returns
    -------
    callable
        A function for `vjp=`. It returns a tuple of `count` arrays.

    Raises
    ------
    ArgumentTypeError
        If `gradient` is not callable.
    ArgumentValueError
        If `count` is not a whole number from 1, or, when called, is larger than the number of inputs.

    Notes
    -----
    The convention of C libraries and of layers that sum gradients over a batch by ``+=``.

    Examples
    --------
    >>> def gradient(y_bar, x, x_grad):
    ...     x_grad += 2 * x * y_bar
    >>> accumulating(gradient, 1)(np.array([1.0]), np.array([3.0]))
    (array([6.]),)
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
    """``derivative(y)`` in terms of the output, such as ``1 - y * y`` for tanh → ``vjp(y_bar, x)``.

    Parameters
    ----------
    derivative : callable
        The derivative of an elementwise forward, as a function of its output; it returns the output's shape.
    forward : callable
        The forward, ``forward(x)``.

    Returns
    -------
    callable
        A function for `vjp=`.

    Raises
    ------
    ArgumentTypeError
        If `derivative` is not callable.

    Notes
    -----
    With y = f(x), f′(x) = g(y): tanh′ = 1 − y², σ′ = y (1 − y) (LeCun et al., *Efficient BackProp*, 1998).

    Examples
    --------
    >>> vjp = of_output(lambda y: 1 - y * y, np.tanh)
    >>> bool(np.isclose(vjp(1.0, 0.5), 1 - np.tanh(0.5) ** 2))
    True
    """
    return _named(derivative, lambda y_bar, x: y_bar * derivative(forward(x)))


def by_name(gradient: Function, names: Iterable[str]) -> Function:
    """``vjp(y_bar, *inputs)`` that returns a dict → one that returns a tuple in the order of `names`.

    Parameters
    ----------
    gradient : callable
        A function that returns a dict of arrays. It may have the form of `vjp` or of `backward`.
    names : iterable of str
        The keys, in the order of the differentiated inputs.

    Returns
    -------
    callable
        A function for `vjp=` or `backward=`.

    Raises
    ------
    ArgumentTypeError
        If `gradient` is not callable, `names` is not a list, or, when called, `gradient` doesn't return a dict.
    ArgumentValueError
        If, when called, a name is not among the keys.

    Notes
    -----
    The convention of courses whose backward passes return ``grads["W1"]``.

    Examples
    --------
    >>> by_name(lambda y_bar, x, w: {"dw": x * y_bar, "dx": w * y_bar}, ["dx", "dw"])(1.0, 2.0, 3.0)
    (3.0, 2.0)
    """
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
    """``gradient_i(y_bar, *inputs)``, one function for each input → ``vjp(y_bar, *inputs)``.

    Parameters
    ----------
    *gradients : callable or None
        One function for each input, in order; None for an input without a gradient.

    Returns
    -------
    callable
        A function for `vjp=`. It returns a tuple with one gradient for each input.

    Raises
    ------
    ArgumentTypeError
        If one of them is not callable.

    Notes
    -----
    The convention of autograd's ``defvjp``.

    Examples
    --------
    >>> one_by_one(lambda y_bar, x, w: w * y_bar, None)(1.0, 2.0, 3.0)
    (3.0, None)
    """
    for gradient in gradients:
        if gradient is not None:
            _check_callable(gradient)

    def vjp(y_bar: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(None if gradient is None else gradient(y_bar, *inputs) for gradient in gradients)

    return vjp


def cache_at(forward: Function, output: int = 0) -> Function:
    """``forward(*inputs)`` that returns y among other things → one that returns ``(y, cache)``.

    Parameters
    ----------
    forward : callable
        A function that returns a tuple.
    output : int, default 0
        The position of y. The cache is the other thing, or a tuple if there are several.

    Returns
    -------
    callable
        A forward for `backward=`.

    Raises
    ------
    ArgumentTypeError
        If `forward` is not callable.
    ArgumentValueError
        If, when called, it returns no tuple with this position.

    Notes
    -----
    The convention of courses whose forwards return, for example, ``A, linear_cache, activation_cache``.

    Examples
    --------
    >>> cache_at(lambda x: ("mask", 2 * x), output=1)(3.0)
    (6.0, 'mask')
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
    """``backward(cache, y_bar)`` → ``backward(y_bar, cache)``.

    Parameters
    ----------
    backward : callable
        A function that takes the cache first.

    Returns
    -------
    callable
        A function for `backward=`.

    Raises
    ------
    ArgumentTypeError
        If `backward` is not callable.

    Notes
    -----
    The order of PyTorch's ``Function.backward(ctx, grad_output)``.

    Examples
    --------
    >>> cache_first(lambda cache, y_bar: 2 * cache * y_bar)(1.0, 3.0)
    6.0
    """
    return _named(backward, lambda y_bar, cache: backward(cache, y_bar))


def _named(function: Function, adapted: Function) -> Function:
    """Give an adapter the name of what it adapts, for messages."""
    _check_callable(function)
    adapted.__name__ = getattr(function, "__name__", "gradient")
    return adapted


def _check_callable(function: Any) -> None:
    if not callable(function):
        raise ArgumentTypeError(f"styles: got {type(function).__name__} to adapt; expected a function.")
