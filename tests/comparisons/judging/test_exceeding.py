"""How far a difference exceeds the allowed one: the order in which elements are voted on."""

import numpy as np

from gradtwin.comparisons.judging.exceeding import exceeds, excess_of

LEFT = np.array([1.0, 1.3, 1.7, np.nan, np.inf, 1.0])
RIGHT = np.array([1.0, 1.0, 1.0, 1.0, np.inf, np.nan])
ALLOWED = np.full(6, 0.5)


def test_only_more_than_the_allowed_difference_exceeds():
    assert exceeds(LEFT, RIGHT, ALLOWED).tolist() == [False, False, True, True, False, True]


def test_excess_is_the_ratio():
    left, right = np.array([1.0, 1.25, 1.75, np.nan, 1.0]), np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    allowed = np.array([0.5, 0.5, 0.5, 0.5, 0.0])
    assert excess_of(left, right, allowed).tolist() == [0, 0.5, 1.5, np.inf, 1 / np.finfo(float).tiny]
