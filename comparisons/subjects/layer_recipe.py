"""How a layer or loss object is run: which method, with which arguments, and where its output is."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import LAYER_DEPTH
from gradtwin.errors import ArgumentValueError

from .discovery import ROOT, Plan, find_method, own_learning_rate, plan_call, required, setting_role
from .names import (
    BACKWARD_NAMES,
    CACHE,
    FORWARD_INPUT,
    FORWARD_NAMES,
    FORWARD_OUTPUT,
    LEARNING_RATE_IF_REQUIRED,
    OUTPUT_NAMES,
    TARGET,
    UPSTREAM,
)
from .returned_names import returned_names


class Settings:
    """The caller's settings for running a layer."""

    def __init__(
        self,
        forward: Any = None,
        backward: Any = None,
        output: Any = None,
        optimizer_step: Any = None,
        forward_args: Mapping[str, Any] | None = None,
        backward_args: Mapping[str, Any] | None = None,
        target: Any = None,
        learning_rate: float = 1.0,
    ) -> None:
        self.forward = forward
        self.backward = backward
        self.output = output
        self.optimizer_step = optimizer_step
        self.forward_args = copy.deepcopy(dict(forward_args or {}))
        self.backward_args = copy.deepcopy(dict(backward_args or {}))
        self.target = copy.deepcopy(target)
        self.learning_rate = learning_rate


class LayerRecipe:
    """How a layer, or a loss object, is run."""

    depth = LAYER_DEPTH
    root = ROOT

    def __init__(self, layer: Any, settings: Settings, count: int) -> None:
        self._settings = settings
        self._count = count
        self.has_upstream = settings.target is None
        self.note = ""
        self.learning_rate = settings.learning_rate
        forward = find_method(layer, settings.forward, FORWARD_NAMES, "forward")
        self._forward_plan = self._plan_forward(forward)
        backward = find_method(layer, settings.backward, BACKWARD_NAMES, "backward")
        self._backward_plan = self._plan_backward(backward)
        if self.has_upstream and "y_bar" not in self._backward_plan.roles:
            raise ArgumentValueError(
                f"backward: {backward.__name__} of {type(layer).__name__} takes no upstream gradient; expected one "
                f"argument for it. For a loss object give target=."
            )
        named = {role: p.name for p, role in self._forward_plan.parameters if p.kind is not p.VAR_POSITIONAL}
        self.names = [named.get(f"x{i}", f"x{i}" if count > 1 else "x") for i in range(count)]
        own = own_learning_rate(layer)
        if own and settings.learning_rate == 1 and "learning_rate" not in self._backward_plan.roles:
            self.learning_rate = own[1]
            self.note = f"the learning rate is the object's {own[0]} = {own[1]:g}"

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the inputs alone that runs forward and returns y."""
        method = find_method(owner, self._settings.forward, FORWARD_NAMES, "forward")
        values = {**self._values(), "target": copy.deepcopy(self._settings.target)}
        arguments, count, pick = self._forward_plan.arguments, self._count, self._pick

        def call(*inputs: Any) -> Any:
            positional, named = arguments({**values, **{f"x{i}": inputs[i] for i in range(count)}})
            returned = method(*positional, **named)
            if kept is not None:
                kept.append(returned)
            return pick(owner, returned)

        return as_users_own(call, owner)

    def backward(self, owner: Any, inputs: Sequence[Any], kept: list[Any], y_bar: Any) -> Any:
        """Run backward, and the optimizer's step if there is one, and return its results."""
        method = find_method(owner, self._settings.backward, BACKWARD_NAMES, "backward")
        returned = kept[-1]
        values = {
            **self._values(),
            **{f"x{i}": x for i, x in enumerate(inputs)},
            "target": copy.deepcopy(self._settings.target),
            "y_bar": y_bar,
            "one": 1.0,
            "y": self._pick(owner, returned),
            "cache": _cache(returned),
        }
        positional, named = self._backward_plan.arguments(values)
        gradients = method(*positional, **named)
        if self._settings.optimizer_step is not None:
            step = find_method(owner, self._settings.optimizer_step, (), "optimizer_step")
            positional, named = plan_call(step, "optimizer_step", (), {}, setting_role).arguments(values)
            step(*positional, **named)
        return gradients

    def suspects(self, _owner: Any, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the inputs, and the target of a loss."""
        given = list(zip(self.names, inputs, strict=True))
        return given if self.has_upstream else [*given, ("target", self._settings.target)]

    def returned_names(self, owner: Any) -> tuple[str, ...]:
        """Return what backward's own return statement calls its results."""
        return returned_names(find_method(owner, self._settings.backward, BACKWARD_NAMES, "backward"))

    def _values(self) -> dict[str, Any]:
        return {"training": True, "learning_rate": self._settings.learning_rate}

    def _plan_forward(self, method: Callable[..., Any]) -> Plan:
        given = [f"x{i}" for i in range(self._count)]
        if self._settings.target is not None:
            given.append("target")

        def role_of(p: inspect.Parameter) -> str | None:
            if self._settings.target is not None and TARGET.match(p.name):
                return "target"
            return None if p.name in LEARNING_RATE_IF_REQUIRED else setting_role(p)

        return plan_call(method, "forward", given, self._settings.forward_args, role_of)

    def _plan_backward(self, method: Callable[..., Any]) -> Plan:
        fixed = self._settings.backward_args
        needed = [name for name in required(method) if name not in fixed]
        is_loss = self._settings.target is not None

        def role_of(p: inspect.Parameter) -> str | None:
            role = setting_role(p)
            if role is not None or p.default is not p.empty:
                return role
            if p.name in CACHE:
                return "cache"
            if is_loss and TARGET.match(p.name):
                return "target"
            if len(needed) > 1 and FORWARD_INPUT.match(p.name):
                return "x0"
            if is_loss and len(needed) == 1 and UPSTREAM.match(p.name):
                return "one"
            return "y" if p.name in FORWARD_OUTPUT and len(needed) > 1 and not is_loss else None

        queue = (["x0", "target"] if needed else []) if is_loss else ["y_bar"]
        return plan_call(method, "backward", queue, fixed, role_of)

    def _pick(self, owner: Any, returned: Any) -> Any:
        """Return y: the part that the caller named, else the result, else the attribute that usually holds it."""
        where = self._settings.output
        if callable(where):
            y = where(owner, returned)
        elif isinstance(where, str):
            y = getattr(owner, where)
        elif isinstance(where, int):
            y = returned[where]
        elif returned is None:
            y = next((found for name in OUTPUT_NAMES if (found := getattr(owner, name, None)) is not None), None)
        else:
            y = returned[0] if isinstance(returned, tuple) else returned
        if self._settings.target is not None and isinstance(y, np.ndarray) and y.size != 1:
            return y.sum()
        return y


def as_users_own(call: Callable[..., Any], owner: Any) -> Callable[..., Any]:
    """Return a function that the tracer takes for one of the module that the object's class is from."""
    call.__module__ = type(owner).__module__
    call.__name__ = type(owner).__name__
    return call


def _cache(returned: Any) -> Any:
    if not isinstance(returned, tuple) or len(returned) < 2:
        return None
    return returned[1] if len(returned) == 2 else returned[1:]
