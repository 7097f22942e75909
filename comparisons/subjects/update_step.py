"""A user's optimizer step, with one way of running all kinds: weights and gradients as one vector each."""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import LAYER_DEPTH
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import ArgumentValueError, GradTwinError

from .discovery import (
    attribute_names,
    find_arrays,
    find_method,
    split_name,
)
from .interface import ContractError
from .names import COUNTER, GRADIENT, HYPERPARAMETERS, MANY, MEMORY, STATE, STEP_NAMES
from .raising import raised
from .seeding import seeded

SHAPES = {"W": (4, 3), "b": (3,)}
FORMS = ("arrays", "dicts", "lists", "layer")


@dataclass
class Walk:
    """Where the user's steps went: weights after each, the state arrays after each by name, gradients changed.

    `numbers` are those in the state after the first step, which may have begun them itself.
    """

    weights: list[Array]
    states: list[dict[str, Array]]
    changed: bool = False
    numbers: dict[str, Any] = field(default_factory=dict)


class UserStep:
    """The user's step: a function, or an object with a method, and how its arguments are laid out."""

    def __init__(self, step: Any, method: Any, numbers: Mapping[str, Any], config: Mapping[str, Any] | None) -> None:
        self._step = step
        self._method = method
        self._numbers = dict(numbers)
        self._config = copy.deepcopy(dict(config or {}))
        self.form = "arrays"
        self.is_function = inspect.isroutine(step) or type(step).__name__ == "partial"
        self.name = getattr(step, "__name__", type(step).__name__)
        self._keras_numbers: dict[str, Any] = {}
        self._state_numbers: dict[str, Any] = {}

    @cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        _, call = self._fresh()
        return list(inspect.signature(call).parameters.values())

    def hyperparameters(self, rule: str) -> dict[str, Any]:
        """Return the step's own numbers, under Keras's names: from its config, defaults, attributes or state.

        A decay rate is rho in RMSprop, and a momentum elsewhere.
        """
        owner, _ = self._fresh()
        said = (
            {split_name(name)[1]: getattr(owner, name) for name in attribute_names(owner)} if owner is not None else {}
        )
        said |= {p.name: p.default for p in self._parameters if p.default is not p.empty}
        said = {**self._state_numbers, **said, **self._config, **self._numbers}
        absent = "momentum" if rule.lower() in ("rmsprop", "adadelta") else "rho"
        found: dict[str, Any] = {}
        used: set[str] = set()
        for keras_name, pattern in HYPERPARAMETERS.items():
            for name, value in said.items():
                known = isinstance(value, bool | int | float) and pattern.match(name) and name not in used
                if known and keras_name not in found and (keras_name != absent or name == absent):
                    found[keras_name] = value
                    used.add(name)
        return found

    def unread(self, rule: str, wanted: Sequence[str]) -> list[str]:
        """Return those of a rule's numbers, under Keras's names, that the step neither shows nor takes."""
        taken = [p.name for p in self._required()]
        shown = self.hyperparameters(rule)
        return [
            name
            for name in wanted
            if name not in shown and not any(HYPERPARAMETERS[name].match(parameter) for parameter in taken)
        ]

    def give_numbers(self, numbers: Mapping[str, Any]) -> None:
        """Pass the reference's numbers, for arguments without a default."""
        self._keras_numbers = dict(numbers)

    def read_state(self, start: Sequence[Array], gradients: Sequence[Sequence[Array]]) -> None:
        """Read the numbers that the step puts into the state that it keeps, as by `config.setdefault`."""
        if self._optional_states() or any(MEMORY.match(p.name) for p in self._required()):
            with suppress(ContractError, GradTwinError):  # it is reported when the step is judged
                self.choose_form(start, gradients)

    def choose_form(self, start: Sequence[Array], gradients: Sequence[Sequence[Array]]) -> None:
        """Find out how weights and gradients are passed: by the parameters' names, then by trying."""
        names = [p.name for p in self._required()]
        first = names[0] if names else ""
        forms = [*FORMS[1:3], FORMS[0]] if MANY.match(first) else list(FORMS[:3])
        if len([name for name in names if not COUNTER.match(name)]) == 1:
            forms = ["layer"]
        failed: ContractError | None = None
        for form in forms:
            self.form = form
            try:
                walk = self.walk(self.parts(start), [self.parts(g) for g in gradients[:2]])
            except ContractError as error:
                failed = failed or error
                continue
            if not np.array_equal(walk.weights[-1], self.join(self.parts(start))):
                self._state_numbers = walk.numbers
                return
        if failed is not None:
            raise failed
        text = f"{self.name} neither returned new weights nor changed the weights in place."
        raise ContractError(Cause("zeroed", True, "", text))

    def parts(self, arrays: Sequence[Array]) -> list[Array]:
        """Return the arrays that this form takes: one alone, or all."""
        return list(arrays[:1]) if self.form == "arrays" else list(arrays)

    def join(self, arrays: Sequence[Array]) -> Array:
        """Return arrays as one vector."""
        return np.concatenate([array.ravel() for array in arrays])

    def walk(self, start: Sequence[Array], gradients: Sequence[Sequence[Array]]) -> Walk:
        """Take the steps from a start, on copies of everything."""
        owner, call = self._fresh()
        weights = [array.copy() for array in start]
        memory: dict[str, Any] = {}
        walk = Walk([], [])
        for t, g in enumerate(gradients, 1):
            given = [array.copy() for array in g]
            try:
                with np.errstate(all="ignore"), seeded(t):
                    weights = self._take(call, weights, given, memory, t)
            except (GradTwinError, ContractError):
                raise
            except (Exception, SystemExit) as error:  # the step is not ours
                raise ContractError(raised("step", error)) from error
            walk.changed |= any(not np.array_equal(a, b) for a, b in zip(given, g, strict=True))
            walk.weights.append(self.join(weights))
            walk.states.append(self._states(owner, memory, weights))
            walk.numbers = walk.numbers or _numbers(memory)
        return walk

    def _fresh(self) -> tuple[Any, Callable[..., Any]]:
        if self.is_function:
            return None, self._step
        owner = self._step() if isinstance(self._step, type) else copy.deepcopy(self._step)
        return owner, find_method(owner, self._method, STEP_NAMES, "method")

    def _required(self) -> list[inspect.Parameter]:
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [p for p in self._parameters if p.kind not in kinds and p.default is p.empty]

    def _optional_states(self) -> list[str]:
        """Return the parameters that hold state and may be left out: by their names, then those that begin as None."""
        optional = [p for p in self._parameters if p.default is not p.empty and p.name not in self._numbers]
        named = [p.name for p in optional if MEMORY.match(p.name)]
        known = (COUNTER, *HYPERPARAMETERS.values())
        begun = [p.name for p in optional if p.default is None and not any(k.match(p.name) for k in known)]
        return list(dict.fromkeys(named + begun))

    def _take(self, call: Any, weights: list[Array], given: list[Array], memory: dict[str, Any], t: int) -> list[Array]:
        holder = self._pack(weights, "W", "b")
        values: list[Any] = [holder, self._pack(given, "W", "b")]
        if self.form == "layer":
            values = [_layer(weights, given)]
        arguments: dict[str, Any] = {}
        waiting = list(values)
        kept: list[str] = []
        required = self._required()
        if self.form != "layer" and len(required) > 1 and _is_swapped(required[0].name, required[1].name):
            waiting.reverse()
        for p in required:
            if waiting:
                arguments[p.name] = waiting.pop(0)
            else:
                arguments[p.name] = self._argument(p.name, weights, memory, t, kept)
        states = self._optional_states()
        for p in self._parameters:
            if p.name in states:
                first = copy.deepcopy(self._config) if p.name == states[0] else None
                arguments[p.name] = memory.setdefault(p.name, first or None)
            elif p.default is not p.empty and (COUNTER.match(p.name) or p.name in self._numbers):
                arguments[p.name] = self._numbers.get(p.name, t)
        kept += states
        returned = call(**arguments)
        if isinstance(returned, tuple) and len(returned) > 1 and kept:
            memory.update(zip(kept, returned[1:], strict=False))
            returned = returned[0]
        return self._unpack(values[0] if returned is None else returned, weights)

    def _argument(self, name: str, weights: list[Array], memory: dict[str, Any], t: int, kept: list[str]) -> Any:
        if name in self._numbers:
            return self._numbers[name]
        if MEMORY.match(name):
            kept.append(name)
            return memory.setdefault(name, copy.deepcopy(self._config))
        if name in self._config:
            return self._config[name]
        if COUNTER.match(name):
            return t
        for keras_name, pattern in HYPERPARAMETERS.items():
            if pattern.match(name) and self._keras_numbers.get(keras_name):
                return self._keras_numbers[keras_name]
        if len(name) <= 2 or STATE.match(name):
            kept.append(name)
            return memory.setdefault(name, self._pack([np.zeros_like(w) for w in weights], "W", "b"))
        raise ArgumentValueError(
            f"arguments: {self.name} requires {name!r}, whose meaning gradtwin doesn't know; expected a value for "
            f"it, for "
            f"example arguments={{{name!r}: ...}}."
        )

    def _pack(self, arrays: list[Array], *names: str) -> Any:
        if self.form == "arrays":
            return arrays[0]
        return dict(zip(names, arrays, strict=True)) if self.form == "dicts" else list(arrays)

    def _unpack(self, holder: Any, before: list[Array]) -> list[Array]:
        if isinstance(holder, types.SimpleNamespace):
            found = [holder.weights if holder.weights is not before[0] else holder.W, holder.biases]
            found[1] = holder.biases if holder.biases is not before[1] else holder.b
        elif isinstance(holder, dict):
            found = [holder["W"], holder["b"]]
        elif isinstance(holder, list | tuple):
            found = list(holder)
        else:
            found = [holder]
        arrays = [np.asarray(array) for array in found]
        if [array.shape for array in arrays] != [array.shape for array in before]:
            shapes = ", ".join(str(array.shape) for array in arrays)
            expected = ", ".join(str(array.shape) for array in before)
            text = f"{self.name} gave weights of shapes {shapes}; expected {expected}, those that it was given."
            raise ContractError(Cause("shape", True, shapes, text))
        return arrays

    def _states(self, owner: Any, memory: dict[str, Any], weights: list[Array]) -> dict[str, Array]:
        """Return the state variables, joined over all parameters, by their names."""
        groups: dict[str, list[Array]] = {}
        for source in (owner, memory):
            for array, places in (find_arrays(source, LAYER_DEPTH) if source is not None else {}).values():
                keys = [str(key) for _, key in places[0].steps if isinstance(key, str)]
                name = next((key for key in keys if not MEMORY.match(key)), keys[-1])
                groups.setdefault(name, []).append(array.copy())
        size = sum(array.size for array in weights)
        joined = {name: self.join(arrays) for name, arrays in groups.items()}
        return {name: vector for name, vector in joined.items() if vector.size == size}


def _numbers(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers in the dicts that a step keeps, by their names there."""
    kept = [state for state in memory.values() if isinstance(state, dict)]
    return {str(k): v for state in kept for k, v in state.items() if isinstance(v, bool | int | float)}


def _is_swapped(first: str, second: str) -> bool:
    return bool(GRADIENT.match(first)) and not GRADIENT.match(second)


def _layer(weights: list[Array], gradients: list[Array]) -> types.SimpleNamespace:
    """Return a layer under the usual names: weights and biases, or W and b, with their gradients."""
    w, b = weights
    dw, db = gradients
    return types.SimpleNamespace(weights=w, biases=b, dweights=dw, dbiases=db, W=w, b=b, dW=dw, db=db)
