"""`check_accuracy`: the digits that a function keeps, and where the others go."""

import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import unstable_functions as functions
from json_report import read_report

import gradtwin as gt
from gradtwin.comparisons.results.json_text import to_json

FILE = Path(functions.__file__)


def exactly(formula):
    """A value by mpmath, rounded to float64."""
    with mpmath.workdps(400):
        return float(formula())


def softplus(x):
    return exactly(lambda: mpmath.log1p(mpmath.exp(x)))


LOG_SUM = exactly(lambda: mpmath.log(mpmath.exp(-800) + mpmath.exp(-801)))

#: Of float32's 7 digits the problem of a variance allows too few.
CASES = [(name, dtype) for name in functions.UNSTABLE for dtype in ("float64", "float32")][:-1]


def line_of(text):
    """The number of the line of the file of functions that has a text."""
    return next(i for i, line in enumerate(FILE.read_text().splitlines(), 1) if text in line)


def where(report):
    return read_report(to_json(report))["digits"]["where"]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_an_unstable_function_is_found_and_its_operation_named(name, dtype):
    signature, domain, operation, kind = functions.UNSTABLE[name]
    report = gt.check_accuracy(getattr(functions, name), signature=signature, domain=domain, dtype=dtype)
    [check] = report.checks
    assert (report.verdict, check.causes[0].cause, check.causes[0].confirmed) == ("mismatch", "unstable", True)
    found = where(report)
    assert (found["operation"], found["kind"], found["function"]) == (operation, kind, name)
    assert (found["file"], found["line"]) == (str(FILE), line_of(f"def {name}(x)") + 1)
    assert check.accuracy.numpy < check.accuracy.allowed / 2
    assert f"`{operation}`" in check.causes[0].text


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", functions.UNSTABLE)
def test_the_stable_form_of_it_matches(name, dtype):
    """The negative control, with an input at which the other form loses all."""
    signature, *_ = functions.UNSTABLE[name]
    report = gt.check_accuracy(getattr(functions, f"{name}_stable"), signature=signature, dtype=dtype)
    assert report.verdict == "match", str(report)
    assert where(report) is None
    assert report.checks[0].accuracy.numpy > report.checks[0].accuracy.allowed - 2


@pytest.mark.parametrize(
    ("function", "x", "exact", "operation", "words"),
    [
        (functions.softplus, 800.0, 800.0, "np.exp(x)", "overflows where its operand is 800"),
        (
            functions.softplus,
            -40.0,
            softplus(-40),
            "np.log(1 + np.exp(x))",
            "loses 16 digits where its operand is 1",
        ),
        (
            functions.softplus,
            -700.0,
            softplus(-700),
            "np.log(1 + np.exp(x))",
            "loses 16 digits",
        ),
        (functions.half_versine, 1e-8, 0.5, "1 - np.cos(x)", "cancels 16 digits"),
        (functions.log_sum_exp, [-800.0, -801.0], LOG_SUM, "np.exp(x)", "underflows where its operand is -800"),
    ],
)
def test_at_a_point_the_exact_value_is_known(function, x, exact, operation, words):
    report = gt.check_accuracy(function, inputs=(np.array(x),))
    [check] = report.checks
    assert check.worst.reference == exact
    assert (check.accuracy.numpy, check.accuracy.tensorflow) == (0, 0)
    assert where(report)["operation"] == operation
    assert words in check.causes[0].text


def are_digits_of(digits, part):
    """Whether digits are those of a relative error, but for the roundings of that error and of its logarithm.

    One rounding of the error moves the logarithm by u / ln 10.
    """
    right = -float(mpmath.log10(part))
    return abs(digits - right) <= 2.0**-53 / math.log(10) + 2 * math.ulp(right)


def test_the_digits_are_those_of_mpmath():
    x = np.array([0.3, 1e-3, 1e-6])
    report = gt.check_accuracy(functions.half_versine, inputs=(x,))
    worst = report.checks[0].worst
    with mpmath.workdps(60):
        value = mpmath.mpf(float(x[worst.index]))
        right = (1 - mpmath.cos(value)) / value**2
        error = abs(mpmath.mpf(float(functions.half_versine(x)[worst.index])) - right) / right
    assert worst.index == (2,)
    assert are_digits_of(report.checks[0].accuracy.numpy, error)


def test_what_the_problem_allows_is_its_condition():
    """Near π a sine has the digits that one rounding of its input leaves it."""
    x = np.array([3.1415926])
    report = gt.check_accuracy(np.sin, inputs=(x,))
    with mpmath.workdps(60):
        value = mpmath.mpf(float(x[0]))
        condition = value / abs(mpmath.tan(value)) * mpmath.mpf(2) ** -53
    assert are_digits_of(report.checks[0].accuracy.allowed, condition)
    assert not are_digits_of(report.checks[0].accuracy.allowed, 2 * condition)
    assert report.verdict == "match"


def test_a_larger_loss_that_does_not_matter_is_not_named():
    report = gt.check_accuracy(functions.beside_harmless, inputs=(np.array([-28.0]),))
    assert report.verdict == "mismatch"
    assert where(report)["operation"] == "np.log(1 + np.exp(x))"


def test_digits_that_many_steps_lose_have_one_place():
    report = gt.check_accuracy(functions.in_steps, inputs=(np.array([1e-9, 3e-10]),))
    assert report.verdict == "mismatch"
    assert where(report)["function"] == "in_steps"


def test_a_function_that_leaves_the_arithmetic_is_inconclusive():
    report = gt.check_accuracy(functions.through_text, inputs=(np.array([0.5]),))
    text = report.checks[0].causes[0].text
    assert report.verdict == "inconclusive"
    assert f"{FILE}:{line_of('float(str(item))')}" in text
    assert "through_text" in text
    read_report(to_json(report))


def test_points_at_which_it_raises_are_a_note():
    report = gt.check_accuracy(functions.raising, signature="(n)->(n)", domain=(-3, 3), examples=30)
    assert report.verdict == "match"
    assert any("raising raised ValueError: too large" in note for note in report.extra["notes"])
    everywhere = gt.check_accuracy(functions.raising, inputs=(np.array([2.0]),))
    assert (everywhere.verdict, "too large" in str(everywhere)) == ("inconclusive", True)


def test_a_search_stays_in_its_domain_and_is_the_same_again():
    def check(seed):
        return gt.check_accuracy(functions.softplus, signature="(...)->(...)", domain=(-60, -30), seed=seed)

    one, again, other = check(1), check(1), check(2)
    assert one.to_dict() == again.to_dict()
    assert one.to_dict() != other.to_dict()
    value = float(one.example.removeprefix("x = "))
    assert -60 <= value <= -30
    assert gt.check_accuracy(functions.softplus, signature="(...)->(...)", domain=(0.5, 30)).verdict == "match"


def test_a_sweep_shows_both_sides_along_the_range():
    report = gt.check_accuracy(functions.softplus, signature="()->()", points=60)
    points = read_report(to_json(report))["digits"]["sweep"]
    [worst] = [point for point in points if point["is_worst"]]
    assert worst["numpy"] < 1
    assert {point["at"] > 0 for point in points} == {True, False}
    kept = {point["at"]: point["numpy"] for point in points}
    assert min(digits for at, digits in kept.items() if 0.001 < at < 300) > 14
    assert max(digits for at, digits in kept.items() if at > 800) == 0
    assert all(point["tensorflow"] is not None for point in points)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, gt.ArgumentValueError, "inputs, signature: expected exactly one"),
        ({"inputs": (np.ones(2),), "signature": "(n)->()"}, gt.ArgumentValueError, "expected exactly one"),
        ({"inputs": np.ones(2)}, gt.ArgumentTypeError, "inputs: got ndarray"),
        ({"inputs": (np.arange(2),)}, gt.ArgumentTypeError, "at least one array of real floating numbers"),
        ({"inputs": (np.ones(2), np.ones(2))}, gt.ArgumentValueError, "can't be called with 2 arguments"),
        ({"signature": "(n)->()", "dtype": "bfloat16"}, gt.ArgumentValueError, "expected float16, float32, float64"),
        ({"signature": "(n)->()", "examples": 0}, gt.ArgumentValueError, "examples: got 0"),
        ({"signature": "(n)->()", "points": -1}, gt.ArgumentValueError, "points: got -1"),
        ({"signature": "(n)->()", "seed": -1}, gt.ArgumentValueError, "seed: got -1"),
        ({"signature": "(n)->()", "static": 3}, gt.ArgumentTypeError, "static: got int"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        gt.check_accuracy(functions.variance, **arguments)
    with pytest.raises(gt.ArgumentTypeError, match="function: got int"):
        gt.check_accuracy(3, inputs=(np.ones(2),))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: (x, x), "returned a tuple"),
        (lambda x: None, "returned None"),
        (np.argmax, "argmax returned an array of dtype int64"),
    ],
)
def test_what_is_no_array_of_floats_is_refused(function, words):
    with pytest.raises(gt.ArgumentTypeError, match=f"{words}; expected one array"):
        gt.check_accuracy(function, inputs=(np.ones(2),))


def test_a_quotient_that_short_numbers_compute_exactly_is_found():
    """Small numbers of few bits, such as 2⁻³⁰, would be added to 1 without rounding."""
    report = gt.check_accuracy(lambda x: (np.exp(x) - 1) / x, signature="()->()")
    assert (report.verdict, where(report)["operation"]) == ("mismatch", "np.exp(x) - 1")
    assert gt.check_accuracy(lambda x: np.expm1(x) / x, signature="()->()").verdict == "match"
