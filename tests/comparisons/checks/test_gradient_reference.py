"""check_gradient with a reference: who is at fault, and to how many digits it knows the gradient."""

import numpy as np
import pytest

import gradtwin as gt

from .example_functions import X, causes, gelu, gelu_prime, leaky, slope


@pytest.mark.parametrize(("forward", "derivative", "name"), [(leaky, slope, "leaky_relu"), (gelu, gelu_prime, "gelu")])
def test_a_reference_of_float32_precision_is_at_fault_itself(forward, derivative, name):
    import tensorflow as tf

    reference = {"leaky_relu": tf.nn.leaky_relu, "gelu": lambda x: tf.nn.gelu(x, approximate=True)}[name]
    right = gt.check_gradient(forward, derivative=derivative, inputs=(X,), reference=reference)
    assert causes(right) == ["reference"]
    assert all(check.verdict == "match" for check in right.checks if check.stage == "gradient")
    for factor, cause in ((-1, "sign"), (0.5, "factor")):
        wrong = gt.check_gradient(
            forward, derivative=lambda x, c=factor: c * derivative(x), inputs=(X,), reference=reference
        )
        assert causes(wrong) == ["reference", cause]


def test_a_forward_that_is_not_the_reference_is_no_matter_of_precision():
    import tensorflow as tf

    for slope_ in (0.3, 0.20001):
        report = gt.check_gradient(
            lambda x, s=slope_: np.where(x > 0, x, s * x),
            derivative=lambda x, s=slope_: np.where(x > 0, 1, s),
            inputs=(X,),
            reference=tf.nn.leaky_relu,
        )
        assert causes(report) == ["forward"]
    narrowed = gt.check_gradient(
        lambda x: np.tanh(x.astype(np.float32)).astype(float),
        derivative=lambda x: 1 - np.tanh(x) ** 2,
        inputs=(X,),
        reference=tf.tanh,
    )
    assert causes(narrowed)[0] == "forward"


def test_a_keras_layer_of_float32_is_blamed_and_told_so():
    import keras

    layer = keras.layers.Dense(3)
    layer.build((None, X.shape[1]))
    w, b = (np.array(v, np.float64) for v in layer.get_weights())
    report = gt.check_gradient(lambda x: x @ w + b, vjp=lambda y_bar, x: y_bar @ w.T, inputs=(X,), reference=layer)
    assert causes(report) == ["reference"]
    [cause] = next(check.causes for check in report.checks if check.causes)
    assert "a cast narrower than float64 inside: make it float64" in cause.text


def test_a_sign_is_found_though_the_gradient_of_the_reference_is_of_float32_precision():
    import tensorflow as tf

    @tf.custom_gradient
    def square(x):
        return x * x, lambda u: tf.cast(tf.cast(2 * u * x, tf.float32), tf.float64)

    report = gt.check_gradient(lambda x: x * x, derivative=lambda x: -2 * x, inputs=(X,), reference=square)
    assert causes(report) == ["sign"]


def test_a_reference():
    import tensorflow as tf

    report = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=tf.tanh)
    assert (report.verdict, report.extra["oracle"]) == ("match", "reference")
    other = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=tf.sigmoid)
    assert causes(other)[0] == "forward"

    @tf.custom_gradient
    def wrong(x):
        return tf.tanh(x), lambda y_bar: 2 * y_bar * (1 - tf.tanh(x) ** 2)

    report = gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(X,), reference=wrong)
    assert causes(report)[0] == "reference"
    with pytest.raises(gt.ArgumentTypeError, match="Is it a NumPy function"):
        gt.check_gradient(np.tanh, derivative=lambda x: x, inputs=(X,), reference=np.tanh)
