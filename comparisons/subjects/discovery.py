"""Finds the parts of an object that a check needs: its methods and arguments, parameters, and gradients.

Names decide first, then the changes and results of a run; shapes decide last, and only if they are unique.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .names import (
    ALIASES,
    CONTAINERS,
    GRADIENT,
    GRADIENT_FORMS,
    GRADIENT_OF_VALUE,
    LEARNING_RATE,
    LEARNING_RATE_IF_REQUIRED,
    PRIVATE,
    TRAINED,
    TRAINING,
    VALUE_NAMES,
)


@dataclass(frozen=True)
class Place:
    """A way from an object to one of its values: attribute names, and keys or positions of containers."""

    steps: tuple[tuple[str, Any], ...]

    def read(self, owner: Any) -> Any:
        """Return the value, None where it is missing."""
        for kind, key in self.steps:
            try:
                owner = getattr(owner, key) if kind == "attribute" else owner[key]
            except (AttributeError, KeyError, IndexError, TypeError):
                return None
        return owner

    def write(self, owner: Any, value: Any) -> None:
        """Put a value there."""
        parent = self.parent.read(owner)
        kind, key = self.steps[-1]
        if kind == "attribute":
            setattr(parent, key, value)
        else:
            parent[key] = value

    @property
    def parent(self) -> Place:
        """The place of what holds the value."""
        return Place(self.steps[:-1])

    @property
    def key(self) -> Any:
        """The last step's name or position."""
        return self.steps[-1][1]

    @property
    def last(self) -> Any:
        """The last step's name or position, None for the object itself."""
        return self.steps[-1][1] if self.steps else None

    def beside(self, key: Any) -> Place:
        """Return a place in the same holder."""
        return Place((*self.steps[:-1], (self.steps[-1][0], key)))

    def at(self, kind: str, key: Any) -> Place:
        """Return a place one step further down."""
        return Place((*self.steps, (kind, key)))

    def __str__(self) -> str:
        text = "".join(f".{key}" if kind == "attribute" else f"[{key!r}]" for kind, key in self.steps)
        return text.removeprefix(".")


ROOT = Place(())


def attribute(name: str) -> Place:
    """Return the place of an attribute."""
    return ROOT.at("attribute", name)


def find_arrays(owner: Any, depth: int, start: Place = ROOT) -> dict[int, tuple[Array, list[Place]]]:
    """Return every reachable float array, by id, with all its places, nearest first."""
    found: dict[int, tuple[Array, list[Place]]] = {}
    seen = {id(owner)}
    level = [(start, owner)]
    for _ in range(depth):
        below: list[tuple[Place, Any]] = []
        for place, holder in level:
            for inner, value in inside(place, holder):
                if isinstance(value, np.ndarray):
                    if value.dtype.kind == "f" and value.size:
                        found.setdefault(id(value), (value, []))[1].append(inner)
                elif id(value) not in seen and is_holder(value):
                    seen.add(id(value))
                    below.append((inner, value))
        level = below
    return found


def inside(place: Place, holder: Any) -> Iterator[tuple[Place, Any]]:
    """Yield the places and values of what an object or a container holds."""
    if isinstance(holder, dict):
        yield from ((place.at("item", key), value) for key, value in holder.items())
    elif isinstance(holder, list | tuple):
        yield from ((place.at("item", i), value) for i, value in enumerate(holder))
    else:
        yield from ((place.at("attribute", name), getattr(holder, name)) for name in attribute_names(holder))


def attribute_names(holder: Any) -> list[str]:
    """Return the names of an object's own attributes, slots included."""
    slots = [
        name
        for kind in type(holder).__mro__
        for name in np.atleast_1d(vars(kind).get("__slots__", ())).tolist()
        if hasattr(holder, name)
    ]
    return [*getattr(holder, "__dict__", {}), *slots]


def is_holder(value: Any) -> bool:
    """Return whether arrays may lie inside a value: a container, or an object that is not NumPy's or Python's."""
    if isinstance(value, dict | list | tuple):
        return True
    if isinstance(value, type | types.ModuleType | types.FunctionType | types.MethodType | np.generic):
        return False
    return bool(attribute_names(value)) and type(value).__module__.partition(".")[0] not in ("numpy", "builtins")


@dataclass(frozen=True)
class Parameter:
    """A float array or number that an object holds and its output depends on; it may have several places."""

    name: str
    places: tuple[Place, ...]

    @property
    def sounds_trained(self) -> bool:
        """Whether it has the name of a trained array, or the list or dict that holds it has."""
        for place in self.places:
            keys = [key for _, key in place.steps if isinstance(key, str) and key not in VALUE_NAMES]
            if keys and TRAINED.match(split_name(keys[-1])[1]):
                return True
        return False


def name_parameters(places: Sequence[Sequence[Place]]) -> list[Parameter]:
    """Return parameters named by their last key where that is unique, else by their whole place."""
    short = [_short_name(of[0]) for of in places]
    return [
        Parameter(name if name and short.count(name) == 1 else str(of[0]).removeprefix("model."), tuple(of))
        for name, of in zip(short, places, strict=True)
    ]


def _short_name(place: Place) -> str:
    key = place.key
    if key in VALUE_NAMES and len(place.steps) > 1:
        key = place.parent.key
    return split_name(key)[1] if isinstance(key, str) else ""


def split_name(name: str) -> tuple[str, str]:
    """Return what Python or habit puts before a private name, and the name."""
    match = PRIVATE.match(name)
    return (match[1], match[2]) if match else ("", name)


def gradient_names(name: str) -> tuple[str, ...]:
    """Return the possible names of the gradient of a parameter, in order."""
    before, bare = split_name(name)
    return tuple(before + form.format(bare) for form in GRADIENT_FORMS)


def plain_name(name: str) -> str:
    """Return a name without regard to case, underscores and privacy."""
    return split_name(name)[1].replace("_", "").lower()


def aliases(name: str) -> Iterator[str]:
    """Yield the other plain names of a parameter: `weights1` may be `w1` or `kernel1`."""
    plain = plain_name(name)
    for group in ALIASES:
        stem = max((word for word in group if plain.startswith(word)), key=len, default=None)
        if stem is not None:
            yield from (word + plain.removeprefix(stem) for word in group if word != stem)


def names_trained(name: str) -> bool:
    """Return whether a name is that of a trained array, or of its gradient."""
    bare = split_name(name)[1]
    parts = (form.split("{}") for form in GRADIENT_FORMS)
    stems = [bare[len(a) : len(bare) - len(b)] for a, b in parts if bare.startswith(a) and bare.endswith(b)]
    return any(map(TRAINED.match, (bare, *stems)))


def sounds_like_gradient(key: Any) -> bool:
    """Return whether the name of an attribute or a key is one of a gradient."""
    return isinstance(key, str) and GRADIENT.match(split_name(key)[1]) is not None


def gradient_places(place: Place) -> Iterator[Place]:
    """Yield the possible places of a parameter's gradient, in order: beside it, in a container, with its value."""
    key = place.key
    holder = place.parent
    if isinstance(key, str):
        yield from (place.beside(name) for name in gradient_names(key))
        owner = holder.parent if place.steps[-1][0] == "item" else holder
        for container in CONTAINERS:
            for name in (key, *gradient_names(key)):
                yield owner.at("attribute", container).at("item", name)
        if owner.steps or place.steps[-1][0] == "item":
            yield from (attribute(name) for name in gradient_names(key))
        if key in VALUE_NAMES:
            yield from (place.beside(name) for name in GRADIENT_OF_VALUE)
    elif holder.steps and isinstance(holder.key, str):
        lists = [holder.beside(name) for name in (*gradient_names(holder.key), *CONTAINERS)]
        yield from (found.at("item", key) for found in lists)


def loosely_named_places(place: Place, owner: Any, names: Container[str]) -> Iterator[Place]:
    """Yield arrays beside a parameter, or in a container of gradients there, with one of these plain names."""
    if not isinstance(place.key, str):  # in a list: what has its position in a list of gradients
        lists = loosely_named_places(place.parent, owner, names) if place.parent.steps else ()
        yield from (found.at("item", place.key) for found in lists)
        return
    holder = place.parent
    beside = holder.parent if place.steps[-1][0] == "item" else holder
    for at in (holder, beside, *(beside.at("attribute", container) for container in CONTAINERS)):
        value = at.read(owner)
        kind = "item" if isinstance(value, dict) else "attribute"
        keys = value if isinstance(value, dict) else attribute_names(value)
        yield from (at.at(kind, key) for key in keys if isinstance(key, str) and plain_name(key) in names)


def find_method(owner: Any, given: Any, names: Sequence[str], role: str) -> Callable[..., Any]:
    """Return the method that is named, or the first of the usual names; a function is bound to the object."""
    if callable(given):
        return types.MethodType(given, owner)
    if given is not None and not isinstance(given, str):
        raise ArgumentTypeError(f"{role}: got {type(given).__name__}; expected a method's name or a function.")
    for name in names if given is None else (given,):
        method: Callable[..., Any] | None = getattr(owner, name, None)
        if callable(method):
            return method
    public = [name for name in dir(owner) if not name.startswith("_")]
    methods = ", ".join(name for name in public if callable(inspect.getattr_static(owner, name, None)))
    wanted = f"{given!r}" if given is not None else f"with one of the names {', '.join(names)}"
    raise ArgumentValueError(
        f"{role}: {type(owner).__name__} has no method {wanted}; its methods are: {methods or 'none'}. "
        f"Give the name with {role}=."
    )


@dataclass(frozen=True)
class Plan:
    """How to make a function's arguments from values by role; `fixed` are arguments by name."""

    parameters: tuple[tuple[inspect.Parameter, str], ...]
    fixed: Mapping[str, Any]

    @property
    def roles(self) -> frozenset[str]:
        """The roles that the function has arguments for."""
        return frozenset(role for _, role in self.parameters)

    def arguments(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and the named arguments."""
        positional = [values[role] for p, role in self.parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        named = {
            p.name: values[role] for p, role in self.parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        return positional, {**named, **self.fixed}


def plan_call(
    function: Callable[..., Any],
    what: str,
    queue: Sequence[str],
    fixed: Mapping[str, Any],
    role_of: Callable[[inspect.Parameter], str | None],
) -> Plan:
    """Return how to call a function, from the names of its parameters.

    `role_of` gives a parameter's role by its name. The other required parameters get the roles of `queue` in order, and
    parameters with a default get the rest. Raises ArgumentValueError for a required parameter without a role.
    """
    roles = {p.name: role_of(p) for p in _parameters(function)}
    waiting = [role for role in queue if role not in roles.values()]
    plan: list[tuple[inspect.Parameter, str]] = []
    optional = []
    for p in _parameters(function):
        role = roles[p.name]
        if p.name in fixed or p.kind is p.VAR_KEYWORD:
            continue
        if role is not None:
            plan.append((p, role))
        elif p.kind is p.VAR_POSITIONAL:
            plan += [(p, name) for name in waiting]
            waiting = []
        elif p.default is not p.empty:
            optional.append(p)
        elif waiting:
            plan.append((p, waiting.pop(0)))
        else:
            raise ArgumentValueError(
                f"{what}_args: {what} requires an argument {p.name!r} whose meaning is not known; expected a value for "
                f"it, for example {what}_args={{{p.name!r}: ...}}."
            )
    return Plan((*plan, *zip(optional, waiting, strict=False)), fixed)


def required(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's required parameters."""
    return [
        p.name
        for p in _parameters(function)
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return [inspect.Parameter("arguments", inspect.Parameter.VAR_POSITIONAL)]


def setting_role(p: inspect.Parameter) -> str | None:
    """Return the role of a parameter that sets the run: training or not, the learning rate."""
    if p.name in TRAINING:
        return "training"
    if LEARNING_RATE.match(p.name) or (p.name in LEARNING_RATE_IF_REQUIRED and p.default is p.empty):
        return "learning_rate"
    return None


def own_learning_rate(owner: Any) -> tuple[str, float] | None:
    """Return the attribute that holds an object's learning rate, and its value."""
    for name in attribute_names(owner):
        value = getattr(owner, name)
        if LEARNING_RATE.match(split_name(name)[1]) and isinstance(value, float | int) and value:
            return name, float(value)
    return None
