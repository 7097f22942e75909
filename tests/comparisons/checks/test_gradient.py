"""check_gradient: every style, every rule of judgement, every kind of bad input."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.benchmarks.peers.question import dense_mean_square
from gradtwin.comparisons.results.json_text import to_json

from .example_functions import (
    RNG,
    B,
    T,
    W,
    X,
    affine,
    affine_backward,
    affine_forward,
    affine_vjp,
    causes,
    loss,
    loss_grad,
    relu,
)


def loss_and_grad(x, w, b, t):
    return loss(x, w, b, t), *loss_grad(x, w, b, t)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_jacobian(x):
    p = softmax(x)
    return np.diag(p) - np.outer(p, p)


STYLES = [
    (affine, {"vjp": affine_vjp}, (X, W, B)),
    (affine_forward, {"backward": affine_backward}, (X, W, B)),
    (loss, {"grad": loss_grad, "wrt": (0, 1, 2)}, (X, W, B, T)),
    (np.tanh, {"derivative": lambda x: 1 - np.tanh(x) ** 2}, (X,)),
    (softmax, {"jacobian": softmax_jacobian}, (B,)),
    (loss_and_grad, {"value_and_grad": True, "wrt": (0, 1, 2)}, (X, W, B, T)),
]


@pytest.mark.parametrize(("forward", "arguments", "inputs"), STYLES, ids=[next(iter(s[1])) for s in STYLES])
def test_every_style_right_and_wrong(forward, arguments, inputs):
    report = gt.check_gradient(forward, **arguments, inputs=inputs)
    assert report.ok, str(report)
    assert report.extra["oracle"] == "traced"
    style, gradient = next(iter(arguments.items()))

    def doubled(found):
        return tuple(2 * g for g in found) if isinstance(found, tuple) else 2 * found

    if style == "value_and_grad":
        wrong = {**arguments}
        report = gt.check_gradient(lambda *a: (forward(*a)[0], *doubled(forward(*a)[1:])), **wrong, inputs=inputs)
    else:
        wrong = {**arguments, style: lambda *a: doubled(gradient(*a))}
        report = gt.check_gradient(forward, **wrong, inputs=inputs)
    assert report.verdict == "mismatch"
    assert causes(report)[0] == "factor"


def test_the_report_has_the_keys_of_its_schema():
    report = gt.check_gradient(affine, vjp=affine_vjp, inputs=(X, W, B))
    data = read_report(to_json(report))
    assert (data["command"], data["verdict"], data["oracle"]) == ("check", "match", "traced")
    assert [check["stage"] for check in data["checks"]] == [
        "contract", "value", "gradient", "gradient", "gradient", "side-effect",
    ]  # fmt: skip
    assert data["checks"][3]["name"] == "gradient of input 1 (w)"


def test_drawn_points_shrink_to_a_small_example():
    def wrong(y_bar, x, w, b):
        return y_bar @ w.T, x.T @ y_bar, -y_bar.sum(axis=0)

    report = gt.check_gradient(affine, vjp=wrong, signature="(n,i),(i,o),(o)->(n,o)", examples=30)
    assert causes(report)[0] == "sign"
    failing = next(check for check in report.checks if check.verdict == "mismatch")
    assert failing.name == "gradient of input 2 (b)"
    assert failing.size <= 2
    assert "check_gradient" in report.reproduce
    again = gt.check_gradient(affine, vjp=wrong, signature="(n,i),(i,o),(o)->(n,o)", examples=30)
    assert str(again) == str(report)
    right = gt.check_gradient(affine, vjp=affine_vjp, signature="(n,i),(i,o),(o)->(n,o)", examples=30)
    assert right.ok
    assert max(check.examples for check in right.checks) > 20


def test_where_all_gradients_are_empty_nothing_was_compared():
    def wrong(y_bar, x):
        return 3 * y_bar

    for x in (np.ones((0, 3)), np.ones(0), np.ones((2, 0))):
        report = gt.check_gradient(np.tanh, vjp=wrong, inputs=(x,))
        assert report.verdict == "inconclusive"
        assert str(report).startswith("INCONCLUSIVE  tanh: nothing was compared.")
        [cause] = [cause for check in report.checks for cause in check.causes]
        assert (cause.cause, cause.detail) == ("not-run", "empty")
        assert cause.text.startswith("nothing was compared: the gradients have no elements")
        assert "the gradient of input 0 (x) is empty" in report.extra["notes"]
    assert gt.check_gradient(np.tanh, vjp=wrong, signature="(0)->(0)").verdict == "inconclusive"
    report = gt.check_gradient(lambda x: np.sum(x**2), grad=lambda x: 5 * x, inputs=(np.ones((0, 3)),))
    assert report.verdict == "inconclusive", "though the value has an element"
    assert gt.check_gradient(np.tanh, vjp=wrong, inputs=(np.ones((1, 3)),)).verdict == "mismatch"
    report = gt.check_gradient(np.tanh, vjp=lambda g, x: g[:, :0], inputs=(np.ones((0, 3)),))
    assert report.verdict == "mismatch", "of another shape"


@pytest.mark.parametrize(
    ("shapes", "note"),
    [(((0, 4), (4, 3), (3,)), True), (((5, 0), (0, 3), (3,)), True), (((1, 1), (1, 1), (1,)), False)],
)
def test_empty_and_single_elements(shapes, note):
    report = gt.check_gradient(affine, vjp=affine_vjp, inputs=tuple(RNG.standard_normal(s) for s in shapes))
    assert report.verdict == "match", str(report)
    assert any("is empty" in text for text in report.extra["notes"]) == note


def test_contracts_are_judged_and_values_all_the_same():
    def column(y_bar, x, w, b):
        x_bar, w_bar, b_bar = affine_vjp(y_bar, x, w, b)
        return x_bar, w_bar, b_bar[:, None]

    def narrow(y_bar, x, w, b):
        return tuple(g.astype(np.float32) for g in affine_vjp(y_bar, x, w, b))

    assert "shape" in causes(gt.check_gradient(affine, vjp=column, inputs=(X, W, B)))
    assert "dtype" in causes(gt.check_gradient(affine, vjp=narrow, inputs=(X, W, B)))
    wide = gt.check_gradient(affine, vjp=affine_vjp, inputs=tuple(z.astype(np.float32) for z in (X, W, B)), seed=3)
    assert wide.ok


def test_side_effects():
    def in_place(y_bar, x):
        y_bar *= x > 0
        return y_bar

    def overwrites(x):
        x[x < 0] = 0
        return x

    assert "mutated-input" in causes(gt.check_gradient(relu, vjp=in_place, inputs=(X,)))
    assert "mutated-input" in causes(gt.check_gradient(overwrites, vjp=lambda y_bar, x: y_bar * (x > 0), inputs=(X,)))
    random = np.random.default_rng()

    def half_square_vjp(y_bar, x):
        y_bar *= x.size
        return y_bar * x / x.size

    as_array = gt.check_gradient(lambda x: np.asarray(0.5 * np.sum(x**2)), vjp=half_square_vjp, inputs=(X,))
    assert "mutated-input" in causes(as_array)
    # A number can't be changed in place: `*=` gives the function a number of its own.
    assert gt.check_gradient(lambda x: 0.5 * np.sum(x**2), vjp=half_square_vjp, inputs=(X,)).ok

    noisy = gt.check_gradient(relu, vjp=lambda y_bar, x: y_bar * (random.random(x.shape) > 0.5), inputs=(X,))
    assert "nondeterministic" in causes(noisy)
    before = X.copy()
    gt.check_gradient(overwrites, vjp=lambda y_bar, x: y_bar, inputs=(X,))
    assert (before == X).all(), "the caller's array was changed"


def test_exceptions_are_contract_mismatches_that_name_the_line():
    def raises(y_bar, x):
        raise KeyError("weights")

    report = gt.check_gradient(relu, vjp=raises, inputs=(X,))
    assert (report.verdict, report.checks[0].stage, causes(report)) == ("mismatch", "contract", ["raises"])
    assert "KeyError" in str(report)
    assert "test_gradient.py:" in report.checks[0].causes[0].text

    report = gt.check_gradient(relu, vjp=lambda y_bar: y_bar, inputs=(X,))
    assert causes(report) == ["raises"]
    assert "vjp can't be called as it is, vjp(y_bar, *inputs): " in report.checks[0].causes[0].text
    assert "written.py" not in str(report), "no line of ours"

    def endless(y_bar, x):
        while True:
            pass

    report = gt.check_gradient(relu, vjp=endless, inputs=(X,), timeout=2)
    check = report.checks[0]
    assert (report.verdict, check.causes[0].cause) == ("inconclusive", "timeout")
    assert "did not return within 2 s" in check.causes[0].text


def test_integers_that_were_written_into_are_named():
    def relu(x):
        return np.maximum(x, 0)

    def vjp(y_bar, x):
        x_bar = (x > 0).astype(int)
        x_bar[...] = x_bar * y_bar
        return x_bar

    report = gt.check_gradient(relu, vjp=vjp, inputs=(np.linspace(-2, 5, 12),))
    assert causes(report) == ["dtype"]
    assert "cut to whole numbers" in str(report)


def test_code_that_cant_be_traced_is_judged_by_differences():
    def escapes(x):
        return np.asarray([float.fromhex(float.hex(float(v))) ** 2 for v in x])

    report = gt.check_gradient(escapes, vjp=lambda y_bar, x: 2 * x * y_bar, inputs=(B,))
    assert report.ok, str(report)
    assert report.extra["oracle"] == "finite-differences"
    assert any("test_gradient.py:" in note for note in report.extra["notes"])
    wrong = gt.check_gradient(escapes, vjp=lambda y_bar, x: 3 * x * y_bar, inputs=(B,))
    assert wrong.verdict == "mismatch"


def test_a_large_gradient_is_judged_by_samples_where_it_cant_be_traced():
    calls = []

    def squares(x):
        calls.append(x)
        return np.frombuffer(x.tobytes()).reshape(x.shape) ** 2

    def wrong_in(where, factor):
        def vjp(y_bar, x):
            x_bar = 2 * x * y_bar
            x_bar[where] *= factor
            return x_bar

        return vjp

    rng = np.random.default_rng(0)
    counts = []
    for shape in ((20, 15), (30, 20)):
        calls.clear()
        x = rng.standard_normal(shape)
        assert (report := gt.check_gradient(squares, vjp=lambda y_bar, x: 2 * x * y_bar, inputs=(x,))).ok, str(report)
        assert any("directions" in note and "estimated error" in note for note in report.extra["notes"])
        counts.append(len(calls))
        one = gt.check_gradient(squares, vjp=wrong_in((4, 7), 1.001), inputs=(x,))
        worst = next(check.worst for check in one.checks if check.verdict == "mismatch")
        assert worst.index == (4, 7)
        every = gt.check_gradient(squares, vjp=wrong_in(slice(None), 2), inputs=(x,))
        assert causes(every)[0] == "factor"
        for report in (one, every):  # which of the other entries are wrong was not seen
            assert not any(cause.confirmed for check in report.checks for cause in check.causes)
    assert counts[0] == counts[1]


def test_a_large_untraceable_gradient_is_not_accused_at_its_kinks():
    def rectified(x):
        return np.maximum(np.frombuffer(x.tobytes()).reshape(x.shape), 0)

    x = np.where(np.arange(300) % 2, np.linspace(-2, 2, 300), 0.0)
    for at_zero, verdict in ((0.0, "inconclusive"), (1.0, "inconclusive"), (9.0, "mismatch")):
        slope = np.where(x > 0, 1.0, np.where(x == 0, at_zero, 0.0))
        report = gt.check_gradient(rectified, vjp=lambda y_bar, x, slope=slope: y_bar * slope, inputs=(x,))
        assert report.extra["oracle"] == "finite-differences"
        assert report.verdict == verdict, str(report)


def peak_arrays(question, size):
    """The most of NumPy's memory that a check takes at once, in arrays of so many numbers."""
    tracemalloc.start()
    try:
        assert gt.check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs).ok
        return tracemalloc.get_traced_memory()[1] / (8 * size)
    finally:
        tracemalloc.stop()


def test_a_check_holds_few_arrays_at_once():
    n = 1024  # more elements than are judged in wide arithmetic
    question = dense_mean_square((n, n, n), 0)
    gt.check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs)  # what is loaded at first use
    assert peak_arrays(question, n * n) <= 16

    def wasteful(*inputs):
        kept = [x + 0 for x in inputs for _ in range(8)]
        return kept and question.forward(*inputs)

    assert peak_arrays(replace(question, forward=wasteful), n * n) > 16
