"""Where a TensorFlow reference computes in float32 although it is given float64, as some of TensorFlow's own do.

`tf.nn.leaky_relu` keeps its slope as a float32 attribute, and `tf.nn.gelu` its constants as float32 tensors: in float64
both are right to 2e-8 only. The operations that a reference is made of say so, and not its numbers, which a forward
that is slightly wrong itself would give as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array

from .constants import FEW_DIGITS, REFERENCE_DRAWS
from .rounding import allowed_difference, nudge

#: What operations are called that have no name for users.
WORDS = {"Const": "a constant", "Cast": "a cast"}


def narrow_operation(reference: Callable[..., Any], inputs: Sequence[Any]) -> str | None:
    """Return an operation of a reference or of its gradient that is narrower than float64, None if there is none.

    None also where the inputs are not all float64, or the reference can't be made a graph.
    """
    if any(_is_floating(x) and x.dtype != np.float64 for x in inputs):
        return None
    from gradtwin.backends.tensorflow_backend import tf, to_tensor

    tensors = [to_tensor(np.asarray(x)) if isinstance(x, np.ndarray | np.generic | float) else x for x in inputs]

    def both_ways(*given: Any) -> Any:
        watched = [x for x in given if isinstance(x, tf.Tensor) and x.dtype == tf.float64]
        with tf.GradientTape() as tape:
            tape.watch(watched)
            y = reference(*given)
        return y, tape.gradient(y, watched)

    try:
        graph = tf.function(both_ways, autograph=False).get_concrete_function(*tensors).graph.as_graph_def()
    except Exception:  # the reference is not ours, and may refuse to be made a graph in any way
        return None
    narrow = tuple(dtype.as_datatype_enum for dtype in (tf.float32, tf.float16, tf.bfloat16))
    for nodes in _functions(graph):
        constants = {node.name for node in nodes if node.op == "Const"}
        for node in nodes:
            if node.op == "Const" and _is_exact(tf.make_ndarray(node.attr["value"].tensor)):
                continue
            if node.op == "Cast" and node.input[0].partition(":")[0] in constants:
                continue  # the constant has already lost those digits
            is_wide = any(kind.type == tf.float64.as_datatype_enum for kind in node.attr.values())
            for name, attribute in node.attr.items():
                if attribute.type in narrow:
                    return WORDS.get(node.op, str(node.op))
                if is_wide and attribute.WhichOneof("value") == "f" and not _is_exact(np.float32(attribute.f)):
                    return f"{node.op} ({name})"
    return None


def is_within_float32(value: Callable[[Sequence[Any]], Array | None], inputs: Sequence[Any], apart: Array) -> bool:
    """Return whether rounding to float32 explains a difference of a forward's values at these inputs.

    `value` gives the forward's value at any inputs, None where it has none.
    """
    both: list[tuple[Array, Array]] = []
    for draw in range(REFERENCE_DRAWS):
        narrow = [nudge(x.astype(np.float32), draw) if _is_floating(x) else x for x in inputs]
        one, two = value(narrow), value([x.astype(np.float64) if _is_floating(x) else x for x in narrow])
        if one is None or two is None or not one.shape == two.shape == apart.shape:
            return False
        both.append((one.astype(np.float32), two))
    allowed = allowed_difference(both[0], both[1:])
    return bool(np.all((apart <= allowed) | np.isnan(apart)))


def _functions(graph: Any) -> Iterator[list[Any]]:
    """Yield the operations of a graph, and of each function that it calls."""
    yield list(graph.node)
    for function in graph.library.function:
        yield list(function.node_def)


def _is_exact(constant: Any) -> bool:
    """Return whether a constant is a number of few digits, such as 1 or 0.5, which float32 holds as it was meant."""
    array = np.asarray(constant)
    if array.dtype.kind not in "fV" or array.dtype == np.float64:
        return True
    digits = np.ldexp(np.frexp(array.astype(np.float64))[0], int(np.finfo(np.float32).nmant * FEW_DIGITS))
    return bool(np.all(digits == np.rint(digits)))


def _is_floating(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"
