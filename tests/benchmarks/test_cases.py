"""What is timed: found from the catalogue, and drawn alike in every process."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.backends.operations import OPERATIONS
from gradtwin.benchmarks.cases import CHECK, FIGURES, Work, case_names, find_cases, works_of
from gradtwin.benchmarks.flops import count_flops
from gradtwin.benchmarks.steps import STEPS
from gradtwin.benchmarks.timed_numpy import count_work


def test_every_operation_is_a_case():
    assert set(case_names()) == {*OPERATIONS, *STEPS, CHECK, FIGURES}
    assert not {CHECK, FIGURES} & set(find_cases(None))
    for name, operation in OPERATIONS.items():
        stages = [work.stage for work in works_of(name, (3, 4, 2), "float64", 0)]
        assert stages == (["update"] if operation.kind == "update" else ["forward", "gradient"])


def test_an_unknown_case_is_refused_with_a_suggestion():
    with pytest.raises(gt.ArgumentValueError, match="Did you mean 'matmul'"):
        find_cases(["matmull"])


@pytest.mark.parametrize("name", [*OPERATIONS, *STEPS])
def test_drawn_inputs_are_valid_and_repeatable(name):
    for work in works_of(name, (3, 4, 2), "float32", 5):
        first, second = work.draw(), work.draw()
        assert all(a.dtype == np.float32 and np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        if name not in STEPS:
            *inputs, y_bar = first if work.stage != "update" else (*first, None)
            OPERATIONS[name].validate(inputs, y_bar)


def test_stages_of_a_case_have_the_same_inputs():
    forward, gradient = works_of("dense", (3, 4, 2), "float64", 0)
    assert all(np.array_equal(a, b) for a, b in zip(forward.draw(), gradient.draw(), strict=True))


def test_flops_are_those_of_the_formula():
    n, k, m = 3, 4, 2
    assert count_work(Work("matmul", "forward", (n, k, m), "float64", 0)) == 2 * n * k * m
    assert count_work(Work("matmul", "gradient", (n, k, m), "float64", 0)) == 3 * 2 * n * k * m
    assert count_work(Work("sgd", "update", (n, k, m), "float64", 0)) == 2 * n * k
    # two products; r, r·r with its sum and its division, r/N and its product with 1, η dW and the difference
    r, w = n * m, k * m
    counted = count_work(Work("regression", "step", (n, k, m), "float64", 0))
    assert counted == 2 * 2 * n * k * m + r + 2 * r + 1 + 2 * w + r + 1


def test_counting_leaves_the_inputs_and_counts_sums():
    x = np.arange(6.0).reshape(2, 3)
    assert count_flops(lambda x: x.sum(axis=0), x) == 3
    assert count_flops(lambda x: np.negative(x, out=x), x) == 6
    assert np.array_equal(x, np.arange(6.0).reshape(2, 3))
