"""GitHub annotations: a line each, escaped, at the user's own function."""

import os

from commands import gradtwin

from gradtwin.comparisons.report.github import to_annotations
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.subjects.source import find_line
from gradtwin.comparisons.subjects.styles import of_output

SOURCE = """import numpy as np


def square(x):
    return x**2


def square_prime(x):
    return x


def tiny(x):
    return 1e-323 * x


def tiny_prime(x):
    return np.full_like(x, 1e-323)
"""


def test_a_mismatch_is_an_error_an_inconclusive_check_a_warning_and_both_are_escaped():
    cause = Cause("raises", True, "", "100 %\r\nof ::error:: it, all")
    checks = (
        Check("a, b: c%", "matmul", "gradient", "float32", "eager", "mismatch", causes=(cause,)),
        Check("value", "matmul", "value", "float32", "eager", "inconclusive", 6, 0, 6),
        Check("value", "sgd", "value", "float32", "eager", "match", 6),
    )
    error, warning = to_annotations(Report("compare", checks, 0, "", {}))
    assert error == (
        "::error title=gradtwin%3A a%2C b%3A c%25::matmul (float32, eager): a, b: c%25: it fails. "
        "cause raises: 100 %25%0D%0Aof ::error:: it, all"
    )
    assert warning.startswith("::warning title=gradtwin%3A value::6 of 6 elements could not have failed")


def test_the_command_line_points_at_the_users_function(tmp_path):
    (tmp_path / "mine.py").write_text(SOURCE)
    done = gradtwin("check", "mine.py", "--github", "--quiet", cwd=tmp_path)
    first, *annotations = done.stdout.splitlines()
    assert (done.returncode, first) == (1, "mismatch")
    levels = {line.split(" ")[0]: line.partition(" ")[2] for line in annotations}
    assert levels["::error"].startswith("file=mine.py,line=8,title=gradtwin%3A square%3A gradient of input 0 (x)::")
    assert levels["::warning"].startswith("file=mine.py,line=16,title=gradtwin%3A tiny%3A")


def test_a_source_is_the_users_own():
    here = find_line(None, test_a_source_is_the_users_own)
    assert here is not None
    assert os.path.samefile(here["file"], __file__)
    assert find_line(of_output(lambda a: a, abs), abs) is None
