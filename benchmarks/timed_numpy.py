"""The NumPy backend's work as tasks to be timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Rule
from gradtwin.backends.numpy_backend import NumpyBackend

from .cases import BY_HAND, LEARNING_RATE, PLAIN_MATMUL, Work
from .flops import count_flops
from .steps import STEPS, draw_step, step_by_rules
from .timing import Task


def make_task(work: Work, variant: str) -> Task:
    """Return the work as the NumPy backend does it, or as a step `by hand`."""
    if variant == BY_HAND:
        x, target, w = work.draw()
        return Task(partial(step_by_hand, x, target, w), _settled)
    if work.case in STEPS:
        step = draw_step(work.case, work.extents, work.dtype, work.seed)
        trainer = NumpyBackend().trainer(step.network, step.weights, step.learning_rate)
        return Task(partial(trainer.step, step.x, step.target), _settled)
    call, arguments = _find_call(work)
    return Task(partial(call, *arguments), _settled)


def count_work(work: Work) -> int:
    """Return the floating-point operations of the work, as NumPy does it."""
    if work.case in STEPS:
        step = draw_step(work.case, work.extents, work.dtype, work.seed)
        rate, one = np.asarray(step.learning_rate), np.ones(())
        return count_flops(partial(step_by_rules, step.network), step.x, step.target, rate, one, *step.weights.values())
    call, arguments = _find_call(work)
    return count_flops(call, *arguments)


def step_by_hand(x: Array, target: Array, w: Array, learning_rate: float = LEARNING_RATE) -> float:
    """L = Σ (X W − T)² / 2N;  W ← W − η Xᵀ (X W − T) / N, as one writes it without gradtwin."""
    y = x @ w
    r = y - target
    flat = r.reshape(-1)
    loss = flat @ flat / (2 * r.size)
    d = r / r.size
    dw = x.T @ d
    w -= learning_rate * dw
    return float(loss)


def _find_call(work: Work) -> tuple[Callable[..., Any], tuple[Array, ...]]:
    arrays = work.draw()
    if work.case == PLAIN_MATMUL:
        return np.matmul, arrays
    rule = NumpyBackend().rules[work.case]
    if work.stage == "update":
        return rule, arrays
    if work.stage == "forward":
        return rule, arrays[:-1]
    return partial(_differentiate, rule), arrays


def _differentiate(rule: Rule, *arrays: Array) -> tuple[Array, list[Array]]:
    *inputs, y_bar = arrays
    y, pullbacks = rule(*inputs)
    return y, [pullback(y_bar) for pullback in pullbacks]


def _settled() -> None:
    """NumPy's calls are complete when they return."""
