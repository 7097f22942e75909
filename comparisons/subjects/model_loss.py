"""The loss of a model: which it is, whether it takes the model's input or its prediction, and the gradient of it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradtwin.errors import ArgumentValueError

from .discovery import find_method, plan_call, required, setting_role
from .layer_recipe import LayerRecipe, Settings
from .names import INPUT_GRADIENT_NAMES, LOSS_ATTRIBUTES, LOSS_CALLS, LOSS_GRADIENTS, PREDICTION, TARGET


class ModelSettings:
    """The caller's settings for running a model."""

    def __init__(
        self,
        loss: str | None,
        backprop: Any,
        forward: Any,
        loss_args: Mapping[str, Any],
        backprop_args: Mapping[str, Any],
        target: Any,
        learning_rate: float,
    ) -> None:
        self.loss = loss
        self.backprop = backprop
        self.forward = forward
        self.loss_args = copy.deepcopy(dict(loss_args))
        self.backprop_args = copy.deepcopy(dict(backprop_args))
        self.target = target
        self.learning_rate = learning_rate
        #: Whether a loss whose first argument is not named like one takes the prediction all the same.
        self.loss_takes_prediction = False


class Loss:
    """One loss of a copy of a model: a method of (x, target), or a function or object of (prediction, target)."""

    def __init__(self, model: Any, found: Any, settings: ModelSettings) -> None:
        self.holder: Any = None
        is_method = inspect.ismethod(found) and found.__self__ is model
        if not callable(found) or not (inspect.isroutine(found) or isinstance(found, type)):
            self.holder = found
            found = find_method(found, None, LOSS_CALLS, "loss")
        elif inspect.ismethod(found) and not is_method:
            self.holder = found.__self__
        self.function: Callable[..., Any] = found
        names = [name for name in required(found) if not TARGET.match(name)]
        #: Whether its first argument is surely the prediction; that of a method may be the model's input.
        self.names_prediction: bool = not is_method or bool(names and PREDICTION.match(names[0]))
        self.takes_prediction = self.names_prediction or settings.loss_takes_prediction
        self.plan = plan_call(found, "loss", ["x", "target"], settings.loss_args, self._role)

    def _role(self, p: inspect.Parameter) -> str | None:
        return "target" if TARGET.match(p.name) else setting_role(p)


def find_loss(owner: Any, settings: ModelSettings) -> Loss:
    """Return the loss that was given or named, or the first of the usual names."""
    found = owner.loss if owner.loss is not None else find_attribute(owner.model, settings.loss, LOSS_ATTRIBUTES)
    if found is None:
        raise ArgumentValueError(
            f"loss: {type(owner.model).__name__} has none of {', '.join(LOSS_ATTRIBUTES)}; expected loss= to be a "
            f"method's name, a function of (prediction, target) or a loss object."
        )
    return Loss(owner.model, found, settings)


def find_prediction_loss(owner: Any, settings: ModelSettings) -> Loss | None:
    """Return the loss of the prediction: the loss itself, or the one that a loss of x calls; None without one."""
    loss = find_loss(owner, settings)
    if loss.takes_prediction:
        return loss
    for name in LOSS_ATTRIBUTES:
        try:
            inner = Loss(owner.model, getattr(owner.model, name), settings)
        except (AttributeError, ArgumentValueError):  # another thing by that name, such as a list of past losses
            continue
        if inner.names_prediction:
            return inner
    return None


def has_loss_gradient(owner: Any, settings: ModelSettings) -> bool:
    """Return whether the gradient of the loss is separate from the model's backpropagation."""
    loss = find_prediction_loss(owner, settings)
    if loss is None:
        return False
    return loss.holder is not None or find_attribute(owner.model, None, LOSS_GRADIENTS) is not None


def loss_gradient(owner: Any, settings: ModelSettings, prediction: Any) -> Any:
    """Return the model's own gradient of the loss with respect to the prediction."""
    target = copy.deepcopy(settings.target)
    loss = find_prediction_loss(owner, settings)
    function = find_attribute(owner.model, None, LOSS_GRADIENTS)
    if loss is not None and loss.holder is not None:
        recipe = LayerRecipe(loss.holder, Settings(target=target), 1)
        returned = recipe.backward(loss.holder, (prediction,), [None], None)
        returned = find_attribute(loss.holder, None, INPUT_GRADIENT_NAMES) if returned is None else returned
        return returned[0] if isinstance(returned, tuple) else returned
    if function is None:
        raise ArgumentValueError(
            f"backprop: it needs the loss's gradient, and {type(owner.model).__name__} has none of "
            f"{', '.join(LOSS_GRADIENTS)}; expected loss= to be an object with a backward method, or backprop= a "
            f"function of (model, x, target)."
        )

    def role_of(p: inspect.Parameter) -> str | None:
        return "target" if TARGET.match(p.name) else None

    positional, named = plan_call(function, "loss", ["x", "target"], {}, role_of).arguments(
        {"x": prediction, "target": target}
    )
    return function(*positional, **named)


def find_attribute(model: Any, given: Any, names: Sequence[str]) -> Any:
    """Return the model's attribute that is named, or the first of the usual names; None without one."""
    if isinstance(given, str):
        found = getattr(model, given, None)
        if found is None:
            raise ArgumentValueError(
                f"loss, backprop: {type(model).__name__} has no {given!r}; expected the name of one of its methods "
                f"or attributes."
            )
        return found
    return next((found for name in names if (found := getattr(model, name, None)) is not None), None)
