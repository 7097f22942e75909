"""Where an object's gradients are after a run of it: the rules, tried in order.

What backward took off a parameter; a name that belongs to the parameter's; what backward returned, in order, then by
shape; and last an array of the parameter's shape that is called like a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .discovery import (
    ROOT,
    Parameter,
    Place,
    attribute,
    find_arrays,
    gradient_names,
    gradient_places,
    names_trained,
)
from .functions import is_floating
from .names import INPUT_GRADIENT_NAMES


@dataclass
class Run:
    """One run of forward and backward: the object afterwards, the results of backward, and each parameter before."""

    owner: Any
    returned: Any
    before: dict[str, list[Array]]


@dataclass(frozen=True)
class Rule:
    """Where a gradient is read from after a run, in words and as a function."""

    text: str
    read: Callable[[Run], Any]
    place: Place | None = None


@dataclass
class Choices:
    """The caller's arguments on parameters and gradients."""

    params: Sequence[str] | None = None
    grads: Mapping[str, Any] | None = None
    learning_rate: float = 1.0
    scale: float = 1.0
    input_scale: float = 1.0
    keep_values: bool = False
    is_loss: bool = False


class GradientFinder:
    """Looks for the gradients after one run; `before` has each array before backward.

    `root` is the place of the user's object in the object that was run.
    """

    def __init__(
        self,
        run: Run,
        before: Mapping[Place, bytes],
        parameters: Sequence[Parameter],
        input_names: Sequence[str],
        choices: Choices,
        depth: int,
        root: Place,
    ) -> None:
        self._run = run
        self._before = before
        self._parameters = parameters
        self._input_names = input_names
        self._choices = choices
        self._depth = depth
        self._root = root
        #: Results of backward under the name of a parameter that is not one here, and that are not judged.
        self.unclaimed: list[Place] = []

    def find(self, inputs: Sequence[Any]) -> list[Rule | None]:
        """Return the rule of each input and each parameter, None if there is no gradient."""
        known = (*self._input_names, *(p.name for p in self._parameters))
        unknown = [name for name in self._choices.grads or {} if name not in known]
        if unknown:
            raise ArgumentValueError(f"grads: {unknown[0]!r} is not known; expected some of: {', '.join(known)}.")
        items = _items(self._run.returned)
        rules: dict[str, Rule | None] = {}
        taken: set[Place] = set()
        for p in self._parameters:
            rules[p.name] = self._said(p.name) or self._changed(p) or self._named(p, taken)
        waiting = [p for p in self._parameters if rules[p.name] is None]
        input_rules = self._find_input_rules(inputs, items, waiting, taken)
        items = [(place, value) for place, value in items if place not in taken and isinstance(value, np.ndarray)]
        self._match_returned(waiting, items, rules, taken)
        for p in waiting:
            rules[p.name] = rules[p.name] or self._by_shape(p, rules)
        self._find_unclaimed([item for item in items if item[0] not in taken], rules)
        return [*input_rules, *(rules[p.name] for p in self._parameters)]

    def _find_unclaimed(self, items: list[tuple[Place, Any]], rules: Mapping[str, Rule | None]) -> None:
        """Note possible gradients that are not judged. Zeros are right for an array that doesn't affect the output."""
        known = [rule.read(self._run) for rule in rules.values() if rule is not None]
        held = {at.last for _, places in find_arrays(self._run.owner, self._depth).values() for at in places}
        for place, value in items:
            if not isinstance(place.last, str) or not names_trained(place.last):
                continue
            is_unused = place.last in held and not np.any(value)
            if not is_unused and not any(np.array_equal(value, one, equal_nan=True) for one in known):
                self.unclaimed.append(place)

    def _said(self, name: str) -> Rule | None:
        """Return the rule that the caller gave, once it is known to find a gradient."""
        where = (self._choices.grads or {}).get(name)
        if where is None:
            return None
        rule = self._rule_of(name, where)
        try:
            is_gradient = np.asarray(rule.read(self._run)).dtype.kind in "fiub"
        except Exception as error:  # a function, or a missing place, may raise anything
            raise _not_there(name, where, f"it raised {type(error).__name__}: {error}") from error
        if not is_gradient:
            raise _not_there(name, where, "no array of numbers is there after backward")
        return rule

    def _rule_of(self, name: str, where: Any) -> Rule:
        """Return the rule for an attribute's name, a position or key in the results, or a function."""
        if callable(where):
            return Rule("given by grads", lambda run: where(self._root.read(run.owner), run.returned))
        if isinstance(where, int):
            return Rule(f"returned at position {where}", lambda run: run.returned[where])
        if not isinstance(where, str):
            raise ArgumentTypeError(
                f"grads: for {name!r} got {type(where).__name__}; expected an attribute's name, a position of what "
                f"backward returns, or a function of (object, returned)."
            )
        keyed = ROOT.at("item", where)
        if keyed.read(self._run.returned) is not None:
            return _returned_rule(keyed)
        return _left_rule(Place((*self._root.steps, *_parse(where).steps)))

    def _changed(self, p: Parameter) -> Rule | None:
        rate = self._choices.learning_rate
        for k, place in enumerate(p.places):
            if not np.array_equal(self._run.before[p.name][k], place.read(self._run.owner), equal_nan=True):

                def read(run: Run, k: int = k, place: Place = place) -> Any:
                    return (run.before[p.name][k] - place.read(run.owner)) / rate

                return Rule(f"its change by backward, divided by the learning rate {rate:g}", read)
        return None

    def _named(self, p: Parameter, taken: set[Place]) -> Rule | None:
        """Return the rule of a gradient with a fitting name: first among the results, because training uses these.

        A key counts if it is the name of this parameter alone.
        """
        others = {place.last for q in self._parameters if q is not p for place in q.places}
        own = [place.last for place in p.places if isinstance(place.last, str) and place.last not in others]
        keyed = {at.last: at for at, value in _items(self._run.returned) if _is_gradient(value)}
        for name in (p.name, *own):
            for key in (*gradient_names(name), name):
                if key in keyed:
                    taken.add(keyed[key])
                    return _returned_rule(keyed[key])
        places = [place for of in p.places for place in gradient_places(of)]
        present = [place for place in places if _is_gradient(place.read(self._run.owner))]
        written = [
            place for place in present if self._before.get(place) != np.asarray(place.read(self._run.owner)).tobytes()
        ]
        return _left_rule((written or present)[0]) if present else None

    def _find_input_rules(
        self,
        inputs: Sequence[Any],
        items: list[tuple[Place, Any]],
        waiting: list[Parameter],
        taken: set[Place],
    ) -> list[Rule | None]:
        if self._are_parameters_alone(inputs, items, waiting):
            items = []
        flat = [(place, value) for place, value in items if len(place.steps) < 2 and not isinstance(place.last, str)]
        rules: list[Rule | None] = []
        for i, (name, x) in enumerate(zip(self._input_names, inputs, strict=True)):
            rule = self._said(name)
            if rule is None and is_floating(x):
                rule = self._input_rule(name, i, np.shape(x), items, flat, taken)
            rules.append(rule)
        return rules

    def _input_rule(
        self,
        name: str,
        i: int,
        shape: tuple[int, ...],
        items: list[tuple[Place, Any]],
        flat: list[tuple[Place, Any]],
        taken: set[Place],
    ) -> Rule | None:
        keyed = {place.last: place for place, value in items if _is_gradient(value)}
        names = (*gradient_names(name), *(INPUT_GRADIENT_NAMES if len(self._input_names) == 1 else ()))
        for key in names:
            if key in keyed:
                taken.add(keyed[key])
                return _returned_rule(keyed[key])
        if i < len(flat):
            place, value = flat[i]
            fitting = [entry for entry in flat if _is_gradient(entry[1]) and np.shape(entry[1]) == shape]
            if len(self._input_names) == 1 and value is not None and np.shape(value) != shape and len(fitting) == 1:
                place, value = fitting[0]
            taken.add(place)
            return None if value is None else _returned_rule(place)
        left = [place for place in map(attribute, names) if _is_gradient(place.read(self._run.owner))]
        return _left_rule(left[0]) if left else None

    def _are_parameters_alone(
        self, inputs: Sequence[Any], items: list[tuple[Place, Any]], waiting: list[Parameter]
    ) -> bool:
        """Return whether the results are the parameters' gradients without the input's."""
        shapes = [np.shape(value) for _, value in items]
        wanted = [np.shape(p.places[0].read(self._run.owner)) for p in waiting]
        return bool(shapes) and shapes == wanted and shapes[0] != np.shape(inputs[0])

    def _match_returned(
        self,
        waiting: list[Parameter],
        items: list[tuple[Place, Any]],
        rules: dict[str, Rule | None],
        taken: set[Place],
    ) -> None:
        """Give the returned arrays to parameters: in order where the shapes fit, else by shape, else in order."""
        missing = [p for p in waiting if rules[p.name] is None]
        if not missing or not items:
            return
        wanted = [np.shape(p.places[0].read(self._run.owner)) for p in missing]
        shapes = [value.shape for _, value in items]
        if shapes == wanted:
            chosen = list(range(len(items)))
        elif all(shapes.count(shape) == wanted.count(shape) == 1 for shape in wanted):
            chosen = [shapes.index(shape) for shape in wanted]
        elif len(items) == len(missing):
            chosen = list(range(len(items)))
        else:
            raise _ambiguous(
                [p.name for p in missing], [f"{place} {shape}" for (place, _), shape in zip(items, shapes, strict=True)]
            )
        for p, k in zip(missing, chosen, strict=True):
            taken.add(items[k][0])
            rules[p.name] = _returned_rule(items[k][0])

    def _by_shape(self, p: Parameter, rules: Mapping[str, Rule | None]) -> Rule | None:
        """Return the one array of the parameter's shape that backward wrote and that is called like a gradient."""
        shape = np.shape(p.places[0].read(self._run.owner))
        used = {rule.place for rule in rules.values() if rule is not None}
        found = [
            places[0]
            for array, places in find_arrays(self._run.owner, self._depth).values()
            if array.shape == shape
            and places[0] not in used
            and self._before.get(places[0]) != array.tobytes()
            and any(_sounds_like_gradient(str(key)) for _, key in places[0].steps)
        ]
        rivals = [
            q.name
            for q in self._parameters
            if np.shape(q.places[0].read(self._run.owner)) == shape and not rules[q.name]
        ]
        if not found:
            return None
        if len(found) > 1 or len(rivals) > 1:
            raise _ambiguous(rivals, [str(place) for place in found])
        return _left_rule(found[0], ", by its shape")


def _items(returned: Any, place: Place = ROOT) -> list[tuple[Place, Any]]:
    """Return the results of backward as places and values, with nested containers flattened."""
    if isinstance(returned, dict):
        inner = [(place.at("item", key), value) for key, value in returned.items()]
    elif isinstance(returned, tuple) or (isinstance(returned, list) and not _is_gradient(returned)):
        inner = [(place.at("item", i), value) for i, value in enumerate(returned)]
    elif place is ROOT and returned is None:
        return []
    else:
        return [(place, returned)]
    return [item for at, value in inner for item in _items(value, at)]


def _left_rule(place: Place, how: str = "") -> Rule:
    return Rule(f"at {str(place).removeprefix('model.')}{how}", lambda run: place.read(run.owner), place)


def _returned_rule(place: Place) -> Rule:
    where = f"the result of backward at {place}" if place.steps else "the only result of backward"
    return Rule(where, lambda run: place.read(run.returned))


def _is_gradient(value: Any) -> bool:
    """Return whether a value can be a gradient: a real array or a number."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, float) for item in value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, float | np.floating)


def _sounds_like_gradient(name: str) -> bool:
    return name.lstrip("_")[:1] in ("d", "g") or "grad" in name.lower() or "delta" in name.lower()


def _parse(where: str) -> Place:
    place = ROOT
    for part in where.replace("]", "").replace("[", ".[").split("."):
        if part.startswith("["):
            key = part[1:].strip("'\"")
            place = place.at("item", int(key) if key.lstrip("-").isdigit() else key)
        else:
            place = place.at("attribute", part)
    return place


def _not_there(name: str, where: Any, why: str) -> ArgumentValueError:
    said = "a function" if callable(where) else repr(where)
    return ArgumentValueError(
        f"grads: for {name!r} got {said}, and {why}; expected where its gradient is: the name of an attribute of the "
        f"object, a position in what backward returns, or a function of (object, returned)."
    )


def _ambiguous(names: list[str], candidates: list[str]) -> ArgumentValueError:
    return ArgumentValueError(
        f"grads: it is not clear which of {', '.join(candidates)} are the gradients of {', '.join(names)}; expected "
        f"grads= to say so, for example grads={{{names[0]!r}: ...}} with an attribute's name or a returned position."
    )
