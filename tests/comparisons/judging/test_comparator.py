"""The comparator: what is within the bound passes, what is just beyond does not, and what proves nothing says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtwin.comparisons.judging.comparator import compare_arrays, merge_checks
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.running_error import Bound

TITLES = Titles("matmul", "float64", "eager")


def judge(left, right, error, scale=None, value=None):
    left, right = np.asarray(left, float), np.asarray(right, float)
    value = right if value is None else np.asarray(value, float)
    scale = np.abs(value) if scale is None else np.broadcast_to(np.asarray(scale, float), left.shape)
    bound = Bound(value, np.broadcast_to(np.asarray(error, float), left.shape), scale)
    return compare_arrays(TITLES, "value", "value", left, right, bound.of_two())


@given(
    value=st.floats(1, 1e6),
    exponent=st.integers(-40, -10),
    position=st.integers(0, 5),
    sign=st.sampled_from([-1, 1]),
)
def test_a_difference_just_above_the_bound_is_caught(value, exponent, position, sign):
    error = value * 2.0**exponent
    right = np.full(6, value)
    above, below = right.copy(), right.copy()
    above[position] += sign * 2 * error * (1 + 1e-3)
    below[position] += sign * 2 * error * (1 - 1e-3)
    caught = judge(above, right, error)
    assert caught.verdict == "mismatch"
    assert caught.mismatched == 1
    assert caught.worst.index == (position,)
    assert caught.worst.fraction > 1
    passed = judge(below, right, error)
    assert passed.verdict == "match"
    assert 0.9 < passed.worst.fraction < 1


@pytest.mark.parametrize(
    ("left", "right"),
    [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (np.inf, -np.inf), (np.nan, np.inf), (1.0, -np.inf)],
)
def test_patterns_of_infinities_and_nan_come_first(left, right):
    check = judge([2.0, left], [2.0, right], 1e9, scale=1e12, value=[2.0, 1.0])
    assert check.verdict == "mismatch"
    assert check.worst.index == (1,)


def test_equal_infinities_match_where_the_value_is_infinite():
    assert judge([np.inf, np.nan, 1], [np.inf, np.nan, 1], 0.0).verdict == "match"


def test_nan_on_both_sides_is_no_match_by_silence():
    check = judge([np.nan, np.nan], [np.nan, np.nan], 1e-9, value=[1.0, 1.0])
    assert check.verdict == "inconclusive"
    assert check.inconclusive == 2


def test_zero_bound_demands_equality():
    assert judge([1.0, 2.0], [1.0, 2.0], 0.0).verdict == "match"
    assert judge([1.0, np.nextafter(2.0, 3.0)], [1.0, 2.0], 0.0).verdict == "mismatch"


@pytest.mark.parametrize("wrong", [0.0, -1.0, 0.5])
def test_what_could_not_have_failed_is_inconclusive(wrong):
    check = judge(wrong * np.array([1e-8, 2e-8]), [1e-8, 2e-8], 1e-6)
    assert check.verdict == "inconclusive"
    assert check.inconclusive == 2


def test_a_rightly_zero_gradient_matches():
    assert judge(np.zeros(3), np.zeros(3), 1e-16, scale=1.0).verdict == "match"
    assert judge(np.zeros(3), np.zeros(3), 1e-16, scale=1e-17).verdict == "inconclusive"


def test_undecided_elements_count_by_their_norm():
    errors = [1e-12, 1e-3]
    assert judge([1.0, 1e-4], [1.0, 1e-4], errors).verdict == "match"
    assert judge([1e-5, 1e-4], [1e-5, 1e-4], errors).verdict == "inconclusive"


def test_unknown_elements_are_neither_accused_nor_passed():
    check = judge([1.0, np.inf], [1.0, 7.0], [0.0, np.inf])
    assert check.verdict == "inconclusive"
    assert check.mismatched == 0


def test_an_empty_array_matches():
    check = judge(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)))
    assert check.verdict == "match"
    assert check.size == 0
    assert check.worst is None


def test_merging_keeps_the_worst_and_counts_the_undecided():
    good, undecided = judge([1.0], [1.0], 1e-9), judge([1e-9], [1e-9], 1.0)
    assert merge_checks([good, good, undecided]).verdict == "match"
    assert merge_checks([good, undecided, undecided]).verdict == "inconclusive"
    merged = merge_checks([good, judge([1.0], [2.0], 1e-9), undecided])
    assert merged.verdict == "mismatch"
    assert merged.worst.right == 2
    assert merged.examples == 3


def test_what_is_no_number_on_either_side_is_not_laid_to_rounding():
    undefined = judge([np.nan, 1.0], [np.nan, 1.0], 0.0, value=[0.0, 1.0])
    assert (undefined.verdict, [cause.cause for cause in undefined.causes]) == ("inconclusive", ["nan"])
    assert judge([1e-9], [1e-9], 1.0).causes == ()
    assert merge_checks([judge([1.0], [1.0], 1e-9), undefined]).causes == ()
    assert merge_checks([undefined, undefined]).causes == undefined.causes
