"""Sizes that can't fit are refused before anything is allocated, with the bytes they would take."""

import resource

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.memory import ALWAYS_FITS, check_fits, free_memory, readable

HUGE = 10**6
TANH = {"derivative": lambda x: 1 - np.tanh(x) ** 2}


def dense(rows, columns):
    return gt.Layer("dense", {"w": (rows, columns), "b": (columns,)})


def model(network, backend="numpy"):
    weights = {name: np.ones(shape) for name, shape in network.shapes.items()}
    return gt.Model(network, backend, weights=weights)


def through_bytes(x):
    return np.frombuffer(x.tobytes(), x.dtype)


CASES = {
    "weights": lambda: gt.Network([dense(HUGE, HUGE)], "mse").draw_weights(),
    "state": lambda: gt.Model(gt.Network([dense(HUGE, HUGE)], "mse", "adam")),
    "beyond 64 bits": lambda: gt.Model(gt.Network([dense(10**40, 10**40)], "mse")),
    "activations": lambda: model(gt.Network([dense(1, HUGE)], "mse")).predict(np.ones((HUGE, 1))),
    "TensorFlow's": lambda: model(gt.Network([dense(1, HUGE)], "mse"), "tensorflow").predict(np.ones((HUGE, 1))),
    "a product": lambda: gt.get_backend("numpy").value("matmul", np.ones((HUGE, 1)), np.ones((1, HUGE))),
    "a kernel": lambda: gt.get_backend("numpy").value(
        "conv2d", np.ones((1, 2000, 2000, 3)), np.ones((500, 500, 3, 1)), np.ones(1)
    ),
    "a pool": lambda: gt.get_backend("numpy").value(
        gt.Layer("max-pool", options={"size": 2000, "stride": 1}).bound, np.ones((1, 4000, 4000, 1))
    ),
    "a signature's numbers": lambda: gt.check_gradient(
        np.tanh, **TANH, signature="(1000000,1000000)->(1000000,1000000)"
    ),
    "a signature's axes": lambda: gt.check_gradient(np.tanh, **TANH, signature="(n,n,n,n,n,n,n,n,n,n,n)->()"),
    "inputs": lambda: gt.check_gradient(np.tanh, **TANH, inputs=(np.broadcast_to(0.5, (HUGE, HUGE)),)),
    "a Jacobian": lambda: gt.check_gradient(np.tanh, jacobian=lambda x: np.diag(1 / x), inputs=(np.ones(HUGE),)),
}


@pytest.fixture
def little_more_memory():
    """Let an allocation of what is asked for fail at once, should it be tried."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (2**35, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("little_more_memory")
def test_what_cannot_fit_is_refused(case):
    with pytest.raises(gt.ArgumentValueError, match=r"needs about [\d.]+ [TPE]iB.*; .* are free\. [A-Z]"):
        CASES[case]()


def test_what_fits_is_not_refused():
    gt.Network([dense(1000, 1000)], "mse", "adam").draw_weights()
    assert gt.check_gradient(np.tanh, **TANH, signature="(300,20)->(300,20)", examples=3).ok
    eye = gt.check_gradient(np.tanh, jacobian=lambda x: np.diag(1 - np.tanh(x) ** 2), inputs=(np.arange(30.0),))
    assert eye.ok


def test_a_jacobian_of_many_differences_is_refused_and_one_of_few_is_not():
    def total(x):
        return through_bytes(x).sum()

    with pytest.raises(gt.ArgumentValueError, match="can't be traced, and differences of 40000 elements"):
        gt.check_gradient(total, jacobian=np.ones_like, inputs=(np.linspace(0, 1, 40000),))
    assert gt.check_gradient(total, jacobian=np.ones_like, inputs=(np.linspace(0, 1, 4),)).ok


def test_the_limit_is_what_is_free():
    free = free_memory()
    assert free > ALWAYS_FITS
    check_fits("this", free // 2, "")
    with pytest.raises(gt.ArgumentValueError, match="this needs about"):
        check_fits("this", free * 2, "")


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (3 * 2**30 // 2, "1.5 GiB"), (10**99, "1024 EiB or more")],
)
def test_units(size, words):
    assert readable(size) == words
