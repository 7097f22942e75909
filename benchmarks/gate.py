"""The correctness gate: only matching work is timed. The allowed errors are gradtwin's derived ones."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradtwin.backends import get_backend
from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array
from gradtwin.comparisons.checks.operation import check_operation
from gradtwin.comparisons.judging.judge import Compared, compare
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.running_error import bound_rule, bound_update
from gradtwin.comparisons.results.data import Check

from .cases import BY_HAND, Work
from .steps import STEPS, draw_step, run_rules, step_by_rules

#: A training step's loss, and the weights after it, by name.
Stepped = tuple[float, dict[str, Array]]


def check_work(work: Work, variant: str) -> list[Check]:
    """Compare NumPy with TensorFlow in a mode, or steps by hand with both backends' steps, on a work's inputs."""
    if variant == BY_HAND:
        return _check_step_by_hand(work)
    return compare_backends(work, get_backend("numpy"), get_backend("tensorflow", variant))


def compare_backends(work: Work, left: Backend, right: Backend) -> list[Check]:
    """Compare every gradient of an operation, an update, or the loss and weights of a training step."""
    if work.case in STEPS:
        return _check_step(work, right.mode, _run_step(work, left), _run_step(work, right))
    arrays = work.draw()
    inputs, y_bar = (arrays, None) if work.stage == "update" else (arrays[:-1], arrays[-1])
    return check_operation(work.case, inputs, y_bar, left, right)


def _check_step_by_hand(work: Work) -> list[Check]:
    from .timed_numpy import step_by_hand
    from .timed_tensorflow import make_step_by_hand, tf

    x, target, w = work.draw()
    numpy_loss = step_by_hand(x, target, w)  # changes w in place
    variable = tf.Variable(work.draw()[2])
    tensorflow_loss = make_step_by_hand(variable)(tf.constant(x), tf.constant(target))
    numpy, tensorflow = get_backend("numpy"), get_backend("tensorflow", "graph")
    return [
        *_check_step(work, "numpy by hand", _run_step(work, numpy), (numpy_loss, {"w": w})),
        *_check_step(
            work, "tensorflow by hand", _run_step(work, tensorflow), (tensorflow_loss, {"w": variable.numpy()})
        ),
    ]


def _check_step(work: Work, mode: str, left: Stepped, right: Stepped) -> list[Check]:
    """Compare the loss and weights that a training step leaves; errors are carried through the whole step."""
    step = draw_step(work.case, work.extents, work.dtype, work.seed)
    titles = Titles(work.case, work.dtype, mode)
    loss_bound, _ = bound_rule(lambda *arrays: (run_rules(step.network, *arrays)[0], ()), step.arrays)
    dtype = step.x.dtype
    rate, one = np.asarray(step.learning_rate, dtype), np.ones((), dtype)
    given = (step.x, step.target, rate, one, *step.weights.values())
    bounds = bound_update(partial(step_by_rules, step.network), given, range(4, len(given)))
    left_loss, right_loss = (np.asarray(loss, dtype) for loss, _ in (left, right))
    pairs = [Compared(("loss", "value"), left_loss, right_loss, loss_bound.of_two())]
    for name, bound in zip(step.weights, bounds, strict=True):
        pairs.append(Compared((f"update of {name}", "update"), left[1][name], right[1][name], bound.of_two()))
    return compare(titles, pairs)


def _run_step(work: Work, backend: Backend) -> Stepped:
    step = draw_step(work.case, work.extents, work.dtype, work.seed)
    trainer = backend.trainer(step.network, step.weights, step.learning_rate)
    return trainer.step(step.x, step.target), trainer.weights()
