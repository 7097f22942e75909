"""`compare_network`: real Keras models match, and layers that are not what they claim to be are named."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from json_report import read_report

import gradtwin as gt
from gradtwin.comparisons.results.json_text import to_json

L = keras.layers


def image_model(dtype="float32", last=None, dense=L.Dense):
    return keras.Sequential(
        [
            keras.Input((8, 7, 2), dtype=dtype),
            L.Conv2D(3, 3, activation="relu", padding="same", dtype=dtype, name="conv"),
            L.MaxPooling2D(dtype=dtype),
            L.Dropout(0.3, dtype=dtype, name="drop"),
            L.Conv2D(4, 2, strides=2, dtype=dtype, activation="tanh"),
            L.Flatten(dtype=dtype),
            dense(6, use_bias=False, dtype=dtype, activation="leaky_relu", name="hidden"),
            L.Dense(3, dtype=dtype, activation=last, name="out"),
        ]
    )


def images(count=5):
    rng = np.random.default_rng(2)
    return rng.normal(size=(count, 8, 7, 2)), np.eye(3)[rng.integers(3, size=count)]


LOSSES = {
    "mse": ("mse", None, "mse"),
    "huber": (keras.losses.Huber(0.5), None, "huber"),
    "logits": (keras.losses.CategoricalCrossentropy(from_logits=True), None, "softmax-cross-entropy"),
    "log loss": ("binary_crossentropy", "sigmoid", "log-loss"),
    "log loss, object": (keras.losses.BinaryCrossentropy(), "sigmoid", "log-loss"),
    "log loss of logits": (keras.losses.BinaryCrossentropy(from_logits=True), None, "log-loss-logits"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_keras_models_match(name, dtype):
    loss, last, operation = LOSSES[name]
    model = image_model(dtype, last)
    model.compile(loss=loss)
    x, y = images()
    report = gt.compare_network(model, x, y)
    assert report.ok, str(report)
    names = [check.name for check in report.checks]
    assert "layer 0 (conv2d, 'conv'): gradient of input 1 (w)" in names
    assert "layer 0 (relu, 'conv'): value" in names
    assert "layer 0 (conv2d, 'conv'): value of the whole layer" in names
    assert "layer 5 (matmul, 'hidden'): gradient of input 1 (b)" in names
    assert f"loss ({operation}): gradient of input 0 ({'z' if 'logits' in name else 'p'})" in names
    assert {check.dtype for check in report.checks} == {dtype}
    assert read_report(to_json(report))["command"] == "compare"
    assert "drop" in report.extra["notes"][0]
    assert "note: skipped, because" in str(report)


def test_the_model_is_left_as_it_was():
    model = image_model()
    before = [*model.get_weights(), model.layers[0].activation]
    gt.compare_network(model, *images(), loss="mse")
    assert model.layers[0].activation is before.pop()
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_float32_model_in_float64():
    report = gt.compare_network(image_model(), *images(), loss="mse", dtype="float64")
    assert report.ok, str(report)
    assert {check.dtype for check in report.checks} == {"float64"}


def test_functional_models():
    tensor = keras.Input((4,))
    model = keras.Model(tensor, L.Softmax()(L.LeakyReLU(0.1)(L.Dense(3)(L.ReLU(negative_slope=0.2)(tensor)))))
    report = gt.compare_network(model, np.random.default_rng(0).normal(size=(5, 4)))
    assert report.ok, str(report)
    assert any("upstream gradient is drawn" in note for note in report.extra["notes"])


def test_another_seed_draws_another_upstream_gradient():
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    x = np.random.default_rng(0).normal(size=(5, 3))
    worst = [gt.compare_network(model, x, seed=seed).checks[3].worst.left for seed in (0, 0, 1)]
    assert worst[0] == worst[1] != worst[2]


# --- Losses whose definitions differ.


def test_a_loss_outside_the_catalogue_gives_the_upstream_gradient():
    model = image_model(last="softmax")
    model.compile(loss="categorical_crossentropy")
    report = gt.compare_network(model, *images())
    assert report.ok, str(report)
    assert any("categorical_crossentropy is not in the catalogue" in note for note in report.extra["notes"])
    assert not any(check.name.startswith("loss") for check in report.checks)


def test_clipped_probabilities_are_said():
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, activation="sigmoid", kernel_initializer="ones")])
    model.compile(loss="binary_crossentropy")
    report = gt.compare_network(model, np.array([[-40.0], [1.0]]), np.array([[0.0], [1.0]]))
    assert report.ok, str(report)
    assert any("Keras clips probabilities" in note for note in report.extra["notes"])


def test_a_loss_without_a_finite_gradient_leaves_the_layers_judged():
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, activation="sigmoid", kernel_initializer="ones")])
    report = gt.compare_network(model, np.array([[-1.0], [200.0]]), np.array([[0.0], [0.0]]), loss="log-loss")
    assert any("not finite" in note for note in report.extra["notes"])
    layers = [check for check in report.checks if check.name.startswith("layer")]
    assert {check.verdict for check in layers} == {"match"}


def test_targets_that_are_no_probabilities_are_said():
    model = image_model()
    model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    x, y = images()
    report = gt.compare_network(model, x, 2 * y)
    assert report.ok, str(report)
    assert any("sums to exactly 1" in note for note in report.extra["notes"])


def test_a_loss_that_keras_computes_in_float32_is_said():
    model = image_model("float64")
    model.compile(loss=keras.losses.MeanSquaredError())
    report = gt.compare_network(model, *images())
    assert report.ok, str(report)
    assert any("training computes it in float32" in note for note in report.extra["notes"])


def test_targets_without_their_last_axis():
    model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
    model.compile(loss="mse")
    x = np.random.default_rng(0).normal(size=(5, 3))
    report = gt.compare_network(model, x, np.arange(5))
    assert report.ok, str(report)
    assert report.checks[-1].name.startswith("loss")


def test_regularization_is_said():
    model = keras.Sequential([keras.Input((3,)), L.Dense(1, kernel_regularizer="l2", name="held")])
    report = gt.compare_network(model, np.ones((2, 3)), np.ones((2, 1)), loss="mse")
    assert any("regularization of held" in note for note in report.extra["notes"])


# --- Negative controls: layers that are not what they claim to be.


class Scaled(L.Dense):
    def call(self, x):
        return super().call(x) * (1 + 1e-3)


class Transposed(L.Dense):
    def call(self, x):
        return self.activation(keras.ops.matmul(x, keras.ops.flip(self.kernel, 0)))


class StoppedGradient(L.Dense):
    """Right in its value, with no gradient for the kernel."""

    def call(self, x):
        return self.activation(keras.ops.matmul(x, keras.ops.stop_gradient(self.kernel)))


class OtherActivation(L.Dense):
    """Right without its activation, which it takes for another."""

    def call(self, x):
        y = keras.ops.matmul(x, self.kernel)
        return y if self.activation is keras.activations.linear else keras.ops.relu(y)


class OtherWeights(L.Dense):
    """Computes with weights that it does not show."""

    def call(self, x):
        if not hasattr(self, "hidden"):
            self.hidden = np.array(self.kernel) + 1e-3
        return self.activation(keras.ops.matmul(x, self.hidden))


class Raising(L.Dense):
    def call(self, x):
        if keras.ops.shape(x)[0] == 5:
            raise RuntimeError("no five")
        return super().call(x)


class Narrow(L.Dense):
    def call(self, x):
        return super().call(x)[:, :1]

    def compute_output_shape(self, shape):
        return (shape[0], 1)


PLANTED = [Scaled, Transposed, StoppedGradient, OtherActivation, OtherWeights, Raising]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("planted", PLANTED, ids=lambda kind: kind.__name__)
def test_a_wrong_layer_is_named(planted, dtype):
    report = gt.compare_network(image_model(dtype, dense=planted), *images(), loss="mse")
    assert report.verdict == "mismatch"
    wrong = [check.name for check in report.checks if check.verdict == "mismatch"]
    assert wrong
    assert all("layer 5" in name and "'hidden'" in name for name in wrong), wrong
    assert "layer 5" in str(report)


def test_a_value_of_another_shape_is_no_broadcast():
    model = keras.Sequential([keras.Input((3,)), Narrow(2, name="narrow")])
    report = gt.compare_network(model, np.ones((2, 3)))
    causes = {cause.cause for check in report.checks for cause in check.causes}
    assert report.verdict == "mismatch"
    assert causes == {"shape"}


class WrongRelu(L.ReLU):
    def call(self, x):
        return keras.ops.maximum(x, 0.01 * x)


class WrongConv(L.Conv2D):
    def call(self, x):
        return super().call(keras.ops.flip(x, 1))


class WrongPool(L.MaxPooling2D):
    def call(self, x):
        return -super().call(-x)


@pytest.mark.parametrize("layer", [WrongRelu, lambda name: WrongConv(2, 3, name=name), WrongPool])
def test_other_wrong_layers_are_named(layer):
    model = keras.Sequential([keras.Input((6, 6, 2)), L.Conv2D(2, 2), layer(name="planted"), L.Flatten()])
    report = gt.compare_network(model, np.random.default_rng(0).normal(size=(2, 6, 6, 2)))
    wrong = [check.name for check in report.checks if check.verdict == "mismatch"]
    assert wrong
    assert all("layer 1" in name and "'planted'" in name for name in wrong), wrong


class DoubledGradient(L.Dense):
    def call(self, x):
        @tf.custom_gradient
        def product(x, w):
            return x @ w, lambda y_bar: (2 * y_bar @ tf.transpose(w), tf.transpose(x) @ y_bar)

        return product(x, tf.convert_to_tensor(self.kernel)) + self.bias


@pytest.mark.parametrize(
    ("layer", "what", "cause"),
    [
        (WrongRelu(name="planted"), r"layer 1 \(relu, 'planted'\): value", "forward"),
        (DoubledGradient(3, name="planted"), r"layer 1 \(dense, 'planted'\): gradient of input 0 \(x\)", "factor"),
    ],
)
def test_the_first_sentence_names_the_layer_and_its_cause_is_told(layer, what, cause):
    model = keras.Sequential([keras.Input((3,)), L.Dense(4), layer, L.Dense(2)])
    report = gt.compare_network(model, np.random.default_rng(0).normal(size=(5, 3)))
    assert re.match(f"MISMATCH  compare: {what} fails; ", str(report))
    first = next(check for check in report.checks if check.verdict == "mismatch")
    assert [(found.cause, found.confirmed) for found in first.causes] == [(cause, True)]


class WrongLoss(keras.losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) / 2


def test_a_wrong_loss_is_named():
    model = image_model()
    model.compile(loss=WrongLoss())
    wrong = [check.name for check in gt.compare_network(model, *images()).checks if check.verdict == "mismatch"]
    assert wrong
    assert all(name.startswith("loss (mse)") for name in wrong)


# --- Bad arguments.

X, Y = images()

BAD = {
    "x": ((X.tolist(), Y), {}, gt.ArgumentTypeError, "x: got list"),
    "integers": ((X.astype(int), Y), {}, gt.ArgumentTypeError, "x: got an array of int64"),
    "empty": ((X[:0], Y[:0]), {}, gt.ArgumentValueError, "at least one sample"),
    "NaN": ((np.full_like(X, np.nan), Y), {}, gt.ArgumentValueError, "NaN"),
    "size": ((X[:, :, :, :1], Y), {}, gt.ShapeError, r"layer 0 \(conv2d\)"),
    "targets": ((X, Y[:, :2]), {"loss": "mse"}, gt.ShapeError, "mse"),
    "words": ((X, np.full(5, "a")), {"loss": "mse"}, gt.ArgumentTypeError, "y: got dtype"),
    "no targets": ((X,), {"loss": "mse"}, gt.ArgumentValueError, "y: got None"),
    "loss": ((X, Y), {"loss": "mae"}, gt.ArgumentValueError, "'mae' is not known"),
    "no loss": ((X, Y), {"loss": "relu"}, gt.ArgumentValueError, "expected a loss"),
    "dtype": ((X, Y), {"dtype": "int8"}, gt.ArgumentValueError, "dtype"),
}


@pytest.mark.parametrize("name", BAD)
def test_arguments_that_make_no_sense(name):
    arguments, options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        gt.compare_network(image_model(), *arguments, **options)


def test_what_is_no_keras_model():
    with pytest.raises(gt.ArgumentTypeError, match="got int"):
        gt.compare_network(3, X, Y)


def test_targets_that_keras_can_t_take():
    model = image_model(last="softmax")
    model.compile(loss="categorical_crossentropy")
    with pytest.raises(gt.ShapeError, match="expected 5 samples"):
        gt.compare_network(model, X, Y[:2])
    with pytest.raises(gt.ArgumentValueError, match="categorical_crossentropy raised"):
        gt.compare_network(model, X, Y[:, :2])
    model.compile(loss=lambda y_true, y_pred: keras.ops.mean(y_true))
    with pytest.raises(gt.ArgumentValueError, match="does not depend"):
        gt.compare_network(model, X, Y)
