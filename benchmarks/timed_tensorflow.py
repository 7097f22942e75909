"""The TensorFlow backend's work as tasks to be timed: tensors in, tensors out, no conversion in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gradtwin.backends.interface import Rule
from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.quiet_import import import_tensorflow
from gradtwin.backends.tensorflow_backend import TensorFlowBackend, to_array, to_tensor

from .cases import BY_HAND, LEARNING_RATE, Work
from .steps import STEPS, draw_step
from .timing import Task

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # what is timed is TensorFlow as it comes
tf = import_tensorflow()

Tensor = Any
Variable = Any


def set_threads(threads: int) -> None:
    """Limit TensorFlow's pools; possible only before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def make_task(work: Work, variant: str) -> Task:
    """Return the work as the TensorFlow backend does it in a mode, traced again, or as a step `by hand`."""
    return Task(_find_call(work, variant), tf.test.experimental.sync_devices)


def make_step_by_hand(w: Variable, learning_rate: float = LEARNING_RATE) -> Callable[[Tensor, Tensor], float]:
    """L = Σ (X W − T)² / 2N;  W ← W − η ∂L/∂W, as one writes it in graph mode without gradtwin."""

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: Tensor, target: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ w - target)) / 2
        w.assign_sub(learning_rate * tape.gradient(loss, w))
        return loss

    return lambda x, target: float(step(x, target))


def _find_call(work: Work, variant: str) -> Callable[[], Any]:
    arrays = work.draw()
    tensors = [to_tensor(array) for array in arrays]
    if work.stage == "to tensor":
        return partial(to_tensor, arrays[0])
    if work.stage == "to array":
        return partial(to_array, tensors[0])
    if variant == BY_HAND:
        x, target, w = tensors
        return partial(make_step_by_hand(tf.Variable(w)), x, target)
    backend = TensorFlowBackend(variant)
    if work.case in STEPS:
        step = draw_step(work.case, work.extents, work.dtype, work.seed)
        trainer = backend.trainer(step.network, step.weights, step.learning_rate)
        return partial(trainer.step, *tensors[:2])
    rule = backend.rules[work.case]
    purpose = (work.case, work.stage)
    if work.stage == "update":
        changed = len(OPERATIONS[work.case].changed)  # these inputs come first
        variables = [tf.Variable(tensor) for tensor in tensors[:changed]]
        return partial(backend.run, purpose, partial(rule, *variables), *tensors[changed:])
    if work.stage == "forward":
        return partial(backend.run, purpose, rule, *tensors[:-1])
    return partial(backend.run, purpose, partial(_differentiate, rule), tensors[-1], *tensors[:-1])


def _differentiate(rule: Rule, y_bar: Tensor, *inputs: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = rule(*inputs)
    return y, tape.gradient(y, inputs, output_gradients=y_bar)
