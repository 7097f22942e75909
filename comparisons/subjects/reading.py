"""The results of a user's functions, read as arrays; unreadable ones are a usage error or a broken contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .interface import ContractError


def as_value(result: Any) -> Array:
    """Return forward's output as an array, or raise ArgumentTypeError that names the other type."""
    if isinstance(result, tuple):
        raise ArgumentTypeError(
            f"forward: it returned a tuple of {len(result)}; expected an array or a scalar. If it returns (y, cache), "
            f"pass the gradient as backward=; if it returns (loss, gradient), pass value_and_grad=True."
        )
    if result is None:
        raise ArgumentTypeError("forward: it returned None; expected an array or a scalar. Is a `return` missing?")
    if isinstance(result, list):
        raise ArgumentTypeError("forward: it returned a list; expected an array or a scalar. Wrap it in np.array.")
    if not isinstance(result, np.ndarray | np.generic | float | int):
        raise ArgumentTypeError(f"forward: it returned {kind_of(result)}; expected an array or a scalar.")
    y = np.asarray(result)
    if y.dtype.kind != "f":
        what = "an object array" if y.dtype == object else f"dtype {y.dtype}"
        convert = " Convert its inputs with .astype(float)." if y.dtype.kind in "iu" else ""
        raise ArgumentTypeError(
            f"forward: it returned {what}; expected real floating numbers, which have a gradient.{convert}"
        )
    return y


def as_gradients(returned: Any, label: str, inputs: Sequence[Any]) -> tuple[Array | None, ...]:
    """Return gradients as a tuple: one array, or a tuple or list of arrays and None.

    A nested list is not clear where there is one gradient. `label` is what messages call the gradient function.
    """
    if is_of_numbers(returned) and isinstance(returned[0], list) and len(floating_positions(inputs)) == 1:
        raise ArgumentTypeError(f"{label}: it returned a nested list; expected an array. Wrap it in np.array.")
    if isinstance(returned, dict):
        raise ArgumentTypeError(
            f"gradient: it returned a dict with keys {', '.join(map(repr, returned))}; expected arrays in order. "
            f"See gt.styles.by_name."
        )
    items = returned if isinstance(returned, tuple | list) else (returned,)
    if isinstance(returned, list) and returned and all(isinstance(item, float | int) for item in returned):
        items = (np.asarray(returned),)  # a list of numbers is one gradient
    gradients: list[Array | None] = []
    for item in items:
        if item is None:
            gradients.append(None)
            continue
        try:
            array = np.asarray(item)
        except ValueError as error:  # nested lists of unequal lengths
            text = f"a gradient is {kind_of(item)} that makes no array ({error}); expected an array of real numbers."
            raise ContractError(Cause("shape", True, kind_of(item), text)) from error
        if array.dtype.kind not in "fiub" or not isinstance(item, np.ndarray | np.generic | float | int | list):
            text = f"a gradient is {kind_of(item)}; expected an array of real numbers."
            raise ContractError(Cause("dtype", True, str(array.dtype), text))
        gradients.append(array)
    return tuple(gradients)


def floating_positions(inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the inputs that can be differentiated."""
    return tuple(i for i, x in enumerate(inputs) if is_floating(x))


def is_floating(x: Any) -> bool:
    """Return whether an input is an array, or a number, of real floating type."""
    return isinstance(x, float | np.floating) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def resolve_wrt(
    wrt: Sequence[int] | int | None,
    inputs: Sequence[Any],
    names: tuple[str, ...],
    gradients: tuple[Array | None, ...],
) -> tuple[tuple[int, ...], tuple[Array | None, ...]]:
    """Return the positions of the differentiated inputs, and their gradients.

    There may also be one for each input, with None for the inputs that `wrt` leaves out. Raises ArgumentValueError if
    their inputs can't be found, and ContractError if their number is not that of `wrt`.
    """
    floating, count = floating_positions(inputs), len(gradients)
    shapes = {None if g is None else g.shape for g in gradients}
    rows = " If they are the rows of one, wrap it in np.array." if count > 1 and len(shapes) == 1 else ""
    if wrt is None:
        if count in (len(floating), len(inputs)) and floating:
            return floating if count == len(floating) else tuple(range(len(inputs))), gradients
        listed = ", ".join(f"{i} ({names[i]})" for i in floating) or "none"
        if count < len(floating):
            raise ArgumentValueError(
                f"wrt: got {count} gradient{'s' if count != 1 else ''} for {len(floating)} floating inputs: {listed}. "
                f"Name the inputs that have one, for example wrt={tuple(floating[:count])}."
            )
        text = f"the number of gradients is {count}; expected {len(floating)}, for the floating inputs {listed}.{rows}"
        raise ContractError(Cause("shape", True, str(count), text))
    positions = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    for i in positions:
        if not isinstance(i, int | np.integer) or not -len(inputs) <= i < len(inputs):
            raise ArgumentValueError(f"wrt: got {i!r}; expected positions of the {len(inputs)} inputs, from 0.")
    positions = tuple(int(i) % len(inputs) for i in positions)
    if len(set(positions)) < len(positions):
        raise ArgumentValueError(f"wrt: got {positions}; expected each input once, in the order of the gradients.")
    for i in positions:
        if i not in floating:
            raise ArgumentTypeError(
                f"wrt: input {i} ({names[i]}) is {kind_of(inputs[i])}, which has no derivative; expected floating."
            )
    if count == len(positions):
        return positions, gradients
    if count == len(inputs) and all(g is None for i, g in enumerate(gradients) if i not in positions):
        return positions, tuple(gradients[i] for i in positions)
    text = f"the number of gradients is {count}; expected {len(positions)}, for wrt={positions}.{rows}"
    raise ContractError(Cause("shape", True, str(count), text))


def is_of_numbers(value: Any) -> bool:
    """Return whether a list holds numbers alone, or lists of them that make an array."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(item, float | int) and not isinstance(item, bool) for item in value):
        return True
    return all(map(is_of_numbers, value)) and len(set(map(np.shape, value))) == 1


def kind_of(x: Any) -> str:
    """Return what something is, in words."""
    if isinstance(x, np.ndarray):
        return f"an array of dtype {x.dtype}"
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
