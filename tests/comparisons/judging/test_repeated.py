"""Runs that differ by no more than rounding at nudged points are one."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradtwin.comparisons.judging.repeated import _is_rounding
from gradtwin.comparisons.precision.constants import OTHER_DRAWS

X = np.array([0.1, 0.7])
EPS = np.finfo(float).eps


@pytest.mark.parametrize(("apart", "spread", "explained"), [(4, 0, True), (1000, 1000, True), (1000, 0, False)])
def test_another_layout_may_round_otherwise(apart, spread, explained):
    inputs = []

    def run(place):
        inputs.append(place.inputs[0])
        return SimpleNamespace(results=(X * (1 + EPS * spread * len(inputs)), None))

    mine = SimpleNamespace(inputs=(X,), wrt=(0,), upstream=np.ones(2), evaluation=SimpleNamespace(results=(X, None)))
    again = SimpleNamespace(results=(X * (1 + EPS * apart), None))
    assert _is_rounding(SimpleNamespace(run=run), mine, again) is explained
    assert len({x.tobytes() for x in inputs}) == OTHER_DRAWS, "each of them at another point"
