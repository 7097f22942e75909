"""Every operation of the catalogue, found by itself, in every mode: both backends agree, and a fault is seen."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.operations import OPERATIONS
from gradtwin.comparisons.catalogue.faults import all_faults
from gradtwin.comparisons.catalogue.suite import fixed_problems
from gradtwin.comparisons.checks.operation import check_operation
from gradtwin.comparisons.drawing.problems import (
    Problem,
    build_problem,
    problems,
    shapes_from,
    special_problems,
    with_layouts,
)

DTYPES = ["float32", "float64"]
all_operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
all_dtypes = pytest.mark.parametrize("dtype", DTYPES)


def mismatches(operation, problem, left, right):
    checks = check_operation(problem.operation, problem.inputs, problem.y_bar, left, right)
    stages = [check.stage for check in checks]
    assert stages[-1] == "side-effect"
    assert stages.count("update") == len(operation.changed)
    assert stages.count("gradient") == (0 if operation.kind == "update" else len(operation.inputs))
    return [check for check in checks if check.verdict == "mismatch"]


@all_dtypes
@all_operations
def test_drawn_problems_agree(operation, dtype, numpy_backend, tensorflow_backend):
    @settings(max_examples=60)
    @given(problems(operation, np.dtype(dtype)))
    def run(problem):
        assert not mismatches(operation, problem, numpy_backend, tensorflow_backend("eager"))

    run()


@all_dtypes
@all_operations
def test_infinities_and_nan_agree_or_are_known_to_differ(operation, dtype, numpy_backend, tensorflow_backend):
    def differ(problem):
        return bool(mismatches(operation, problem, numpy_backend, tensorflow_backend("eager")))

    if operation.nonfinite:  # what is said to differ does so
        wanted = settings(max_examples=1000, phases=[Phase.generate])  # one will do, however large
        find(special_problems(operation, np.dtype(dtype)), differ, settings=wanted)
        return

    @settings(max_examples=60)
    @given(special_problems(operation, np.dtype(dtype)))
    def run(problem):
        assert not differ(problem)

    run()


@pytest.mark.parametrize("mode", ["graph", "xla"])
@all_dtypes
@all_operations
def test_compiled_modes_agree(operation, dtype, mode, numpy_backend, tensorflow_backend):
    for problem in fixed_problems(operation, np.dtype(dtype), 7):
        assert not mismatches(operation, problem, numpy_backend, tensorflow_backend(mode)), problem.describe()


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@all_operations
def test_a_fault_is_seen_in_every_mode(operation, mode, tensorflow_backend):
    """The negative control of the tests above."""
    fault = next(fault for fault in all_faults() if fault.operation == operation.name)
    left = NumpyBackend(rules={operation.name: fault.plant(NumpyBackend().rules[operation.name])})
    problem = build_problem(operation, np.dtype("float32"), shapes_from(operation, (3, 4, 2)), "normal", 1)
    assert mismatches(operation, problem, left, tensorflow_backend(mode))


@pytest.mark.parametrize("operation", [o for o in OPERATIONS.values() if o.exact], ids=lambda o: o.name)
def test_integers_must_agree_to_the_last_bit(operation, numpy_backend, tensorflow_backend):
    """Where the arithmetic is exact nothing is allowed: an error of one unit in the last place is a mismatch."""
    shapes = shapes_from(operation, (4, 8, 2))
    problem = build_problem(operation, np.dtype("float64"), shapes, "integers", 1)
    y_bar = None if problem.y_bar is None else np.ones_like(problem.y_bar)
    checks = check_operation(operation.name, problem.inputs, y_bar, numpy_backend, tensorflow_backend("eager"))
    compared = [check for check in checks if check.worst is not None]
    exact = [check for check in compared if check.worst.allowed == 0]
    assert len(exact) == len(compared) > 0

    def nudge(rule):
        def nudged(*inputs, **options):
            y, pullbacks = rule(*inputs, **options)
            return np.nextafter(y, np.inf), pullbacks

        def nudged_update(w, *others, **options):
            rule(w, *others, **options)
            w[...] = np.nextafter(w, np.inf)

        return nudged_update if operation.kind == "update" else nudged

    left = NumpyBackend(rules={operation.name: nudge(NumpyBackend().rules[operation.name])})
    found = check_operation(operation.name, problem.inputs, y_bar, left, tensorflow_backend("eager"))
    assert any(check.verdict == "mismatch" for check in found)


@pytest.mark.parametrize("layout", ["broadcast", "read-only", "byte-swapped", "negative stride"])
@all_operations
def test_awkward_layouts_agree(operation, layout, numpy_backend, tensorflow_backend):
    problem = build_problem(operation, np.dtype("float64"), shapes_from(operation, (5, 4, 3)), "normal", 2)
    moved = with_layouts(problem, [layout] * 7)
    assert not mismatches(operation, moved, numpy_backend, tensorflow_backend("eager"))


def test_a_rule_that_raises_is_a_contract_mismatch_that_names_the_line(tensorflow_backend):
    def broken(a, b):
        raise RuntimeError("no such luck")

    check = check_one("matmul", broken, tensorflow_backend)[0]
    assert (check.stage, check.verdict) == ("contract", "mismatch")
    assert check.causes[0].cause == "raises"
    assert "RuntimeError: no such luck" in check.causes[0].text
    assert "test_operation.py:" in check.causes[0].text


def test_contracts_are_judged_before_values(tensorflow_backend):
    def short(a, b):
        return a @ b, (lambda y_bar: y_bar @ b.T,)

    def misshapen(a, b):
        return a @ b, (lambda y_bar: (y_bar @ b.T).T, lambda y_bar: a.T @ y_bar)

    def narrowed(a, b):
        return a @ b, (lambda y_bar: (y_bar @ b.T).astype(np.float32), lambda y_bar: a.T @ y_bar)

    for rule, cause, words in [
        (short, "shape", "the number of gradients is 1; expected 2"),
        (misshapen, "shape", "the gradient of a has shape (4, 3); expected (3, 4)"),
        (narrowed, "dtype", "the gradient of a has dtype float32; expected float64"),
    ]:
        check = check_one("matmul", rule, tensorflow_backend)[0]
        assert (check.stage, check.verdict, check.causes[0].cause) == ("contract", "mismatch", cause)
        assert words in check.causes[0].text


def check_one(name, rule, tensorflow_backend):
    operation = OPERATIONS[name]
    problem: Problem = build_problem(operation, np.dtype("float64"), shapes_from(operation, (3, 4, 2)), "normal", 1)
    return check_operation(
        name, problem.inputs, problem.y_bar, NumpyBackend(rules={name: rule}), tensorflow_backend("eager")
    )


def test_what_may_overflow_on_the_way_is_undecided_and_no_mismatch(numpy_backend, tensorflow_backend):
    """Ȳ / (1 − rate) overflows, and TensorFlow makes ∞ · 0 = NaN of it."""
    x = np.zeros(2)
    problem = Problem(OPERATIONS["dropout"], (x, x), np.array([1.5e308, 1.0]), "by hand")
    assert not mismatches(OPERATIONS["dropout"], problem, numpy_backend, tensorflow_backend("eager"))
    checks = check_operation("dropout", problem.inputs, problem.y_bar, numpy_backend, tensorflow_backend("eager"))
    assert [check.inconclusive for check in checks if check.stage == "gradient"] == [1, 1]


@pytest.mark.parametrize("name", ["half-mse", "mse", "sse", "rmse", "half-sse-per-sample", "mse-per-output"])
def test_a_residual_whose_double_overflows_is_no_mismatch(name, numpy_backend, tensorflow_backend):
    p, t = np.zeros((1, 1), np.float32), np.full((1, 1), 1.8e38, np.float32)
    problem = Problem(OPERATIONS[name], (p, t), np.zeros((), np.float32), "by hand")
    assert not mismatches(OPERATIONS[name], problem, numpy_backend, tensorflow_backend("eager"))


@all_dtypes
def test_a_difference_that_is_exact_by_chance_is_not_asked_of_a_chain_of_products(
    dtype, numpy_backend, tensorflow_backend
):
    half, y_bar = np.asarray(0.5, dtype), np.asarray(1.125, dtype)  # dividing one number by 1/2 is exact
    for t in np.linspace(0.44, 0.55, 20).astype(dtype):
        problem = Problem(OPERATIONS["log-loss"], (half, np.asarray(t)), y_bar, "by hand")
        assert not mismatches(OPERATIONS["log-loss"], problem, numpy_backend, tensorflow_backend("eager"))


@pytest.mark.parametrize("operation", ["batch-norm", "layer-norm"])
def test_what_overflows_on_tensorflow_s_way_alone_is_undecided(operation, numpy_backend, tensorflow_backend):
    tensorflow, rng = tensorflow_backend("eager"), np.random.default_rng(0)
    x, scale, shift, y_bar = (
        np.asarray(size * rng.standard_normal(shape), np.float16)
        for size, shape in [(0.05, (64, 64)), (60, (64,)), (1, (64,)), (1, (64, 64))]
    )
    checks = check_operation(operation, (x, scale, shift), y_bar, numpy_backend, tensorflow)
    of_x = next(check for check in checks if check.name == "gradient of input 0 (x)")
    assert (of_x.verdict, of_x.mismatched) == ("inconclusive", 0)
    assert of_x.inconclusive > 0
    [cause] = of_x.causes
    assert (cause.cause, cause.detail) == ("nan", "float16")
    assert "agrees in float32" in cause.text

    class Wrong(NumpyBackend):
        def value_and_gradients(self, *args, **kwargs):
            y, (x_bar, *others) = super().value_and_gradients(*args, **kwargs)
            return y, (-x_bar, *others)

    checks = check_operation(operation, (x, scale, shift), y_bar, Wrong(), tensorflow)
    of_x = next(check for check in checks if check.name == "gradient of input 0 (x)")
    assert of_x.verdict == "mismatch", "wrong where the other side overflows, too"
