"""check_gradient: the causes of wrong gradients, and the examples that they are shown at."""

import functools

import numpy as np
import pytest

import gradtwin as gt

from .example_functions import W, X, causes, centred, leaky, relu


def logistic(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("forward", "derivative"),
    [
        (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x))),
        (lambda x: x / (2 + x**4), lambda x: (2 - 3 * x**4) / (2 + x**4)),
        (lambda x: x * logistic(x), lambda x: (1 + x * (1 - logistic(x))) * logistic(x) ** 2),
    ],
)
def test_a_ratio_of_output_and_input_makes_neither_a_stale_value(forward, derivative):
    """Y = x h(x): a gradient without a power of h is right up to y/x."""
    assert "stale-value" not in causes(gt.check_gradient(forward, derivative=derivative, inputs=(X,)))


def test_an_input_for_an_output_is_a_stale_value():
    for forward, derivative in ((np.exp, lambda x: x), (np.tanh, lambda x: 1 - x**2)):
        assert causes(gt.check_gradient(forward, derivative=derivative, inputs=(X,))) == ["stale-value"]


def product_trace(a, b):
    return np.trace(a @ b)


def convolve(x, k):
    return np.convolve(x, k, "valid")


def convolve_unflipped(y_bar, x, k):
    return np.convolve(y_bar, k, "full"), np.correlate(x, y_bar, "valid")[::-1]


@pytest.mark.parametrize(
    ("forward", "arguments", "inputs", "expected"),
    [
        (product_trace, {"grad": lambda a, b: (a, b)}, (X, X[::-1].T.copy()), {"swapped", "transpose"}),
        (
            lambda x, w: x @ w,
            {"vjp": lambda y_bar, x, w: (y_bar @ w, x.T @ y_bar)},
            (X, X.T @ X + np.triu(X.T @ X)),
            {"transpose"},
        ),
        (convolve, {"vjp": convolve_unflipped}, (X.ravel(), np.array([0.3, -1.2, 0.7])), {"permuted"}),
    ],
)
def test_what_was_turned_round(forward, arguments, inputs, expected):
    report = gt.check_gradient(forward, **arguments, inputs=inputs)
    found = {cause for check in report.checks for cause in check.causes}
    assert {cause.cause for cause in found} == expected
    assert all(cause.confirmed for cause in found)


def test_a_mask_the_wrong_way_round_is_a_guess():
    report = gt.check_gradient(relu, derivative=lambda x: (x < 0) * 1.0, inputs=(X,))
    found = [cause for check in report.checks for cause in check.causes]
    assert not any(cause.confirmed for cause in found)
    assert any(cause.cause == "elementwise-factor" and "wrong way round" in cause.text for cause in found)


@pytest.mark.parametrize(("rows", "expected"), [(3, "factor"), (5, "mean-for-sum")])
def test_a_number_of_the_formula_is_no_length_of_an_axis(rows, expected):
    """The cube's three is a factor even where there are three rows; a mean over rows goes with their number."""

    def forward(x, w):
        return np.sum((x @ w) ** 3)

    def grad(x, w):
        d = (x @ w) ** 2
        return 3 * d @ w.T, x.T @ (d if expected == "factor" else 3 * d / len(x))

    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(rows, 4)), rng.normal(size=(4, 2))
    report = gt.check_gradient(forward, grad=grad, inputs=inputs)
    assert causes(report) == [expected]


def test_two_items_are_told_from_the_two_of_a_square():
    def forward(x, w):
        return np.sum((x @ w) ** 2)

    def grad(x, w, lost):
        d = 2 * x @ w
        return d @ w.T, x.T @ d / lost(len(x))

    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(2, 4)), rng.normal(size=(4, 3))
    for lost, expected in ((lambda n: 2, "factor"), (lambda n: n, "mean-for-sum")):
        report = gt.check_gradient(forward, grad=functools.partial(grad, lost=lost), inputs=inputs)
        assert causes(report) == [expected]


def mean_square(p, t):
    return np.mean((p - t) ** 2)


def by_rows_alone(p, t):
    return (p - t) / len(p)


def centred_vjp(y_bar, x):
    return y_bar


@pytest.mark.parametrize(
    ("forward", "how", "signature", "words"),
    [
        (mean_square, {"grad": by_rows_alone, "wrt": 0}, "(n,c),(n,c)->()", "divide by"),
        (centred, {"vjp": centred_vjp}, "(n,c)->(n,c)", "along axis 0"),
    ],
)
def test_a_failure_shrinks_no_further_than_its_cause_is_told_by(forward, how, signature, words):
    """With one item in an axis, a mean over it, a sum and the item are the same: what repairs it there is no cause."""
    report = gt.check_gradient(forward, **how, signature=signature)
    assert report.verdict == "mismatch"
    causes = [cause.text for check in report.checks for cause in check.causes if cause.confirmed]
    assert causes
    assert all(words in text for text in causes), causes


def five_at_zero(x):
    return np.where(x > 0, 1.0, np.where(x == 0, 5.0, 0.0))


@pytest.mark.parametrize("signature", ["(...)->(...)", "(n)->(n)", "(n,m)->(n,m)"])
def test_an_example_shrinks_whatever_its_rank_and_to_the_same_cause(signature):
    half = gt.check_gradient(np.square, derivative=lambda x: x, signature=signature)
    assert causes(half)[0] == "factor"
    flat = gt.check_gradient(leaky, derivative=lambda x: np.where(x > 0, 1.0, 0.0), signature=signature)
    assert "where x is negative" in str(flat)
    kinked = gt.check_gradient(relu, derivative=five_at_zero, signature=signature)
    assert kinked.verdict == "mismatch"
    told = [cause for check in kinked.checks for cause in check.causes]
    assert not any(cause.confirmed and cause.cause == "factor" for cause in told), "it is right but at 0"


@pytest.mark.parametrize(
    ("activation", "used", "lacking"),
    [
        (np.tanh, lambda y: 1 - y, "1 + the output y"),
        (np.tanh, lambda y: 1.0, "1 − the output y²"),
        (lambda z: 1 / (1 + np.exp(-z)), lambda y: 1 - y, "the output y"),
        (lambda z: 1 / (1 + np.exp(-z)), lambda y: 1.0, "the output y(1 − the output y)"),
    ],
)
def test_a_wrong_derivative_of_an_activation_within_a_layer_is_a_factor_of_y_bar(activation, used, lacking):
    def layer(x, w):
        return activation(x @ w)

    def vjp(y_bar, x, w):
        upstream = y_bar * used(layer(x, w))
        return upstream @ w.T, x.T @ upstream

    report = gt.check_gradient(layer, vjp=vjp, inputs=(X, W))
    [cause] = next(check.causes for check in report.checks if check.causes)
    assert (cause.cause, cause.confirmed, cause.detail) == ("elementwise-factor", True, lacking)
    assert "of y_bar" in cause.text
