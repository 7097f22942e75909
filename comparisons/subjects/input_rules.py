"""Where the gradients of an object's own inputs are after a run of it, and why an input has none."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .discovery import Place, attribute, gradient_names
from .gradient_rule import Guess, Rule, Run, is_gradient, left_rule, returned_rule
from .names import INPUT_GRADIENT_NAMES
from .reading import is_floating

#: Why an input has no rule: the caller or backward states that it has no gradient; it is of whole numbers, without a
#: gradient or with one; or no gradient was found.
Absence = Literal["given as None", "returned as None", "whole", "whole with gradient", "missing"]


@dataclass(frozen=True)
class Absent:
    """Why an input has no rule, and in words where the gradient is that can't be judged."""

    reason: Absence
    where: str = ""


class InputFinder:
    """Looks for the gradients of the inputs: first among the results of backward, then in the object.

    `given` returns the caller's rule for a name; `without` has the names that the caller gave None for.
    """

    def __init__(
        self, run: Run, names: Sequence[str], given: Callable[[str], Rule | None], without: Container[str]
    ) -> None:
        self._run = run
        self._names = names
        self._given = given
        self._without = without
        #: Each input without a rule.
        self.absent: dict[str, Absent] = {}

    def find(
        self, inputs: Sequence[Any], items: list[tuple[Place, Any]], alone: bool, taken: set[Place]
    ) -> list[Rule | None]:
        """Return the rule of each input, and add to `taken` the results that are the inputs'.

        `alone` says whether the results may be the parameters' gradients without the inputs'.
        """
        if alone and np.shape(items[0][1]) != np.shape(inputs[0]):
            items = []
        flat = [(place, value) for place, value in items if len(place.steps) < 2 and not isinstance(place.last, str)]
        floating = [i for i, x in enumerate(inputs) if is_floating(x)]
        owners = list(range(len(inputs))) if len(flat) >= len(inputs) else floating
        rules: list[Rule | None] = []
        for i, (name, x) in enumerate(zip(self._names, inputs, strict=True)):
            if name in self._without:
                self.absent[name] = Absent("given as None")
            at = owners.index(i) if i in owners else len(flat)
            rules.append(self._given(name) or self._find_one(name, x, at, items, flat, alone, taken))
        return rules

    def _find_one(
        self,
        name: str,
        x: Any,
        at: int,
        items: list[tuple[Place, Any]],
        flat: list[tuple[Place, Any]],
        alone: bool,
        taken: set[Place],
    ) -> Rule | None:
        """Return the rule of an input whose result, if there is one, is `flat[at]`."""
        place, rule = self._look(name, np.shape(x), at, items, flat)
        is_whole = not is_floating(x)
        if rule is not None and rule.guess:
            if is_whole and (alone or np.shape(rule.read(self._run)) != np.shape(x)):
                place, rule = None, None  # the result is a parameter's
            elif alone:
                rule = replace(rule, guess="shape")  # it may be a parameter's as well
        if place is not None:
            taken.add(place)
        if name not in self.absent and rule is None:
            has_none = is_whole and not np.iscomplexobj(x)
            reason: Absence = "whole" if has_none else "missing" if place is None else "returned as None"
            self.absent[name] = Absent(reason)
        elif name not in self.absent and rule is not None and is_whole:
            self.absent[name] = Absent("whole with gradient", rule.text)
        return None if name in self.absent else rule

    def _look(
        self, name: str, shape: tuple[int, ...], at: int, items: list[tuple[Place, Any]], flat: list[tuple[Place, Any]]
    ) -> tuple[Place | None, Rule | None]:
        """Return the place of an input's result of backward, and its rule; no rule where backward returned None."""
        keyed = {place.last: place for place, value in items if is_gradient(value)}
        names = (*gradient_names(name), *(INPUT_GRADIENT_NAMES if len(self._names) == 1 else ()))
        keyed |= {name: place for place, name in self._run.called().items() if place in dict(flat)}
        for key in names:
            if key in keyed:
                return keyed[key], returned_rule(keyed[key])
        if at < len(flat):
            place, value = flat[at]
            fitting = [entry for entry in flat if is_gradient(entry[1]) and np.shape(entry[1]) == shape]
            guess: Guess = "order"
            if len(self._names) == 1 and value is not None and np.shape(value) != shape and len(fitting) == 1:
                (place, value), guess = fitting[0], "shape"
            return place, None if value is None else returned_rule(place, guess)
        left = [place for place in map(attribute, names) if is_gradient(place.read(self._run.owner))]
        return None, left_rule(left[0]) if left else None
