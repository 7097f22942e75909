"""The plugin in sessions of its own: failure text, seeds, options, reports, xdist, unittest, Hypothesis."""

import re
import subprocess
import sys

import pytest
from json_report import read_report

LAYER = """
import numpy as np

def forward(x, w):
    return np.tanh(x @ w)

def backward(y_bar, x, w):
    d = y_bar * (1 - np.tanh(x @ w) ** 2)
    return d @ w.T, x.T @ d

def halved(y_bar, x, w):
    return tuple(g / 2 for g in backward(y_bar, x, w))
"""

TESTS = """
import unittest
import gradtwin as gt
from layer import backward, forward, halved


def draw(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((3, 2))

def test_right(gradtwin):
    gradtwin.assert_gradient(forward, vjp=backward, inputs=draw(gradtwin.rng))

def test_wrong(gradtwin):
    gradtwin.assert_gradient(forward, vjp=halved, inputs=draw(gradtwin.rng))  # this line

class Case(unittest.TestCase):
    def test_wrong(self):
        import numpy as np
        gt.assert_gradient(forward, vjp=halved, inputs=draw(np.random.default_rng(3)))
"""


@pytest.fixture
def project(pytester):
    pytester.makepyfile(layer=LAYER, test_layer=TESTS)
    return pytester


def run(project, *arguments):
    return project.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=300)


def test_a_failure_is_shown_as_gradtwin_words_it(project):
    found = run(project)
    found.assert_outcomes(passed=1, failed=2)
    text = found.stdout.str()
    for expected in (
        "in test_wrong",
        "gradtwin.assert_gradient(forward, vjp=halved, inputs=draw(gradtwin.rng))  # this line",
        "MISMATCH  forward: the gradient of",
        "(cause: factor)",
        "repeat with:",
    ):
        assert expected in text
    assert "raise_if_failed" not in text  # nothing of gradtwin's own inside
    assert "E   " not in text


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_reports_of_all_tests_are_in_one_file(project, workers):
    found = run(project, *workers, "--gradtwin-report", "out.json")
    found.assert_outcomes(passed=1, failed=2)
    found.stdout.fnmatch_lines(["gradtwin: 3 reports in out.json"])
    data = read_report((project.path / "out.json").read_text())
    assert (data["schema"], data["command"], data["verdict"]) == ("gradtwin.report/1", "check", "mismatch")
    assert data["reports"] == 3
    assert {check["name"].rpartition(": ")[0].partition("::")[2] for check in data["checks"]} == {
        "test_right", "test_wrong", "Case::test_wrong",
    }  # fmt: skip
    assert {check["verdict"] for check in data["checks"] if "test_right" in check["name"]} == {"match"}


def test_the_page_holds_every_test(project):
    run(project, "--gradtwin-report", "out.html")
    page = (project.path / "out.html").read_text()
    wrong = "test_layer.py::test_wrong: gradient of input 0 (x)"
    assert all(words in page for words in ("<!doctype html>", wrong, "cause <code>factor</code>"))


def test_seeds_are_the_tests_own_and_replayed(pytester):
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("n", [1, 2])
        def test_seed(gradtwin, n):
            print("seed", gradtwin.seed, gradtwin.rng.random(), gradtwin.profile)
        """
    )

    def seeds(*arguments):
        return re.findall(r"\bseed (\d+ 0\.\d+ \w+)", run(pytester, "-s", *arguments).stdout.str())

    first = seeds()
    assert len(set(first)) == 2
    assert first == seeds()
    assert set(seeds("--gradtwin-seed", "1")).isdisjoint(first)
    assert [line.split()[-1] for line in seeds("--gradtwin-profile", "quick")] == ["quick", "quick"]


PRODUCT = """
import numpy as np

def product(x, y):
    return x * y

def swapped(g, x, y):
    return g * x, g * y

def right(g, x, y):
    return g * y, g * x

def test_two_draws_differ(gradtwin):
    x, y = gradtwin.rng.standard_normal((2, 3)), gradtwin.rng.standard_normal((2, 3))
    assert not np.any(x == y)
    print("drew", x[0, 0], y[0, 0])
    again = np.random.default_rng(gradtwin.seed)
    assert np.array_equal(x, again.standard_normal((2, 3)))
    assert np.array_equal(y, again.standard_normal((2, 3)))

def test_right(gradtwin):
    inputs = gradtwin.rng.standard_normal((2, 3)), gradtwin.rng.standard_normal((2, 3))
    gradtwin.assert_gradient(product, vjp=right, inputs=inputs)

def test_swapped(gradtwin):
    inputs = gradtwin.rng.standard_normal((2, 3)), gradtwin.rng.standard_normal((2, 3))
    gradtwin.assert_gradient(product, vjp=swapped, inputs=inputs)

def test_of_its_own(gradtwin):
    assert gradtwin.rng.random() > 1

def test_without(gradtwin):
    assert gradtwin.seed < 0
"""


def test_one_generator_a_test_so_that_two_draws_differ_and_a_swapped_product_is_caught(pytester):
    pytester.makepyfile(PRODUCT)
    found = run(pytester, "-s")
    found.assert_outcomes(passed=2, failed=3)
    text = found.stdout.str()
    assert "MISMATCH  product: the gradient of" in text
    assert "(cause: swapped)" in text
    assert len(re.findall(r"gradtwin\.rng: numpy\.random\.default_rng\(\d+\)", text)) == 2, "of failures that drew"
    draws = re.findall(r"drew \S+ \S+", text)
    assert draws
    assert draws == re.findall(r"drew \S+ \S+", run(pytester, "-s").stdout.str())


def test_it_works_inside_the_users_own_hypothesis_test(project):
    project.makepyfile(
        test_drawn="""
        import numpy as np
        from hypothesis import HealthCheck, given, settings, strategies as st
        import gradtwin as gt
        from layer import backward, forward

        settings.register_profile("mine", derandomize=True, max_examples=3, deadline=None)
        settings.load_profile("mine")

        @given(st.integers(1, 4))
        def test_rows(n):
            rng = np.random.default_rng(n)
            gt.assert_gradient(forward, vjp=backward, inputs=(rng.random((n, 3)), rng.random((3, 2))))

        def test_drawn(gradtwin):
            gradtwin.assert_gradient(forward, vjp=backward, signature="(n,k),(k,m)->(n,m)")
            assert settings.default.max_examples == 3
        """
    )
    run(project, "test_drawn.py", "--gradtwin-profile", "quick").assert_outcomes(passed=2)


def test_the_other_assertions(project):
    project.makepyfile(
        test_others="""
        import numpy as np
        import pytest
        import gradtwin as gt

        class Double:
            def forward(self, x):
                return 2 * x
            def backward(self, y_bar):
                return 2 * y_bar

        class Wrong(Double):
            def backward(self, y_bar):
                return y_bar

        def step(w, g):
            return w - 0.1 * g

        def climb(w, g):
            return w + 0.1 * g

        def test_all(gradtwin):
            import keras
            optimizer = keras.optimizers.SGD(0.1)
            x = gradtwin.rng.standard_normal((3, 2))
            gradtwin.assert_layer(Double(), x)
            gradtwin.assert_update(step, optimizer)
            gradtwin.assert_match("sgd", modes=["eager"], profile="quick")
            for check in (
                lambda: gt.assert_layer(Wrong(), x),
                lambda: gt.assert_update(climb, optimizer),
                lambda: gt.assert_match("sse", modes=["eager"], rules={"sse": None}),
            ):
                with pytest.raises(gt.GradientMismatch):
                    check()
        """
    )
    run(project, "test_others.py").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("file", "words"), [("out.txt", "ends in .html or .json"), ("absent/out.json", "does not exist")]
)
def test_a_report_that_cannot_be_written_is_refused_before_any_test_runs(project, file, words):
    found = run(project, "--gradtwin-report", file)
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    assert words in found.stderr.str()


def test_loading_it_imports_no_library():
    code = (
        "import sys, gradtwin.pytest_plugin;"
        "bad = {m.split('.')[0] for m in sys.modules} & {'numpy', 'tensorflow', 'hypothesis', 'scipy'};"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
