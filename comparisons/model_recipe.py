"""How a whole model is run: its loss, its own backpropagation, and its layers one after the other."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.discovery import (
    BACKWARD_NAMES,
    CACHE,
    FORWARD_INPUT,
    FORWARD_NAMES,
    MODEL_DEPTH,
    PREDICTION,
    TARGET,
    UPSTREAM,
    Plan,
    attribute_names,
    find_method,
    own_learning_rate,
    plan_call,
    required,
    setting_role,
)
from gradtwin.comparisons.layer_recipe import LayerRecipe, Settings, as_users_own
from gradtwin.errors import ArgumentValueError

LOSS_METHODS = (
    "loss",
    "compute_loss",
    "calculate_loss",
    "calc_loss",
    "get_loss",
    "cost",
    "compute_cost",
    "loss_function",
)
LOSS_ATTRIBUTES = (*LOSS_METHODS, "loss_fn", "loss_func", "criterion", "last_layer", "lastLayer", "loss_layer")
LOSS_GRADIENTS = ("loss_prime", "loss_derivative", "loss_grad", "loss_gradient", "d_loss", "dloss", "cost_derivative")
BACKPROP_METHODS = (
    *BACKWARD_NAMES, "backpropagation", "backpropagate", "gradient", "gradients", "compute_gradients", "calc_gradients",
)  # fmt: skip
LAYER_LISTS = ("layers", "_layers", "modules", "network", "net", "sequence", "stack")
PREDICTING = (*FORWARD_NAMES[:-1], "predict", "__call__")


class ModelSettings:
    """How the caller said a model is to be run."""

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


class Loss:
    """The loss of one copy of a model: a method of (x, target), or a function or object of (prediction, target)."""

    def __init__(self, owner: Any, settings: ModelSettings) -> None:
        self._settings = settings
        self.holder: Any = None
        found = owner.loss if owner.loss is not None else _attribute(owner.model, settings.loss, LOSS_ATTRIBUTES)
        if found is None:
            listed = ", ".join(LOSS_ATTRIBUTES)
            raise ArgumentValueError(
                f"loss: {type(owner.model).__name__} has none of {listed}; expected loss= to be a method's name, a "
                f"function of (prediction, target) or a loss object."
            )
        self.is_method = inspect.ismethod(found) and found.__self__ is owner.model
        if not callable(found) or not (inspect.isroutine(found) or isinstance(found, type)):
            self.holder = found
            found = find_method(found, None, (*FORWARD_NAMES, "calculate", "loss", "compute"), "loss")
        elif inspect.ismethod(found) and not self.is_method:
            self.holder = found.__self__
        self.function = found
        names = [name for name in required(found) if not TARGET.match(name)]
        self.takes_prediction: bool = not self.is_method or bool(names and PREDICTION.match(names[0]))
        self.plan = plan_call(found, "loss", ["x", "target"], settings.loss_args, self._role)

    def _role(self, p: inspect.Parameter) -> str | None:
        return "target" if TARGET.match(p.name) else setting_role(p)


class ModelRecipe:
    """How a model is run, from a stage of its layers on, or from the start."""

    depth = MODEL_DEPTH
    has_upstream = False

    def __init__(self, owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], count: int) -> None:
        self._settings = settings
        self._places = places
        self._count = count
        self.learning_rate = settings.learning_rate
        own = own_learning_rate(owner.model)
        if own and settings.learning_rate == 1:
            self.learning_rate = own[1]
        self.names = ["x"] if count == 1 else [f"x{i}" for i in range(count)]
        self._loss = Loss(owner, settings)

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the inputs that runs the model and gives its loss."""
        loss = Loss(owner, self._settings)
        values = {"training": True, "learning_rate": self.learning_rate, "target": copy.deepcopy(self._settings.target)}
        predict = self._predictor(owner) if loss.takes_prediction else None
        function, arguments = loss.function, loss.plan.arguments

        def call(*inputs: Any) -> Any:
            given = predict(*inputs) if predict is not None else inputs[0]
            positional, named = arguments({**values, "x": given})
            returned = function(*positional, **named)
            if kept is not None:
                kept.extend((returned, given))
            y = returned[0] if isinstance(returned, tuple) else returned
            return y.sum() if hasattr(y, "sum") and y.size != 1 else y

        return as_users_own(call, owner.model)

    def backward(self, owner: Any, inputs: Sequence[Any], kept: list[Any], _y_bar: Any, /) -> Any:
        """Run the model's own backpropagation after its loss."""
        returned, prediction = kept[-2:]
        method = _attribute(owner.model, self._settings.backprop, BACKPROP_METHODS)
        if callable(self._settings.backprop):
            method = types.MethodType(self._settings.backprop, owner.model)
        if method is None and isinstance(returned, tuple) and len(returned) > 1:
            return returned[1:] if len(returned) > 2 else returned[1]
        if method is None:
            return self._through_layers(owner, prediction)
        values = {
            "x": inputs[0],
            "target": copy.deepcopy(self._settings.target),
            "prediction": prediction,
            "cache": returned[1] if isinstance(returned, tuple) else None,
            "training": True,
            "learning_rate": self.learning_rate,
        }
        plan = self._plan_backprop(method)
        if "upstream" in plan.roles:
            values["upstream"] = self._loss_gradient(owner, prediction)
        positional, named = plan.arguments(values)
        gradients = method(*positional, **named)
        is_several = isinstance(gradients, dict | tuple | list)
        return gradients if is_several or np.shape(gradients) == np.shape(inputs[0]) else None

    def _predictor(self, owner: Any) -> Callable[..., Any]:
        try:
            method = find_method(owner.model, self._settings.forward, PREDICTING, "forward")
        except ArgumentValueError:
            if not self._places:
                raise
            return compose([place.read(owner.model) for place in self._places])
        arguments = plan_call(method, "forward", ["x"], {}, setting_role).arguments
        values = {"training": True, "learning_rate": self.learning_rate}

        def predict(*inputs: Any) -> Any:
            positional, named = arguments({**values, "x": inputs[0]})
            returned = method(*positional, **named)
            return returned[0] if isinstance(returned, tuple) else returned

        return as_users_own(predict, owner.model)

    def _plan_backprop(self, method: Callable[..., Any]) -> Plan:
        fixed = self._settings.backprop_args

        def role_of(p: inspect.Parameter) -> str | None:
            if (role := setting_role(p)) is not None or p.default is not p.empty:
                return role
            known = ((TARGET, "target"), (PREDICTION, "prediction"), (FORWARD_INPUT, "x"), (UPSTREAM, "upstream"))
            if p.name in CACHE:
                return "cache"
            return next((role for pattern, role in known if pattern.match(p.name)), None)

        open_names = [
            p for p in inspect.signature(method).parameters.values() if p.default is p.empty and role_of(p) is None
        ]
        queue = ["x", "target"] if len(open_names) > 1 else ["target", "x"]
        return plan_call(method, "backprop", queue, fixed, role_of)

    def _loss_gradient(self, owner: Any, prediction: Any) -> Any:
        loss = Loss(owner, self._settings)
        return loss_gradient(owner, loss, prediction, self._settings.target)

    def _through_layers(self, owner: Any, prediction: Any) -> Any:
        if not self._places:
            listed = ", ".join(BACKPROP_METHODS)
            raise ArgumentValueError(
                f"backprop: {type(owner.model).__name__} has none of {listed}, nor a list of layers; expected "
                f"backprop= to be a method's name or a function of (model, x, target)."
            )
        upstream = self._loss_gradient(owner, prediction)
        for place in reversed(self._places):
            upstream = run_backward(place.read(owner.model), upstream, self.learning_rate)
        return upstream


class TailRecipe:
    """The layers from one on, and the loss: what the gradient at that layer's input comes from."""

    depth = MODEL_DEPTH
    has_upstream = False

    def __init__(self, settings: ModelSettings, places: Sequence[LayerPlace], learning_rate: float) -> None:
        self._settings = settings
        self._places = places
        self._learning_rate = learning_rate

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the first layer's input that gives the loss."""
        loss = Loss(owner, self._settings)
        run = compose([place.read(owner.model) for place in self._places])
        values = {"training": True, "target": copy.deepcopy(self._settings.target)}
        function, arguments = loss.function, loss.plan.arguments

        def call(x: Any) -> Any:
            prediction = run(x)
            positional, named = arguments({**values, "x": prediction})
            y = function(*positional, **named)
            if kept is not None:
                kept.append(prediction)
            return y.sum() if hasattr(y, "sum") and y.size != 1 else y

        return as_users_own(call, owner.model)

    def backward(self, owner: Any, _inputs: Sequence[Any], kept: list[Any], _y_bar: Any, /) -> Any:
        """Run the loss's backward and that of the layers, last one first."""
        upstream = loss_gradient(owner, Loss(owner, self._settings), kept[-1], self._settings.target)
        for place in reversed(self._places):
            upstream = run_backward(place.read(owner.model), upstream, self._learning_rate)
        return upstream


def compose(layers: Sequence[Any]) -> Callable[[Any], Any]:
    """Return layers' forwards, one after the other."""
    recipes = [LayerRecipe(layer, Settings(), 1) for layer in layers]
    calls = [recipe.forward(layer) for recipe, layer in zip(recipes, layers, strict=True)]

    def run(x: Any) -> Any:
        for call in calls:
            x = call(x)
        return x

    return as_users_own(run, layers[0]) if layers else run


def run_backward(layer: Any, upstream: Any, learning_rate: float) -> Any:
    """Run a layer's backward, after its forward, and return the gradient of its input."""
    recipe = LayerRecipe(layer, Settings(learning_rate=learning_rate), 1)
    returned = recipe.backward(layer, (None,), [None], upstream)
    if isinstance(returned, tuple):
        returned = returned[0]
    if returned is not None:
        return returned
    names = ("dinputs", "dx", "dX")
    return next((found for name in names if (found := getattr(layer, name, None)) is not None), None)


def has_loss_gradient(owner: Any, settings: ModelSettings) -> bool:
    """Return whether the gradient of the loss stands apart, and not within the model's backpropagation."""
    return Loss(owner, settings).holder is not None or _attribute(owner.model, None, LOSS_GRADIENTS) is not None


def loss_gradient(owner: Any, loss: Loss, prediction: Any, target: Any) -> Any:
    """Return the model's own gradient of the loss with respect to the prediction."""
    target = copy.deepcopy(target)
    function = _attribute(owner.model, None, LOSS_GRADIENTS)
    if loss.holder is not None:
        recipe = LayerRecipe(loss.holder, Settings(target=target), 1)
        returned = recipe.backward(loss.holder, (prediction,), [None], None)
        returned = getattr(loss.holder, "dinputs", None) if returned is None else returned
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


class LayerPlace:
    """Where a model holds one of its layers."""

    def __init__(self, name: str, key: Any) -> None:
        self.name = name
        self.key = key

    def read(self, model: Any) -> Any:
        """Return the layer of a copy of the model."""
        holder = getattr(model, self.name)
        return holder[self.key] if self.key is not None else holder


def layer_places(model: Any, given: Sequence[Any] | None, original: Any) -> list[LayerPlace]:
    """Return the places of the layers: objects that have a forward and a backward method."""
    if given is not None:
        known = [place for name in attribute_names(original) for place in _places_in(original, name)]
        by_id = {id(place.read(original)): place for place in known}
        missing = [layer for layer in given if id(layer) not in by_id]
        if missing:
            raise ArgumentValueError(
                f"layers: {type(missing[0]).__name__} is not held by the model; expected objects of its attributes."
            )
        return [by_id[id(layer)] for layer in given]
    return next((places for name in LAYER_LISTS if (places := _places_in(model, name))), [])


def _places_in(model: Any, name: str) -> list[LayerPlace]:
    holder = getattr(model, name, None)
    keys: list[Any] = [None]
    if isinstance(holder, dict):
        keys = list(holder)
    elif isinstance(holder, list | tuple):
        keys = list(range(len(holder)))
    elif name in LAYER_LISTS or holder is None:
        return []
    places = [LayerPlace(name, key) for key in keys]
    return places if all(_is_layer(place.read(model)) for place in places) else []


def _is_layer(value: Any) -> bool:
    return all(any(callable(getattr(value, name, None)) for name in names) for names in (FORWARD_NAMES, BACKWARD_NAMES))


def _attribute(model: Any, given: Any, names: Sequence[str]) -> Any:
    if isinstance(given, str):
        found = getattr(model, given, None)
        if found is None:
            raise ArgumentValueError(
                f"loss, backprop: {type(model).__name__} has no {given!r}; expected a name of its own."
            )
        return found
    return next((found for name in names if (found := getattr(model, name, None)) is not None), None)
