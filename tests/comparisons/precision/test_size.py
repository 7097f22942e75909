"""The typical size of an array's elements."""

import numpy as np
import pytest

from gradtwin.comparisons.precision.size import root_mean_square


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([3.0, -4.0, 0.0, 0.0], 2.5),
        ([1e200, -1e200], 1e200),
        ([1e-200, 1e-200], 1e-200),
        ([np.inf, 1.0], np.inf),
        ([0.0, 0.0], 0.0),
        ([], 0.0),
        (-2.0, 2.0),
    ],
)
def test_the_size_neither_overflows_nor_vanishes(x, expected):
    assert root_mean_square(x) == expected


def test_nan_is_shown():
    assert np.isnan(root_mean_square([np.nan, 1.0]))
