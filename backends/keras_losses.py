"""Keras's losses as the catalogue's; on TensorFlow's side, beside `tensorflow_backend.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentValueError, UnsupportedError

from .interface import Array, Operation
from .keras_layers import keras
from .operations import find_operation
from .precision import find_dtype
from .tensorflow_backend import tf, to_array, to_tensor

Tensor = Any


@dataclass(frozen=True)
class KerasLoss:
    """A Keras loss: its name, the catalogue's operation, if there is one, and Keras's own computation of it."""

    title: str
    operation: Operation | None
    rule: Callable[..., Tensor]

    def narrower_than(self, dtype: np.dtype[Any]) -> str:
        """Return the dtype that Keras's own training computes every loss in, if it is narrower; else nothing."""
        floatx: str = keras.backend.floatx()
        return floatx if find_dtype(floatx).itemsize < dtype.itemsize else ""

    def differs_at(self, p: Array, t: Array) -> str:
        """Return why Keras's definition is not the catalogue's at these arrays, in words; empty where it is."""
        if self.operation is None:
            return ""
        epsilon = keras.backend.epsilon()
        if self.operation.name == "log-loss" and not ((p >= epsilon) & (p <= 1 - epsilon)).all():
            return f"Keras clips probabilities to [{epsilon}, 1 - {epsilon}], which the catalogue does not"
        if self.operation.name == "softmax-cross-entropy" and not (t.sum(axis=-1) == 1).all():
            return "Keras's gradient assumes that each row of targets sums to exactly 1, and here a row doesn't"
        return ""

    def gradient(self, p: Array, t: Array) -> Array:
        """Return ∂L/∂p by the tape; raise ArgumentValueError where Keras can't give it."""
        prediction = to_tensor(p)
        try:
            with tf.GradientTape() as tape:
                tape.watch(prediction)
                loss = self.rule(prediction, to_tensor(t))
            gradient = tape.gradient(loss, prediction)
        except Exception as error:  # a loss of the user's own may raise anything
            raise ArgumentValueError(
                f"y: the loss {self.title} raised {type(error).__name__} for outputs of shape {p.shape} and targets of "
                f"shape {t.shape}: {error}"
            ) from error
        if gradient is None:
            raise ArgumentValueError(f"loss: {self.title} does not depend on the model's output; name one with loss=.")
        return to_array(gradient)


def find_loss(model: Any) -> KerasLoss | None:
    """Return the loss that a Keras model is compiled with, None for a model without.

    Raises UnsupportedError for several losses, and for one that is not averaged over the batch.
    """
    given = getattr(model, "loss", None)
    if given is None:
        return None
    if not (isinstance(given, str) or callable(given)):
        raise UnsupportedError(f"model: it is compiled with {given!r}; expected one loss.")
    loss = keras.losses.get(given)
    if not isinstance(loss, keras.losses.Loss):
        return KerasLoss(getattr(loss, "__name__", repr(loss)), _match_function(loss), partial(_mean, loss))
    if loss.reduction not in ("sum_over_batch_size", "mean"):
        raise UnsupportedError(
            f"model: its loss {loss.name!r} has the reduction {loss.reduction!r}; expected 'sum_over_batch_size'."
        )
    # `call`, not the object itself, which would first round everything to its own dtype.
    return KerasLoss(loss.name, _match_object(loss), partial(_mean, loss.call))


def _mean(losses: Callable[[Tensor, Tensor], Tensor], p: Tensor, t: Tensor, **_: Any) -> Tensor:
    return tf.reduce_mean(losses(t, p))


def _match_function(function: Any) -> Operation | None:
    known = {"mean_squared_error": "mse", "binary_crossentropy": "log-loss", "huber": "huber"}
    names = [name for keras_name, name in known.items() if keras.losses.get(keras_name) is function]
    return find_operation(names[0]) if names else None


def _match_object(loss: Any) -> Operation | None:
    config = loss.get_config()
    smooth = bool(config.get("label_smoothing"))
    logits = bool(config.get("from_logits"))
    if isinstance(loss, keras.losses.MeanSquaredError):
        return find_operation("mse")
    if isinstance(loss, keras.losses.Huber):
        delta = getattr(loss, "_fn_kwargs", {}).get("delta")  # its config has none
        return None if delta is None else find_operation("huber").bind(delta=float(delta))
    if isinstance(loss, keras.losses.BinaryCrossentropy) and not smooth and config.get("axis") == -1:
        return find_operation("log-loss-logits" if logits else "log-loss")
    if isinstance(loss, keras.losses.CategoricalCrossentropy) and not smooth and logits and config.get("axis") == -1:
        return find_operation("softmax-cross-entropy")
    return None


def as_target(y: Array, prediction: Array) -> Array:
    """Return the target as Keras takes it: in the prediction's dtype, with a last axis of one where that has it."""
    target = np.asarray(y, dtype=prediction.dtype)
    if target.ndim == prediction.ndim - 1 and prediction.shape[-1] == 1:
        target = target[..., np.newaxis]
    return target
