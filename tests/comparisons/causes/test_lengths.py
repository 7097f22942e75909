"""A factor that is the length of an axis by chance is not called a mean, nor 1.5 a correction of three numbers."""

import numpy as np
import pytest

from gradtwin.comparisons.checks.gradient import check_gradient
from gradtwin.comparisons.checks.layer import check_layer

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2))


class Dense:
    """y = x w, with a gradient that is `factor(self)` times as large as it should be."""

    def __init__(self, factor):
        self.w, self.factor = W, factor

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return self.factor(self) * d @ self.w.T


def first_cause(report):
    [check] = [check for check in report.checks if check.verdict == "mismatch"]
    return check.causes[0]


def test_a_factor_as_long_as_an_axis_is_one_of_the_formula_where_it_stays():
    cause = first_cause(check_layer(Dense(lambda layer: 3), X))
    assert (cause.cause, cause.confirmed) == ("factor", True)
    assert "3 times too large" in cause.text


def test_a_factor_that_follows_the_axis_is_a_mean():
    cause = first_cause(check_layer(Dense(lambda layer: layer.x.shape[1]), X))
    assert (cause.cause, cause.confirmed) == ("mean-for-sum", True)
    assert "or a factor" not in cause.text


def test_both_readings_are_given_where_no_other_length_can_be_tried():
    report = check_gradient(lambda x: x @ W, vjp=lambda y_bar, x: 3 * y_bar @ W.T, inputs=(X,))
    text = first_cause(report).text
    assert "a sum over axis 1 of x where the mean belongs, or a factor 3 of the formula" in text


@pytest.mark.parametrize("factor", [1.5, 1.2])
def test_a_number_of_the_formula_is_no_correction(factor):
    cause = first_cause(check_layer(Dense(lambda layer: factor), X))
    assert cause.cause == "factor"
    assert "n/(n" not in cause.text


def test_a_variance_by_n_minus_one_is_a_correction():
    def gradient(x):
        return 2 * (x - x.mean()) / (x.size - 1)

    cause = first_cause(check_gradient(np.var, grad=gradient, inputs=(X[0],)))
    assert "n/(n − 1) with n = N, the number of elements of a" in cause.text
