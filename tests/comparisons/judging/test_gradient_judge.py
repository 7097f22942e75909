"""Sums of a gradient along directions: what they may differ by, and when that decides nothing."""

import numpy as np
import pytest

from gradtwin.comparisons.judging.gradient_judge import _compare_along
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.oracles.sampling import Along


@pytest.mark.parametrize(
    ("given", "error", "verdict"),
    [(1.0, 0.4, "match"), (1.0, 0.6, "inconclusive"), (1.5, 0.4, "mismatch"), (1.3, 0.4, "match")],
)
def test_an_error_of_half_a_sum_decides_nothing(given, error, verdict):
    along = Along(value=np.array([1.0]), error=np.array([error]), given=np.array([given]))
    assert _compare_along(Titles("f", "float64"), "x", along).verdict == verdict
