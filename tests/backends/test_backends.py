"""What each backend promises beyond agreeing: in-place updates, one trace per signature, independence."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradtwin.backends import get_backend
from gradtwin.backends.interface import Call
from gradtwin.backends.network import Layer, Network
from gradtwin.backends.operations import OPERATIONS
from gradtwin.comparisons.checks.operation import compare_answers, run_judged
from gradtwin.comparisons.drawing.problems import build_problem, shapes_from
from gradtwin.errors import ArgumentTypeError

ROOT = Path(__file__).parents[2]
NETWORK = Network((Layer("dense", {"w": (4, 3), "b": (3,)}), Layer("matmul", {"v": (3, 2)})), "half-mse", "sgd")


def make_weights(dtype=np.float64):
    rng = np.random.default_rng(3)
    shapes = {"w": (4, 3), "b": (3,), "v": (3, 2)}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def make_calls():
    """Calls that share nothing: a gradient that TensorFlow doesn't find, an update with a state, an empty array."""
    rng = np.random.default_rng(8)
    arrays = [rng.standard_normal(shape) for shape in ((5, 4), (4, 3), (3,), (5, 3))]
    mask = Call(OPERATIONS["dropout"], (arrays[0], np.ones((5, 4))), arrays[0])
    empty = Call(OPERATIONS["tanh"], (np.ones((0, 2)),), np.ones((0, 2)))
    moved = (arrays[1], np.zeros((4, 3)), arrays[1], np.asarray(0.1))
    return [Call(OPERATIONS["dense"], tuple(arrays[:3]), arrays[3]), mask, empty, Call(OPERATIONS["momentum"], moved)]


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_many_calls_are_answered_as_each_alone(mode):
    calls = make_calls()
    together, alone = get_backend("tensorflow", mode), get_backend("tensorflow", mode)
    judged = [run_judged(call, get_backend("numpy")) for call in calls]
    assert [len(checks) for checks in compare_answers(judged, together)] == [6, 5, 4, 3]
    assert together.trace_count == (mode != "eager")
    for call, answer in zip(calls, together.answer(calls), strict=True):
        [one] = alone.answer([call])
        assert [np.shape(x) for x in one] == [np.shape(x) for x in answer]
    assert together.trace_count == (mode != "eager")
    assert together.answer([]) == []
    narrow = Call(OPERATIONS["tanh"], (np.ones(2, np.float32),), np.ones(2, np.float32))
    with pytest.raises(ArgumentTypeError, match="float32, float64"):
        together.answer([calls[0], narrow])


def test_numpy_answers_many_calls_and_changes_no_input(numpy_backend):
    calls = make_calls()
    before = [[x.copy() for x in call.arrays] for call in calls]
    judged = [run_judged(call, numpy_backend) for call in calls]
    for one, answer in zip(judged, numpy_backend.answer(calls), strict=True):
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(one.answer, answer, strict=True))
    for call, kept in zip(calls, before, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(call.arrays, kept, strict=True))


@pytest.mark.parametrize("wrong", range(4))
def test_a_fault_among_many_calls_is_seen_where_it_is(wrong, tensorflow_backend):
    judged = [run_judged(call, get_backend("numpy")) for call in make_calls()]
    found = compare_answers(judged, tensorflow_backend("graph"))
    assert {check.verdict for checks in found for check in checks} == {"match"}
    first, *others = judged[wrong].answer
    judged[wrong] = replace(judged[wrong], answer=(first + 1e-9, *others))
    found = compare_answers(judged, tensorflow_backend("graph"))
    size = judged[wrong].answer[0].size
    assert [any(check.verdict == "mismatch" for check in checks) for checks in found] == [
        number == wrong and size > 0 for number in range(4)
    ]


def test_the_numpy_side_imports_numpy_alone():
    code = (
        "import sys, gradtwin.backends.numpy_backend as n;"
        "bad = {m.split('.')[0] for m in sys.modules} & {'tensorflow', 'keras', 'jax', 'torch', 'autograd', 'scipy'};"
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("word", ["custom_gradient", "RegisterGradient", "import numpy"])
def test_tensorflow_rules_hold_no_gradient_of_their_own(word):
    files = list((ROOT / "backends" / "tensorflow_rules").glob("*.py"))
    assert any("import tensorflow" in file.read_text() for file in files)
    assert [file.name for file in files if word in file.read_text()] == []


@pytest.mark.parametrize("name", ["numpy", "tensorflow"])
def test_updates_are_in_place(name):
    w = np.ones((2, 3))
    memory = w.reshape(-1)
    get_backend(name).update("sgd", w, np.full((2, 3), 4.0), np.asarray(0.25))
    assert memory.tolist() == [0] * 6


@pytest.mark.parametrize("mode", ["graph", "xla"])
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_traced_once_per_signature(operation, mode):
    backend = get_backend("tensorflow", mode)
    for number, sizes in enumerate([(3, 4, 2), (2, 2, 2)], start=1):
        for seed in range(3):
            problem = build_problem(operation, np.dtype("float32"), shapes_from(operation, sizes), "normal", seed)
            if problem.y_bar is None:
                backend.update(operation.name, *problem.inputs)
            else:
                backend.value_and_gradients(operation.name, *problem.inputs, y_bar=problem.y_bar)
        assert backend.trace_count == number


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_a_trainers_step_is_the_rules_one_after_another(mode):
    rng = np.random.default_rng(5)
    x, t = rng.integers(-3, 4, (4, 4)) * 1.0, rng.integers(-3, 4, (4, 2)) * 1.0
    weights = {name: np.round(w * 2) for name, w in make_weights().items()}
    numpy_backend = get_backend("numpy")
    hidden = numpy_backend.value("dense", x, weights["w"], weights["b"])
    y = numpy_backend.value("matmul", hidden, weights["v"])
    loss, (y_bar, _) = numpy_backend.value_and_gradients("half-mse", y, t, y_bar=np.ones(()))
    _, (hidden_bar, v_bar) = numpy_backend.value_and_gradients("matmul", hidden, weights["v"], y_bar=y_bar)
    _, (_, w_bar, b_bar) = numpy_backend.value_and_gradients("dense", x, weights["w"], weights["b"], y_bar=hidden_bar)
    expected = {n: weights[n] - 0.5 * g for n, g in {"w": w_bar, "b": b_bar, "v": v_bar}.items()}
    for backend in (numpy_backend, get_backend("tensorflow", mode)):
        trainer = backend.trainer(NETWORK, weights, 0.5)
        assert trainer.loss(x, t) == float(loss)
        assert trainer.step(x, t) == float(loss)
        for name, after in trainer.weights().items():  # small integers and halves: exact on both sides
            assert (after == expected[name]).all(), name
        assert (weights["w"] == np.round(make_weights()["w"] * 2)).all(), "the caller's weights were changed"


def test_byte_swapped_memory_is_converted():
    x = np.arange(6.0).reshape(2, 3)
    swapped = x.astype(x.dtype.newbyteorder())
    assert (get_backend("tensorflow").value("matmul", swapped, x.T) == x @ x.T).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_formats_are_accepted_by_both(dtype):
    from gradtwin.backends.precision import find_dtype

    x = np.arange(6).reshape(2, 3).astype(find_dtype(dtype))
    for name in ("numpy", "tensorflow"):
        y = get_backend(name).value("matmul", x, x.T)
        assert y.dtype == x.dtype
        assert (y.astype(float) == (x.astype(float) @ x.T.astype(float))).all()


def test_one_sized_stacks_are_broadcast_before_the_product():
    """TensorFlow's own kernel reads past the second operand here, and returns garbage or crashes."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-3, 4, shape).astype(np.float32) for shape in [(2, 1, 59, 60), (60, 20)])
    assert (get_backend("tensorflow").value("matmul", a, b) == a @ b).all()


def test_an_empty_batch_has_its_shape_and_nan_is_passed_on():
    """With oneDNN, on some processors, TensorFlow gets both wrong."""
    backend = get_backend("tensorflow")
    x, kernel = np.zeros((0, 4, 3, 1), np.float32), np.zeros((2, 2, 1, 2), np.float32)
    assert backend.value("conv2d", x, kernel, np.zeros(2, np.float32)).shape == (0, 3, 2, 2)
    assert np.isnan(backend.value("softmax", np.array([[0, np.nan]], np.float32))).all()
