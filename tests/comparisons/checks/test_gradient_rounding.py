"""check_gradient: what rounding explains, what it hides, and values that are no numbers."""

import numpy as np
import pytest

import gradtwin as gt

from .example_functions import RNG, B, T, W, X, affine, causes, loss, loss_grad, relu


def test_one_entry_off_by_1e_10_is_seen():
    x, w = RNG.standard_normal((64, 96)), RNG.standard_normal((96, 128))

    def nearly(y_bar, x, w):
        w_bar = x.T @ y_bar
        w_bar[17, 31] *= 1 + 1e-10
        return y_bar @ w.T, w_bar

    report = gt.check_gradient(np.matmul, vjp=nearly, inputs=(x, w))
    assert report.verdict == "mismatch"
    failing = next(check for check in report.checks if check.verdict == "mismatch")
    assert failing.worst.index == (17, 31)
    assert failing.mismatched == 1


@pytest.mark.parametrize("residual", [1, 1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("factor", [0, -1, 0.5])
def test_small_residuals_hide_nothing(residual, factor):
    t = affine(X, W, B) - residual * T
    assert gt.check_gradient(loss, grad=loss_grad, wrt=(0, 1, 2), inputs=(X, W, B, t)).ok
    report = gt.check_gradient(
        loss, grad=lambda *a: tuple(factor * g for g in loss_grad(*a)), wrt=(0, 1, 2), inputs=(X, W, B, t)
    )
    assert report.verdict == "mismatch"


def test_kinks_between_the_sides_match_and_are_noted():
    x = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 3.0]])

    def prime(at_zero):
        return lambda x: np.where(x == 0, at_zero, 1.0 * (x > 0))

    for at_zero in (0.0, 0.5, 1.0):
        report = gt.check_gradient(relu, derivative=prime(at_zero), inputs=(x,))
        assert report.ok, str(report)
    beyond = gt.check_gradient(relu, derivative=prime(1.5), inputs=(x,))
    assert beyond.verdict == "mismatch"
    noted = gt.check_gradient(relu, derivative=prime(0.5), inputs=(x,))
    assert any(note.startswith("kink") for note in noted.extra["notes"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_of_another_type_accuse_nobody(dtype):
    c = np.sqrt(2 / np.pi)  # a float64 number, which widens float32 arithmetic

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(c * (x + 0.044715 * x**3)))

    def gelu_prime(x):
        t = np.tanh(c * (x + 0.044715 * x**3))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)

    for seed in range(3):
        report = gt.check_gradient(gelu, derivative=gelu_prime, signature="(n)->(n)", dtype=dtype, seed=seed)
        assert report.ok, str(report)


def test_what_is_lost_in_rounding_is_inconclusive_unless_the_formula_is_wrong():
    def difference(x):
        return np.sqrt(x + 1e15) - np.sqrt(x + 1e15 + 1)

    for factor, wanted in ((1, "inconclusive"), (0, "mismatch"), (-1, "mismatch"), (1.5, "mismatch")):
        report = gt.check_gradient(
            difference,
            derivative=lambda x, f=factor: f * (0.5 / np.sqrt(x + 1e15) - 0.5 / np.sqrt(x + 1e15 + 1)),
            inputs=(B,),
        )
        assert report.verdict == wanted, str(report)


def test_a_gradient_that_is_rightly_zero_matches():
    def centred(x):
        return ((x - x.mean()) ** 2).sum() * 0 + (x - x.mean()).sum()

    report = gt.check_gradient(centred, grad=lambda x: np.zeros_like(x), inputs=(X,))
    assert report.verdict == "match", str(report)


def test_not_a_number():
    def naive_sigmoid_prime(x):
        with np.errstate(all="ignore"):
            return np.exp(-x) / (1 + np.exp(-x)) ** 2

    def sigmoid(x):
        return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))

    assert gt.check_gradient(sigmoid, derivative=naive_sigmoid_prime, inputs=(X,)).ok
    report = gt.check_gradient(sigmoid, derivative=naive_sigmoid_prime, inputs=(np.array([-800.0, 1.0]),))
    assert report.verdict == "mismatch"
    assert "nan" in causes(report)


def test_not_a_number_on_both_sides_has_its_cause_by_the_vote():
    def logloss(z):
        return -np.log(1 / (1 + np.exp(-z))).sum()

    def naive(z):
        with np.errstate(all="ignore"):
            return -np.exp(-z) / (1 + np.exp(-z))

    report = gt.check_gradient(logloss, grad=naive, inputs=(np.array([-800.0, 1.0]),))
    assert [cause.cause for check in report.checks for cause in check.causes] == ["nan"]
    assert "is NaN where z is below" in str(report)


def test_what_is_infinite_in_truth_does_not_make_a_nan_elsewhere_infinite():
    def loss(a, t):
        return -np.sum(t * np.log(a) + (1 - t) * np.log(1 - a))

    def naive(a, t):
        with np.errstate(all="ignore"):
            return (a - t) / (a * (1 - a))

    report = gt.check_gradient(loss, grad=naive, inputs=(np.array([0.2, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])), wrt=0)
    (cause,) = [c for check in report.checks if check.verdict == "mismatch" for c in check.causes]
    assert (cause.cause, "is NaN" in cause.text, "infinite" in cause.text) == ("nan", True, False)


def test_not_a_number_where_the_forward_overflows_is_named():
    def loss(z, t):
        with np.errstate(all="ignore"):
            a = 1 / (1 + np.exp(-z))
            return -np.sum(t * np.log(a) + (1 - t) * np.log(1 - a))

    def naive(z, t):
        with np.errstate(all="ignore"):
            a = 1 / (1 + np.exp(-z))
            return ((1 - t) / (1 - a) - t / a) * a * (1 - a)

    report = gt.check_gradient(loss, grad=naive, inputs=(np.array([40.0, 1.0]), np.array([0.0, 1.0])), wrt=0)
    (cause,) = [cause for check in report.checks for cause in check.causes]
    assert (report.verdict, cause.cause, "forward overflows" in cause.text) == ("mismatch", "nan", True)


def test_what_is_undefined_on_both_sides_is_said_to_be():
    def slope(x):
        with np.errstate(all="ignore"):
            return 0.5 / np.sqrt(x)

    with np.errstate(all="ignore"):
        report = gt.check_gradient(np.sqrt, derivative=slope, inputs=(np.array([1.0, -1.0]),))
    assert report.verdict == "inconclusive"
    assert "both sides are NaN" in str(report)
    assert "rounding may be" not in str(report)


@pytest.mark.parametrize("residual", [1e-3, 1e-4, 3e-5, 1e-5])
@pytest.mark.parametrize("seed", range(4))
def test_a_halved_or_doubled_gradient_never_matches(residual, seed):
    rng = np.random.default_rng(seed)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in [(4, 3), (3, 2), (2,)])
    t = (x @ w + b + residual * rng.standard_normal((4, 2))).astype(np.float32)
    for factor in (np.float32(0.5), np.float32(2)):

        def scaled(*inputs, factor=factor):
            x_bar, w_bar, b_bar = loss_grad(*inputs)
            return x_bar, factor * w_bar, b_bar

        assert gt.check_gradient(loss, grad=scaled, inputs=(x, w, b, t), wrt=(0, 1, 2)).verdict != "match"
    assert gt.check_gradient(loss, grad=loss_grad, inputs=(x, w, b, t), wrt=(0, 1, 2)).verdict != "mismatch"


def cross_entropy(z):
    shifted = z - z.max(1, keepdims=True)
    return np.mean(np.log(np.exp(shifted).sum(1)) - np.diagonal(shifted))


def cross_entropy_grad(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return (e / e.sum(1, keepdims=True) - np.eye(len(z))) / len(z)


@pytest.mark.parametrize("size", [1.0, 30.0, 50.0, 1000.0])
def test_what_float64_absorbs_is_rounding_and_what_a_wider_format_keeps_is_not(size):
    # p − 1 with p = 1 − 1e-11: whole in float64 at every nudged point, lost in float32
    z = np.array([[size, -size, 0.0], [-size, size, size / 2], [1.0, 2.0, 3.0]])
    assert gt.check_gradient(cross_entropy, grad=cross_entropy_grad, inputs=(z,)).ok
    wrong = gt.check_gradient(cross_entropy, grad=lambda z: (1 + 1e-10) * cross_entropy_grad(z), inputs=(z,))
    assert wrong.verdict == "mismatch"
    assert not any("kink" in note for note in wrong.extra["notes"])
