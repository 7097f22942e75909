"""check_gradient: every style, every rule of judgement, every kind of bad input."""

import functools
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.benchmarks.peers.question import dense_mean_square
from gradtwin.comparisons.results.json_text import to_json

RNG = np.random.default_rng(23)
X, W, B, T = (RNG.standard_normal(shape) for shape in [(5, 4), (4, 3), (3,), (5, 3)])


def affine(x, w, b):
    return x @ w + b


def affine_vjp(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(y_bar, cache):
    return affine_vjp(y_bar, *cache)


def loss(x, w, b, t):
    r = x @ w + b - t
    return (r * r).mean()


def loss_grad(x, w, b, t):
    d = 2 * (x @ w + b - t) / t.size
    return affine_vjp(d, x, w, b)


def loss_and_grad(x, w, b, t):
    return loss(x, w, b, t), *loss_grad(x, w, b, t)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_jacobian(x):
    p = softmax(x)
    return np.diag(p) - np.outer(p, p)


def relu(x):
    return np.maximum(0, x)


def relu_vjp(y_bar, x):
    return y_bar * (x > 0)


def causes(report):
    return [cause.cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes]


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


def test_what_is_lost_in_rounding_is_inconclusive():
    def difference(x):
        return np.sqrt(x + 1e15) - np.sqrt(x + 1e15 + 1)

    for factor in (1, 0, -1):
        report = gt.check_gradient(
            difference,
            derivative=lambda x, f=factor: f * (0.5 / np.sqrt(x + 1e15) - 0.5 / np.sqrt(x + 1e15 + 1)),
            inputs=(B,),
        )
        assert report.verdict == "inconclusive", str(report)


def test_a_gradient_that_is_rightly_zero_matches():
    def centred(x):
        return ((x - x.mean()) ** 2).sum() * 0 + (x - x.mean()).sum()

    report = gt.check_gradient(centred, grad=lambda x: np.zeros_like(x), inputs=(X,))
    assert report.verdict == "match", str(report)


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


def test_numbers_of_gradients():
    with pytest.raises(gt.ArgumentValueError, match=r"wrt: got 2 gradients for 3 floating inputs: 0 \(x\), 1"):
        gt.check_gradient(affine, vjp=lambda *a: affine_vjp(*a)[:2], inputs=(X, W, B))
    report = gt.check_gradient(affine, vjp=lambda *a: affine_vjp(*a)[:2], inputs=(X, W, B), wrt=(0, 1, 2))
    assert (report.verdict, report.checks[0].stage) == ("mismatch", "contract")
    report = gt.check_gradient(affine, vjp=lambda *a: (*affine_vjp(*a)[:2], None), inputs=(X, W, B), wrt=(0, 1, 2))
    assert report.verdict == "mismatch"
    labels = np.array([0, 2, 1, 1, 0])

    def picked(x, y):
        return x[np.arange(5), y].sum()

    def picked_grad(x, y):
        g = np.zeros_like(x)
        g[np.arange(5), y] = 1
        return g

    assert gt.check_gradient(picked, grad=picked_grad, inputs=(X, labels)).ok
    assert gt.check_gradient(picked, grad=lambda x, y: (picked_grad(x, y), None), inputs=(X, labels)).ok


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


def logistic(x):
    return 1 / (1 + np.exp(-x))


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def slope(x):
    return np.where(x > 0, 1, 0.2)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_prime(x):
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)


@pytest.mark.parametrize(("forward", "derivative", "name"), [(leaky, slope, "leaky_relu"), (gelu, gelu_prime, "gelu")])
def test_a_reference_of_float32_precision_is_at_fault_itself(forward, derivative, name):
    import tensorflow as tf

    reference = {"leaky_relu": tf.nn.leaky_relu, "gelu": lambda x: tf.nn.gelu(x, approximate=True)}[name]
    right = gt.check_gradient(forward, derivative=derivative, inputs=(X,), reference=reference)
    assert causes(right) == ["reference"]
    assert all(check.verdict == "match" for check in right.checks if check.stage == "gradient")
    for factor, cause in ((-1, "sign"), (0.5, "factor")):
        wrong = gt.check_gradient(
            forward, derivative=lambda x, c=factor: c * derivative(x), inputs=(X,), reference=reference
        )
        assert causes(wrong) == ["reference", cause]


def test_a_forward_that_is_not_the_reference_is_no_matter_of_precision():
    import tensorflow as tf

    for slope_ in (0.3, 0.20001):
        report = gt.check_gradient(
            lambda x, s=slope_: np.where(x > 0, x, s * x),
            derivative=lambda x, s=slope_: np.where(x > 0, 1, s),
            inputs=(X,),
            reference=tf.nn.leaky_relu,
        )
        assert causes(report) == ["forward"]
    narrowed = gt.check_gradient(
        lambda x: np.tanh(x.astype(np.float32)).astype(float),
        derivative=lambda x: 1 - np.tanh(x) ** 2,
        inputs=(X,),
        reference=tf.tanh,
    )
    assert causes(narrowed)[0] == "forward"


def test_a_keras_layer_of_float32_is_blamed_and_told_so():
    import keras

    layer = keras.layers.Dense(3)
    layer.build((None, X.shape[1]))
    w, b = (np.array(v, np.float64) for v in layer.get_weights())
    report = gt.check_gradient(lambda x: x @ w + b, vjp=lambda y_bar, x: y_bar @ w.T, inputs=(X,), reference=layer)
    assert causes(report) == ["reference"]
    [cause] = next(check.causes for check in report.checks if check.causes)
    assert "a cast narrower than float64 inside: make it float64" in cause.text


def test_a_sign_is_found_though_the_gradient_of_the_reference_is_of_float32_precision():
    import tensorflow as tf

    @tf.custom_gradient
    def square(x):
        return x * x, lambda u: tf.cast(tf.cast(2 * u * x, tf.float32), tf.float64)

    report = gt.check_gradient(lambda x: x * x, derivative=lambda x: -2 * x, inputs=(X,), reference=square)
    assert causes(report) == ["sign"]


def test_a_reference():
    import tensorflow as tf

    report = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=tf.tanh)
    assert (report.verdict, report.extra["oracle"]) == ("match", "reference")
    other = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=tf.sigmoid)
    assert causes(other)[0] == "forward"

    @tf.custom_gradient
    def wrong(x):
        return tf.tanh(x), lambda y_bar: 2 * y_bar * (1 - tf.tanh(x) ** 2)

    report = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=wrong)
    assert causes(report)[0] == "reference"
    with pytest.raises(gt.ArgumentTypeError, match="Is it a NumPy function"):
        gt.check_gradient(np.tanh, derivative=lambda x: x, inputs=(X,), reference=np.tanh)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"inputs": (X,)}, "got none; expected exactly one"),
        ({"vjp": relu, "grad": relu, "inputs": (X,)}, "got vjp, grad"),
        ({"vjp": relu}, "inputs, signature"),
        ({"vjp": relu, "inputs": (X,), "signature": "(n)->(n)"}, "inputs, signature"),
        ({"vjp": 3, "inputs": (X,)}, "vjp: got int"),
        ({"vjp": relu, "inputs": X}, "inputs: got ndarray"),
        ({"vjp": relu, "inputs": (X.astype(complex),)}, "complex"),
        ({"vjp": relu, "inputs": (X.astype(int),)}, "int64"),
        ({"vjp": relu, "inputs": (X.astype(object),)}, "object array"),
        (
            {"vjp": lambda y_bar, x: y_bar, "inputs": (X,), "wrt": (1,)},
            "wrt: got 1; expected positions",
        ),
        ({"vjp": relu, "signature": "(n),(n)->(n)"}, "there are 2 inputs, and forward can't be called with 2"),
        ({"vjp": relu, "signature": "(n->(n)"}, "malformed"),
        ({"vjp": relu, "signature": "(n)->(n)", "dtype": "float128"}, "dtype: 'float128'"),
        ({"vjp": relu, "signature": "(n)->(n)", "examples": 0}, "examples: got 0"),
        ({"vjp": relu, "signature": "(n)->(n)", "domain": (2, 1)}, "domain: got (2.0, 1.0)"),
        ({"vjp": relu, "inputs": (X,), "seed": -1}, "seed: got -1"),
        ({"vjp": relu, "inputs": (X,), "timeout": 0}, "timeout: got 0"),
        ({"vjp": relu, "inputs": (X,), "timeout": "3"}, "timeout: got '3'"),
        ({"vjp": relu, "inputs": (X,), "static": [1]}, "static: got list"),
        ({"vjp": relu, "inputs": (X, X)}, "there are 2 inputs"),
        ({"vjp": relu_vjp, "signature": "(n)->()"}, "it expects (); forward returned (17,)"),
        ({"grad": relu, "inputs": (X,)}, "with grad expected one number"),
        ({"backward": relu, "inputs": (X,)}, "expected a tuple (y, cache)"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(gt.GradTwinError) as raised:
        gt.check_gradient(relu, **arguments)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ((X, X), "a tuple of 2"),
        (None, "returned None"),
        ([1.0, 2.0], "returned a list"),
        (X.astype(object), "an object array"),
        (X.astype(complex), "dtype complex128"),
        ("text", "a str"),
    ],
)
def test_forwards_that_return_something_else(result, words):
    with pytest.raises(gt.ArgumentTypeError) as raised:
        gt.check_gradient(lambda x: result, vjp=lambda y_bar, x: y_bar, inputs=(X,))
    assert words in str(raised.value)


def test_assert_gradient():
    gt.assert_gradient(affine, vjp=affine_vjp, inputs=(X, W, B))
    with pytest.raises(gt.GradientMismatch, match="MISMATCH"):
        gt.assert_gradient(affine, vjp=lambda *a: tuple(-g for g in affine_vjp(*a)), inputs=(X, W, B))


def test_static_arguments():
    def leaky(x, *, slope):
        return np.where(x > 0, x, slope * x)

    def leaky_vjp(y_bar, x, *, slope):
        return y_bar * np.where(x > 0, 1, slope)

    assert gt.check_gradient(leaky, vjp=leaky_vjp, inputs=(X,), static={"slope": 0.1}).ok


def test_rarer_styles():
    s = gt.styles
    assert gt.check_gradient(
        affine, vjp=s.upstream_last(lambda x, w, b, d: affine_vjp(d, x, w, b)), inputs=(X, W, B)
    ).ok

    def accumulate(y_bar, x, w, x_bar, w_bar):
        x_bar += y_bar @ w.T
        w_bar += x.T @ y_bar

    assert gt.check_gradient(np.matmul, vjp=s.accumulating(accumulate, 2), inputs=(X, W)).ok
    assert gt.check_gradient(np.tanh, vjp=s.of_output(lambda a: 1 - a * a, np.tanh), inputs=(X,)).ok
    named = s.by_name(lambda *a: dict(zip(("dx", "dw", "db"), affine_vjp(*a), strict=True)), ["dx", "dw", "db"])
    assert gt.check_gradient(affine, vjp=named, inputs=(X, W, B)).ok
    parts = s.one_by_one(lambda d, x, w: d @ w.T, lambda d, x, w: x.T @ d)
    assert gt.check_gradient(np.matmul, vjp=parts, inputs=(X, W)).ok
    forward = s.cache_at(lambda x, w, b: ((x, w, b), x @ w + b), output=1)
    assert gt.check_gradient(forward, backward=affine_backward, inputs=(X, W, B)).ok
    assert gt.check_gradient(
        affine_forward, backward=s.cache_first(lambda cache, d: affine_vjp(d, *cache)), inputs=(X, W, B)
    ).ok
    report = gt.check_gradient(np.matmul, vjp=s.by_name(lambda *a: {"dx": 1}, ["dv"]), inputs=(X, W))
    assert "'dv' is not among the gradient's keys" in report.checks[0].causes[0].text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda s: s.accumulating(np.add, 0), "count: got 0"),
        (lambda s: s.accumulating(np.add, "two"), "count: got 'two'"),
        (lambda s: s.by_name(np.add, "dx"), r"names: got 'dx'; expected a list of the dict's keys"),
        (lambda s: s.upstream_last(None), "styles: got NoneType to adapt; expected a function"),
        (lambda s: s.one_by_one(np.add, 3), "styles: got int to adapt"),
    ],
)
def test_what_no_style_can_adapt_is_refused(make, message):
    with pytest.raises(gt.GradTwinError, match=message):
        make(gt.styles)


@pytest.mark.parametrize(
    ("vjp", "text"),
    [
        (
            gt.styles.accumulating(lambda *a: None, 3),
            "count: got 3, and forward takes 2 inputs; expected at most one array for each.",
        ),
        (
            gt.styles.by_name(lambda d, x, w: x, ["dx", "dw"]),
            "gradient: it returned ndarray; expected a dict of arrays by name.",
        ),
    ],
)
def test_what_a_style_finds_wrong_when_it_is_called_is_the_cause(vjp, text):
    report = gt.check_gradient(np.matmul, vjp=vjp, inputs=(X, W))
    assert report.verdict == "mismatch"
    assert [cause.text for cause in report.checks[0].causes] == [text]


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array([1.0, 2.0], [False, True])
    with pytest.raises(gt.GradTwinError, match=r"input 0 is a masked array.*\.filled"):
        gt.check_gradient(np.square, derivative=lambda x: 2 * x, inputs=(masked,))
    assert gt.check_gradient(np.square, derivative=lambda x: 2 * x, inputs=(masked.filled(3.0),)).ok


def test_none_stands_for_an_input_that_wrt_leaves_out():
    def part(i, factor=1):
        return lambda *a: factor * affine_vjp(*a)[i]

    def verdict(*parts, wrt=None):
        return gt.check_gradient(affine, vjp=gt.styles.one_by_one(*parts), inputs=(X, W, B), wrt=wrt).verdict

    assert verdict(part(0), None, None) == "match"
    assert verdict(part(0), None, None, wrt=0) == "match"
    assert verdict(part(0), None, part(2), wrt=(2, 0)) == "match"
    assert verdict(part(0, 2), None, None, wrt=0) == "mismatch"
    assert verdict(part(2), None, part(0), wrt=(2, 0)) == "mismatch", "one for each input comes in their order"
    assert verdict(None, part(1), None, wrt=0) == "mismatch"
    assert verdict(part(0), part(1), None, wrt=0) == "mismatch", "more than wrt says"
    assert verdict(part(0), part(1), part(2), wrt=(2, 1, 0)) == "mismatch", "as many as wrt says come in its order"


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


def test_a_gradient_that_makes_no_array_is_a_contract_mismatch():
    report = gt.check_gradient(relu, vjp=lambda y_bar, x: [[1.0, 2.0], [3.0]], inputs=(X,))
    assert report.verdict == "mismatch"
    assert causes(report) == ["shape"]


def test_one_input_named_twice_and_examples_that_are_no_number():
    with pytest.raises(gt.ArgumentValueError, match=r"wrt: got .* each input once"):
        gt.check_gradient(affine, vjp=affine_vjp, inputs=(X, W, B), wrt=(0, 1, -2))
    with pytest.raises(gt.ArgumentValueError, match="examples: got 'a'"):
        gt.check_gradient(relu, vjp=relu_vjp, signature="(n)->(n)", examples="a")


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


def centred(x):
    return x - x.mean(axis=0)


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


def peak_arrays(question, size):
    """The most of NumPy's memory that a check takes at once, in arrays of so many numbers."""
    tracemalloc.start()
    try:
        assert gt.check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs).ok
        return tracemalloc.get_traced_memory()[1] / (8 * size)
    finally:
        tracemalloc.stop()


def test_a_check_holds_few_arrays_at_once():
    n = 256
    question = dense_mean_square((n, n, n), 0)
    gt.check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs)  # what is loaded at first use
    assert peak_arrays(question, n * n) <= 16

    def wasteful(*inputs):
        kept = [x + 0 for x in inputs for _ in range(8)]
        return kept and question.forward(*inputs)

    assert peak_arrays(replace(question, forward=wasteful), n * n) > 16


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
