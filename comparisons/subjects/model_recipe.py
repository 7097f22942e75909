"""How a whole model is run: its loss, its own backpropagation, and its layers one after the other."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import MODEL_DEPTH, MOVED_SCALE
from gradtwin.errors import ArgumentValueError

from .discovery import (
    Plan,
    attribute,
    attribute_names,
    find_arrays,
    find_method,
    own_learning_rate,
    plan_call,
    setting_role,
)
from .layer_recipe import LayerRecipe, Settings, as_users_own
from .model_loss import (
    ModelSettings,
    find_attribute,
    find_loss,
    find_prediction_loss,
    loss_gradient,
)
from .names import (
    BACKPROP_METHODS,
    BACKWARD_NAMES,
    CACHE,
    FORWARD_INPUT,
    FORWARD_NAMES,
    INPUT_GRADIENT_NAMES,
    LAYER_LISTS,
    PREDICTING,
    PREDICTION,
    TARGET,
    UPSTREAM,
)
from .returned_names import returned_names
from .seeding import seeded


class ModelRecipe:
    """How a model is run, from a stage of its layers on, or from the start."""

    depth = MODEL_DEPTH
    root = attribute("model")
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
        find_loss(owner, settings)  # raises if there is none

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the inputs that runs the model and gives its loss."""
        loss = find_loss(owner, self._settings)
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
        returned, given = kept[-2:]
        method = self._backprop_method(owner)
        if method is None and isinstance(returned, tuple) and len(returned) > 1:
            return returned[1:] if len(returned) > 2 else returned[1]
        if method is None:
            return self._through_layers(owner, self._prediction(owner, given))
        values = {
            "x": inputs[0],
            "target": copy.deepcopy(self._settings.target),
            "cache": returned[1] if isinstance(returned, tuple) else None,
            "training": True,
            "learning_rate": self.learning_rate,
        }
        plan = self._plan_backprop(method)
        if plan.roles & {"prediction", "upstream"}:
            values["prediction"] = self._prediction(owner, given)
        if "upstream" in plan.roles:
            values["upstream"] = loss_gradient(owner, self._settings, values["prediction"])
        positional, named = plan.arguments(values)
        gradients = method(*positional, **named)
        is_several = isinstance(gradients, dict | tuple | list)
        return gradients if is_several or np.shape(gradients) == np.shape(inputs[0]) else None

    def returned_names(self, owner: Any) -> tuple[str, ...]:
        """Return what the return statement of its backpropagation calls the results."""
        method = self._backprop_method(owner)
        return (
            returned_names(method)
            if method is not None
            else returned_names(find_loss(owner, self._settings).function)[1:]
        )

    def _backprop_method(self, owner: Any) -> Any:
        """Return the model's own backpropagation, None where it has none."""
        if callable(self._settings.backprop):
            return types.MethodType(self._settings.backprop, owner.model)
        return find_attribute(owner.model, self._settings.backprop, BACKPROP_METHODS)

    def suspects(self, owner: Any, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the target where the model takes the inputs, else the inputs."""
        given = list(zip(self.names, inputs, strict=True))
        try:
            with np.errstate(all="ignore"):
                self._predictor(owner)(*inputs)
        except ArgumentValueError:  # nothing predicts without a target
            return [*given, ("target", self._settings.target)]
        except Exception:  # the model is the user's, and may raise anything
            return given
        return [("target", self._settings.target)]

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

    def _prediction(self, owner: Any, given: Any) -> Any:
        """Return the prediction: the loss's argument, or else the model's output for it."""
        return given if find_loss(owner, self._settings).takes_prediction else self._predictor(owner)(given)

    def _through_layers(self, owner: Any, prediction: Any) -> Any:
        if not self._places:
            listed = ", ".join(BACKPROP_METHODS)
            raise ArgumentValueError(
                f"backprop: {type(owner.model).__name__} has none of {listed}, nor a list of layers; expected "
                f"backprop= to be a method's name or a function of (model, x, target)."
            )
        upstream = loss_gradient(owner, self._settings, prediction)
        for place in reversed(self._places):
            upstream = run_backward(place.read(owner.model), upstream, self.learning_rate)
        return upstream


class TailRecipe:
    """The layers from one on, and the loss: they determine the gradient at that layer's input."""

    depth = MODEL_DEPTH
    root = attribute("model")
    has_upstream = False

    def __init__(self, settings: ModelSettings, places: Sequence[LayerPlace], learning_rate: float) -> None:
        self._settings = settings
        self._places = places
        self._learning_rate = learning_rate

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the first layer's input that gives the loss."""
        loss = find_prediction_loss(owner, self._settings)
        assert loss is not None  # without a loss there are no tails to judge
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
        upstream = loss_gradient(owner, self._settings, kept[-1])
        for place in reversed(self._places):
            upstream = run_backward(place.read(owner.model), upstream, self._learning_rate)
        return upstream

    def returned_names(self, _owner: Any) -> tuple[str, ...]:
        """Return nothing: there is one result."""
        return ()

    def suspects(self, _owner: Any, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the first layer's input."""
        return [("x", inputs[0])]


def settle_loss(owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], x: Any, seed: int) -> str:
    """Find out by trial whether the loss takes the input or the prediction, if its argument's name doesn't decide.

    A loss of the input runs the model, so it changes with the model's arrays. If it doesn't, or raises, it is tried as
    a loss of the prediction. Returns a note if both raise.
    """
    if find_loss(owner, settings).names_prediction or _changes_with_model(owner, settings, places, x, seed):
        return ""
    settings.loss_takes_prediction = True
    if np.isfinite(_try_loss(copy.deepcopy(owner), settings, places, x, seed)):
        return ""
    settings.loss_takes_prediction = False
    if np.isfinite(_try_loss(copy.deepcopy(owner), settings, places, x, seed)):
        return ""
    return (
        "the loss returns no number, for the model's input or for its prediction. Pass loss=, a function of "
        "(prediction, "
        "target), or correct the target"
    )


def _changes_with_model(owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], x: Any, seed: int) -> bool:
    fresh, moved = copy.deepcopy(owner), copy.deepcopy(owner)
    rng = np.random.default_rng([seed, 9])
    for array, of in find_arrays(moved.model, MODEL_DEPTH).values():
        drawn = (array * rng.uniform(*MOVED_SCALE, array.shape)).astype(array.dtype)
        for place in of:
            if not isinstance(place.parent.read(moved.model), tuple):
                place.write(moved.model, drawn)
    first = _try_loss(fresh, settings, places, x, seed)
    return bool(np.isfinite(first) and first != _try_loss(moved, settings, places, x, seed))


def _try_loss(owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], x: Any, seed: int) -> float:
    """Return the loss of this copy of the model, NaN where it raises."""
    try:
        with np.errstate(all="ignore"), seeded(seed):
            return float(np.asarray(ModelRecipe(owner, settings, places, 1).forward(owner)(copy.deepcopy(x))))
    except Exception:  # the loss is the user's, and this call of it only a guess
        return float("nan")


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
    return find_attribute(layer, None, INPUT_GRADIENT_NAMES) if returned is None else returned


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
                f"layers: {type(missing[0]).__name__} is not in the model; expected layers that an attribute of the "
                f"model holds."
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
