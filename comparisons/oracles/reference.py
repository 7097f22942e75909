"""A TensorFlow function that the user gives to judge by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.reference_precision import narrow_operation
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .interface import Derived, OracleName


class ReferenceOracle:
    """A TensorFlow callable of all inputs, by position, giving y alone."""

    name: OracleName = "reference"

    def __init__(self, reference: Callable[..., Any]) -> None:
        self._reference = reference
        self._narrow: str | None = None

    def narrow_operation(self, inputs: Sequence[Any]) -> str | None:
        """Return what holds less than float64 inside a reference that is given float64, None if nothing does."""
        self._narrow = self._narrow or narrow_operation(self._reference, inputs)
        return self._narrow

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Derived:
        """Return the value and the gradients, by GradientTape."""
        from gradtwin.backends.tensorflow_backend import tf, to_array, to_tensor

        tensors = [to_tensor(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x for x in inputs]
        for i in wrt:
            tensors[i] = tf.convert_to_tensor(tensors[i], dtype=np.asarray(inputs[i]).dtype.newbyteorder("=").name)
        watched = [tensors[i] for i in wrt]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(watched)
            y = self._call(tf, tensors)
        value = to_array(y)
        if value.dtype.kind != "f":
            raise ArgumentTypeError(f"reference: it returned {value.dtype}; expected floating numbers.")

        def pull_back(upstream: Array) -> tuple[Array | None, ...]:
            if upstream.shape != value.shape:
                raise ArgumentValueError(
                    f"reference: it returned shape {value.shape}, and forward {upstream.shape}; expected the same."
                )
            bars = tape.gradient(y, watched, output_gradients=to_tensor(upstream.astype(value.dtype)))
            return tuple(None if bar is None else to_array(bar) for bar in bars)

        gradients = pull_back(y_bar) if y_bar.shape == value.shape else (None,) * len(wrt)
        return Derived(value, gradients, pull_back)

    def _call(self, tf: Any, tensors: list[Any]) -> Any:
        try:
            y = self._reference(*tensors)
        except Exception as error:
            raise ArgumentValueError(
                f"reference: it raised {type(error).__name__}: {str(error).splitlines()[0]}. "
                f"Expected a TensorFlow function of the same arguments as forward."
            ) from error
        if not isinstance(y, tf.Tensor | tf.Variable):
            raise ArgumentTypeError(
                f"reference: it returned {type(y).__name__}; expected one TensorFlow tensor, y. Is it a NumPy function?"
            )
        return tf.convert_to_tensor(y)
