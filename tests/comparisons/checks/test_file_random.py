"""A forward of a file whose two runs differ is not judged."""

import commands
import pytest
from user_files import check

DROPOUT = """
def dropout_forward(x, p=0.5):
    mask = (np.random.rand(*x.shape) < p) / p
    return x * mask, mask
def dropout_backward(dout, mask): return dout * mask
"""
SEEDED = DROPOUT.replace("np.random.rand(*x.shape)", "np.random.default_rng(1).random(x.shape)")


def test_random_numbers_without_a_seed_are_inconclusive(tmp_path):
    report = check(tmp_path, DROPOUT)
    assert report.verdict == "inconclusive"
    [pair] = report.extra["pairs"]
    assert pair["cause"] == "nondeterministic"
    assert "dropout_forward is not deterministic" in " ".join(str(report).split())
    assert "Seed its random numbers, or pass them, such as a mask, as an input." in pair["text"]
    assert check(tmp_path, SEEDED).ok
    assert check(tmp_path, SEEDED.replace("dout * mask", "2 * dout * mask")).verdict == "mismatch"


@pytest.mark.parametrize(("source", "status"), [(DROPOUT, 4), (SEEDED, 0), (SEEDED.replace("dout *", "-dout *"), 1)])
def test_one_function_alike(tmp_path, source, status):
    (tmp_path / "user.py").write_text(f"import numpy as np\n{source}")
    options = ("--backward", "dropout_backward", "--signature", "(n,k)->(n,k)", "--examples", "5", "--quiet")
    assert commands.gradtwin("check", "user.py:dropout_forward", *options, cwd=tmp_path).returncode == status


def test_a_random_gradient_of_a_function_is_a_mismatch(tmp_path):
    source = "def f(x): return x * x\ndef f_prime(x): return 2 * x * np.random.rand()"
    assert check(tmp_path, source).verdict == "mismatch"
