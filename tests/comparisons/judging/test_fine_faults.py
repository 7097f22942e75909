"""Faults that are small beside the numbers they are in, or that show at few points; each beside the right gradient."""

import numpy as np
import pytest

import gradtwin as gt


def drawn(*shapes, dtype=np.float32):
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def mean_square(p, t):
    return np.mean((p - t) ** 2)


@pytest.mark.parametrize(("dtype", "rows"), [(np.float32, 256), (np.float32, 4096), (np.float64, 4096)])
def test_a_mean_over_one_too_few_is_seen_however_many_there_are(dtype, rows):
    def check(count):
        inputs = drawn((rows, 10), (rows, 10), dtype=dtype)
        return gt.check_gradient(
            mean_square, grad=lambda p, t: 2 * (p - t) / dtype(p.size + count), wrt=0, inputs=inputs
        ).verdict

    assert check(0) == "match"
    assert check(-1) == "mismatch"


@pytest.mark.parametrize("decay", [1e-3, 5e-4])
def test_a_forgotten_weight_decay_is_seen_in_float32(decay):
    def loss(w, x, t):
        return np.float32(0.5) * np.sum((x @ w - t) ** 2) + np.float32(decay / 2) * np.sum(w * w)

    def check(kept):
        return gt.check_gradient(
            loss,
            grad=lambda w, x, t: x.T @ (x @ w - t) + np.float32(kept) * w,
            wrt=0,
            inputs=drawn((20, 5), (64, 20), (64, 5)),
        ).verdict

    assert check(decay) == "match"
    assert check(0) == "mismatch"


def test_a_factor_is_seen_in_float32_however_long_the_array_is():
    x = np.random.default_rng(0).uniform(1, 2, 2**14).astype(np.float32)

    def check(factor):
        return gt.check_gradient(lambda x: x * x, derivative=lambda x: np.float32(2 * factor) * x, inputs=(x,)).verdict

    assert check(1) == "match"
    assert check(1.00001) == "mismatch"


@pytest.mark.parametrize("x", [np.array([1e170, 2.0, 1e160]), np.array([1e30, 2e25], np.float32)])
def test_what_overflows_to_zero_is_no_rounding(x):
    def check(grad):
        return gt.check_gradient(lambda x: np.sum(np.log(x)), grad=grad, inputs=(x,)).verdict

    assert check(lambda x: 1 / x) == "match"
    assert check(lambda x: x / x**2) == "mismatch"


def test_gradients_whose_squares_vanish_are_judged():
    (x,) = drawn(5, dtype=np.float64)

    def check(factor):
        return gt.check_gradient(lambda x: np.sum(x**2), grad=lambda x: factor * x, inputs=(x * 1e-200,)).verdict

    assert check(2) == "match"
    assert check(1) == "mismatch"


def tied(shares):
    """Gradient of the largest element, of which those that tie get the given shares."""

    def grad(x):
        gradient = np.zeros_like(x)
        gradient[x == x.max()] = shares
        return gradient

    return grad


@pytest.mark.parametrize(
    ("shares", "wanted"),
    [
        ([1, 0], "match"),
        ([0, 1], "match"),
        ([0.5, 0.5], "match"),
        ([0.25, 0.75], "match"),
        ([1, 1], "mismatch"),
        ([0, 0], "mismatch"),
        ([1.5, -0.5], "mismatch"),
    ],
)
def test_elements_that_tie_for_a_maximum_share_one_gradient(shares, wanted):
    report = gt.check_gradient(lambda x: np.max(x), grad=tied(shares), inputs=(np.array([1.0, 2, 2]),))
    assert report.verdict == wanted


@pytest.mark.parametrize(("slope", "verdict"), [(0, "match"), (0.5, "match"), (1, "match"), (2, "mismatch")])
def test_elements_at_the_kink_of_a_relu_may_have_any_slope_between(slope, verdict):
    weights = np.array([1.0, 2, 3, -1, 2, -5])
    report = gt.check_gradient(
        lambda x: np.sum(np.maximum(x, 0) * weights),
        grad=lambda x: np.where(x > 0, 1, np.where(x == 0, slope, 0)) * weights,
        inputs=(np.array([0.0, 1, -1, 0, 2, 0]),),
    )
    assert report.verdict == verdict


@pytest.mark.parametrize(("low", "high"), [(0, 0), (1, 1), (0, 1), (1, 0)])
def test_both_ends_of_a_clip_may_be_in_or_out(low, high):
    ends = {0.0: low, 1.0: high}
    report = gt.check_gradient(
        lambda x: np.sum(np.clip(x, 0, 1)),
        grad=lambda x: np.array([ends.get(value, float(0 < value < 1)) for value in x]),
        inputs=(np.array([0.0, 1, -1, 0, 0.5, 2]),),
    )
    assert report.verdict == "match"
