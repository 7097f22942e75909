"""A Keras optimizer: which one is meant, its numbers, and where its steps go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import NAMED_MOMENTUM
from gradtwin.errors import ArgumentTypeError, unknown_name

from .update_rules import Hyper
from .update_step import UserStep

#: Keras's optimizers that are known by rule, for the causes.
RULES = ("sgd", "rmsprop", "adagrad", "adam", "adamw")

#: What is said where the step gives no numbers of its own.
NO_NUMBERS = "Keras's defaults; give your own numbers by config=, such as config={'learning_rate': 0.1}"


def walk_keras(optimizer: Any, start: Array, gradients: list[Array]) -> list[Array]:
    """Return the weights after each step of a fresh copy of a Keras optimizer."""
    with _float_of(start.dtype) as keras:
        taken = _renewed(optimizer, start.dtype)
        variable = keras.Variable(start, dtype=start.dtype.name)
        path = []
        for g in gradients:
            taken.apply([keras.ops.convert_to_tensor(g, dtype=start.dtype.name)], [variable])
            path.append(np.array(variable.numpy()))
    return path


@contextmanager
def _float_of(dtype: np.dtype[Any]) -> Iterator[Any]:
    """Let Keras hold the learning rate as precisely as the weights, and give it back its own default."""
    from gradtwin.backends.tensorflow_backend import tf

    keras = tf.keras
    before = keras.backend.floatx()
    keras.backend.set_floatx(dtype.name)
    try:
        yield keras
    finally:
        keras.backend.set_floatx(before)


def _renewed(optimizer: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fresh copy of a Keras optimizer whose numbers are of the weights' dtype.

    Keras keeps 0.1 as the float32 nearest to it, in the learning rate and, on its way into a tensor, in every number.
    """
    settings = optimizer.get_config()
    if isinstance(settings.get("learning_rate"), float):
        settings["learning_rate"] = rate_of(optimizer)
    fresh = type(optimizer).from_config(settings)
    for name, value in list(vars(fresh).items()):
        if type(value) is float:
            setattr(fresh, name, dtype.type(value))
    return fresh


def find_optimizer(given: Any, user: UserStep, notes: dict[str, None]) -> Any:
    """Return the Keras optimizer; one that is given by name gets the step's own numbers."""
    with _float_of(np.dtype(np.float64)) as keras:
        if isinstance(given, keras.optimizers.Optimizer):
            return given
        if isinstance(given, type) and issubclass(given, keras.optimizers.Optimizer):
            given = given.__name__
        if not isinstance(given, str):
            raise ArgumentTypeError(
                f"optimizer: got {type(given).__name__}; expected an object of keras.optimizers, or the name of one."
            )
        names = {name.lower(): kind for name, kind in vars(keras.optimizers).items() if isinstance(kind, type)}
        plain = {"momentum": NAMED_MOMENTUM}
        aliases = {"momentum": ("sgd", plain), "nesterov": ("sgd", {**plain, "nesterov": True})}
        name, settings = aliases.get(given.lower(), (given.lower(), {}))
        if name not in names:
            raise unknown_name("optimizer", given, sorted({*names, *aliases} - {"optimizer", "legacy"}))
        kind = names[name]
        default = kind()
        said = {key: v for key, v in user.hyperparameters(kind.__name__).items() if key in default.get_config()}
        settings = {**settings, **said}
        if "learning_rate" in settings:
            settings["learning_rate"] = float(settings["learning_rate"])
        shown = ", ".join(f"{key}={value!r}" for key, value in settings.items()) or NO_NUMBERS
        notes[f"compared with keras.optimizers.{kind.__name__}: {shown}"] = None
        return kind(**settings)


def rate_of(optimizer: Any) -> Any:
    """Return the learning rate as it was written: the shortest decimal number that rounds to Keras's float32."""
    rate = optimizer.get_config()["learning_rate"]
    return float(str(np.float32(rate))) if isinstance(rate, float) and rate == float(np.float32(rate)) else rate


def hyper_of(optimizer: Any) -> Hyper | None:
    """Return the rule and its numbers; None for a rule, or a setting, that there is no re-implementation of."""
    rule, settings = type(optimizer).__name__.lower(), optimizer.get_config()
    unusual = (
        "amsgrad",
        "centered",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "use_ema",
        "gradient_accumulation_steps",
    )
    if rule not in RULES or any(settings.get(name) for name in unusual) or not isinstance(rate_of(optimizer), float):
        return None
    known = {name: settings[name] for name in Hyper.__dataclass_fields__ if settings.get(name) is not None}
    return Hyper(rule, **{**known, "learning_rate": rate_of(optimizer)})
