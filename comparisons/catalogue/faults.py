"""Faults to plant in the hand-derived rules: the negative controls of every check.

Most fit every operation: listed once, they are planted in each of its gradients. The others belong to one operation
and are in `classic_faults.py`. A fault takes a rule and returns a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Operation, Pullback, Rule
from gradtwin.backends.operations import OPERATIONS

from .classic_faults import CLASSICS, Plant

#: (gradient, the rule's inputs, y_bar) → a wrong gradient
Spoil = Callable[[Array, tuple[Array, ...], Array], Array]


@dataclass(frozen=True)
class Fault:
    """A mistake in one operation's rule; `dtypes` are those in which it is larger than rounding."""

    name: str
    operation: str
    plant: Plant
    dtypes: tuple[str, ...] = ("float32", "float64")


def all_faults() -> Iterator[Fault]:
    """Yield every fault of every operation of the catalogue."""
    for operation in OPERATIONS.values():
        if operation.kind == "update":
            yield from _of_updates(operation)
        else:
            for name, spoil_value, dtypes in _OF_VALUES:
                yield Fault(f"value: {name}", operation.name, _in_value(spoil_value), dtypes)
            yield from _of_gradients(operation)
    for name, plant in CLASSICS:
        operation_name, _, text = name.partition(": ")
        yield Fault(text, operation_name, plant)


def _of_gradients(operation: Operation) -> Iterator[Fault]:
    for i, input_name in enumerate(operation.inputs):
        for name, spoil, dtypes in _OF_GRADIENTS:
            core = operation.shapes.inputs[i]
            if spoil is _transpose and core != ("...",) and sum(name != "1" for name in core) == 1:
                continue  # the transpose of a vector is the vector
            yield Fault(f"{input_name}_bar: {name}", operation.name, _in_gradient(i, spoil), dtypes)
        yield Fault(f"{input_name}_bar: damages {input_name}", operation.name, _damaging_input(i))
        yield Fault(f"{input_name}_bar: damages y_bar", operation.name, _damaging_upstream(i))
    if len(operation.inputs) > 1:
        yield Fault("first two gradients swapped", operation.name, _swapped)


def _of_updates(operation: Operation) -> Iterator[Fault]:
    for i in operation.changed:
        of = "" if i == 0 else f"{operation.inputs[i]}: "
        counts = operation.shapes.inputs[i] == ()  # steps taken: whole, and the same in any format
        for name, spoil, dtypes in _OF_UPDATES:
            if not (counts and name in _NOT_OF_COUNTS):
                yield Fault(f"{of}{name}", operation.name, _in_update(operation, i, spoil), dtypes)


# Where a fault is planted.


def _in_gradient(i: int, spoil: Spoil) -> Plant:
    def plant(rule: Rule) -> Rule:
        def faulty(*inputs: Array, **options: Any) -> tuple[Array, tuple[Pullback, ...]]:
            y, pullbacks = rule(*inputs, **options)
            wrong = list(pullbacks)
            wrong[i] = lambda y_bar: spoil(np.asarray(pullbacks[i](y_bar)), inputs, y_bar)
            return y, tuple(wrong)

        return faulty

    return plant


def _in_value(spoil: Callable[[Array], Array]) -> Plant:
    def plant(rule: Rule) -> Rule:
        def faulty(*inputs: Array, **options: Any) -> tuple[Array, tuple[Pullback, ...]]:
            y, pullbacks = rule(*inputs, **options)
            return spoil(np.asarray(y)), pullbacks

        return faulty

    return plant


def _in_update(operation: Operation, i: int, spoil: Callable[[Array, Array, Array], Array]) -> Plant:
    """Replace the i-th input after the step by `spoil(before, after the right step, dw)`."""
    dw = operation.inputs.index("dw")

    def plant(rule: Rule) -> Rule:
        def faulty(*inputs: Array, **options: Any) -> None:
            before = inputs[i].copy()
            rule(*inputs, **options)
            inputs[i][...] = spoil(before, inputs[i].copy(), inputs[dw])

        return faulty

    return plant


def _damaging_input(i: int) -> Plant:
    def spoil(gradient: Array, inputs: tuple[Array, ...], _: Array) -> Array:
        inputs[i][...] = 0
        return gradient

    return _in_gradient(i, spoil)


def _damaging_upstream(i: int) -> Plant:
    def spoil(gradient: Array, _: tuple[Array, ...], y_bar: Array) -> Array:
        y_bar *= 2
        return gradient

    return _in_gradient(i, spoil)


def _swapped(rule: Rule) -> Rule:
    def faulty(*inputs: Array, **options: Any) -> tuple[Array, tuple[Pullback, ...]]:
        y, (first, second, *rest) = rule(*inputs, **options)
        return y, (second, first, *rest)

    return faulty


# Changes of an array.


def _one_entry(relative: float) -> Callable[[Array], Array]:
    """Change the largest element, by a relative amount; the largest, for a bound is relative to the terms of a sum."""

    def spoil(array: Array) -> Array:
        wrong = array.copy()
        if wrong.size:
            index = np.unravel_index(np.argmax(np.abs(wrong)), wrong.shape)
            wrong[index] *= 1 + relative
        return wrong

    return spoil


def _detour(array: Array) -> Array:
    """Pass through the next narrower format."""
    narrower = np.float32 if array.dtype.itemsize == 8 else np.float16
    with np.errstate(all="ignore"):
        return array.astype(narrower).astype(array.dtype)


def _transposed(array: Array) -> Array:
    return array.T.reshape(array.shape)


def _transpose(gradient: Array, _: tuple[Array, ...], __: Array) -> Array:
    return _transposed(gradient)


def _reversed(array: Array) -> Array:
    return np.flip(array, axis=0).copy() if array.ndim else -array


def _shifted(array: Array) -> Array:
    """Read one element on: off by one."""
    return np.roll(array.ravel(), 1).reshape(array.shape) if array.size > 1 else 2 * array


_BOTH = ("float32", "float64")
_DOUBLE = ("float64",)

# fmt: off
_OF_GRADIENTS: tuple[tuple[str, Spoil, tuple[str, ...]], ...] = (
    ("sign",                         lambda g, xs, yb: -g,                           _BOTH),
    ("factor 2",                     lambda g, xs, yb: 2 * g,                        _BOTH),
    ("factor 1/2",                   lambda g, xs, yb: g / 2,                        _BOTH),
    ("lost 1/N",                     lambda g, xs, yb: g * xs[0].size,               _BOTH),
    ("extra 1/rows",                 lambda g, xs, yb: g / (len(xs[0]) + 1),         _BOTH),
    ("zeroed",                       lambda g, xs, yb: np.zeros_like(g),             _BOTH),
    ("transposed",                   _transpose,                                      _BOTH),
    ("wrong axis order",             lambda g, xs, yb: _reversed(g),                 _BOTH),
    ("off by one",                   lambda g, xs, yb: _shifted(g),                  _BOTH),
    ("y_bar ignored",                lambda g, xs, yb: np.ones_like(g),              _BOTH),
    ("an axis summed away",          lambda g, xs, yb: g.sum(axis=0) if g.ndim else g[np.newaxis], _BOTH),
    ("narrower dtype",               lambda g, xs, yb: g.astype(np.float32),         _DOUBLE),
    ("low-precision detour",         lambda g, xs, yb: _detour(g),                   _BOTH),
    ("one entry off by 1e-3",        lambda g, xs, yb: _one_entry(1e-3)(g),          _BOTH),
    ("one entry off by 1e-10",       lambda g, xs, yb: _one_entry(1e-10)(g),         _DOUBLE),
    ("one entry NaN",                lambda g, xs, yb: _one_entry(np.nan)(g),        _BOTH),
)
_OF_VALUES: tuple[tuple[str, Callable[[Array], Array], tuple[str, ...]], ...] = (
    ("sign",                         lambda y: -y,                                   _BOTH),
    ("factor 2",                     lambda y: 2 * y,                                _BOTH),
    ("low-precision detour",         _detour,                                        _BOTH),
    ("one entry off by 1e-10",       _one_entry(1e-10),                              _DOUBLE),
)
_OF_UPDATES: tuple[tuple[str, Callable[[Array, Array, Array], Array], tuple[str, ...]], ...] = (
    ("ascent for descent",           lambda w, after, dw: 2 * w - after,             _BOTH),
    ("no step at all",               lambda w, after, dw: w,                         _BOTH),
    ("step twice",                   lambda w, after, dw: 2 * after - w,             _BOTH),
    ("half a step",                  lambda w, after, dw: (w + after) / 2,           _BOTH),
    ("learning rate ignored",        lambda w, after, dw: w - dw,                    _BOTH),
    ("step transposed",              lambda w, after, dw: w + _transposed(after - w), _BOTH),
    ("low-precision detour",         lambda w, after, dw: _detour(after),            _BOTH),
    ("one entry off by 1e-10",       lambda w, after, dw: _one_entry(1e-10)(after),  _DOUBLE),
)
# fmt: on
_NOT_OF_COUNTS = ("learning rate ignored", "step transposed", "low-precision detour")
