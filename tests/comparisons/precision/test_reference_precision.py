"""What float32 explains: the spread of the difference of both formats, over points that differ."""

import numpy as np
import pytest

from gradtwin.comparisons.precision.constants import REFERENCE_DRAWS
from gradtwin.comparisons.precision.reference_precision import is_within_float32
from gradtwin.comparisons.precision.rounding import allowed_difference, nudge

X = np.random.default_rng(3).uniform(0.1, 1, 50)


def value(inputs):
    return np.cumsum(inputs[0] ** 3)


@pytest.mark.parametrize(("part", "explained"), [(0.999, True), (1.001, False), (np.nan, True)])
def test_the_spread_is_that_of_the_points_after_the_first(part, explained):
    points = [nudge(X.astype(np.float32), draw) for draw in range(REFERENCE_DRAWS)]
    both = [(value([x]).astype(np.float32), value([x.astype(np.float64)])) for x in points]
    assert is_within_float32(value, [X], part * allowed_difference(both[0], both[1:])) is explained


def test_a_forward_without_a_value_there_explains_nothing():
    assert not is_within_float32(lambda inputs: None, [X], np.zeros(50))
    assert not is_within_float32(value, [X], np.zeros((50, 1)))
    assert is_within_float32(value, [X], np.zeros(50))
