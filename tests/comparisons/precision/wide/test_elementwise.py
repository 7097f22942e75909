"""Each ufunc against mpmath, in units of 2⁻¹⁰⁴; and a lost low half is caught for each of them."""

import numpy as np
import pytest
from wide_accuracy import Points, elementwise_cases, is_pair, measure, plant

from gradtwin.comparisons.precision.wide import apply
from gradtwin.comparisons.precision.wide.ufuncs import FORMULAS

CASES = {case[0].__name__: case for case in elementwise_cases(Points(count=150))}
#: Decided by the high half alone: there is no low half to lose.
WHOLE = {np.sign}


def test_every_formula_is_measured():
    assert set(FORMULAS) - {case[0] for case in CASES.values()} == WHOLE


@pytest.mark.parametrize("name", CASES)
def test_errors_keep_to_the_budget(name):
    ufunc, function, arguments, scale, budget = CASES[name]
    assert measure(ufunc, function, arguments, scale) <= budget <= 4
    assert is_pair(apply(ufunc, arguments))


@pytest.mark.parametrize("where", ["arguments", "result"])
@pytest.mark.parametrize("name", CASES)
def test_a_lost_low_half_is_caught(monkeypatch, name, where):
    """The negative control."""
    ufunc, function, arguments, scale, budget = CASES[name]
    plant(monkeypatch, ufunc, where)
    assert measure(ufunc, function, arguments, scale) > budget
