"""Bad arrays are refused at the interface, on every backend, by a message that names them."""

import numpy as np
import pytest

from gradtwin.backends import get_backend
from gradtwin.backends.operations import OPERATIONS, find_operation
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, GradTwinError, ShapeError

X = np.ones((3, 4))


@pytest.fixture(params=["numpy", "tensorflow"])
def backend(request):
    return get_backend(request.param)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((X.astype(object), X.T), "a has dtype object"),
        ((X.astype(str), X.T), "a has dtype <U"),
        ((X.astype(complex), X.T), "a has dtype complex128"),
        ((X, X.T.astype(int)), "b has dtype int64"),
        ((X.astype(np.longdouble), X.T.astype(np.longdouble)), "a has dtype"),
        ((X, X.T.astype(np.float32)), "a float64, b float32"),
        ((X, [[1.0]]), "b is list"),
    ],
)
def test_wrong_types_are_named(backend, arrays, words):
    with pytest.raises(ArgumentTypeError) as raised:
        backend.value("matmul", *arrays)
    assert words in str(raised.value)
    assert str(raised.value).startswith("matmul: ")


def test_mismatched_shapes_name_both(backend):
    with pytest.raises(ShapeError, match=r"a has shape \(3, 4\) and b has shape \(3, 4\)"):
        backend.value("matmul", X, X)
    with pytest.raises(ShapeError, match=r"y_bar has shape \(2, 2\); expected the value's shape \(3, 3\)"):
        backend.value_and_gradients("matmul", X, X.T, y_bar=np.ones((2, 2)))


def test_number_of_arrays(backend):
    with pytest.raises(ArgumentValueError, match="got 1 arrays; expected 2: a, b"):
        backend.value("matmul", X)


def test_the_mean_of_nothing_is_refused_but_its_sum_is_zero(backend):
    nothing = np.ones((0, 3))
    with pytest.raises(ShapeError, match="no elements"):
        backend.value("mse", nothing, nothing)
    assert backend.value("sse", nothing, nothing) == 0


def test_unknown_names_suggest_the_nearest(backend):
    with pytest.raises(ArgumentValueError, match="Did you mean 'matmul'"):
        backend.value("matmull", X, X)
    with pytest.raises(GradTwinError, match="'quantum' is not known"):
        get_backend("quantum")
    with pytest.raises(GradTwinError, match="'lazy' is not known; expected one of: eager, graph, xla"):
        get_backend("tensorflow", "lazy")


def test_every_operation_names_its_inputs_and_parses():
    for name, operation in OPERATIONS.items():
        assert find_operation(name) is operation
        assert len(operation.inputs) == len(operation.shapes.inputs)
