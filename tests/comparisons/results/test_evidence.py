"""What a report shows of a mismatch: window, map of levels, histogram, ulps, vote; and nothing of a match."""

import json

import numpy as np
import pytest

from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.judging.comparator import compare_arrays, merge_checks
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.running_error import Bound
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.results.evidence import BEYOND, LIMITS, MOST_CELLS, WINDOW

TITLES = Titles("matmul", "float64", "eager")


def compare(left, right, error=0.5):
    bound = Bound(right.astype(np.float64), np.full(right.shape, error), np.full(right.shape, 1e6))
    return compare_arrays(TITLES, "value", "value", left, right, bound.of_two())


def test_a_match_has_none():
    x = np.ones((3, 4))
    assert compare(x, x).evidence is None
    assert compare(x, x + 0.5).evidence is None


@pytest.mark.parametrize(
    ("shape", "at", "start"),
    [
        ((), (), ()),
        ((5,), (4,), (0,)),
        ((40,), (20,), (16,)),
        ((40, 50), (0, 49), (0, 41)),
        ((2, 3, 40, 50), (1, 2, 30, 7), (1, 2, 26, 3)),
    ],
)
def test_the_window_holds_the_worst_element(shape, at, start):
    right = np.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    left = right.copy()
    left[at] += 100
    evidence = compare(left, right).evidence
    assert evidence.start == start
    assert all(len(row) <= WINDOW for row in evidence.left)
    rows, columns = np.nonzero(np.asarray(evidence.wrong))
    assert len(rows) == 1
    assert (*start[:-2], *(np.atleast_1d(start[-2:]) + [rows[0], columns[0]][2 - len(shape[-2:]) :])) == at
    assert evidence.left[rows[0]][columns[0]] == left[at]
    assert evidence.right[rows[0]][columns[0]] == right[at]


def test_levels_are_decades_of_error_over_allowed_and_the_largest_of_each_block():
    right = np.zeros((200, 30))
    left = right.copy()
    left[0, :5] = 1.0, 1.0 + 1e-9, 5.0, 50.0, np.nan  # allowed: 1
    evidence = compare(left, right).evidence
    assert (len(evidence.levels), len(evidence.levels[0])) == (MOST_CELLS, 30)
    assert evidence.levels[0].startswith("4556k0")
    assert set(evidence.levels[1]) == {"0"}
    assert sum(evidence.histogram) == right.size
    assert sum(evidence.histogram[BEYOND:]) == 4
    assert LIMITS[BEYOND - 1] == 1


def test_an_element_of_which_nothing_is_known_has_no_level():
    right = np.zeros(3)
    bound = Bound(right, np.array([0.5, np.inf, 0.5]), np.ones(3))
    evidence = compare_arrays(TITLES, "value", "value", np.array([0.0, 7.0, 7.0]), right, bound.of_two()).evidence
    assert evidence.levels == ("0-5",)
    assert sum(evidence.histogram) == 2


def test_ulps_are_those_of_the_coarser_format():
    one = np.ones(1, np.float32)
    assert compare(one + np.float32(2**-20), one.astype(np.float64), 2.0**-30).evidence.ulps == 8
    assert compare(np.array([np.inf]), np.ones(1)).evidence.ulps is None


def test_merging_keeps_that_of_the_worst_point():
    right = np.zeros(2)
    near, far = compare(right + 3, right), compare(right + 7, right)
    merged = merge_checks([near, far, compare(right, right)])
    assert merged.evidence == far.evidence
    assert merged.worst == far.worst


def test_a_checked_gradient_has_the_third_vote_and_all_of_it_survives_json():
    def wrong(y_bar, x):
        g = y_bar * np.cos(x)
        g[0, 1] = np.nan
        g[1, 1] *= 3
        return g

    report = check_gradient(np.sin, vjp=wrong, inputs=(np.linspace(0.1, 1, 6).reshape(2, 3),))
    (check,) = (check for check in report.checks if check.evidence)
    vote = check.evidence.vote
    assert vote.method == "complex-step"
    assert abs(vote.value - check.evidence.right[vote.index[0]][vote.index[1]]) <= 1e-12
    again = Check.from_dict(json.loads(json.dumps(check.to_dict())))
    assert repr(again.evidence) == repr(check.evidence)  # NaN is not itself
    assert repr(again.worst) == repr(check.worst)
