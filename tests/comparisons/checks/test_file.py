"""The report of a file: its pairs, what could not be run, what never returns, and how to repeat it."""

import pytest
from user_files import FAULTS, STYLES, check

from gradtwin.errors import ArgumentValueError, InputFileError


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
