"""Pairs by their names in the styles of published code, how each is guessed to be written, and the report of a file."""

import textwrap
from types import ModuleType

import pytest

from gradtwin.comparisons.checks.file import check_file
from gradtwin.comparisons.subjects.loading import Target, load
from gradtwin.comparisons.subjects.pairing import find_pairs
from gradtwin.errors import ArgumentValueError, InputFileError


def names_in(source):
    module = ModuleType("user")
    exec(textwrap.dedent(source), vars(module))
    pairs, skipped = find_pairs(module)
    return [(p.forward_name, p.gradient_name) for p in pairs], {item.name: item.reason for item in skipped}


def check(tmp_path, source, **options):
    path = tmp_path / "user.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(source))
    with load(Target.parse(str(path)), 20) as module:
        return check_file(module, "user.py", **options)


def found(tmp_path, source, **options):
    """Check one pair; return its style, positions and verdict."""
    report = check(tmp_path, source, **options)
    [pair] = report.extra["pairs"]
    return pair["style"], pair["wrt"], pair["verdict"]


GRADIENTS_OF_RELU = (
    "relu_prime", "relu_derivative", "relu_deriv", "relu_grad", "relu_backward", "d_relu", "drelu", "relu_d",
    "reluPrime", "reluDerivative", "dReLU", "relu_der", "grad_relu", "derivative_of_relu", "relu_gradient",
)  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        *(f"relu {name}" for name in GRADIENTS_OF_RELU),
        *("sigmoid sigmoidDerivative", "ReLU ReLU_derivative", "_relu _relu_grad", "activation_relu derivative_relu"),
        *("affine_forward affine_backward", "conv_forward_naive conv_backward_naive", "forwardMult backwardMult"),
        *("forwardloss backwardloss", "mse mse_prime", "mse_loss mse_grad", "loss loss_grad", "logloss d_logloss"),
        *("f f_vjp", "f df", "forward backward", "cost gradient", "tanhForward tanhBackward", "ReLU dReLU"),
        "cross_entropy_loss cross_entropy_derivative",
    ],
)
def test_names_of_published_code(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...") == ([(forward, gradient)], {})


@pytest.mark.parametrize("names", ["dense ense_p", "relu tanh_prime", "dot product", "lam lamp", "clip cli"])
def test_names_that_are_no_pair(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...")[0] == []


def test_what_is_skipped_is_named_with_the_reason():
    pairs, skipped = names_in("""
        import math
        from math import exp
        def relu(x): ...
        def relu_forward(x): ...
        def relu_prime(x): ...
        def relu_backward(dout, cache): ...
        def swish_derivative(x): ...
        def main(): ...
        def shuffle(x): ...
        table = {"relu": (relu, relu_prime)}
    """)
    assert pairs == [("relu", "relu_prime"), ("relu_forward", "relu_backward")]
    assert set(skipped) == {
        "swish_derivative",
        "main",
        "shuffle",
        "table",
    }
    assert skipped["swish_derivative"] == "named like a gradient, but there is no function 'swish'"
    assert skipped["main"] == "it takes no inputs"
    assert skipped["shuffle"] == "no gradient by name"
    assert "table of functions" in skipped["table"]


STYLES = {
    "derivative": ("def tanh(x): return np.tanh(x)\ndef tanh_prime(x): return 1 - np.tanh(x) ** 2", [0]),
    "ufunc": ("tanh = np.tanh\ntanh_prime = lambda x: 1 - np.tanh(x) ** 2", [0]),
    "two inputs": (
        "def elu(x, alpha): return np.where(x > 0, x, alpha * np.expm1(x))\n"
        "def elu_derivative(x, alpha): return np.where(x > 0, 1.0, alpha * np.exp(x))",
        [0],
    ),
    "vjp": ("def relu(Z): return np.maximum(0, Z)\ndef relu_backward(dA, Z): return dA * (Z > 0)", [0]),
    "vjp (upstream_last)": ("def cube(x): return x**3\ndef cube_backward(x, dout): return dout * 3 * x**2", [0]),
    "vjp (accumulating)": (
        "def forwardMult(A, B): return A @ B\n"
        "def backwardMult(dC, A, B, dA, dB):\n    dA += dC @ B.T\n    dB += A.T @ dC",
        [0, 1],
    ),
    "backward": (
        "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
        "def affine_backward(dout, cache):\n"
        "    x, w = cache\n    return dout @ w.T, x.T @ dout, dout.sum(axis=0)",
        [0, 1, 2],
    ),
    "backward (cache_first)": (
        "def sq_forward(x): return x * x, x\ndef sq_backward(cache, dout): return 2 * cache * dout",
        [0],
    ),
    "backward (cache_at)": (
        "def mul_forward(a, b): return a * b, a, b\n"
        "def mul_backward(dout, cache): return dout * cache[1], dout * cache[0]",
        [0, 1],
    ),
    "gradients in another order": (
        "def linear_forward(x, w, b): return w @ x + b, (x, w)\n"
        "def linear_backward(dout, cache):\n"
        "    x, w = cache\n    return dout @ x.T, dout.sum(axis=1, keepdims=True), w.T @ dout",
        [1, 2, 0],
    ),
    "columns": (
        "def linear_forward(A, W, b): return W @ A + b, (A, W)\n"
        "def linear_backward(dZ, cache):\n"
        "    A, W = cache\n    return W.T @ dZ, dZ @ A.T, dZ.sum(axis=1, keepdims=True)",
        [0, 1, 2],
    ),
    "a course's dict": (
        "def bn_forward(x, gamma, beta, bn_param):\n"
        "    xh = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)\n"
        "    return gamma * xh + beta, (xh, gamma, np.sqrt(x.var(0) + 1e-5))\n"
        "def bn_backward(dout, cache):\n"
        "    xh, gamma, s = cache\n    d = dout * gamma\n"
        "    return (d - d.mean(0) - xh * (d * xh).mean(0)) / s, (dout * xh).sum(0), dout.sum(0)",
        [0, 1, 2],
    ),
    "jacobian": (
        "def softmax(z):\n    e = np.exp(z - z.max())\n    return e / e.sum()\n"
        "def softmax_grad(z):\n    s = softmax(z)\n    return np.diag(s) - np.outer(s, s)",
        [0],
    ),
    "grad": (
        "def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)\n"
        "def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size",
        [1],
    ),
    "grad, a number for each row": (
        "def mse(p, t): return np.mean((p - t) ** 2, axis=1)\ndef mse_grad(p, t): return 2 * (p - t) / p.shape[1]",
        [0],
    ),
    "grad of weights": (
        "def loss(w, X, y): return np.mean((X @ w - y) ** 2) / 2\n"
        "def loss_grad(w, X, y): return X.T @ (X @ w - y) / len(y)",
        [0],
    ),
    "value_and_grad": (
        "def softmax_loss(x, y):\n"
        "    p = np.exp(x - x.max(axis=1, keepdims=True))\n    p /= p.sum(axis=1, keepdims=True)\n"
        "    n = np.arange(len(x))\n    loss = -np.mean(np.log(p[n, y]))\n"
        "    p[n, y] -= 1\n    return loss, p / len(x)",
        [0],
    ),
    "log loss in its domain": (
        "def logloss(y, a): return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))\n"
        "def d_logloss(y, a): return (a - y) / (a * (1 - a)) / a.size",
        [1],
    ),
    "cross entropy of logits and one-hot rows": (
        "def softmax(z):\n    e = np.exp(z)\n    return e / e.sum(axis=1, keepdims=True)\n"
        "def softmax_cross_entropy(z, y): return -np.sum(y * np.log(softmax(z)))\n"
        "def softmax_cross_entropy_grad(z, y): return softmax(z) - y",
        [0],
    ),
}


@pytest.mark.parametrize("name", STYLES)
def test_the_style_is_guessed_and_right_gradients_match(tmp_path, name):
    source, wrt = STYLES[name]
    style, positions, verdict = found(tmp_path, source)
    assert (positions, verdict) == (wrt, "match")
    if name in ("derivative", "vjp", "grad", "jacobian", "value_and_grad") or name.startswith(("backward", "vjp")):
        assert style == name


FAULTS = {
    "sign": "def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)\n"
    "def mse_prime(y_true, y_pred): return 2 * (y_true - y_pred) / y_true.size",
    "factor": "def cost(y, t): return np.sum((y - t) ** 2)\ndef cost_prime(y, t): return y - t",
    "mutated-input": "def relu(x): return np.maximum(x, 0, out=x)\ndef relu_prime(x): return (x > 0).astype(int)",
    "jacobian-diagonal": "def softmax(z):\n    e = np.exp(z)\n    return e / e.sum(axis=1, keepdims=True)\n"
    "def softmax_backward(dout, z): return dout * softmax(z) * (1 - softmax(z))",
    "shape": "def affine_forward(x, w, b): return x @ w + b, (x, w)\n"
    "def affine_backward(dout, cache):\n    x, w = cache\n    return dout @ w.T, x.T @ dout, dout",
    "missing-sum": "def add_bias(x, b): return x + b\ndef add_bias_vjp(dout, x, b): return dout, dout",
    "raises": "def cube(x): return x**3\ndef cube_prime(x): return 3 * xx**2",
}


@pytest.mark.parametrize("cause", FAULTS)
def test_faults_are_found_without_being_told_the_style(tmp_path, cause):
    report = check(tmp_path, FAULTS[cause])
    assert report.verdict == "mismatch"
    assert cause in {c.cause for each in report.checks for c in each.causes}


@pytest.mark.parametrize(
    "source",
    [
        "def add_bias(x, b): return x + b\ndef add_bias_vjp(dout, x, b): return dout, dout.sum(axis=0)",
        "def product(a, b): return a * b\ndef product_vjp(dout, a, b): return dout * b, dout * a",
    ],
)
def test_a_second_input_is_a_bias_by_its_name_alone(tmp_path, source):
    assert check(tmp_path, source).ok


@pytest.mark.parametrize(
    "source",
    [
        "def tanh(x): return np.tanh(x)\ndef tanh_prime(a): return 1 - a * a",
        "def sigmoid(x): return 1 / (1 + np.exp(-x))\ndef sigmoid_backward(dA, A): return dA * A * (1 - A)",
        "def nonlin(x, deriv=False):\n    if deriv:\n        return x * (1 - x)\n    return 1 / (1 + np.exp(-x))",
    ],
)
def test_a_derivative_in_terms_of_the_output_is_a_mismatch_that_says_so(tmp_path, source):
    report = check(tmp_path, source)
    assert report.verdict == "mismatch"
    assert any("gt.styles.of_output" in note for note in report.extra["notes"])
    assert "gt.styles.of_output" in str(report)


def test_an_input_that_was_only_guessed_is_said(tmp_path):
    report = check(tmp_path, "def f(a, b): return np.sum(a * a * b)\ndef f_grad(a, b): return a * a")
    assert report.verdict == "mismatch"
    assert "gradient of a; if it is another input's, give --wrt" in str(report)


def test_the_report_of_several_pairs(tmp_path):
    source = "\n".join(STYLES[name][0] for name in ("derivative", "backward", "grad"))
    source += "\n" + FAULTS["jacobian-diagonal"] + "\ndef plot(x): ..."
    report = check(tmp_path, source, seed=5)
    data = report.to_dict()
    assert data["verdict"] == "mismatch"
    assert {one["operation"] for one in data["checks"]} == {"tanh", "affine_forward", "mse", "softmax"}
    assert [pair["verdict"] for pair in data["pairs"]] == ["match", "match", "match", "mismatch"]
    assert data["pairs"][3]["cause"] == "jacobian-diagonal"
    assert data["pairs"][0]["reproduce"].startswith("gradtwin check user.py:tanh --derivative tanh_prime --signature ")
    assert [item["name"] for item in data["skipped"]] == ["plot"]
    lines = str(report).splitlines()
    assert lines[0].startswith("MISMATCH  4 pairs")
    assert "gradtwin check user.py --seed 5" in lines[-1]
    assert len(lines) <= 40, "fits a screen"
    order = [i for word in ("tanh_prime", "skipped plot", "MISMATCH  softmax", "yours", "example") for i, line in
             enumerate(lines) if word in line][:5]  # fmt: skip
    assert order == sorted(order)


def test_a_file_of_many_pairs_and_faults_still_fits(tmp_path):
    source = "\n".join(
        f"def f{i}(x): return x**3 + {i}\ndef f{i}_prime(x): return {3 - i % 2} * x**2\ndef g{i}(x): ..."
        for i in range(15)
    )
    report = check(tmp_path, source, examples=2)
    text = str(report)
    assert len(text.splitlines()) <= 45
    assert "and 5 more pairs" in text
    assert len(report.extra["pairs"]) == 15


def test_every_pair_that_fails_gets_its_sentence(tmp_path):
    source = """
        def cube(x): return x**3
        def cube_prime(x): return 2 * x**2
        def square(x): return x**2
        def square_prime(x): return 2 * y
        def fourth(x): return x**4
        def fourth_prime(x): return 4 * x**3
        def fifth(x): return x**5
        def fifth_prime(x): return -5 * x**4
    """
    text = " ".join(str(check(tmp_path, source, examples=2)).split())
    assert text.count("MISMATCH") == 2, "the file, and the first pair in full"
    assert "square: cause raises: derivative raised NameError: name 'y' is not defined (in square_prime, " in text
    assert "fifth: cause sign: the gradient of input 0 (x) has the wrong sign" in text
    assert "fourth:" not in text


NOT_RUN = {
    "a derivative to be written": (
        "def f(x): return x**2\ndef f_prime(x): raise NotImplementedError('later')",
        "f_prime could not be run at drawn inputs (NotImplementedError: later in f_prime, ",
    ),
    "one that ends the process": (
        "import os\ndef f(x): return x**2\ndef f_prime(x): os._exit(0)",
        "f_prime could not be run at drawn inputs (SystemExit: 0 in f_prime, ",
    ),
    "a missing import": (
        "def f(x):\n    import no_such_library\n    return x\ndef f_prime(x): return np.ones_like(x)",
        "f could not be run at drawn inputs (ModuleNotFoundError: No module named 'no_such_library' in f, ",
    ),
    "a list": (
        "def f(x): return [x, x]\ndef f_prime(x): return 2 * x",
        "it returned a list; expected an array, or (array, cache), at drawn inputs",
    ),
    "nothing": ("def f(x): x**2\ndef f_prime(x): return 2 * x", "it returned nothing (None); expected an array"),
    "a gradient that is none": (
        "def f(x): return x**2\ndef f_prime(x): return 'two'",
        "its gradient is a str at drawn inputs",
    ),
    "an argument that can't be guessed": (
        "def f(x, kind): return {'a': x}[kind], x\ndef f_backward(d, cache): return d",
        "f could not be run at drawn inputs (TypeError: unhashable",
    ),
    "arguments of no known style": (
        "def f(x): return x**2\ndef f_prime(a, b, c, d, e): return 2 * a",
        "it takes 1 inputs and f_prime 5, which fits no known style",
    ),
    "a misspelt gradient": (
        "def f(x): return x**2\ndef f_derivitive(x): return 2 * x",
        "f_derivitive looks like a misspelt name of its gradient; is 'derivative' meant?",
    ),
    "a flag": (
        "def f(x, deriv=False):\n    if deriv: raise NotImplementedError\n    return x**2",
        "f(deriv=True) could not be run at drawn inputs (NotImplementedError in f, ",
    ),
    "one that says it has a gradient": (
        "def f_and_grad(x, kind): return {'a': x}[kind]",
        "no gradient by name, and it returns no (loss, gradient)",
    ),
}


#: Where a command for the pair alone leads further; the other ones need another text.
OTHER_INPUTS_MAY_HELP = (
    "an argument that can't be guessed",
    "a misspelt gradient",
    "one that says it has a gradient",
)


@pytest.mark.parametrize("beside", ["", STYLES["derivative"][0]], ids=["alone", "beside"])
@pytest.mark.parametrize("name", NOT_RUN)
def test_a_pair_by_its_names_that_cannot_be_run_is_inconclusive(tmp_path, name, beside):
    source, reason = NOT_RUN[name]
    report = check(tmp_path, f"{beside}\n{source}", examples=1)
    assert report.verdict == "inconclusive"
    verdicts = [pair["verdict"] for pair in report.extra["pairs"]]
    assert verdicts == [*(["match"] if beside else []), "inconclusive"]
    pair = report.extra["pairs"][-1]
    assert pair["cause"] == "not-run"
    assert reason in pair["text"]
    assert not report.extra["skipped"]
    lines = str(report).splitlines()
    assert lines[0].startswith("INCONCLUSIVE")
    assert f"could not be checked: {pair['forward']}" in lines[0]
    alone = f"Check it alone: gradtwin check user.py:{pair['forward']} --"
    assert (alone in pair["text"]) == (name in OTHER_INPUTS_MAY_HELP)
    assert ("--inputs FILE.npz" in pair["text"]) == (name in OTHER_INPUTS_MAY_HELP)


def test_the_same_pairs_written_out_match(tmp_path):
    assert check(tmp_path, "def f(x): return x**2\ndef f_derivative(x): return 2 * x", examples=1).ok


def test_what_is_only_perhaps_a_pair_is_skipped(tmp_path):
    source = STYLES["derivative"][0] + "\ndef some_loss(x, kind): return {'a': x}[kind]\ndef plot(x): ..."
    report = check(tmp_path, source, examples=1)
    assert report.verdict == "match"
    assert {item["name"] for item in report.extra["skipped"]} == {"some_loss", "plot"}


def test_a_mismatch_beside_a_pair_that_cannot_be_run_stays_one(tmp_path):
    report = check(
        tmp_path, NOT_RUN["a derivative to be written"][0] + "\ndef g(x): return x**2\ndef g_prime(x): return x"
    )
    assert report.verdict == "mismatch"
    assert "could not be checked: f)" in str(report).splitlines()[0]


def test_required_names_are_there_and_checked_or_the_file_is_inconclusive(tmp_path):
    source = STYLES["derivative"][0] + "\n" + NOT_RUN["a derivative to be written"][0]
    right = STYLES["derivative"][0] + "\ndef plot(x): ..."
    for names in ((), ("tanh",), ("tanh_prime", "tanh")):
        assert check(tmp_path, right, require=names, examples=1).verdict == "match"
    report = check(tmp_path, right, require=("tanh", "tahn", "plot"), examples=1)
    assert report.verdict == "inconclusive"
    assert "could not be checked: tahn, plot" in str(report).splitlines()[0]
    texts = {pair["forward"]: pair["text"] for pair in report.extra["pairs"]}
    assert texts["tahn"].startswith("tahn was required, and user.py has no pair")
    assert texts["tahn"].endswith("Did you mean 'tanh'?")
    assert texts["plot"].endswith("It was skipped: no gradient by name.")
    assert report.reproduce.endswith("--require tanh tahn plot")
    wrong = right.replace("1 - np", "2 - np")
    assert check(tmp_path, wrong, require=("absent",), examples=1).verdict == "mismatch"
    assert check(tmp_path, "x = 1", require=("absent",)).verdict == "inconclusive", "nothing else to check"
    assert check(tmp_path, source, require=("tanh",), examples=1).verdict == "inconclusive"


@pytest.mark.parametrize(
    "names",
    [
        *("sigmoid sigmoid_derivitive", "sigmoid sigmoidDerivitive", "sigmoid derivitive_of_sigmoid"),
        *("sigmoid sigmoidderivitive", "mse_loss mse_gradeint", "relu relu_pirme", "conv_forward conv_bakward"),
        *("sigmiod sigmoid_derivative", "conv_foward conv_backward", "softmax softmax_jacobain"),
    ],
)
def test_misspelt_names_are_seen(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...") == ([(forward, gradient)], {})


@pytest.mark.parametrize(
    "names",
    ["elu relu_derivative", "key key_private", "stock stock_price", "score score_grade", "hidden1 hidden2_grad"],
)
def test_other_words_are_not_misspelt_ones(names):
    first, second = names.split()
    assert names_in(f"def {first}(x): ...\ndef {second}(x): ...")[0] == []


def test_a_function_that_has_its_gradient_has_no_misspelt_one():
    names = "tanh", "tanh_derivative", "tanh_derivitive"
    pairs, skipped = names_in("\n".join(f"def {name}(x): ..." for name in names))
    assert pairs == [("tanh", "tanh_derivative")]
    assert list(skipped) == ["tanh_derivitive"]


@pytest.mark.parametrize("beside", ["", STYLES["derivative"][0]])
@pytest.mark.parametrize("spinning", ["spin", "spin_prime"])
def test_a_pair_that_never_returns_is_inconclusive(tmp_path, beside, spinning):
    still = {"spin": "spin_prime", "spin_prime": "spin"}[spinning]
    source = f"{beside}\ndef {spinning}(x):\n    while True: ...\ndef {still}(x): return x"
    report = check(tmp_path, source, timeout=1)
    assert report.verdict == "inconclusive"
    assert [pair["verdict"] for pair in report.extra["pairs"]] == [*(["match"] if beside else []), "inconclusive"]
    text = " ".join(str(report).split())
    assert f"{spinning} did not return within 1 s (in {spinning}, " in text
    assert "gradtwin check user.py:spin --derivative spin_prime --inputs FILE.npz" in text, "what else there is to do"


def test_a_mismatch_beside_what_never_returns_stays_one(tmp_path, monkeypatch):
    monkeypatch.setattr("gradtwin.comparisons.checks.file.GUESSING_SECONDS", 1.0)
    source = (
        "def f(x): return x**2\ndef f_prime(x): return x\ndef spin(x):\n    while True: ...\ndef spin_prime(x): ..."
    )
    report = check(tmp_path, source)
    assert report.verdict == "mismatch"
    assert [pair["verdict"] for pair in report.extra["pairs"]] == ["mismatch", "inconclusive"]
    assert "spin did not return within 1 s" in " ".join(str(report).split())


def test_what_never_returns_and_has_no_gradient_by_name_is_no_pair(tmp_path):
    source = STYLES["derivative"][0] + "\ndef loss_of(x):\n    while True: ..."
    report = check(tmp_path, source, timeout=1)
    assert report.verdict == "match"
    assert report.extra["skipped"][0]["name"] == "loss_of"


def test_a_pair_has_time_of_its_own_to_be_called_and_to_be_checked(tmp_path, monkeypatch):
    monkeypatch.setattr("gradtwin.comparisons.checks.file.GUESSING_SECONDS", 0.5)
    slow = "import time\ndef slow(x):\n    time.sleep(0.7)\n    return x\ndef slow_prime(x): return np.ones_like(x)"
    late = check(tmp_path, slow)
    assert late.verdict == "inconclusive"
    assert "slow did not return within 0.5 s" in str(late)
    assert check(tmp_path, slow, timeout=60, examples=1).verdict == "match"


def test_a_pair_whose_check_takes_too_long_is_inconclusive(tmp_path):
    source = """
        import time
        calls = []
        def slow(x):
            calls.append(1)
            time.sleep(5 if len(calls) > 3 else 0)
            return x
        def slow_prime(x): return np.ones_like(x)
        def square(x): return x**2
        def square_prime(x): return 2 * x
    """
    check(tmp_path, STYLES["derivative"][0], examples=1)  # TensorFlow is loaded before the time counts
    report = check(tmp_path, source, timeout=2)
    assert [pair["verdict"] for pair in report.extra["pairs"]] == ["inconclusive", "match"]
    assert "slow did not return within 2 s" in str(report)
    assert not report.ok


def test_what_counts_its_elements_by_len_is_judged_at_a_vector(tmp_path):
    mean = "def mean(v): return v.mean()\ndef mean_grad(v): return np.ones(v.shape) / "
    assert found(tmp_path, mean + "len(v)") == ("grad of a vector", [0], "inconclusive")
    assert "right at a vector and wrong at a matrix" in " ".join(str(check(tmp_path, mean + "len(v)")).split())
    assert found(tmp_path, mean + "v.size") == ("grad", [0], "match")
    report = check(tmp_path, mean + "len(v) * 2")
    assert report.verdict == "mismatch", "wrong at vectors too"
    assert "at a vector" not in report.extra["pairs"][0]["style"]


@pytest.mark.parametrize("source", ["", "x = 1", "def relu(x): return x", "class L:\n    def forward(self, x): ..."])
def test_nothing_paired_says_what_names_are_looked_for(tmp_path, source):
    with pytest.raises(InputFileError, match=r"relu_prime.*affine_backward.*--vjp"):
        check(tmp_path, source)


def test_wrong_arguments_are_refused_before_any_pair_is_run(tmp_path):
    source = STYLES["derivative"][0]
    with pytest.raises(ArgumentValueError, match="dtype"):
        check(tmp_path, source, dtype="float12")
    with pytest.raises(ArgumentValueError, match="domain"):
        check(tmp_path, source, domain=(1.0, 0.0))


def test_a_backward_that_cannot_take_forwards_own_cache_is_a_mismatch(tmp_path):
    source = """
        def lin_forward(x, w): return x @ w, (x, w)
        def lin_backward(d, cache):
            x, w = cache
            return d @ w, x.T @ d
        """
    assert found(tmp_path, source) == ("backward", [0], "mismatch")
    report = check(tmp_path, source)
    assert {cause.cause for made in report.checks for cause in made.causes} == {"raises"}


def test_what_lacks_inputs_is_told_the_whole_command(tmp_path):
    source = (
        STYLES["derivative"][0] + "\ndef act_forward(x, kind): return {'a': x}[kind], x\ndef act_backward(d, c): ..."
    )
    text = " ".join(str(check(tmp_path, source, examples=1)).split())
    assert "gradtwin check user.py:act_forward --vjp act_backward --inputs FILE.npz" in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "def loss(w, x, kind): return {'a': x}[kind]\ndef loss_grad(w, x, kind): return w",
            "user.py:loss --grad loss_grad --inputs FILE.npz --wrt 0",
        ),
        (
            "def cost(t, y_hat, kind): return {'a': t}[kind]\ndef cost_prime(t, y_hat, kind): return t",
            "user.py:cost --grad cost_prime --inputs FILE.npz --wrt 1",
        ),
        (
            "def f_forward(x, kind): return {'a': x}[kind], x\ndef f_backward(dout, cache): return dout",
            "user.py:f_forward --backward f_backward --inputs FILE.npz",
        ),
        (
            "def f(x, kind): return {'a': x}[kind]\ndef f_vjp(dy, x, kind): return dy",
            "user.py:f --vjp f_vjp --inputs FILE.npz",
        ),
    ],
)
def test_the_suggested_command_has_the_style_of_the_pair(tmp_path, source, words):
    [pair] = check(tmp_path, source).extra["pairs"]
    assert pair["text"].endswith(f"Check it alone: gradtwin check {words}")


def test_the_command_that_repeats_a_file_has_its_options(tmp_path):
    source = STYLES["derivative"][0]
    report = check(tmp_path, source, dtype="float32", domain=(-2.0, 2.0), examples=3, timeout=30)
    words = "gradtwin check user.py --seed 0 --dtype float32 --domain=-2,2 --examples 3 --timeout 30"
    assert report.reproduce == words
    assert " --dtype float32 --domain=-2,2 --examples 3 " in report.extra["pairs"][0]["reproduce"]
    assert check(tmp_path, source, examples=20).reproduce == "gradtwin check user.py --seed 0"
