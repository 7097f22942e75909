"""How often rounding is drawn, and how far a measurement goes."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradtwin.comparisons.judging.measured import Measured
from gradtwin.comparisons.precision.constants import DRAWN_ELEMENTS, FIRST_DRAWS, MORE_DRAWS, SAFETY


class Counted(Measured):
    """Differences that every allowed error is too small for; `seen` are the nudged points that were asked for."""

    def __init__(self, elements, exceeded=True):
        answer = SimpleNamespace(error=[np.zeros(elements)])
        sides = SimpleNamespace(answer=answer, inputs=[np.zeros(elements)])
        super().__init__(None, sides, 0, {})
        self.elements, self.exceeded, self.seen = elements, exceeded, []

    def _move(self, k):
        self.seen.append(k)

    def _exceeded(self, allowed):
        return self.exceeded

    def of_gradients(self):
        return [np.zeros(self.elements)]

    def absorbed(self, k):
        return np.zeros(())


def test_points_are_drawn_once():
    measured = Counted(3)
    measured.measure(3)
    measured.measure(5)
    assert measured.seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("elements", "more"), [(1, DRAWN_ELEMENTS), (2, DRAWN_ELEMENTS // 2), (100, MORE_DRAWS), (0, DRAWN_ELEMENTS)]
)
def test_small_gradients_get_more_points(elements, more):
    measured = Counted(elements)
    measured.others = [None]  # as if the first point were drawn: cancellation is not asked about
    measured.closely()
    assert measured.seen == list(range(1, FIRST_DRAWS + more + 1))


def test_nothing_is_drawn_where_nothing_is_exceeded(monkeypatch):
    measured = Counted(3, exceeded=False)
    monkeypatch.setattr("gradtwin.comparisons.judging.measured.cancelled_error", None)
    assert np.array_equal(measured.closely()[0], np.zeros(3))
    assert not measured.seen


def run(y, *gradients):
    return SimpleNamespace(evaluation=SimpleNamespace(y=np.asarray(y)), left=tuple(map(np.asarray, gradients)))


@pytest.mark.parametrize(
    ("moved", "steady"),
    [
        (run([1.0, 1.0], [3.0, 4.0]), True),
        (run([1.0, 1.0], [3.0, 4.0 + 5 / (4 * SAFETY) * 0.99]), True),
        (run([1.0, 1.0], [3.0, 4.0 + 5 / (4 * SAFETY) * 1.01]), False),
        (run([1.0, 2.0], [3.0, 4.0]), False),
        (run([1.0, 1.0], [[3.0, 4.0]]), False),
        (run([1.0, 1.0], [np.nan, 4.0]), False),
    ],
)
def test_a_gradient_is_steady_if_rounding_is_certainly_smaller(moved, steady):
    """If 2 · SAFETY times its movement is at most half of its norm."""
    assert Measured(None, run([1.0, 1.0], [3.0, 4.0]), 0, {})._is_steady(moved) is steady
