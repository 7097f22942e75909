"""The formula of a gradient is judged in wide arithmetic: right ones match whatever their rounding, others don't."""

import numpy as np
import pytest

import gradtwin as gt

from .formulas import ALL, Formula

RNG = np.random.default_rng(3)


def gradient_checks(report):
    return [check for check in report.checks if check.stage == "gradient"]


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_formula_decides(case: Formula):
    report = gt.check_gradient(case.forward, **case.arguments())
    assert report.verdict == case.verdict, str(report)
    [check] = gradient_checks(report)
    assert check.formula is not None
    assert check.formula.method == "exact", check.formula.why_not_exact


def spanning(dtype, shape):
    """A layer whose gradients span twelve orders of magnitude, and what puts one entry off."""
    n, k = shape
    x = (RNG.normal(size=(8, n)) * 10.0 ** RNG.uniform(-12, 0, n)).astype(dtype)
    w = RNG.normal(size=(n, k)).astype(dtype)

    def gradient(at=None, part=0.0):
        def vjp(y_bar, w):
            y = np.tanh(x @ w)
            g = x.T @ (y_bar * (1 - y * y))
            if at is not None:
                g[at] *= dtype(1 + part)
            return g

        return vjp

    return lambda w: np.tanh(x @ w), gradient, w


@pytest.mark.parametrize(("dtype", "part"), [(np.float64, 1e-14), (np.float32, 1e-6)])
def test_one_entry_off_in_its_last_digits_is_found_where_it_is(dtype, part):
    forward, gradient, w = spanning(dtype, (16, 12))
    assert gt.check_gradient(forward, vjp=gradient(), inputs=(w,)).ok
    for _ in range(12):
        at = tuple(int(RNG.integers(n)) for n in w.shape)
        report = gt.check_gradient(forward, vjp=gradient(at, part), inputs=(w,))
        assert report.verdict == "mismatch"
        assert gradient_checks(report)[0].worst.index == at


def test_a_number_that_is_written_in_two_ways_is_no_fault():
    third = 1 / 3

    def check(factor):
        return gt.check_gradient(
            lambda x: np.sin(third * x), derivative=lambda x: np.cos(x / 3) * factor, inputs=(RNG.normal(size=6),)
        ).verdict

    assert check(0.3333333333333333) == "match"
    assert check(0.33333333333) == "mismatch"


def test_a_cast_to_a_narrower_dtype_is_part_of_the_formula():
    x = RNG.normal(size=6)

    def check(forward, derivative):
        return gt.check_gradient(forward, derivative=derivative, inputs=(x,)).verdict

    assert check(np.tanh, lambda x: (1 - np.tanh(x.astype(np.float32)) ** 2).astype(float)) == "mismatch"


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (lambda x: np.frompyfunc(float, 1, 1)(x).astype(float), "left wide arithmetic"),
        (lambda x: np.array([float(str(v)) for v in x]), "left wide arithmetic"),
        (lambda x: np.asarray(memoryview(x)) * 1.0, ""),
    ],
)
def test_what_has_no_wide_form_is_measured_and_the_reason_given(forward, why):
    report = gt.check_gradient(forward, derivative=np.ones_like, inputs=(RNG.normal(size=4),))
    [check] = gradient_checks(report)
    assert check.formula.method == "measured"
    assert why in check.formula.why_not_exact
    assert "test_formula.py" in check.formula.why_not_exact or not why


def test_a_gradient_that_is_right_for_the_limit_of_an_iteration_is_inconclusive():
    def fixed_point(x):
        y = np.ones_like(x)
        while True:
            following = np.cos(y * x)
            if np.max(np.abs(following - y)) < 1e-8:
                return following
            y = following

    def implicit(x):
        y = fixed_point(x)
        return -y * np.sin(y * x) / (1 + x * np.sin(y * x))

    report = gt.check_gradient(fixed_point, derivative=implicit, inputs=(np.array([0.3, 0.5]),))
    assert report.verdict == "inconclusive"
    assert "the iteration stopped early" in str(report)


def test_what_is_too_large_is_measured_and_says_so():
    x = np.ones((600, 500))
    report = gt.check_gradient(lambda x: np.sum(x * x), grad=lambda x: 2 * x, inputs=(x,))
    [check] = gradient_checks(report)
    assert report.ok
    assert "too large" in check.formula.why_not_exact


def test_what_takes_very_many_steps_is_measured_and_says_so():
    def forward(x):
        for _ in range(5000):
            x = x + 0.001 * x
        return x

    def derivative(x):
        y = np.ones_like(x)
        for _ in range(5000):
            y = y + 0.001 * y
        return y

    report = gt.check_gradient(forward, derivative=derivative, inputs=(np.ones(2),))
    [check] = gradient_checks(report)
    assert report.ok
    assert "too long" in check.formula.why_not_exact


def test_where_wide_arithmetic_underflows_nothing_is_judged_in_it():
    x = np.array([2.0, 3.0])
    for scale, method in ((2.0**-850, "exact"), (2.0**-870, "measured")):
        report = gt.check_gradient(lambda x: 3 * x, derivative=lambda x: 3 + 0 * x, inputs=(x * scale,))
        [check] = gradient_checks(report)
        assert (report.verdict, check.formula.method) == ("match", method)


def test_a_jacobian_is_judged_row_by_row():
    def softmax(x):
        e = np.exp(x - x.max())
        return e / e.sum()

    def jacobian(part):
        def run(x):
            s = softmax(x)
            j = np.diag(s) - np.outer(s, s)
            j[1, 2] *= 1 + part
            return j

        return run

    for part, verdict in ((0.0, "match"), (1e-13, "mismatch")):
        report = gt.check_gradient(softmax, jacobian=jacobian(part), inputs=(np.array([0.3, -1.0, 2.0, 0.5]),))
        assert report.verdict == verdict
        assert gradient_checks(report)[0].formula.method == "exact"
    assert gradient_checks(report)[0].worst.index == (1, 2)


def test_the_user_s_modules_are_as_before_after_a_run_that_raises():
    before = np.exp

    def forward(x):
        return np.exp(x)

    def derivative(x):
        raise ZeroDivisionError("on purpose")

    report = gt.check_gradient(forward, derivative=derivative, inputs=(np.ones(3),))
    assert report.verdict == "mismatch"
    assert np.exp is before
    assert forward.__globals__["np"] is np
