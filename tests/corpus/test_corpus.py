"""The corpus is what it says it is; and the validator would notice if it were not."""

from dataclasses import replace

import numpy as np
import pytest

from . import CASES, HARD, RIGHT, THEMES, WRONG
from .case import CAUSES, STYLES
from .validate import complaints, complaints_right, complaints_wrong


def test_the_corpus_is_confirmed():
    assert list(complaints(range(1))) == []


def test_it_is_large_and_covers_every_style_and_cause():
    assert len(RIGHT) >= 45
    assert len(WRONG) >= 150
    assert {case.style for case in RIGHT} == {case.style for case in WRONG} == set(STYLES)
    assert {cause for case in WRONG for cause in case.causes} == CAUSES
    assert all(THEMES.values())


def test_names_are_unique():
    for listed in (CASES, HARD):
        names = [case.name for case in listed]
        assert len(set(names)) == len(names)


def test_arguments_name_one_style():
    for case in CASES:
        assert set(case.arguments()) - {"wrt"} == {case.style}


def test_inputs_depend_on_the_seed_alone():
    for case in (*CASES, *HARD):
        one, other = (case.make_inputs(np.random.default_rng(3), "float64") for _ in range(2))
        assert [a.tobytes() for a in one] == [a.tobytes() for a in other]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_inputs_have_the_type_asked_for(dtype):
    for case in CASES:
        inputs = case.make_inputs(np.random.default_rng(0), dtype)
        assert {str(a.dtype) for a in inputs} <= {dtype, "int64"}, case.name


def test_a_wrong_gradient_called_right_is_noticed():
    for case in WRONG:
        called_right = replace(case, wrong=False, causes=frozenset())
        assert complaints_right(called_right, 0, "float64"), case.name


def test_a_right_gradient_called_wrong_is_noticed():
    for case in RIGHT:
        called_wrong = replace(case, wrong=True, causes=frozenset({"unknown"}))
        assert complaints_wrong(called_wrong, 0, "float64"), case.name
