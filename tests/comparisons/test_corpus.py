"""The corpus of hand-derived gradients, judged: no right one is accused, every wrong one is caught."""

import numpy as np
import pytest
from corpus import HARD, RIGHT, WRONG

import gradtwin as gt
from gradtwin.comparisons.gradient_check import GradientJudge
from gradtwin.comparisons.written import Written

FLOAT64 = np.dtype(np.float64)


def judge(case, inputs, seed):
    """The verdict alone: looking for the cause takes most of the time."""
    style, gradient = next(iter(case.arguments().items()))
    written = Written(case.forward, style, None if gradient is True else gradient)
    return GradientJudge(written, case.wrt, None, case.name).judge(inputs, seed, explain=False)


@pytest.mark.parametrize("case", RIGHT, ids=[case.name for case in RIGHT])
def test_right_gradients_match(case):
    for seed, dtype in ((1, FLOAT64), (2, np.dtype(np.float32))):
        inputs = case.make_inputs(np.random.default_rng(seed), dtype)
        judged = judge(case, inputs, seed)
        assert {check.verdict for check in judged.checks} <= {"match", "inconclusive"}, judged
        if dtype == FLOAT64:
            assert all(check.verdict == "match" for check in judged.checks), judged


@pytest.mark.parametrize("hard", HARD, ids=[hard.name for hard in HARD])
def test_right_gradients_at_hard_inputs_are_not_accused(hard):
    inputs = hard.make_inputs(np.random.default_rng(1000), FLOAT64)
    judged = judge(hard.case, inputs, 1)
    assert not any(check.verdict == "mismatch" for check in judged.checks), judged


@pytest.mark.parametrize("case", WRONG, ids=[case.name for case in WRONG])
def test_wrong_gradients_are_caught(case):
    inputs = case.make_inputs(np.random.default_rng(1000), FLOAT64)
    judged = judge(case, inputs, 0)
    assert any(check.verdict == "mismatch" for check in judged.checks), judged


@pytest.mark.parametrize("case", WRONG[::12], ids=[case.name for case in WRONG[::12]])
def test_wrong_gradients_are_explained(case):
    inputs = case.make_inputs(np.random.default_rng(1000), FLOAT64)
    report = gt.check_gradient(case.forward, **case.arguments(), inputs=inputs)
    found = {cause.cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes}
    assert found & case.causes or "unknown" in case.causes
