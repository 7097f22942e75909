"""Keras's layers as operations of the catalogue, one by one; on TensorFlow's side, beside `tensorflow_backend.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError

from .interface import Array
from .network import Layer
from .tensorflow_backend import tf

keras = tf.keras
Tensor = Any

SUPPORTED = (
    "Dense, Conv2D, MaxPooling2D, AveragePooling2D, Flatten, Activation, ReLU, LeakyReLU, Softmax, Dropout (as in "
    "inference) and the activations linear, relu, leaky_relu, sigmoid, tanh, softplus, softmax"
)

_ACTIVATIONS: dict[Any, str] = {
    getattr(module, name): name.replace("_", "-")
    for module in (tf.nn, keras.activations)
    for name in ("relu", "leaky_relu", "sigmoid", "tanh", "softplus", "softmax")
}


#: Layers that do nothing in inference.
_IDLE = tuple(
    getattr(keras.layers, name)
    for name in ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout")
)


@dataclass(frozen=True)
class Part:
    """One operation of a Keras layer: the catalogue's operation, and the layer's computation of it.

    `variables` are the layer's, in the order of the operation's inputs after the first. `rule` computes the operation
    from a tensor and their values. A fused activation is a separate part, and `fused` marks the part before it.
    """

    depth: int
    source: Any
    layer: Layer
    rule: Callable[..., Tensor]
    variables: tuple[Any, ...] = ()
    fused: bool = False

    @property
    def title(self) -> str:
        """The part in words: the layer's place in the model, its operation, and Keras's name for it."""
        return f"layer {self.depth} ({self.layer.operation}, {self.source.name!r})"

    @property
    def weights(self) -> dict[str, Array]:
        """The values of the variables, under the names of the layer's parameters."""
        return {
            name: np.array(variable.numpy())
            for name, variable in zip(self.layer.parameters, self.variables, strict=True)
        }


@dataclass(frozen=True)
class Reading:
    """A Keras model as parts in order, its dtype, and which of its layers do nothing in inference."""

    parts: tuple[Part, ...]
    dtype: np.dtype[Any]
    passed_over: tuple[str, ...] = ()
    regularized: tuple[str, ...] = ()


def read_model(model: Any, dtype: str | None = None) -> Reading:
    """Return the operations of a Keras model that is a chain of layers; with `dtype`, of a copy of it in that dtype.

    Raises ArgumentTypeError unless it is a Keras model, ArgumentValueError if it is not built, and UnsupportedError,
    which names the layer, if the catalogue has no operation for a layer.
    """
    layers = _chain(model)
    if dtype is not None:
        layers = [_in_dtype(layer, dtype) for layer in layers]
    reader = _Reader()
    for depth, layer in enumerate(layers):
        reader.read(depth, layer)
    if not reader.parts:
        raise UnsupportedError(f"model: {model.name!r} has no layer that computes anything; expected at least one.")
    return Reading(tuple(reader.parts), reader.dtype, tuple(reader.passed_over), tuple(reader.regularized))


def _chain(model: Any) -> list[Any]:
    """Return a model's layers in order without its inputs, if each takes the output of the one before."""
    if not isinstance(model, keras.Model):
        raise ArgumentTypeError(
            f"model: got {type(model).__name__}; expected a keras.Sequential or a functional model."
        )
    if keras.backend.backend() != "tensorflow":
        raise UnsupportedError(
            f"model: Keras runs on {keras.backend.backend()}; expected TensorFlow. Set KERAS_BACKEND=tensorflow."
        )
    calls = [kind.call for kind in (keras.Sequential, type(_smallest_functional()))]
    if type(model).call not in calls:
        raise UnsupportedError(
            f"model: {type(model).__name__} overrides call; expected a keras.Sequential or a functional model, "
            f"whose layers are known."
        )
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if not isinstance(model, keras.Sequential):
        ends = (model.inputs[0], *[layer.output for layer in layers])
        single = len(model.inputs) == len(model.outputs) == 1 and ends[-1] is model.outputs[0]
        for before, layer in zip(ends, layers, strict=False):
            if not single or layer.input is not before:
                raise UnsupportedError(
                    f"model: it is not a chain at the layer {layer.name!r}; expected each layer to take the output of "
                    f"the layer before it. Compare its chains one by one."
                )
    return layers


def _smallest_functional() -> Any:
    tensor = keras.Input((1,))
    return keras.Model(tensor, tensor)


def _in_dtype(layer: Any, dtype: str) -> Any:
    """Return a layer like this one, with its weights, that computes in another dtype."""
    if layer.compute_dtype == layer.variable_dtype == dtype:
        return layer
    try:
        twin = type(layer).from_config({**layer.get_config(), "dtype": dtype})
        if layer.weights:
            twin.build(layer.get_build_config()["input_shape"])
            twin.set_weights(layer.get_weights())
    except Exception as error:  # a subclass's own constructor and build may raise anything
        raise UnsupportedError(
            f"dtype: the layer {layer.name!r} can't be made again in {dtype} ({type(error).__name__}: {error}). Leave "
            f"dtype out, or build the model in {dtype}."
        ) from error
    return twin


@dataclass
class _Reader:
    """Turns layers into parts, one after the other."""

    parts: list[Part] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    regularized: list[str] = field(default_factory=list)
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))

    def read(self, depth: int, layer: Any) -> None:
        """Add the parts of a layer."""
        if isinstance(layer, _IDLE) and _is_kerass_own(layer):
            self.passed_over.append(layer.name)
            return
        if not layer.built and isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            raise ArgumentValueError(
                f"model: the layer {layer.name!r} has no weights yet; expected a built model. Call model.build((None, "
                f"...)) or give it a keras.Input first."
            )
        self._check_dtype(layer)
        if any(getattr(layer, f"{what}_regularizer", None) is not None for what in ("kernel", "bias", "activity")):
            self.regularized.append(layer.name)
        before = len(self.parts)
        for kind, read in _READERS.items():
            if isinstance(layer, kind):
                self.parts.extend(read(depth, layer))
                break
        else:
            raise _unsupported(layer, f"is a {type(layer).__name__}, which has no counterpart in the catalogue")
        if len(self.parts) == before:
            if not _is_kerass_own(layer):
                raise _unsupported(layer, "does nothing with its settings, but is a subclass")
            self.passed_over.append(layer.name)

    def _check_dtype(self, layer: Any) -> None:
        if layer.compute_dtype != layer.variable_dtype:
            raise _unsupported(layer, f"computes in {layer.compute_dtype} with {layer.variable_dtype} weights")
        dtype = np.dtype(layer.compute_dtype)
        if self.parts and dtype != self.dtype:
            raise _unsupported(layer, f"computes in {dtype}, and those before it in {self.dtype}")
        self.dtype = dtype


def _read_dense(depth: int, layer: Any) -> Iterator[Part]:
    _check_rank(layer, 2)
    name, variables = ("dense", (layer.kernel, layer.bias)) if layer.use_bias else ("matmul", (layer.kernel,))
    yield from _read_weighted(depth, layer, name, variables, {})


def _read_conv2d(depth: int, layer: Any) -> Iterator[Part]:
    if layer.data_format != "channels_last":
        raise _unsupported(layer, "has its channels first; expected them last")
    if tuple(layer.dilation_rate) != (1, 1) or layer.groups != 1:
        raise _unsupported(layer, f"has dilation {layer.dilation_rate} and {layer.groups} groups; expected 1 of each")
    if not layer.use_bias:
        raise _unsupported(layer, "has no bias, which the catalogue's conv2d has; use_bias=True starts it at 0")
    options = {"stride": _equal(layer, "strides"), "padding": layer.padding}
    if layer.activation in (keras.activations.softmax, tf.nn.softmax):
        raise _unsupported(layer, "has softmax over its channels; the catalogue's is of rows (n,c)")
    yield from _read_weighted(depth, layer, "conv2d", (layer.kernel, layer.bias), options)


def _read_weighted(
    depth: int, layer: Any, operation: str, variables: tuple[Any, ...], options: dict[str, Any]
) -> Iterator[Part]:
    """Yield a layer's product and, if it has one, its fused activation."""
    if [id(variable) for variable in layer.weights] != [id(variable) for variable in variables]:
        given = ", ".join(variable.name for variable in layer.weights)
        raise _unsupported(layer, f"has the weights {given}; expected its kernel, then its bias, and no more")
    names = [f"{layer.name}.{what}" for what, _ in zip(("kernel", "bias"), variables, strict=False)]
    parameters = {name: tuple(v.shape) for name, v in zip(names, variables, strict=True)}
    activation = list(_read_activation(depth, layer, layer.activation, partial(_apply, layer.activation)))
    rule = partial(_run_layer, layer, variables, bool(activation))
    yield Part(depth, layer, Layer(operation, parameters, options), rule, variables, bool(activation))
    yield from activation


def _read_pool(depth: int, layer: Any, operation: str) -> Iterator[Part]:
    if layer.padding != "valid" or layer.data_format != "channels_last":
        raise _unsupported(
            layer, f"has padding {layer.padding!r}, {layer.data_format}; expected 'valid', channels last"
        )
    options = {"size": _equal(layer, "pool_size"), "stride": _equal(layer, "strides")}
    yield Part(depth, layer, Layer(operation, options=options), partial(_run_layer, layer, (), False))


def _read_flatten(depth: int, layer: Any) -> Iterator[Part]:
    shape = layer.get_build_config() or {}
    rank = len(shape.get("input_shape") or ()) or 4
    if layer.data_format != "channels_last" or rank not in (2, 4):
        raise _unsupported(layer, f"flattens {rank} axes, {layer.data_format}; expected 4, (n,h,w,c), or 2")
    if rank == 4:
        yield Part(depth, layer, Layer("flatten"), partial(_run_layer, layer, (), False))


def _read_relu(depth: int, layer: Any) -> Iterator[Part]:
    if layer.max_value is not None or layer.threshold:
        raise _unsupported(layer, f"has max_value {layer.max_value} and threshold {layer.threshold}; expected neither")
    if layer.negative_slope:
        yield from _read_leaky_relu(depth, layer)
    else:
        yield Part(depth, layer, Layer("relu"), partial(_run_layer, layer, (), False))


def _read_leaky_relu(depth: int, layer: Any) -> Iterator[Part]:
    yield _leaky(depth, layer, float(layer.negative_slope), partial(_run_layer, layer, (), False))


def _read_softmax(depth: int, layer: Any) -> Iterator[Part]:
    if layer.axis != -1:
        raise _unsupported(layer, f"is over the axis {layer.axis}; expected the last, -1")
    yield Part(depth, layer, Layer("softmax"), partial(_run_layer, layer, (), False))


def _read_activation_layer(depth: int, layer: Any) -> Iterator[Part]:
    yield from _read_activation(depth, layer, layer.activation, partial(_run_layer, layer, (), False))


def _read_activation(depth: int, layer: Any, activation: Any, rule: Callable[..., Tensor]) -> Iterator[Part]:
    """Yield the part of an activation, a function or itself a layer; none of a linear one."""
    if activation is None or activation is keras.activations.linear:
        return
    if isinstance(activation, keras.layers.Layer):
        for kind, read in _READERS.items():
            if isinstance(activation, kind) and not activation.weights:
                for part in read(depth, activation):
                    yield Part(depth, layer, part.layer, part.rule)
                return
    name = _ACTIVATIONS.get(activation) if callable(activation) else None
    if name is None:
        shown = getattr(activation, "__name__", type(activation).__name__)
        raise _unsupported(layer, f"has the activation {shown}, which has no counterpart in the catalogue")
    yield _leaky(depth, layer, 0.2, rule) if name == "leaky-relu" else Part(depth, layer, Layer(name), rule)


def _leaky(depth: int, layer: Any, slope: float, rule: Callable[..., Tensor]) -> Part:
    if layer.compute_dtype == "float64":
        slope = float(np.float32(slope))  # as tf.nn.leaky_relu holds it, whatever its input is
    return Part(depth, layer, Layer("leaky-relu", options={"slope": slope}), rule)


def _run_layer(layer: Any, variables: Sequence[Any], fused: bool, x: Tensor, *parameters: Tensor, **_: Any) -> Tensor:
    """Return the Keras layer's output for x and these values of its variables, without a fused activation."""
    with ExitStack() as stack:
        if fused:
            stack.enter_context(_without_activation(layer))
        stack.enter_context(keras.StatelessScope(state_mapping=list(zip(variables, parameters, strict=True))))
        return layer(x)


def _apply(activation: Callable[[Tensor], Tensor], x: Tensor, **_: Any) -> Tensor:
    return activation(x)


@contextmanager
def _without_activation(layer: Any) -> Iterator[None]:
    activation = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation


def _equal(layer: Any, name: str) -> int:
    first, second = getattr(layer, name)
    if first != second:
        raise _unsupported(layer, f"has {name} {(first, second)}; expected two equal ones")
    return int(first)


def _check_rank(layer: Any, rank: int) -> None:
    shape = (layer.get_build_config() or {}).get("input_shape")
    if shape is not None and len(shape) != rank:
        raise _unsupported(layer, f"takes arrays of {len(shape)} axes, {tuple(shape)}; expected {rank}")


def _is_kerass_own(layer: Any) -> bool:
    return type(layer).__module__.split(".")[0] == "keras"


def _unsupported(layer: Any, detail: str) -> UnsupportedError:
    return UnsupportedError(
        f"model: the layer {layer.name!r} {detail}. Supported are {SUPPORTED}. Replace the layer, or compare the part "
        f"of the model before it."
    )


_READERS: dict[Any, Callable[[int, Any], Iterator[Part]]] = {
    keras.layers.Dense: _read_dense,
    keras.layers.Conv2D: _read_conv2d,
    keras.layers.MaxPooling2D: partial(_read_pool, operation="max-pool"),
    keras.layers.AveragePooling2D: partial(_read_pool, operation="average-pool"),
    keras.layers.Flatten: _read_flatten,
    keras.layers.ReLU: _read_relu,
    keras.layers.LeakyReLU: _read_leaky_relu,
    keras.layers.Softmax: _read_softmax,
    keras.layers.Activation: _read_activation_layer,
}
