"""Runs that differ by no more than rounding at nudged points are one."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradtwin.comparisons.judging.repeated import _is_rounding, differs
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


@pytest.mark.parametrize("size", [1e-9, 1.0])
@pytest.mark.parametrize(("dtype", "coarsest"), [("float64", 0.0), ("float32", 0.0), ("float64", 2.0**-23)])
def test_runs_differ_in_the_leading_half_of_their_digits(dtype, coarsest, size):
    half = max(float(np.finfo(dtype).eps), coarsest) ** 0.5
    one = np.array([1.0, 4.0, 0.0], dtype)
    for part, differ in ((0.9, False), (1.1, True)):
        other = one + np.array([0, 0, part * half * 4], dtype)
        assert differs(one * one.dtype.type(size), other * one.dtype.type(size), coarsest) is differ
    assert not differs(np.array([np.nan, 1.0], dtype), np.array([np.nan, 1.0], dtype), coarsest)
    for other in (np.nan, np.inf):
        assert differs(one, np.where(one == 1, other, one), coarsest)
        assert not differs(np.array([other, 1, 2], dtype), np.array([other, 1, np.nextafter(2, 3)], dtype), coarsest)
