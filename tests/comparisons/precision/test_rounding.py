"""What rounding explains, measured: it covers two right evaluations, and no fault that persists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradtwin.comparisons.precision.constants import ABSORBED_BELOW, SAFETY, UNITS_MOVED
from gradtwin.comparisons.precision.rounding import absorbed_error, allowed_difference, nudge, scaled_error

RNG = np.random.default_rng(17)


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=20),
    seed=st.integers(0, 100),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_a_nudge_is_a_few_units_in_the_last_place(values, seed, dtype):
    x = np.asarray(values, dtype)
    moved = nudge(x, seed)
    assert moved.dtype == x.dtype
    assert (np.abs(moved - x) <= (UNITS_MOVED + 1) * np.abs(x) * np.finfo(dtype).eps).all()
    whole = x == np.rint(x)
    assert (moved[whole] == x[whole]).all(), "whole numbers, zeros and labels stay"
    assert (np.sign(moved) == np.sign(x)).all()


def test_a_nudge_moves_and_keeps_ties():
    x = RNG.standard_normal(1000)
    x[500:] = x[:500]
    one, two = nudge(x, 1), nudge(x, 2)
    assert (one != x).mean() > 0.9
    assert (one != two).mean() > 0.9
    assert (one[500:] == one[:500]).all()
    assert (nudge(x, 1) == one).all()


def draw_sides(fault, dtype, seed):
    """Two ways to sum products, in one of which an element may be wrong, at a point and at nudged ones."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((20, 300)).astype(dtype), rng.standard_normal((300, 20)).astype(dtype)

    def sides(seed):
        x, y = (nudge(z, seed) if seed else z for z in (a, b))
        left = x @ y
        left[3, 4] *= 1 + fault
        right = np.asarray(sum(x[:, k : k + 50] @ y[k : k + 50] for k in range(0, 300, 50)))
        return left, right

    return sides(0), [sides(1), sides(2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_two_right_evaluations_differ_by_less(dtype):
    worst = 0.0
    for seed in range(20):
        base, others = draw_sides(0.0, dtype, seed)
        allowed = allowed_difference(base, others)
        worst = max(worst, float(np.max(np.abs(base[0] - base[1]) / allowed)))
    assert 0.01 < worst <= 1


@pytest.mark.parametrize(("dtype", "fault"), [(np.float32, 1e-2), (np.float64, 1e-10), (np.float64, -2.0)])
def test_a_fault_persists_and_is_seen(dtype, fault):
    for seed in range(20):
        base, others = draw_sides(fault, dtype, seed)
        exceeds = np.abs(base[0] - base[1]) > allowed_difference(base, others)
        assert exceeds[3, 4]
        assert exceeds.sum() == 1


def test_the_error_of_a_narrow_format_scales():
    """|g32 − g64| · 2⁻²⁹ is the size of float64's rounding errors."""
    a, b = RNG.standard_normal((2, 50, 200)).astype(np.float32)
    wide = a.astype(np.float64) @ b.astype(np.float64).T
    exact = (a.astype(np.longdouble)[:, None] * b.astype(np.longdouble)[None]).sum(axis=-1)
    estimate = scaled_error(wide, a @ b.T, wide)
    assert np.sqrt(np.mean((wide - exact) ** 2)) <= np.sqrt(np.mean(estimate**2))
    assert scaled_error(np.zeros(1, np.float32), np.array([1.5]), np.array([1.25]))[0] == 0.25


def test_whole_numbers_have_no_rounding():
    labels = np.array([0, 1, 2])
    assert not allowed_difference((labels, labels), []).any()


def test_elements_that_are_zero_by_cancellation_have_the_roundings_of_their_terms():
    size = 100.0
    small = ABSORBED_BELOW * size
    left = np.array([0.99, -0.99, 1.01, 0.0, 0.0]) * small
    right = np.array([0.0, 0.0, 0.0, 1.01, -1.01]) * small
    unit = SAFETY * np.finfo(float).eps / 2 * size
    assert absorbed_error((left, right), size).tolist() == [unit, unit, 0, 0, 0]
    assert not absorbed_error((left.astype(np.float32), right.astype(np.float32)), size).any()
