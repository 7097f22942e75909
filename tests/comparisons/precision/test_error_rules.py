"""How errors of operands pass through each function: the bound covers both ends of each error, and little more."""

import itertools

import numpy as np
import pytest

from gradtwin.backends.precision import precision_of
from gradtwin.comparisons.precision import error_rules  # noqa: F401  (registers NumPy's functions)
from gradtwin.comparisons.precision.bounded_array import BoundedArray, Format, safe_from_underflow
from gradtwin.comparisons.precision.constants import ELEMENTARY_ROUNDINGS, QUOTIENT_ROUNDINGS, SQRT_ROUNDINGS

FORM = Format(precision_of(np.dtype("float64")), np.dtype(np.longdouble))
RNG = np.random.default_rng(23)


def uncertain(value, error):
    value = np.asarray(value, np.longdouble)
    return BoundedArray(value, np.broadcast_to(np.asarray(error, float), value.shape).copy(), np.abs(value), FORM)


def moved_by(function, operands):
    """The most that a result moves when each operand goes to either end of its error."""
    middle = function(*[x.value for x in operands])
    ends = itertools.product(*[(x.value - x.error, x.value + x.error) for x in operands])
    return np.max([np.abs(function(*at) - middle) for at in ends], axis=0)


SMALL, LARGE = np.array([0.25, 0.7, 1.0, 3.0]), np.array([9.0, 0.3, 1.5, 0.06])
A, B = uncertain(SMALL, 1e-6 * SMALL), uncertain(LARGE, 1e-6 * LARGE)
SIGNED = uncertain([-2.0, 0.5, -0.1, 3.0], 1e-6)
LEFT, RIGHT = (uncertain(RNG.uniform(0.5, 2, shape), 1e-6) for shape in ((3, 4), (4, 2)))

#: name → (function, operands, how many times the most that the result moves its error may be)
CASES = {
    "add": (np.add, (A, B), 1),
    "subtract": (np.subtract, (A, B), 1),
    "multiply": (np.multiply, (A, SIGNED), 1),
    "divide": (np.divide, (SIGNED, B), 1),
    "square": (np.square, (SIGNED,), 1),
    "sqrt": (np.sqrt, (A,), 2),  # e/√(x − e), where e/2√x is the first order
    "exp": (np.exp, (SIGNED,), 1),
    "log": (np.log, (A,), 1),
    "log1p": (np.log1p, (A,), 1),
    "tanh": (np.tanh, (uncertain([-1e-3, 0.0, 2e-3], 1e-6),), 1),
    "power": (np.power, (A, B), 1),
    "negative": (np.negative, (A,), 1),
    "absolute": (np.absolute, (SIGNED,), 1),
    "maximum": (np.maximum, (A, B), 1),
    "minimum": (np.minimum, (A, B), 1),
    "sum": (lambda x: np.sum(x, axis=0), (LEFT,), 1),
    "mean": (lambda x: np.mean(x, axis=1), (LEFT,), 1),
    "max": (lambda x: np.max(x, axis=1), (LEFT,), 1),
    "matmul": (np.matmul, (LEFT, RIGHT), 1),
    "where": (lambda x, y: np.where(np.array([True, False, True, False]), x, y), (A, B), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_passes_through(name):
    function, operands, times = CASES[name]
    result, moved = function(*operands), moved_by(function, operands)
    rounding = 100 * FORM.u * np.abs(result.value)
    assert np.all(result.error >= moved * (1 - 1e-5))
    assert np.all(result.error <= times * moved * (1 + 1e-5) + rounding)


def test_a_square_root_of_a_number_that_may_be_negative_is_unknown():
    with np.errstate(all="ignore"):
        error = np.sqrt(uncertain([1.0, 1.0, 0.0, 4.0], [2.0, 1.0, 0.0, 0.0])).error
    assert error[0] == np.inf
    assert np.sqrt(2) <= error[1] < np.sqrt(2) * (1 + 1e-15), "of one that may be zero, the whole of it"
    assert error[2] < 1e-300
    assert error[3] <= 4 * FORM.u


@pytest.mark.parametrize("function", [np.log, np.log1p, lambda x: 1 / x])
def test_beside_a_pole_nothing_is_known(function):
    beside = -1.0 if function is np.log1p else 0.0
    with np.errstate(all="ignore"):
        assert function(uncertain(beside + 0.5, 0.5)).error == np.inf
    assert function(uncertain(beside + 0.5, 0.4)).error < 10


def test_an_undecided_comparison_is_off_by_one():
    x, y = uncertain([1.0, 1.0, 1.0], 0.25), uncertain([1.5, 1.5 + 1e-9, 0.0], 0.25)
    assert np.less(x, y).error.tolist() == [1, 0, 0]
    assert np.less(x, y).value.tolist() == [1, 1, 0]


def test_a_choice_by_an_undecided_comparison_covers_both():
    x, y = uncertain([1.0, 1.0], 0.125), uncertain([1.0, 3.0], 0.25)
    chosen = np.where(np.less(x, y), uncertain([5.0, 5.0], 0.5), uncertain([7.0, 7.0], 1.0))
    assert chosen.error.tolist() == [2 + 0.5 + 1.0, 0.5]


def test_the_position_of_a_maximum_with_rivals_is_unknown():
    position = uncertain([[3.0, 1, 2.5], [3.0, 1, 2.0]], 0.25).argmax(1)
    assert position.value.tolist() == [0, 0]
    assert position.error.tolist() == [3, 0]


def test_the_larger_of_two_close_numbers_has_the_larger_error():
    near, far = uncertain([1.0], 0.5), uncertain([1.25], 0.125)
    assert np.maximum(near, far).error == 0.5
    clear = np.maximum(near, uncertain([2.0], 0.125))
    assert (clear.error, clear.scale) == (0.125, 2.0)


def test_a_sum_of_zeros_is_exact_beside_other_sums():
    rows = uncertain([[0.0, 0.0], [0.3, 0.7]], 0)
    assert np.matmul(rows, uncertain([[0.1], [0.9]], 0)).error[0] == 0
    assert np.sum(rows, axis=1).error[0] == 0


EXACT, OTHER = uncertain(SMALL, 0), uncertain(LARGE, 0)

#: name → (function, exact operands, roundings, the size that is rounded where it is not the value)
OWN = {
    "add": (np.add, (EXACT, OTHER), 1, None),
    "multiply": (np.multiply, (EXACT, OTHER), 1, None),
    "divide": (np.divide, (EXACT, OTHER), QUOTIENT_ROUNDINGS, None),
    "sqrt": (np.sqrt, (OTHER,), SQRT_ROUNDINGS, None),
    "exp": (np.exp, (OTHER,), ELEMENTARY_ROUNDINGS, None),
    "sum": (np.sum, (OTHER,), 3, np.sum(LARGE)),
    "matmul": (np.matmul, (EXACT, OTHER), 4, SMALL @ LARGE),
    "negative": (np.negative, (OTHER,), 0, None),
}


@pytest.mark.parametrize("name", OWN)
def test_roundings_of_exact_operands(name):
    """A sum of K terms has K − 1, and a sum of K products K (Jeannerod & Rump 2013)."""
    function, operands, roundings, size = OWN[name]
    result = function(*operands)
    expected = roundings * FORM.u * (np.abs(result.value) if size is None else size)
    assert np.all(np.abs(result.error - expected) <= 1e-12 * expected)


def test_only_results_near_the_smallest_number_may_be_flushed():
    tiny = FORM.judged.smallest_normal
    limit, zero = tiny / FORM.judged.u, uncertain([0.0], 0)
    above, below = uncertain([2 * limit], 0), uncertain([limit / 2], 0)
    assert np.add(above, zero).error[0] == float(FORM.u * above.value[0])
    assert np.add(below, zero).error[0] == float(FORM.u * below.value[0]) + tiny
    assert np.sum(uncertain([2 * limit, 2 * limit], 0)).error == 4 * limit * FORM.u
    assert np.sum(uncertain([limit / 2, limit / 2], 0)).error == limit * FORM.u + 4 * tiny
    assert np.log(uncertain([1.0], 0)).error[0] >= tiny, "0, but not certainly"
    assert np.tanh(zero).error[0] == 0


def test_quanta_from_the_smallest_safe_one_on_are_known():
    safe = safe_from_underflow(FORM.judged)
    assert BoundedArray.of(np.array([safe]), FORM).quantum == safe
    assert BoundedArray.of(np.array([safe / 2]), FORM).quantum == 0
