"""Gradients to be judged: the catalogue's own, which are right, and the self-test's faults planted in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Rule
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.operations import OPERATIONS
from gradtwin.comparisons.catalogue.faults import Fault, all_faults
from gradtwin.comparisons.drawing.problems import build_problem, shapes_from

from .question import Question

#: Operations that every tool can be asked about: of floating inputs, all differentiated, smooth, without options.
JUDGED = ("dense", "tanh", "sigmoid", "softmax", "mse", "half-mse", "softmax-cross-entropy")

#: The residual of the second setting, with which a loss near its minimum is judged.
SMALL_RESIDUAL = 1e-3

#: The kinds of the self-test's faults, by name; all others are wrong formulas.
FORMULA = "wrong formula"
KINDS = {
    "one entry off by 1e-3": "one entry off by 1e-3",
    "one entry off by 1e-10": "one entry off by 1e-10",
    "one entry NaN": "one entry NaN",
    "narrower dtype": "float32 on the way",
    "low-precision detour": "float32 on the way",
    "damages y_bar": "input or y_bar overwritten",
}

ORDINARY, SMALL, LARGE, LONG = "ordinary values", "residuals of 1e-3", "values × 1000", "sums of 512"

Draw = Callable[[str, int], tuple[Array, ...]]


def _draw_ordinary(operation: str, seed: int) -> tuple[Array, ...]:
    row = OPERATIONS[operation]
    return build_problem(row, np.dtype(np.float64), shapes_from(row, (5, 4, 3)), "normal", seed).inputs


def _draw_small(operation: str, seed: int) -> tuple[Array, ...]:
    prediction, noise = _draw_ordinary(operation, seed)
    return prediction, prediction + SMALL_RESIDUAL * noise


def _draw_large(operation: str, seed: int) -> tuple[Array, ...]:
    return tuple(1000 * x for x in _draw_ordinary(operation, seed))


def _draw_long(operation: str, seed: int) -> tuple[Array, ...]:
    row = OPERATIONS[operation]
    return build_problem(row, np.dtype(np.float64), shapes_from(row, (2, 512, 2)), "normal", seed).inputs


_RESIDUAL_LOSSES = ("mse", "half-mse")

#: Settings in which faults are planted, and beside them those in which right gradients are judged too.
FAULTY_SETTINGS: dict[str, tuple[Draw, tuple[str, ...]]] = {
    ORDINARY: (_draw_ordinary, JUDGED),
    SMALL: (_draw_small, _RESIDUAL_LOSSES),
}
RIGHT_SETTINGS: dict[str, tuple[Draw, tuple[str, ...]]] = {
    **FAULTY_SETTINGS,
    LARGE: (_draw_large, ("dense", *_RESIDUAL_LOSSES)),
    LONG: (_draw_long, ("dense", "softmax", *_RESIDUAL_LOSSES, "softmax-cross-entropy")),
}

#: Operations and the settings they are judged in; the second in a minute.
ALL_JUDGED = tuple((operation, s) for s, (_, those) in FAULTY_SETTINGS.items() for operation in those)
QUICKLY_JUDGED = (("tanh", ORDINARY), ("mse", SMALL))


def right_question(operation: str, setting: str, seed: int) -> Question:
    """Return the catalogue's own gradient of an operation."""
    draw, _ = RIGHT_SETTINGS[setting]
    question = _ask_of(RULES[operation], draw(operation, seed))
    return replace(question, right=question)


def faults_of(operation: str) -> Iterator[Fault]:
    """Yield the self-test's faults in an operation's gradient, or in its formula as a whole.

    Faults of rounding in the value alone are left out: these tools judge a gradient by its own forward.
    """
    for fault in all_faults():
        if fault.operation == operation and not fault.name.startswith("value: "):
            yield fault


def faulty_question(fault: Fault, setting: str, seed: int) -> Question:
    """Return the question whether the gradient is right in which a fault was planted."""
    draw, _ = FAULTY_SETTINGS[setting]
    inputs = draw(fault.operation, seed)
    right = _ask_of(RULES[fault.operation], tuple(x.copy() for x in inputs))
    return replace(_ask_of(fault.plant(RULES[fault.operation]), inputs), right=right)


def kind_of(fault: str) -> str:
    """Return the kind that a fault is counted under."""
    what = fault.partition("_bar: ")[2]
    return KINDS["damages y_bar"] if what.startswith("damages ") else KINDS.get(what, FORMULA)


def _ask_of(rule: Rule, inputs: tuple[Array, ...]) -> Question:
    def forward(*xs: Any) -> Any:
        return np.asarray(rule(*xs)[0])  # also of a loss, because a number can't be overwritten

    def vjp(y_bar: Array, *xs: Array) -> tuple[Array, ...]:
        return tuple([pullback(y_bar) for pullback in rule(*xs)[1]])

    return Question(forward, vjp, inputs)
