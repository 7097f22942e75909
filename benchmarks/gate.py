"""The correctness gate: what does not match is not timed. The allowed errors are gradtwin's derived ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradtwin.backends import get_backend
from gradtwin.backends.interface import Array, Backend
from gradtwin.backends.numpy_rules import RULES
from gradtwin.benchmarks.cases import BY_HAND, LEARNING_RATE, NETWORK, STEP, Work
from gradtwin.comparisons.comparator import Subject, compare_arrays
from gradtwin.comparisons.operation_check import check_operation
from gradtwin.comparisons.report.data import Check
from gradtwin.comparisons.running_error import bound_rule, bound_update

#: A training step's loss, and the weights after it.
Stepped = tuple[float, Array]


def check_work(work: Work, variant: str) -> list[Check]:
    """Compare NumPy with TensorFlow in a mode, or steps by hand with both backends', on a work's inputs."""
    if variant == BY_HAND:
        return _check_step_by_hand(work)
    return compare_backends(work, get_backend("numpy"), get_backend("tensorflow", variant))


def compare_backends(work: Work, left: Backend, right: Backend) -> list[Check]:
    """Compare every gradient of an operation, an update, or the loss and weights of a training step."""
    if work.case == STEP:
        return _check_step(work, right.mode, _run_step(work, left), _run_step(work, right))
    arrays = work.draw()
    inputs, y_bar = (arrays, None) if work.stage == "update" else (arrays[:-1], arrays[-1])
    return check_operation(work.case, inputs, y_bar, left, right)


def _check_step_by_hand(work: Work) -> list[Check]:
    from gradtwin.benchmarks.timed_numpy import step_by_hand
    from gradtwin.benchmarks.timed_tensorflow import make_step_by_hand, tf

    x, target, w = work.draw()
    numpy_loss = step_by_hand(x, target, w)  # changes w in place
    variable = tf.Variable(work.draw()[2])
    tensorflow_loss = make_step_by_hand(variable)(tf.constant(x), tf.constant(target))
    numpy, tensorflow = get_backend("numpy"), get_backend("tensorflow", "graph")
    return [
        *_check_step(work, "numpy by hand", _run_step(work, numpy), (numpy_loss, w)),
        *_check_step(work, "tensorflow by hand", _run_step(work, tensorflow), (tensorflow_loss, variable.numpy())),
    ]


def _check_step(work: Work, mode: str, left: Stepped, right: Stepped) -> list[Check]:
    """Compare the loss and weights that a training step leaves; errors are carried through the whole step."""
    x, target, w = work.draw()
    rate, one = np.asarray(LEARNING_RATE, w.dtype), np.ones((), w.dtype)
    subject = Subject(STEP, work.dtype, mode)
    loss_bound, _ = bound_rule(lambda *inputs: (_compute_loss(*inputs)[0], ()), (x, target, w))
    [w_bound] = bound_update(_step, (w, x, target, rate, one))
    left_loss, right_loss = (np.asarray(loss, w.dtype) for loss, _ in (left, right))
    return [
        compare_arrays(subject, "loss", "value", left_loss, right_loss, loss_bound),
        compare_arrays(subject, "update of w", "update", left[1], right[1], w_bound),
    ]


def _run_step(work: Work, backend: Backend) -> Stepped:
    x, target, w = work.draw()
    trainer = backend.trainer(NETWORK, {"w": w}, LEARNING_RATE)
    return trainer.step(x, target), trainer.weights()["w"]


# The step in the catalogue's rules alone, for the bounds.


def _compute_loss(x: Array, target: Array, w: Array) -> tuple[Array, Callable[[Array], Array]]:
    y, (_, w_pullback) = RULES["matmul"](x, w)
    loss, (y_pullback, _) = RULES["half-mse"](y, target)
    return loss, lambda loss_bar: w_pullback(y_pullback(loss_bar))


def _step(w: Array, x: Array, target: Array, learning_rate: Array, loss_bar: Array) -> None:
    _, pullback = _compute_loss(x, target, w)
    RULES["sgd"](w, pullback(loss_bar), learning_rate)
