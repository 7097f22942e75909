"""How the pairs of a file are guessed to be written, in the styles of published code, and what is found of them."""

import pytest
from user_files import FAULTS, STYLES, check


def found(tmp_path, source, **options):
    """Check one pair; return its style, positions and verdict."""
    report = check(tmp_path, source, **options)
    [pair] = report.extra["pairs"]
    return pair["style"], pair["wrt"], pair["verdict"]


@pytest.mark.parametrize("name", STYLES)
def test_the_style_is_guessed_and_right_gradients_match(tmp_path, name):
    source, wrt = STYLES[name]
    style, positions, verdict = found(tmp_path, source)
    assert (positions, verdict) == (wrt, "match")
    if name in ("derivative", "vjp", "grad", "jacobian", "value_and_grad") or name.startswith(("backward", "vjp")):
        assert style == name


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


def test_what_counts_its_elements_by_len_is_judged_at_a_vector(tmp_path):
    mean = "def mean(v): return v.mean()\ndef mean_grad(v): return np.ones(v.shape) / "
    assert found(tmp_path, mean + "len(v)") == ("grad of a vector", [0], "inconclusive")
    assert "right at a vector and wrong at a matrix" in " ".join(str(check(tmp_path, mean + "len(v)")).split())
    assert found(tmp_path, mean + "v.size") == ("grad", [0], "match")
    report = check(tmp_path, mean + "len(v) * 2")
    assert report.verdict == "mismatch", "wrong at vectors too"
    assert "at a vector" not in report.extra["pairs"][0]["style"]


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
