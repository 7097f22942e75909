"""Pairs by their names in the styles of published code."""

import textwrap
from types import ModuleType

import pytest

from gradtwin.comparisons.subjects.pairing import find_pairs


def names_in(source):
    module = ModuleType("user")
    exec(textwrap.dedent(source), vars(module))
    pairs, skipped = find_pairs(module)
    return [(p.forward_name, p.gradient_name) for p in pairs], {item.name: item.reason for item in skipped}


GRADIENTS_OF_RELU = (
    "relu_prime", "relu_derivative", "relu_deriv", "relu_grad", "relu_backward", "d_relu", "drelu", "relu_d",
    "reluPrime", "reluDerivative", "dReLU", "relu_der", "grad_relu", "derivative_of_relu", "relu_gradient",
)  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        *(f"relu {name}" for name in GRADIENTS_OF_RELU),
        *("sigmoid sigmoidDerivative", "ReLU ReLU_derivative", "_relu _relu_grad", "activation_relu derivative_relu"),
        *("affine_forward affine_backward", "conv_forward_naive conv_backward_naive", "forwardMult backwardMult"),
        *("forwardloss backwardloss", "mse mse_prime", "mse_loss mse_grad", "loss loss_grad", "logloss d_logloss"),
        *("f f_vjp", "f df", "forward backward", "cost gradient", "tanhForward tanhBackward", "ReLU dReLU"),
        "cross_entropy_loss cross_entropy_derivative",
    ],
)
def test_names_of_published_code(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...") == ([(forward, gradient)], {})


@pytest.mark.parametrize("names", ["dense ense_p", "relu tanh_prime", "dot product", "lam lamp", "clip cli"])
def test_names_that_are_no_pair(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...")[0] == []


def test_what_is_skipped_is_named_with_the_reason():
    pairs, skipped = names_in("""
        import math
        from math import exp
        def relu(x): ...
        def relu_forward(x): ...
        def relu_prime(x): ...
        def relu_backward(dout, cache): ...
        def swish_derivative(x): ...
        def main(): ...
        def shuffle(x): ...
        table = {"relu": (relu, relu_prime)}
    """)
    assert pairs == [("relu", "relu_prime"), ("relu_forward", "relu_backward")]
    assert set(skipped) == {
        "swish_derivative",
        "main",
        "shuffle",
        "table",
    }
    assert skipped["swish_derivative"] == "named like a gradient, but there is no function 'swish'"
    assert skipped["main"] == "it takes no inputs"
    assert skipped["shuffle"] == "no gradient by name"
    assert "table of functions" in skipped["table"]


@pytest.mark.parametrize(
    "names",
    [
        *("sigmoid sigmoid_derivitive", "sigmoid sigmoidDerivitive", "sigmoid derivitive_of_sigmoid"),
        *("sigmoid sigmoidderivitive", "mse_loss mse_gradeint", "relu relu_pirme", "conv_forward conv_bakward"),
        *("sigmiod sigmoid_derivative", "conv_foward conv_backward", "softmax softmax_jacobain"),
    ],
)
def test_misspelt_names_are_seen(names):
    forward, gradient = names.split()
    assert names_in(f"def {forward}(x): ...\ndef {gradient}(x): ...") == ([(forward, gradient)], {})


@pytest.mark.parametrize(
    "names",
    ["elu relu_derivative", "key key_private", "stock stock_price", "score score_grade", "hidden1 hidden2_grad"],
)
def test_other_words_are_not_misspelt_ones(names):
    first, second = names.split()
    assert names_in(f"def {first}(x): ...\ndef {second}(x): ...")[0] == []


def test_a_function_that_has_its_gradient_has_no_misspelt_one():
    names = "tanh", "tanh_derivative", "tanh_derivitive"
    pairs, skipped = names_in("\n".join(f"def {name}(x): ..." for name in names))
    assert pairs == [("tanh", "tanh_derivative")]
    assert list(skipped) == ["tanh_derivitive"]
