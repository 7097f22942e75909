"""Networks as Keras models and back; on TensorFlow's side, beside `tensorflow_backend.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentValueError, ShapeError, UnsupportedError

from .interface import Array
from .keras_layers import keras, read_model
from .keras_losses import find_loss
from .network import Layer, Network


def from_keras(model: Any, *, loss: str | None = None) -> tuple[Network, dict[str, Array]]:
    """Return a Keras model as a network, and its weights, named `layer.kernel` and `layer.bias`, in Keras's order.

    `model` is a keras.Sequential or a functional model that is a chain of Dense, Conv2D, pooling, Flatten and
    activation layers. A fused activation becomes a separate layer, and Dense without bias becomes `matmul`. Dropout is
    left out, as in inference. The loss is the catalogue's `loss`; by default it is the compiled loss, or `mse` if the
    model is not compiled. The optimizer is `sgd`. A float64 leaky relu gets the slope that Keras computes with, a
    float32 number.

    Raises UnsupportedError, which names the layer, if the catalogue has no operation for a layer, and
    ArgumentValueError if the model is not built.
    """
    parts = read_model(model).parts
    options: Mapping[str, Any] = {}
    if loss is None:
        found = find_loss(model)
        if found is not None and found.operation is None:
            raise UnsupportedError(
                f"model: the loss {found.title} is not in the catalogue. Name one that is, such as loss='mse'."
            )
        if found is not None and found.operation is not None:
            loss, options = found.operation.name, found.operation.keywords
    network = Network([part.layer for part in parts], loss or "mse", loss_options=options)
    return network, {name: array for part in parts for name, array in part.weights.items()}


def to_keras(network: Network, weights: Mapping[str, Array], *, input_shape: Sequence[int] | None = None) -> Any:
    """Return a network with these weights as a keras.Sequential of their dtype, not compiled.

    `input_shape` is the shape of one sample. It may be left out if the first layer is dense. A layer whose parameters
    are named `name.kernel` and `name.bias` keeps the name. `model.get_weights()` has the order of `network.shapes`.

    Raises UnsupportedError, which names the layer, if Keras has no such layer; ArgumentValueError if weights or the
    input shape are missing; and ShapeError for weights of another shape.
    """
    if network.samples != "rows":
        raise UnsupportedError("network: its samples are in columns; expected rows, as in Keras.")
    arrays = _read_weights(network, weights)
    dtype = next((array.dtype.name for array in arrays.values()), "float32")
    shape = _input_shape(network, input_shape)
    layers = [_make_layer(depth, layer, dtype) for depth, layer in enumerate(network.layers)]
    model = keras.Sequential([keras.Input(shape, dtype=dtype), *layers])
    model.set_weights(list(arrays.values()))
    return model


def _read_weights(network: Network, weights: Mapping[str, Array]) -> dict[str, Array]:
    arrays = {}
    for name, shape in network.shapes.items():
        if name not in weights:
            raise ArgumentValueError(f"weights: {name} is missing; expected {', '.join(network.shapes)}.")
        arrays[name] = np.asarray(weights[name])
        if arrays[name].shape != shape:
            raise ShapeError(f"weights: {name} has shape {arrays[name].shape}; expected {shape}.")
    if len({array.dtype for array in arrays.values()}) > 1:
        shown = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ArgumentValueError(f"weights: they have different dtypes ({shown}); expected one. Convert with .astype.")
    return arrays


def _input_shape(network: Network, given: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of one sample: the given one, or the first layer's."""
    if given is not None:
        return tuple(given)
    first = network.layers[0] if network.layers else None
    if first is None or first.operation not in ("dense", "matmul"):
        raise ArgumentValueError(
            "input_shape: it does not follow from the first layer; expected the shape of one sample, such as (8, 8, 1)."
        )
    return (next(iter(first.parameters.values()))[0],)


def _make_layer(depth: int, layer: Layer, dtype: str) -> Any:
    if layer.operation not in _MAKERS:
        raise UnsupportedError(
            f"layers: layer {depth} ({layer.operation}) is no Keras layer of the same definition; expected one of "
            f"{', '.join(_MAKERS)}."
        )
    settings = {name: values[0] for name, values in layer.bound.options.items()} | dict(layer.options)
    shapes = list(layer.parameters.values())
    return _MAKERS[layer.operation](shapes, settings, {"name": _layer_name(depth, layer), "dtype": dtype})


def _layer_name(depth: int, layer: Layer) -> str:
    prefixes = {name.rpartition(".")[0] for name in layer.parameters}
    own = prefixes.pop() if len(prefixes) == 1 else ""
    return own or f"{layer.operation.replace('-', '_')}_{depth}"


def _make_dense(shapes: list[tuple[int, ...]], _: Any, common: dict[str, Any]) -> Any:
    if len(shapes[0]) != 2:
        raise UnsupportedError(f"layers: {common['name']} has weights of shape {shapes[0]}; expected a matrix.")
    return keras.layers.Dense(shapes[0][1], use_bias=len(shapes) == 2, **common)


def _make_conv2d(shapes: list[tuple[int, ...]], settings: dict[str, Any], common: dict[str, Any]) -> Any:
    height, width, _, channels = shapes[0]
    return keras.layers.Conv2D(
        channels, (height, width), strides=settings["stride"], padding=settings["padding"], **common
    )


_MAKERS: dict[str, Callable[[Any, Any, dict[str, Any]], Any]] = {
    "dense": _make_dense,
    "matmul": _make_dense,
    "conv2d": _make_conv2d,
    "max-pool": lambda _, s, common: keras.layers.MaxPooling2D(s["size"], s["stride"], **common),
    "average-pool": lambda _, s, common: keras.layers.AveragePooling2D(s["size"], s["stride"], **common),
    "flatten": lambda _, s, common: keras.layers.Flatten(**common),
    "relu": lambda _, s, common: keras.layers.ReLU(**common),
    "leaky-relu": lambda _, s, common: keras.layers.LeakyReLU(s["slope"], **common),
    "softmax": lambda _, s, common: keras.layers.Softmax(**common),
    **{
        name: lambda _, s, common, name=name: keras.layers.Activation(name, **common)  # type: ignore[misc]
        for name in ("sigmoid", "tanh", "softplus")
    },
}
