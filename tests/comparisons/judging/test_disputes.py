"""A kink is between the gradients around it, where both sides agree; a fault is not."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradtwin.comparisons.judging import disputes
from gradtwin.comparisons.oracles.votes import Vote
from gradtwin.comparisons.precision.constants import NEIGHBOUR_DRAWS, NEIGHBOURS

N = 6


def is_kink(monkeypatch, sides, at, left, allowed=0.0):
    """Ask about a gradient of one input, whose both sides at other points are `sides(x)`."""
    monkeypatch.setattr(disputes, "_sides_at", lambda evaluator, point, k, inputs, shape: sides(inputs[0]))
    point = SimpleNamespace(inputs=(np.full(N, at),), wrt=(0,))
    given = np.full(N, left)
    return disputes._between_neighbours(None, point, 0, given, np.ones(N, bool), np.full(N, allowed), 0)


def step(x):
    return (x > 0) * 1.0, (x > 0) * 1.0


@pytest.mark.parametrize(("left", "inside"), [(0.0, True), (0.5, True), (1.0, True), (-0.01, False), (1.01, False)])
def test_a_gradient_between_two_sides_is_at_a_kink(monkeypatch, left, inside):
    assert is_kink(monkeypatch, step, 0.0, left) is inside
    assert is_kink(monkeypatch, step, 0.0, left, allowed=0.02)


def test_a_smooth_gradient_has_no_kink(monkeypatch):
    assert not is_kink(monkeypatch, lambda x: (2 * x, 2 * x), 1.0, 2.0)


@pytest.mark.parametrize(("left", "inside"), [(2.5, True), (3.9, True), (4.1, False), (-1.9, True), (-2.1, False)])
def test_where_many_kinks_meet_half_of_the_jumps_is_seen(monkeypatch, left, inside):
    rng = np.random.default_rng(0)

    def steps(x):
        values = rng.permutation([0.0, 1, 2, 0, 1, 2])
        return values, values

    assert is_kink(monkeypatch, steps, 0.0, left) is inside


@pytest.mark.parametrize(("allowed", "inside"), [(0.05, False), (0.2, True)])
def test_a_fault_shows_at_the_points_around(monkeypatch, allowed, inside):
    assert is_kink(monkeypatch, lambda x: (step(x)[0] + 0.1, step(x)[1]), 0.0, 0.5, allowed) is inside


def test_rounding_at_the_points_around_is_no_fault(monkeypatch):
    rng = np.random.default_rng(0)
    assert is_kink(monkeypatch, lambda x: (step(x)[0] + 1e-9 * rng.standard_normal(N), step(x)[1]), 0.0, 0.5)


def test_each_neighbour_and_each_nudge_is_another_point(monkeypatch):
    seen = []
    assert is_kink(monkeypatch, lambda x: seen.append(x) or step(x), 0.0, 0.5)
    assert len(seen) == NEIGHBOURS + NEIGHBOUR_DRAWS
    assert len({x.tobytes() for x in seen}) == len(seen)


@pytest.mark.parametrize(("vote", "expected"), [(2.0, 2.0), (np.nan, np.nan)])
def test_a_finite_vote_takes_the_place_of_nan_on_both_sides(monkeypatch, vote, expected):
    monkeypatch.setattr(disputes, "_between_neighbours", lambda *args: False)
    monkeypatch.setattr(disputes, "_cast", lambda *args: Vote(vote, 0.1, "differences"))
    both = np.array([np.nan, 1.0])
    point = SimpleNamespace(left=(both,), right=(both,), wrt=(0,), words=("x",), style="vjp", inputs=(both,))
    evaluator = SimpleNamespace(oracle=SimpleNamespace(name="traced"))
    settled = disputes.settle(evaluator, point, 0, np.zeros(2), 0, {})
    assert np.array_equal(settled.right, [expected, 1.0], equal_nan=True)


@pytest.mark.parametrize(
    ("traced", "verdict"), [(1.05, "reference"), (0.95, "reference"), (1.2, "open"), (None, "open")]
)
def test_a_coarse_vote_asks_the_traced_forward(monkeypatch, traced, verdict):
    gradients = (None if traced is None else np.array([traced]),)
    oracle = SimpleNamespace(ask=lambda *args: SimpleNamespace(gradients=gradients))
    monkeypatch.setattr(disputes, "TracedOracle", lambda user: oracle)
    point = SimpleNamespace(y=np.ones(1), y_bar=None, inputs=(np.ones(1),), wrt=(0,))
    assert disputes._second_opinion(SimpleNamespace(user=None), point, 0, (0,), 1.0, 0.1) == verdict
