"""The gate lets right rules pass, and refuses a wrong one in whatever it is wrong."""

import pytest

from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.operations import OPERATIONS
from gradtwin.benchmarks.cases import BY_HAND, Work, works_of
from gradtwin.benchmarks.gate import check_work, compare_backends
from gradtwin.benchmarks.steps import STEPS
from gradtwin.comparisons.results.data import worst_verdict


def judge(checks):
    return worst_verdict(check.verdict for check in checks)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*OPERATIONS, *STEPS])
def test_right_rules_pass(name, dtype, numpy_backend, tensorflow_backend):
    for work in works_of(name, (6, 5, 4), dtype, 0):
        assert judge(compare_backends(work, numpy_backend, tensorflow_backend("eager"))) == "match"


def test_the_steps_by_hand_pass():
    checks = check_work(Work("regression", "step", (10, 5, 3), "float64", 0), BY_HAND)
    assert {check.mode for check in checks} == {"numpy by hand", "tensorflow by hand"}
    assert judge(checks) == "match"


def matmul_negated(a, b):
    return a @ b, (lambda y_bar: -(y_bar @ b.T), lambda y_bar: a.T @ y_bar)


def matmul_untransposed(a, b):
    return a @ b, (lambda y_bar: y_bar @ b.T, lambda y_bar: a @ y_bar)


def half_mse_doubled(p, t):
    r = p - t
    return (r * r).sum() / (2 * r.size), (
        lambda l_bar: r * (2 * l_bar / r.size),
        lambda l_bar: r * (-2 * l_bar / r.size),
    )


def sgd_slightly_off(w, dw, learning_rate):
    w -= learning_rate * dw * (1 + 1e-12)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("matmul", matmul_negated),
        ("matmul", matmul_untransposed),
        ("half-mse", half_mse_doubled),
        ("sgd", sgd_slightly_off),
    ],
)
def test_a_planted_fault_is_refused(name, rule, tensorflow_backend):
    faulty = NumpyBackend(rules={name: rule})
    work = works_of(name, (4, 4, 4), "float64", 0)[-1]
    assert judge(compare_backends(work, faulty, tensorflow_backend("eager"))) == "mismatch"


@pytest.mark.parametrize(
    ("name", "rule"),
    [("matmul", matmul_untransposed), ("half-mse", half_mse_doubled), ("sgd", sgd_slightly_off)],
)
def test_a_step_made_of_a_faulty_rule_is_refused(name, rule, tensorflow_backend):
    faulty = NumpyBackend(rules={name: rule})
    [work] = works_of("regression", (4, 4, 4), "float64", 0)
    assert judge(compare_backends(work, faulty, tensorflow_backend("eager"))) == "mismatch"
