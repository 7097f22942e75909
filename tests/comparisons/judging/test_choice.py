"""Forward's value against the oracle's: two functions, or two shapes, are named as the cause."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradtwin.comparisons.judging.choice import compare_value
from gradtwin.comparisons.judging.titles import Titles


@pytest.mark.parametrize(
    ("y", "right", "cause"),
    [
        ([1.0, 2.0], [1.0, 2.0], None),
        ([1.0, 2.0], [1.0, 2.1], "forward"),
        ([1.0, 2.0], [[1.0, 2.0]], "forward"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "forward"),
        ([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0], "forward-broadcast"),
    ],
)
def test_values_that_differ_are_a_confirmed_cause(y, right, cause):
    y, right = np.array(y), np.array(right)
    measured = SimpleNamespace(
        sides=SimpleNamespace(evaluation=SimpleNamespace(y=y), answer=SimpleNamespace(y=right)),
        evaluator=SimpleNamespace(oracle=SimpleNamespace(name="traced")),
        of_value=lambda: np.full(y.shape, 0.01),
    )
    check = compare_value(Titles("f", "float64"), measured)
    assert check.verdict == ("mismatch" if cause else "match")
    assert [(found.cause, found.confirmed) for found in check.causes] == ([(cause, True)] if cause else [])
