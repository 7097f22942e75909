"""Where an object's gradients are after a run of it: the rules, tried in order.

The change of a parameter by backward; a name that fits the parameter's; the results of backward, in order, then by
shape; and last an array of the parameter's shape that backward wrote. A rule by shape or order alone is a guess: it may
find the right gradient, but it can't prove a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .discovery import (
    ROOT,
    Parameter,
    Place,
    aliases,
    find_arrays,
    gradient_names,
    gradient_places,
    loosely_named_places,
    names_trained,
    plain_name,
    sounds_like_gradient,
    split_name,
)
from .gradient_rule import Guess, Rule, Run, is_gradient, left_rule, parse_place, returned_items, returned_rule
from .input_rules import InputFinder


@dataclass
class Choices:
    """The caller's arguments on parameters and gradients.

    `owes_inputs` says whether the object has to compute the gradients of its inputs.
    """

    params: Sequence[str] | None = None
    grads: Mapping[str, Any] | None = None
    learning_rate: float = 1.0
    scale: float = 1.0
    input_scale: float = 1.0
    keep_values: bool = False
    is_loss: bool = False
    owes_inputs: bool = True

    @property
    def without(self) -> frozenset[str]:
        """The names that the caller states no gradient of, by None."""
        return frozenset(name for name, where in (self.grads or {}).items() if where is None)


class GradientFinder:
    """Looks for the gradients after one run; `before` has each array after forward and before backward.

    `others` are values that may be parameters and are not judged so far. `root` is the place of the user's object in
    the object that was run.
    """

    def __init__(
        self,
        run: Run,
        before: Mapping[Place, bytes],
        parameters: Sequence[Parameter],
        others: Sequence[Parameter],
        input_names: Sequence[str],
        choices: Choices,
        depth: int,
        root: Place,
    ) -> None:
        self._run = run
        self._before = before
        self._parameters = parameters
        self._others = others
        self._input_names = input_names
        self._choices = choices
        self._depth = depth
        self._root = root
        #: Results of backward under the name of a parameter that is not one here, and that are not judged.
        self.unclaimed: list[Place] = []
        #: Results of backward by position that are not judged.
        self.left: list[tuple[Place, Any]] = []

    def find(self, inputs: Sequence[Any]) -> list[Rule | None]:
        """Return the rule of each input and each parameter, None if there is no gradient."""
        known = (*self._input_names, *(p.name for p in self._parameters))
        also = [p.name for p in self._others]
        unknown = [name for name in self._choices.grads or {} if name not in (*known, *also)]
        if unknown:
            raise ArgumentValueError(f"grads: {unknown[0]!r} is not known; expected some of: {', '.join(known)}.")
        items = returned_items(self._run.returned)
        rules: dict[str, Rule | None] = {}
        taken: set[Place] = set()
        for p in self._parameters:
            rules[p.name] = None
            if p.name not in self._choices.without:
                rules[p.name] = self._said(p.name) or self._changed(p) or self._named(p, taken)
        waiting = [p for p in self._parameters if rules[p.name] is None and p.name not in self._choices.without]
        self.inputs = InputFinder(self._run, self._input_names, self._said, self._choices.without)
        items = [item for item in items if item[0] not in taken]
        input_rules = self.inputs.find(inputs, items, self._are_parameters_alone(items, waiting), taken)
        numbers = [item for item in items if isinstance(item[1], float | np.floating)]
        items = [(place, value) for place, value in items if place not in taken and isinstance(value, np.ndarray)]
        self._match_returned(waiting, items, rules, taken)
        for p in waiting:
            rule = rules[p.name]
            if rule is None:
                rules[p.name] = self._by_shape(p, rules)
            elif self._hinting(p, self._written_like(p, rules)):
                rules[p.name] = replace(rule, guess="shape")  # either may be the gradient
        for p in self._parameters:
            rules[p.name] = self._unless_unwritten(p, rules)
        self._find_unclaimed([item for item in (*items, *numbers) if item[0] not in taken], rules)
        return [*input_rules, *(rules[p.name] for p in self._parameters)]

    def names_gradient(self, p: Parameter) -> bool:
        """Return whether backward changed one of the other values, or wrote or returned a gradient with its name."""
        before = self._run.before[p.name][0]
        if before.dtype.kind in "fiu" and not np.array_equal(before, p.places[0].read(self._run.owner)):
            return True
        rule = self._named(p, set())
        return rule is not None and (rule.place is None or self._is_written(rule.place))

    def _unless_unwritten(self, p: Parameter, rules: Mapping[str, Rule | None]) -> Rule | None:
        """Return a parameter's rule; as a guess where backward wrote nothing there, and did so to another array."""
        rule = rules[p.name]
        if rule is None or rule.place is None or p.name in (self._choices.grads or {}) or self._is_written(rule.place):
            return rule
        others = self._written_like(p, rules)
        hinting = self._hinting(p, others)
        if len(hinting) == 1:
            return left_rule(hinting[0], "shape")
        return replace(rule, guess="shape") if others else rule

    def _find_unclaimed(self, items: list[tuple[Place, Any]], rules: Mapping[str, Rule | None]) -> None:
        """Note possible gradients that are not judged. Zeros are right for an array that doesn't affect the output."""
        known = [rule.read(self._run) for rule in rules.values() if rule is not None]
        held = {at.last for _, places in find_arrays(self._run.owner, self._depth).values() for at in places}
        for place, value in items:
            if any(np.array_equal(value, one, equal_nan=True) for one in known):
                continue
            if not isinstance(place.last, str):
                self.left.append((place, value))
            elif names_trained(place.last) and isinstance(value, np.ndarray):
                is_unused = place.last in held and not np.any(value)
                self.unclaimed += [] if is_unused else [place]

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
            raise _not_there(name, where, "there is no array of numbers after backward")
        return rule

    def _rule_of(self, name: str, where: Any) -> Rule:
        """Return the rule for an attribute's name, a position or key in the results, or a function."""
        if callable(where):
            return Rule("given by grads", lambda run: where(self._root.read(run.owner), run.returned))
        if isinstance(where, int):
            return Rule(f"returned at position {where}", lambda run: run.returned[where])
        if not isinstance(where, str):
            raise ArgumentTypeError(
                f"grads: for {name!r} got {type(where).__name__}; expected an attribute's name, a position in the "
                f"results of backward, or a function of (object, returned)."
            )
        keyed = ROOT.at("item", where)
        if keyed.read(self._run.returned) is not None:
            return returned_rule(keyed)
        return left_rule(Place((*self._root.steps, *parse_place(where).steps)))

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
        keyed = {at.last: at for at, value in returned_items(self._run.returned) if is_gradient(value)}
        for name in (p.name, *own):
            for key in (*gradient_names(name), name):
                if key in keyed:
                    taken.add(keyed[key])
                    return returned_rule(keyed[key])
        places = [place for of in p.places for place in gradient_places(of)]
        present = [place for place in places if is_gradient(place.read(self._run.owner))]
        if present:
            at = next(filter(self._is_written, present), present[0])
            return _named_rule(at)
        loose = next(self._loosely_named(p), None)
        if loose is not None:
            return _named_rule(loose)
        called = next(self._called_in_return(p, taken), None)
        if called is None:
            return None
        taken.add(called)
        return returned_rule(called)

    def _called_in_return(self, p: Parameter, taken: set[Place]) -> Iterator[Place]:
        """Yield the results that backward's return statement calls like the parameter's gradient."""
        for forms in self._forms(p):
            for at, name in self._run.called().items():
                fits = is_gradient(value := at.read(self._run.returned)) and np.shape(value) == self._shape(p)
                if at not in taken and plain_name(name) in forms and fits:
                    yield at

    def _forms(self, p: Parameter) -> Iterator[set[str]]:
        """Yield the plain names of a parameter's gradient by its own name, then by other names for the parameter.

        Without those of another parameter.
        """
        own = {name for name in map(_name_at, p.places) if name}
        taken = {plain_name(name) for q in self._parameters for name in map(_name_at, q.places) if name not in own}
        for names in ({plain_name(name) for name in own}, {alias for name in own for alias in aliases(name)}):
            yield {plain_name(form) for name in names - taken for form in gradient_names(name)}

    def _loosely_named(self, p: Parameter) -> Iterator[Place]:
        """Yield what backward wrote under the parameter's name in another spelling, then under another name for it.

        Only where no other parameter is called so.
        """
        held = [place for q in self._parameters for place in q.places]
        for forms in self._forms(p):
            for place in p.places:
                for at in loosely_named_places(place, self._run.owner, forms):
                    if at not in held and np.shape(at.read(self._run.owner)) == self._shape(p) and self._is_written(at):
                        yield at

    def _is_written(self, place: Place) -> bool:
        """Return whether backward wrote an array of numbers there."""
        value = place.read(self._run.owner)
        return is_gradient(value) and self._before.get(place) != np.asarray(value).tobytes()

    def _shape(self, p: Parameter) -> tuple[int, ...]:
        return np.shape(p.places[0].read(self._run.owner))

    def _are_parameters_alone(self, items: list[tuple[Place, Any]], waiting: list[Parameter]) -> bool:
        """Return whether the results may be the parameters' gradients without the input's."""
        return bool(items) and [np.shape(value) for _, value in items] == list(map(self._shape, waiting))

    def _match_returned(
        self,
        waiting: list[Parameter],
        items: list[tuple[Place, Any]],
        rules: dict[str, Rule | None],
        taken: set[Place],
    ) -> None:
        """Give the returned arrays to parameters: in order where the shapes fit, else by shape, else in order.

        One for each parameter, without names, are their gradients in order: so backward is mostly written.

        Where several share a shape, those of a shape are taken in order.
        """
        missing = [p for p in waiting if rules[p.name] is None]
        if not missing or not items:
            return
        wanted = list(map(self._shape, missing))
        shapes = [value.shape for _, value in items]
        guess: Guess = "place"
        if shapes == wanted:
            chosen = list(range(len(items)))
        elif all(shapes.count(shape) == wanted.count(shape) for shape in wanted):
            of_shape = {shape: iter([k for k, other in enumerate(shapes) if other == shape]) for shape in wanted}
            chosen, guess = [next(of_shape[shape]) for shape in wanted], "shape"
        elif len(items) == len(missing):
            chosen = list(range(len(items)))
        else:
            raise _ambiguous(
                [p.name for p in missing], [f"{place} {shape}" for (place, _), shape in zip(items, shapes, strict=True)]
            )
        is_complete = shapes == wanted and len(missing) == len(self._parameters)
        for p, k in zip(missing, chosen, strict=True):
            at = items[k][0]
            taken.add(at)
            name = self._run.called().get(at)
            is_gradient = sounds_like_gradient(name) or _is_parallel(at, p) or (is_complete and name is None)
            rules[p.name] = returned_rule(at, "order" if guess == "place" and is_gradient else guess)

    def _by_shape(self, p: Parameter, rules: Mapping[str, Rule | None]) -> Rule | None:
        """Return the one array of the parameter's shape that backward wrote, and that belongs to nothing else.

        Those that are called like a gradient come first, then those with the parameter's name in theirs. Of a
        parameter that may be a constant no other counts.
        """
        user = self._written_like(p, rules)
        alike = [q for q in self._parameters if self._shape(q) == self._shape(p) and not rules[q.name]]
        rivals = [q.name for q in alike if not user or _is_beside(user[0], q)] or [p.name]
        sounding = [at for at in user if any(sounds_like_gradient(key) for _, key in at.steps)]
        if len(sounding) > 1 or (sounding and len(rivals) > 1):
            raise _ambiguous(rivals, [str(place) for place in sounding])
        others = self._hinting(p, user) or (self._fresh(user) if len(rivals) == 1 else [])
        found = sounding or (others if p.sounds_trained or self._choices.params is not None else [])
        return left_rule(found[0], "shape") if len(found) == 1 else None

    def _written_like(self, p: Parameter, rules: Mapping[str, Rule | None]) -> list[Place]:
        """Return where backward wrote an array of the parameter's shape: beside it, else anywhere."""
        used = {rule.place for rule in rules.values() if rule is not None}
        used.update(place for q in self._parameters for place in q.places)
        user = [
            places[0]
            for array, places in find_arrays(self._run.owner, self._depth).values()
            if array.shape == self._shape(p) and not used & set(places) and self._is_written(places[0])
        ]
        return [at for at in user if _is_beside(at, p)] or user

    def _hinting(self, p: Parameter, places: list[Place]) -> list[Place]:
        """Return the places beside a parameter that have its name as a word of theirs, as `update_w` has."""
        own = {split_name(str(place.key))[1].lower() for place in p.places}
        return [at for at in places if _is_beside(at, p) and own & set(str(at.key).lower().split("_"))]

    def _fresh(self, places: list[Place]) -> list[Place]:
        """Return the places of arrays that are no copies of what there was before backward."""
        known = {*self._before.values()}
        fresh = [place for place in places if np.asarray(place.read(self._run.owner)).tobytes() not in known]
        return fresh if len(places) > 1 else places


def _named_rule(place: Place) -> Rule:
    """Return the rule of a named array; of one in a named list, whose order is a guess."""
    return left_rule(place, "" if isinstance(place.key, str) else "order")


def _is_parallel(at: Place, p: Parameter) -> bool:
    """Return whether a result stands in a list where the parameter stands in its own list."""
    return len(at.steps) > 1 and isinstance(at.last, int) and any(place.last == at.last for place in p.places)


def _name_at(place: Place) -> str:
    """Return the name of a parameter, or of the list that holds it."""
    return next((key for key in (place.key, place.parent.last) if isinstance(key, str)), "")


def _is_beside(at: Place, p: Parameter) -> bool:
    return any(at.parent == place.parent for place in p.places)


def _not_there(name: str, where: Any, why: str) -> ArgumentValueError:
    said = "a function" if callable(where) else repr(where)
    return ArgumentValueError(
        f"grads: for {name!r} got {said}, and {why}; expected where its gradient is: the name of an attribute of the "
        f"object, a position in the results of backward, or a function of (object, returned)."
    )


def _ambiguous(names: list[str], candidates: list[str]) -> ArgumentValueError:
    return ArgumentValueError(
        f"grads: it is not clear which of {', '.join(candidates)} are the gradients of {', '.join(names)}; expected "
        f"grads= to say so, for example grads={{{names[0]!r}: ...}} with an attribute's name or a returned position."
    )
