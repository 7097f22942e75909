"""Asks `tf.test.compute_gradient`, of a custom gradient that calls the NumPy functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.benchmarks.timed_tensorflow import set_threads, tf
from gradtwin.comparisons.results.data import Verdict

from .question import Prepared, Question

__all__ = ["prepare", "set_threads"]

#: Of `tf.test.TestCase.assertAllClose`, which the documentation's example compares with.
TOLERANCE = 1e-6


def prepare(question: Question) -> Prepared:
    """Put the question; the two Jacobians it returns are compared as in its documentation."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(*tensors: Any) -> Any:
        def backward(y_bar: Any) -> Any:
            return tf.numpy_function(question.vjp, [y_bar, *tensors], [tf.float64] * len(tensors))

        return tf.numpy_function(question.forward, tensors, tf.float64), backward

    tensors = [tf.constant(x) for x in question.inputs]

    def check() -> Verdict:
        theoretical, numerical = tf.test.compute_gradient(function, tensors)
        pairs = zip(theoretical, numerical, strict=True)
        close = all(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True) for a, b in pairs)
        return "match" if close else "mismatch"

    return Prepared(check, lambda: function(*tensors))
