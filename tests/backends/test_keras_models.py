"""Networks to Keras models and back: the same outputs within the derived bound, the same order of weights."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import gradtwin as gt
from gradtwin.backends.keras_models import from_keras, to_keras
from gradtwin.backends.network import Layer, Network

L = keras.layers


def dense_model(dtype="float32"):
    return keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            L.Dense(5, activation="tanh", name="first", dtype=dtype),
            L.Dropout(0.5, dtype=dtype),
            L.Dense(4, use_bias=False, dtype=dtype, name="second"),
            L.LeakyReLU(0.3, dtype=dtype),
            L.Dense(2, activation="softmax", dtype=dtype, name="third"),
        ]
    )


def image_model(dtype="float32"):
    return keras.Sequential(
        [
            keras.Input((9, 8, 2), dtype=dtype),
            L.Conv2D(3, (3, 2), activation="relu", padding="same", dtype=dtype),
            L.MaxPooling2D(dtype=dtype),
            L.Conv2D(4, 2, strides=2, dtype=dtype),
            L.ReLU(dtype=dtype),
            L.AveragePooling2D(2, 1, dtype=dtype),
            L.Flatten(dtype=dtype),
            L.Dense(3, activation="softplus", dtype=dtype),
            L.Activation("sigmoid", dtype=dtype),
        ]
    )


def functional_model(dtype="float32"):
    tensor = keras.Input((3,), dtype=dtype)
    output = L.Dense(2, activation="leaky_relu", dtype=dtype)(L.Activation("relu", dtype=dtype)(tensor))
    return keras.Model(tensor, L.Softmax(dtype=dtype)(output))


MODELS = {"dense": (dense_model, (3,)), "image": (image_model, (9, 8, 2)), "functional": (functional_model, (3,))}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_a_round_trip_computes_the_same_to_the_last_bit(name, dtype):
    make, shape = MODELS[name]
    model = make(dtype)
    network, weights = from_keras(model)
    twin = to_keras(network, weights, input_shape=shape)
    x = np.random.default_rng(1).normal(size=(4, *shape)).astype(dtype)
    assert (np.asarray(twin(x)) == np.asarray(model(x))).all()
    assert all((mine == its).all() for mine, its in zip(twin.get_weights(), model.get_weights(), strict=True))
    again, same = from_keras(twin)
    assert list(same) == list(weights)
    assert [layer.operation for layer in again.layers] == [layer.operation for layer in network.layers]
    assert [layer.options for layer in again.layers] == [layer.options for layer in network.layers]


@pytest.mark.parametrize("name", MODELS)
def test_the_network_has_kerass_order_and_names(name, tmp_path):
    model = MODELS[name][0]()
    network, weights = from_keras(model)
    assert list(weights) == list(network.shapes)
    assert list(weights) == [f"{layer.name}.{v.name}" for layer in model.layers for v in layer.weights]
    for array, its in zip(weights.values(), model.get_weights(), strict=True):
        assert array.shape == its.shape
        assert (array == its).all()


def test_saved_weights_are_what_keras_takes(tmp_path):
    model = dense_model()
    trained = gt.Model(from_keras(model)[0], dtype="float32", seed=8)
    trained.save(tmp_path / "weights.npz")
    with np.load(tmp_path / "weights.npz") as archive:
        model.set_weights(list(archive.values()))
    for array, its in zip(trained.weights.values(), model.get_weights(), strict=True):
        assert (array == its).all()


def test_what_each_layer_becomes():
    network, _ = from_keras(image_model())
    assert [layer.operation for layer in network.layers] == [
        "conv2d", "relu", "max-pool", "conv2d", "relu", "average-pool", "flatten", "dense", "softplus", "sigmoid",
    ]  # fmt: skip
    assert dict(network.layers[0].options) == {"stride": 1, "padding": "same"}
    assert dict(network.layers[3].options) == {"stride": 2, "padding": "valid"}
    assert dict(network.layers[5].options) == {"size": 2, "stride": 1}
    network, _ = from_keras(dense_model())
    assert [layer.operation for layer in network.layers] == [
        "dense", "tanh", "matmul", "leaky-relu", "dense", "softmax",
    ]  # fmt: skip


def test_a_float64_leaky_relu_has_the_slope_that_keras_computes_with():
    x = np.array([[-1.0, 2.0]])
    model = keras.Sequential([keras.Input((2,), dtype="float64"), L.LeakyReLU(0.3, dtype="float64")])
    layer = from_keras(model)[0].layers[0]
    assert layer.options["slope"] != 0.3
    y = gt.get_backend("numpy").value(layer.bound, x)
    assert y[0, 0] == np.asarray(model(x))[0, 0] == -layer.options["slope"]


LOSSES = {
    "mse": ("mse", {}),
    "mean_squared_error": ("mse", {}),
    keras.losses.MeanSquaredError(): ("mse", {}),
    keras.losses.Huber(0.5): ("huber", {"delta": 0.5}),
    "huber": ("huber", {}),
    "binary_crossentropy": ("log-loss", {}),
    keras.losses.BinaryCrossentropy(from_logits=True): ("log-loss-logits", {}),
    keras.losses.CategoricalCrossentropy(from_logits=True): ("softmax-cross-entropy", {}),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_compiled_loss_is_taken_over(loss):
    model = dense_model()
    model.compile(loss=loss)
    network, _ = from_keras(model)
    assert (network.loss, dict(network.loss_options)) == LOSSES[loss]


def test_losses_that_are_not_in_the_catalogue():
    model = dense_model()
    model.compile(loss="categorical_crossentropy")
    with pytest.raises(gt.UnsupportedError, match="categorical_crossentropy"):
        from_keras(model)
    assert from_keras(model, loss="mse")[0].loss == "mse"
    for loss in (keras.losses.MeanSquaredError(reduction="sum"), ["mse"]):
        model.compile(loss=loss)
        with pytest.raises(gt.UnsupportedError, match=r"reduction|one loss"):
            from_keras(model)


class ExtraWeight(L.Dense):
    def build(self, shape):
        super().build(shape)
        self.gain = self.add_weight(shape=(), name="gain")


def branching():
    tensor = keras.Input((2,))
    return keras.Model(tensor, L.Dense(2, name="second")(tensor) + L.Dense(2)(tensor))


class OwnCall(keras.Sequential):
    def call(self, x):
        return super().call(x) * 2


def sequential(*layers, shape=(6, 6, 2)):
    return lambda: keras.Sequential([keras.Input(shape), *layers])


REFUSED = {
    "no model": (lambda: L.Dense(2), "got Dense"),
    "layer": (sequential(L.BatchNormalization(name="norm")), "'norm'.*BatchNormalization.*Supported are Dense"),
    "own call": (lambda: OwnCall([L.Dense(2)]), "OwnCall overrides call"),
    "branches": (branching, "not a chain"),
    "nested": (sequential(keras.Sequential([L.Dense(2)], name="inner")), "'inner'"),
    "not built": (lambda: keras.Sequential([L.Dense(2, name="late")]), r"'late'.*model\.build"),
    "extra weight": (sequential(ExtraWeight(2), shape=(3,)), "kernel, bias, gain"),
    "no bias": (sequential(L.Conv2D(2, 2, use_bias=False)), "no bias.*use_bias=True"),
    "dilation": (sequential(L.Conv2D(2, 2, dilation_rate=2)), "dilation"),
    "groups": (sequential(L.Conv2D(2, 2, groups=2)), "2 groups"),
    "strides": (sequential(L.Conv2D(2, 2, strides=(1, 2))), r"strides \(1, 2\)"),
    "pool": (sequential(L.MaxPooling2D((2, 3))), r"pool_size \(2, 3\)"),
    "pool padding": (sequential(L.MaxPooling2D(padding="same")), "padding 'same'"),
    "channel softmax": (sequential(L.Conv2D(2, 2, activation="softmax")), "softmax over its channels"),
    "four axes": (sequential(L.Dense(2)), "takes arrays of 4 axes"),
    "activation": (sequential(L.Dense(2, activation="gelu"), shape=(3,)), "activation gelu"),
    "own activation": (sequential(L.Dense(2, activation=lambda x: x), shape=(3,)), "activation <lambda>"),
    "relu6": (sequential(L.ReLU(6.0)), "max_value 6.0"),
    "softmax axis": (sequential(L.Softmax(axis=1)), "axis 1"),
    "mixed": (sequential(L.Dense(2, dtype="mixed_float16"), shape=(3,)), "float16 with float32"),
    "dtypes": (sequential(L.Dense(2), L.Dense(2, dtype="float64"), shape=(3,)), "float64.*float32"),
    "nothing": (sequential(L.Dropout(0.5)), "computes anything"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(name):
    make, message = REFUSED[name]
    with pytest.raises(gt.GradTwinError, match=message):
        from_keras(make())


def test_networks_that_are_no_keras_models():
    weights = {"w": np.ones((2, 3)), "b": np.ones((2, 1))}
    columns = Network([Layer("dense-columns", {"w": (2, 3), "b": (2, 1)})], "mse", samples="columns")
    with pytest.raises(gt.UnsupportedError, match="columns"):
        to_keras(columns, weights)
    with pytest.raises(gt.UnsupportedError, match=r"layer 1 \(layer-norm\)"):
        to_keras(
            Network([Layer("relu"), Layer("layer-norm", {"g": (2,), "s": (2,)})], "mse"),
            {"g": np.ones(2), "s": np.ones(2)},
            input_shape=(2,),
        )
    network = Network([Layer("dense", {"w": (3, 2), "b": (2,)})], "mse")
    with pytest.raises(gt.ShapeError, match=r"w has shape \(2, 3\); expected \(3, 2\)"):
        to_keras(network, weights)
    with pytest.raises(gt.ArgumentValueError, match="b is missing"):
        to_keras(network, {"w": np.ones((3, 2))})
    with pytest.raises(gt.ArgumentValueError, match="different dtypes"):
        to_keras(network, {"w": np.ones((3, 2)), "b": np.ones(2, np.float32)})
    with pytest.raises(gt.ArgumentValueError, match="input_shape"):
        to_keras(Network([Layer("relu")], "mse"), {})


def test_networks_with_names_of_their_own():
    network = Network([Layer("dense", {"w": (3, 2), "b": (2,)}), Layer("tanh")], "mse")
    weights = network.draw_weights()
    model = to_keras(network, weights)
    assert [layer.name for layer in model.layers] == ["dense_0", "tanh_1"]
    assert model.get_weights()[0].dtype == np.float64
    assert (model.get_weights()[0] == weights["w"]).all()


def test_what_stands_outside_of_tensorflows_side_does_not_import_it():
    code = (
        "import sys, gradtwin as gt; gt.Model, gt.Network, gt.Layer, gt.compare_network;"
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
