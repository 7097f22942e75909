"""The measured and derived numbers of wide judging, measured and derived again."""

import mpmath
import numpy as np

from gradtwin.comparisons.oracles.exact import ExactFunctions
from gradtwin.comparisons.precision.formula_constants import NOISE_UNIT, SMALL_STEPS, WIDE_SMALLEST, WIDE_UNIT
from gradtwin.comparisons.subjects.functions import UserFunctions

RNG = np.random.default_rng(5)

#: Forwards, and the same for arrays of mpmath's numbers.
FORWARDS = [
    (lambda x, w: np.sum((x @ w) ** 2), lambda x, w: np.sum((x @ w) ** 2)),
    (lambda x, w: np.sum(np.tanh(x @ w)), lambda x, w: sum(map(mpmath.tanh, (x @ w).ravel()))),
    (lambda x, w: np.sum(np.exp(x @ w)), lambda x, w: sum(map(mpmath.exp, (x @ w).ravel()))),
    (
        lambda x, w: np.mean(np.log1p(np.exp(x @ w))),
        lambda x, w: sum(mpmath.log1p(mpmath.exp(z)) for z in (x @ w).flat) / 12,
    ),
]


def test_a_value_in_wide_arithmetic_is_good_to_its_unit():
    seen = 0.0
    with mpmath.workdps(60):
        for forward, exact in FORWARDS:
            for _ in range(20):
                x, w = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
                functions = ExactFunctions(UserFunctions(forward, "grad", lambda *a: a), (x, w), None)
                value = functions.value({}, 0.0)
                right = exact(*(np.vectorize(mpmath.mpf, otypes=[object])(a) for a in (x, w)))
                apart = mpmath.mpf(value.numerator) / value.denominator - right
                seen = max(seen, abs(float(apart)) / functions.terms)
    assert seen <= WIDE_UNIT
    assert seen > WIDE_UNIT / 64, "the budget is no larger than it must be"


def test_where_wide_arithmetic_underflows_nothing_is_judged_in_it():
    least = WIDE_SMALLEST * NOISE_UNIT * 2.0 ** min(SMALL_STEPS)
    assert least == np.finfo(np.float64).smallest_normal
