"""Cheap observations made while tracing: each is a note, none decides anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.tape.framework import tf

from .recorder import Recorder

_NARROWER = {"float64": np.float32, "float32": np.float16}


def lint_operands(recorder: Recorder, operands: list[Any], value: Any) -> None:
    """Note (m,) with (m,1) giving (m,m), and float32 operands of a float64 result."""
    if len(operands) == 2 and np.ndim(value) == 2:
        shapes = [np.shape(x) for x in operands]
        for flat, column in (shapes, shapes[::-1]):
            if len(flat) == 1 and column == (flat[0], 1) and flat[0] > 1:
                recorder.note(f"forward-broadcast: {flat} with {column} became {np.shape(value)}")
    if getattr(value, "dtype", None) == np.float64 and any(getattr(x, "dtype", None) == np.float32 for x in operands):
        recorder.note("dtype: a float32 operand in float64 arithmetic")


# fmt: off
_ACTIVATIONS: dict[str, Callable[[Any], list[Any]]] = {
    "relu":       lambda x: [tf.nn.relu(x)],
    "relu6":      lambda x: [tf.nn.relu6(x)],
    "tanh":       lambda x: [tf.tanh(x)],
    "sigmoid":    lambda x: [tf.sigmoid(x)],
    "softplus":   lambda x: [tf.nn.softplus(x)],
    "softsign":   lambda x: [tf.nn.softsign(x)],
    "gelu":       lambda x: [tf.nn.gelu(x), tf.nn.gelu(x, approximate=True)],
    "selu":       lambda x: [tf.nn.selu(x)],
    "elu":        lambda x: [tf.nn.elu(x)],
    "silu":       lambda x: [tf.nn.silu(x)],
    "swish":      lambda x: [tf.nn.silu(x)],
    "softmax":    lambda x: [tf.nn.softmax(x, axis) for axis in {0, x.shape.rank - 1}],
    "logsoftmax": lambda x: [tf.nn.log_softmax(x, axis) for axis in {0, x.shape.rank - 1}],
}
# fmt: on


def lint_name(names: tuple[str, ...], inputs: tuple[Any, ...], value: Any) -> str | None:
    """Return a note if a function with the name of a TensorFlow activation has other values at its only array.

    Values are compared in the next narrower floating type, so rounding doesn't count.
    """
    found = [key for name in names if (key := name.lower().replace("_", "")) in _ACTIVATIONS]
    arrays = [x for x in inputs if isinstance(x, np.ndarray | np.floating)]
    if not found or len(arrays) != 1 or not isinstance(value, np.ndarray | np.floating) or not np.size(value):
        return None
    narrower = _NARROWER.get(value.dtype.newbyteorder("=").name)
    if narrower is None or not np.ndim(value) or np.shape(value) != np.shape(arrays[0]):
        return None
    x = tf.constant(np.asarray(arrays[0], value.dtype.newbyteorder("=")))
    for theirs in _ACTIVATIONS[found[0]](x):
        scale = np.maximum(np.abs(value), np.abs(theirs.numpy())).astype(narrower)
        if (np.abs(value - theirs.numpy()) <= np.spacing(scale)).all():
            return None
    return f"forward: the values of {found[0]!r} differ from TensorFlow's function of that name"
