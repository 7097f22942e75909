"""Causes as a check says them, with few elements and round numbers: what holds by chance there is not confirmed."""

import numpy as np
import pytest

import gradtwin as gt


def causes_of(forward, inputs, **arguments):
    report = gt.check_gradient(forward, inputs=inputs, **arguments)
    return [cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes]


def confirmed(*arguments, **more):
    return [(cause.cause, cause.detail) for cause in causes_of(*arguments, **more) if cause.confirmed]


# Whole numbers: other points are other points.


def test_a_sum_at_whole_numbers_is_no_coincidence():
    x = np.array([1.0, 2.0])
    one_number = confirmed(lambda x: x * x, (x,), derivative=lambda x: 2.0)
    assert one_number == [("shape", "()")]  # which is a fact
    summed = confirmed(lambda x: x * x, (x,), derivative=lambda x: np.sum(2 * x))
    assert summed == [("shape", "summed over axis 0"), ("shape", "()")]


def test_a_mask_of_zeros_and_ones_stays_one():
    def loss(p, t):
        assert np.isin(t, (0, 1)).all()
        return -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))

    def gradient(p, t):
        return t / p - (1 - t) / (1 - p), -np.log(p / (1 - p))

    p, t = np.array([0.2, 0.4, 0.7, 0.9]), np.array([0.0, 1.0, 1.0, 0.0])
    assert confirmed(loss, (p, t), grad=gradient) == [("sign", "")]


def test_what_bears_whole_numbers_only_is_still_explained():
    def forward(x):
        if (x != np.rint(x)).any():
            raise ValueError("whole numbers only")
        return x**3

    causes = causes_of(forward, (np.array([2.0, 3.0, 5.0]),), vjp=lambda d, x: -3 * x**2 * d)
    assert ("sign", True) in [(cause.cause, cause.confirmed) for cause in causes]


# A kink of which one slope is wrong is one element, however often it comes.


@pytest.mark.parametrize("x", [[0.0, 1.0, -1.0], [0.0, 1.0, -1.0, 2.0, -0.5], [0.3, 0.0, -0.7, 0.0]])
@pytest.mark.parametrize(
    ("forward", "derivative"),
    [
        (lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, np.where(x < 0, 0.0, 2.0))),
        (np.abs, lambda x: np.where(x > 0, 1.0, np.where(x < 0, -1.0, 3.0))),
    ],
)
def test_a_kink_is_not_explained_by_a_formula(forward, derivative, x):
    causes = causes_of(forward, (np.array(x),), derivative=derivative)
    assert {cause.cause for cause in causes if cause.confirmed} <= {"partial", "kink"}
    assert any("zero" in cause.text or "exactly 0" in cause.text for cause in causes)


def test_a_mask_that_is_missing_is_no_kink():
    x = np.array([1.0, -1.0, -1.0, 2.0, 0.5, -1.0])
    assert confirmed(lambda x: np.maximum(x, 0), (x,), derivative=np.ones_like)[0][0] == "elementwise-factor"


# What a scaling explains was not moved.


@pytest.mark.parametrize("factor", [1 + 2e-5, 1 - 2e-4, 1 + 3e-4, 1.001])
def test_a_scaled_gradient_in_float32_is_not_permuted(factor):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(3, 2)).astype(np.float32)
    causes = causes_of(lambda x, w: x @ w, (x, w), vjp=lambda d, x, w: (d @ w.T, (x.T @ d) * np.float32(factor)))
    assert causes[0].cause == "factor"
    assert {cause.cause for cause in causes if cause.confirmed} <= {"factor"}
    assert not any("shifted by 2 along axis 1" in cause.text for cause in causes)  # which is 2 long
    assert not any("does not use x" in cause.text for cause in causes)


def test_a_shuffled_gradient_in_float32_is():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(3, 2)).astype(np.float32)

    def shuffled(d, x, w):
        return d @ w.T, np.ascontiguousarray((x.T @ d).ravel()[[3, 0, 5, 1, 2, 4]]).reshape(3, 2)

    assert confirmed(lambda x, w: x @ w, (x, w), vjp=shuffled) == [("permuted", "elements")]


# A factor that is left out of a normalisation, which is no softmax of one number.


def group_norm(x, g, groups=2):
    parts = x.reshape(len(x) * groups, -1)
    return g * ((parts - parts.mean(1, keepdims=True)) / parts.std(1, keepdims=True)).reshape(x.shape)


def group_norm_gradients(d, x, g, slope, groups=2):
    parts = x.reshape(len(x) * groups, -1)
    s = parts.std(1, keepdims=True)
    h, q = (parts - parts.mean(1, keepdims=True)) / s, (d * slope(g)).reshape(parts.shape)
    x_bar = (q - q.mean(1, keepdims=True) - h * (q * h).mean(1, keepdims=True)) / s
    return x_bar.reshape(x.shape), (d * h.reshape(x.shape)).sum((0, 2), keepdims=True)


@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        (np.ones_like, [("elementwise-factor", "g")]),
        (lambda g: np.tanh(g), [("stale-value", "tanh of g for g")]),
        (lambda g: g, []),
    ],
)
def test_what_is_left_out_of_a_normalisation_is_named(slope, expected):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 4, 3)), rng.normal(size=(1, 4, 1))
    assert confirmed(group_norm, inputs, vjp=lambda d, x, g: group_norm_gradients(d, x, g, slope)) == expected


# A missing term is judged against its own size, whatever its unit.


@pytest.mark.parametrize("unit", [1e-34, 1.0, 1e20])
def test_a_missing_term_has_its_own_unit(unit):
    x = np.linspace(1e13, 5e13, 5)
    rate = 1.6e-13

    def derivative(x):
        return unit * (3 * x**2 / np.expm1(rate * x) - x**3 * rate / np.expm1(rate * x) ** 2)

    ((cause, detail),) = confirmed(lambda x: unit * x**3 / np.expm1(rate * x), (x,), derivative=derivative)
    assert (cause, detail) == ("missing-term", "-1.6e-13 · the output y")


# A constant is part of the factor that is missing.


@pytest.mark.parametrize(
    ("forward", "derivative", "expected"),
    [
        (lambda x: np.log(1 + x * x), lambda x: 1 / (1 + x * x), "lacks a factor, element by element: 2 · x."),
        (lambda x: x**3, lambda x: x, "lacks a factor, element by element: 3 · x."),
        (lambda x: np.cos(x * x), lambda x: np.sin(x * x), "lacks a factor, element by element: -2 · x."),
        (lambda x: np.cos(x * x / 2), lambda x: np.sin(x * x / 2), "lacks a factor, element by element: -x."),
        (lambda x: 2.0**x, np.ones_like, "lacks a factor, element by element: 0.693147 · the output y."),
        (np.sin, lambda x: 5 * x * np.cos(x), "has a factor once too often, element by element: 5 · x."),
        (np.sin, lambda x: 5 * (1 + x) * np.cos(x), "has a factor once too often, element by element: 5 · (1 + x)."),
        (lambda x: x**3, lambda x: x**2, "is 3 times too small, by the same factor everywhere."),
    ],
)
def test_a_constant_is_part_of_the_factor(forward, derivative, expected):
    (cause,) = causes_of(forward, (np.array([0.2, 0.45, 0.6]),), derivative=derivative)
    assert cause.confirmed
    assert cause.text == f"the gradient of input 0 (x) {expected}"


# What a number is called: what it is, or may be.


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unscaled_attention(d, q, k, v):
    p = softmax(q @ k.T / np.sqrt(q.shape[1]))
    dp = d @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ d


def test_attention_without_its_root():
    rng = np.random.default_rng(0)

    def attention(q, k, v):
        return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v

    for items, width, said in (
        (2, 4, " (2 may be the batch size (axis 0 of q) or the root of the length of axis 1 of q): divide by 2."),
        (3, 6, " (2.44949 may be the root of the length of axis 1 of q): divide by 2.44949."),
    ):
        inputs = rng.normal(size=(items, width)), rng.normal(size=(5, width)), rng.normal(size=(5, 2))
        (cause,) = causes_of(attention, inputs, vjp=unscaled_attention)
        assert (cause.cause, cause.confirmed) == ("factor", True)
        assert cause.text.endswith(said)


@pytest.mark.parametrize("n", [3, 5])
def test_a_variance_divided_by_n(n):
    x = np.random.default_rng(0).normal(size=n)
    (cause,) = causes_of(lambda x: np.var(x, ddof=1), (x,), grad=lambda x: 2 * (x - x.mean()) / len(x))
    assert (cause.confirmed, cause.detail.partition(" = ")[2]) == (True, "(N-1)/N")
    assert "may be n/(n − 1) with n = N, the number of elements of x" in cause.text


@pytest.mark.parametrize(("n", "half"), [(15, "7.5"), (20, "10")])
def test_half_a_length_is_what_a_number_may_be(n, half):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=n), rng.normal(size=n)
    (cause,) = causes_of(lambda p, t: np.mean((p - t) ** 2), inputs, grad=lambda p, t: p - t, wrt=0)
    assert (cause.cause, cause.confirmed) == ("factor", True)
    assert f" ({half} may be half N, the number of elements of p): divide by {half}." in cause.text


def test_a_two_is_no_length_of_an_axis():
    rng = np.random.default_rng(0)

    def loss(a, b):
        return np.sum(np.exp(-((a[:, None] - b) ** 2).sum(-1)))

    def gradient(a, b):
        apart = a[:, None] - b
        part = -np.exp(-(apart**2).sum(-1))[..., None] * apart
        return part.sum(1), -part.sum(0)

    (cause,) = causes_of(loss, (rng.normal(size=(5, 2)), rng.normal(size=(3, 2))), grad=gradient)
    assert cause.text == "every gradient is 2 times too small: multiply by 2."


# A number that was fitted, and does not fit elsewhere, is no guess.


def test_a_fitted_factor_of_a_mask_is_no_guess():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(0.1, 0.9, 5), np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    causes = causes_of(
        lambda p, t: 1 - 2 * np.sum(p * t) / (np.sum(p) + np.sum(t)),
        inputs,
        grad=lambda p, t: -2 * t / (np.sum(p) + np.sum(t)),
        wrt=0,
    )
    assert [cause.cause for cause in causes] == ["unknown"]
