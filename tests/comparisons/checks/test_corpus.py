"""The corpus of hand-derived gradients, judged: no right one is accused, every wrong one is caught."""

from dataclasses import replace

import numpy as np
import pytest
from corpus import HARD, RIGHT, WRONG
from corpus.judge import drawn, judge_causes, judge_right, judge_wrong, verdicts


@pytest.mark.parametrize("case", RIGHT, ids=[case.name for case in RIGHT])
def test_right_gradients_match(case):
    assert not judge_right(case, 1)
    assert "mismatch" not in verdicts(case, drawn(case, 2, np.dtype(np.float32)), 2)


@pytest.mark.parametrize("hard", HARD, ids=[hard.name for hard in HARD])
def test_right_gradients_at_hard_inputs_are_not_accused(hard):
    assert "mismatch" not in verdicts(hard.case, drawn(hard, 1000), 1)


@pytest.mark.parametrize("case", WRONG, ids=[case.name for case in WRONG])
def test_wrong_gradients_are_caught(case):
    assert not judge_wrong(case, 1000)


@pytest.mark.parametrize("case", WRONG[::12], ids=[case.name for case in WRONG[::12]])
def test_wrong_gradients_are_explained(case):
    assert not judge_causes(case, 1000)


def test_what_is_judged_otherwise_than_the_corpus_says_is_told():
    right, wrong = RIGHT[0], next(case for case in WRONG if case.causes == {"sign"})
    assert judge_right(wrong, 0) == "mismatch"
    assert judge_wrong(right, 0) == "match"
    called_otherwise = replace(wrong, causes=frozenset({"transpose"}))
    assert judge_causes(called_otherwise, 0) == "['transpose'] wanted, ['sign'] named, ['sign'] confirmed besides"
