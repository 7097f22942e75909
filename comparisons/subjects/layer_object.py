"""An object with forward and backward methods as two pure functions of its inputs and parameters.

Every run is on a fresh copy of the object with the parameters set. No state is carried from run to run, and the user's
object is never changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import TELLING_SCALE, TELLING_ZERO
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .arrays import copies
from .discovery import (
    Parameter,
    Place,
    find_arrays,
    name_parameters,
)
from .functions import UserFunctions, WideParts
from .gradient_rule import Guess, Rule, Run
from .gradient_rules import Choices, GradientFinder
from .held_values import find_values, how_to_convert, is_number, moved
from .interface import ContractError
from .raising import raised, refused
from .reading import as_value, is_floating
from .recipe import Recipe
from .seeding import seeded
from .unjudged import Findings, nothing_found


@dataclass
class Notes:
    """Notes on the discovery, for the report."""

    lines: dict[str, None] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Add a line once."""
        self.lines[line] = None


class UserObject(UserFunctions):
    """An object's forward and gradient; the inputs are the object's own, then its parameters."""

    def __init__(self, prototype: Any, recipe: Recipe, names: Sequence[str], choices: Choices, seed: int) -> None:
        super().__init__(self.run_forward, "vjp" if recipe.has_upstream else "grad", self.run_gradient)
        self.label = "backward()"
        self.prototype = prototype
        self.recipe = recipe
        self.count = len(names)
        self.seed = seed
        self.y_bar_scale = 1.0
        self.notes = Notes()
        self.parameters: list[Parameter] = []
        self._others: list[Parameter] = []  # values that may be parameters, during the discovery
        self._dtype: Any = np.float64  # of the output
        #: The names of checks that can't be made, of what ought to be judged, and why.
        self.unjudged: dict[str, str] = {}
        self._choices = choices
        self._input_names = list(names)
        self._rules: list[Rule | None] = []

    @classmethod
    def discover(
        cls, prototype: Any, recipe: Recipe, inputs: Sequence[Any], names: Sequence[str], choices: Choices, seed: int
    ) -> UserObject:
        """Run an object, and find its parameters and their gradients; ContractError where it breaks."""
        user = cls(prototype, recipe, names, choices, seed)
        user._discover(tuple(inputs))
        return user

    def names(self, count: int = -1) -> tuple[str, ...]:
        """Return the names of the inputs and parameters, of all or of the first `count`."""
        known = (*self._input_names, *(p.name for p in self.parameters))
        return known if count < 0 else known[:count]

    def words(self, count: int) -> tuple[str, ...]:
        """Return what messages call each input and parameter."""
        own = super().words(min(count, self.count))
        return (*own, *(f"parameter {p.name}" for p in self.parameters[: count - len(own)]))

    def with_upstream_scaled(self, scale: float) -> UserObject:
        """Return the same, whose backward gets so many times the upstream gradient, and gradients scaled back."""
        scaled = copy.copy(self)
        scaled.y_bar_scale = scale
        scaled.forward, scaled.gradient = scaled.run_forward, scaled.run_gradient
        return scaled

    def arguments(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the point to judge at: inputs, and the parameters' values, drawn where they are all one number.

        Biases of zero and scales of one hide that they were forgotten.
        """
        return (*inputs, *(self._telling(p) for p in self.parameters))

    def _telling(self, p: Parameter) -> Any:
        held = p.places[0].read(self.prototype)
        if not isinstance(held, np.ndarray):  # a number of Python has the dtype of the arrays that it meets
            return held if isinstance(held, np.floating) else np.dtype(self._dtype).type(held)
        array = np.array(held)
        if array.size > 1 and not self._choices.keep_values and np.all(array == array.flat[0]):
            value = float(array.flat[0])
            drawn = np.random.default_rng([self.seed, 5]).uniform(*TELLING_SCALE, array.shape) * (value or TELLING_ZERO)
            array = np.asarray(drawn, dtype=array.dtype)
            self.notes.add(f"every element of {p.name} is {value:g}, which hides faults; judged at drawn values")
        return array

    def wide_parts(self, inputs: Sequence[Any]) -> WideParts:
        """Return what a run in wide arithmetic takes: a copy of the object, and what it is given."""
        owner = self.fresh(inputs[self.count :], as_arrays=True)
        held = tuple(p.places[0].read(owner) for p in self.parameters)

        def value(_: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
            with seeded(self.seed):
                return [self.recipe.forward(owner)(*xs)]

        def gradients(_: Sequence[Any], y_bar: Any, xs: Sequence[Any]) -> list[Any]:
            return list(self._read_gradients(self._run(owner, xs, y_bar)))

        return WideParts((owner,), tuple(inputs[: self.count]), held, value, gradients)

    def run_forward(self, *arguments: Any) -> Any:
        """Return y."""
        return self.run_forward_of(self.fresh(arguments[self.count :]), arguments[: self.count])

    def run_forward_of(self, owner: Any, inputs: Sequence[Any]) -> Any:
        """Return y of this copy of the object."""
        with seeded(self.seed):
            return self.recipe.forward(owner)(*inputs)

    def run_gradient(self, *arguments: Any) -> tuple[Any, ...]:
        """Return the gradients of inputs and parameters, None where the object provides none."""
        y_bar, given = (arguments[0], arguments[1:]) if self.recipe.has_upstream else (None, arguments)
        return self._read_gradients(self._run(self.fresh(given[self.count :]), given[: self.count], y_bar))

    def run_owner(self, owner: Any, inputs: Sequence[Any], y_bar: Any) -> tuple[Array, tuple[Any, ...]]:
        """Return y and the gradients of this copy of the object, by forward and then backward."""
        kept: list[Any] = []
        run = self._run(owner, copies(inputs), None if y_bar is None else np.array(y_bar), kept)
        return np.array(kept[0]), self._read_gradients(run)

    def _read_gradients(self, run: Run) -> tuple[Any, ...]:
        gradients = [None if rule is None else rule.read(run) for rule in self._rules]
        scales = [self._choices.input_scale] * self.count + [self._choices.scale] * len(self.parameters)
        return tuple(
            None if gradient is None else _scaled(gradient, scale / self.y_bar_scale)
            for gradient, scale in zip(gradients, scales, strict=True)
        )

    def fresh(self, parameters: Sequence[Any], as_arrays: bool = False) -> Any:
        """Return a copy of the object with its parameters set; with `as_arrays` numbers are arrays, to be traced."""
        owner = copy.deepcopy(self.prototype)
        self.put_parameters(owner, parameters, as_arrays)
        return owner

    @property
    def guesses(self) -> dict[int, Guess]:
        """What each gradient rests on that no name or caller says the place of, by its position."""
        return {k: rule.guess for k, rule in enumerate(self._rules) if rule is not None and rule.guess}

    def leave_open(self, positions: Sequence[int]) -> bool:
        """Judge these gradients no longer, and report that they were guessed; return whether any are left to judge."""
        for k in positions:
            name, rule = self.names()[k], self._rules[k]
            assert rule is not None  # only a guess is left open
            self.notes.lines.pop(f"the gradient of {name} is {rule.text}", None)
            self.unjudged[f"gradient of {self.words(k + 1)[k]}"] = (
                f"the gradient of {name} was taken to be {rule.text}. No name confirms this, and the array is wrong. "
                f"If it is this gradient, pass grads={{{name!r}: {rule.grads}}}, and it is judged. Otherwise pass the "
                f"attribute or the position of the right array."
            )
            self._rules[k] = None
        return any(rule is not None for rule in self._rules)

    def put_parameters(self, owner: Any, parameters: Sequence[Any], as_arrays: bool = False) -> None:
        """Set the parameters of a copy of the object."""
        for parameter, value in zip(self.parameters, parameters, strict=True):
            held = parameter.places[0].read(owner)
            is_array = isinstance(held, np.ndarray)
            like = is_array and held.dtype == np.asarray(value).dtype and held.shape == np.shape(value)
            if like and held.flags.writeable:
                held[...] = value
                continue
            for place in parameter.places:
                if not isinstance(place.parent.read(owner), tuple):
                    place.write(owner, np.array(value) if is_array or as_arrays else type(held)(value))

    def clear_gradients(self, owner: Any) -> None:
        """Set what gradients are added to, to zero."""
        for rule in self._rules:
            if rule is None or rule.place is None:
                continue
            held = rule.place.read(owner)
            if isinstance(held, np.ndarray):
                held[...] = 0
            elif is_number(held):
                rule.place.write(owner, type(held)(0))

    def _run(
        self,
        owner: Any,
        inputs: Sequence[Any],
        y_bar: Any,
        values: list[Any] | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> Run:
        """Run forward, whose value `values` gets, then `between`, and backward."""
        with seeded(self.seed):
            kept: list[Any] = []
            y = self.recipe.forward(owner, kept)(*inputs)
            if values is not None:
                values.append(np.array(y))
            both = (*self.parameters, *self._others)
            before = {p.name: [np.copy(place.read(owner)) for place in p.places] for p in both}
            between()
            upstream = y_bar if y_bar is None or self.y_bar_scale == 1 else y_bar * self.y_bar_scale
            returned = self.recipe.backward(owner, inputs, kept, upstream)
        return Run(owner, returned, before)

    # Discovery: parameters, then where their gradients are.

    def _discover(self, inputs: tuple[Any, ...]) -> None:
        y = self._try_forward(inputs)
        self._dtype = np.asarray(y).dtype
        self._find_parameters(inputs, y)
        if not self.parameters:
            self._use_built(inputs, y)
        self._find_others()
        finder = self._run_and_look(inputs, y)
        named = [p for p in self._others if finder.names_gradient(p) and self._moves(p.places, inputs, y)]
        numbers = [p for p in named if is_number(p.places[0].read(self.prototype))]
        if numbers:
            self.parameters += numbers
            self._others = [p for p in self._others if p not in numbers]
            finder = self._run_and_look(inputs, y)
        self._rules = finder.find(inputs)
        self._report(inputs, finder)
        for p in self._others:
            self._report_other(p, p in named, finder.left, lambda p: self._moves(p.places, inputs, y))
        self._others = []
        self.clear_gradients(self.prototype)  # where it is added to, it starts at zero
        if all(rule is None for rule in self._rules):
            raise nothing_found(self.names(), inputs, finder.inputs.absent)

    def _run_and_look(self, inputs: tuple[Any, ...], y: Any) -> GradientFinder:
        """Run forward and backward, and return what finds the gradients afterwards."""
        owner = self.fresh(self.arguments(()))
        y_bar = None
        if self.recipe.has_upstream:
            y_bar = np.random.default_rng([self.seed, 3]).standard_normal(np.shape(y)).astype(np.asarray(y).dtype)
        before: dict[Place, bytes] = {}
        try:
            with np.errstate(all="ignore"):
                run = self._run(owner, copies(inputs), y_bar, between=lambda: before.update(self._snapshot(owner)))
        except (ArgumentTypeError, ArgumentValueError, ContractError):
            raise
        except Exception as error:
            raise ContractError(raised("backward", error)) from error
        recipe = self.recipe
        run.names = recipe.returned_names(owner)
        return GradientFinder(
            run, before, self.parameters, self._others, self._input_names, self._choices, recipe.depth, recipe.root
        )

    def _report(self, inputs: Sequence[Any], finder: GradientFinder) -> None:
        """Put it on the notes where each gradient is, and what can't be judged on `unjudged`."""
        findings = Findings(unjudged=self.unjudged)
        for place in finder.unclaimed if self._choices.params is None else ():
            findings.add_unclaimed(place, self.names()[-1])
        words, absent = self.words(self.count), finder.inputs.absent
        for k, x in enumerate(inputs):
            name, rule = self._input_names[k], self._rules[k]
            findings.add_input(name, x, rule, absent.get(name), self._choices, f"gradient of {words[k]}")
        for p, rule in zip(self.parameters, self._rules[self.count :], strict=True):
            findings.add_parameter(p, rule, self._choices)
        for line in findings.notes:
            self.notes.add(line)

    def _report_other(
        self, p: Parameter, is_named: bool, left: Sequence[tuple[Place, Any]], moves: Callable[[Parameter], bool]
    ) -> None:
        """Report a value that is a parameter, by its name or a gradient, and is no floating array."""
        if p.name in self._choices.without:
            return
        value = p.places[0].read(self.prototype)
        fitting = [at for at, result in left if p.sounds_trained or np.shape(result) == np.shape(value)]
        is_trained = np.ndim(value) > 0 and p.sounds_trained and not self._choices.is_loss
        if is_named or ((fitting or is_trained) and moves(p)):
            Findings(unjudged=self.unjudged).add_value(p, value, None if is_named or not fitting else fitting[0])

    def _try_forward(self, inputs: tuple[Any, ...]) -> Any:
        try:
            return as_value(self._call("forward", self.run_forward, copies(inputs)))
        except ContractError as error:
            raise refused(error, self.recipe.suspects(self.fresh(()), copies(inputs))) from error.__cause__

    def _snapshot(self, owner: Any) -> dict[Place, bytes]:
        numbers = find_values(owner, self.recipe.depth).items()
        return {
            **{place: np.asarray(value).tobytes() for place, value in numbers if is_number(value)},
            **{place: a.tobytes() for a, places in self._arrays(owner).values() for place in places},
        }

    def _arrays(self, owner: Any) -> dict[int, tuple[Array, list[Place]]]:
        return find_arrays(owner, self.recipe.depth)

    def _find_parameters(self, inputs: tuple[Any, ...], y: Any) -> None:
        owner = copy.deepcopy(self.prototype)
        groups = [places for _, places in self._arrays(owner).values()]
        named = name_parameters(groups)
        wanted = self._choices.params
        if wanted is not None:
            others = self._name_values(groups)
            known = {name: p for p in (*others, *named) for name in (p.name, *map(str, p.places))}
            missing = [name for name in wanted if name not in known]
            if missing:
                listed = ", ".join(dict.fromkeys(p.name for p in named)) or "none"
                raise ArgumentValueError(f"params: {missing[0]!r} is not one of its float arrays: {listed}.")
            self.parameters = [self._checked("params", known[name]) for name in wanted]
            return
        used = self._depends_on(owner, groups, inputs, y)
        self.parameters = name_parameters([groups[k] for k in used])

    def _name_values(self, groups: Sequence[Sequence[Place]]) -> list[Parameter]:
        """Return the values that may be parameters, named differently from the arrays at these places."""
        values = [[place] for place in find_values(self.prototype, self.recipe.depth)]
        return name_parameters([*groups, *values])[len(groups) :]

    def _find_others(self) -> None:
        """Find values that may be parameters; those that the caller gives a gradient of are parameters."""
        known = [place for p in self.parameters for place in p.places]
        for p in self._name_values([p.places for p in self.parameters]):
            if (self._choices.grads or {}).get(p.name) is not None and p.places[0] not in known:
                self.parameters.append(self._checked("grads", p))
            elif p.places[0] not in known and self._choices.params is None:
                self._others.append(p)

    def _checked(self, argument: str, p: Parameter) -> Parameter:
        """Return a parameter that the caller names, if it can be judged."""
        value = p.places[0].read(self.prototype)
        if not is_floating(value):
            raise ArgumentTypeError(f"{argument}: {how_to_convert(p.name, value)}")
        return p

    def _use_built(self, inputs: tuple[Any, ...], y: Any) -> None:
        """Take a lazily built object after its first run: its parameters are the arrays that it depends on then."""
        built = copy.deepcopy(self.prototype)
        with seeded(self.seed):
            self.recipe.forward(built)(*copies(inputs))
        before, self.prototype = self.prototype, built
        self._find_parameters(inputs, y)
        if self.parameters:
            self.notes.add("it builds its parameters in its first run: checked after that")
        else:
            self.prototype = before

    def _depends_on(self, owner: Any, groups: list[list[Place]], inputs: tuple[Any, ...], y: Any) -> list[int]:
        """Return which arrays y depends on: those that the tape connects to it."""
        from gradtwin.comparisons.tracing import UntraceableError, trace_forward

        arrays = {str(k): places[0].read(owner) for k, places in enumerate(groups)}
        if not arrays:
            return []
        try:
            with np.errstate(all="ignore"), seeded(self.seed):
                trace = trace_forward(self.recipe.forward(owner), tuple(copies(inputs)), (), parameters=arrays)
            trace.restore()
            bars = trace.parameter_gradient(np.ones_like(trace.value()))
        except (UntraceableError, ArgumentTypeError):
            return [k for k, places in enumerate(groups) if self._moves(places, inputs, y)]
        return [int(k) for k, bar in bars.items() if bar is not None]

    def _moves(self, places: Sequence[Place], inputs: tuple[Any, ...], y: Any) -> bool:
        """Return whether another value of an array gives another y."""
        owner = copy.deepcopy(self.prototype)
        other = moved(places[0].read(owner), np.random.default_rng(self.seed))
        try:
            for place in places:
                place.write(owner, other)
            with np.errstate(all="ignore"), seeded(self.seed):
                again = self.recipe.forward(owner)(*copies(inputs))
        except Exception:  # the object is the user's: its forward may raise, and an attribute may be fixed
            return False
        return not np.array_equal(np.asarray(again), np.asarray(y), equal_nan=True)


def _scaled(gradient: Any, scale: float) -> Array:
    array = np.copy(gradient)
    if scale == 1:
        return array
    scaled: Array = np.multiply(array, scale)
    return scaled.astype(array.dtype) if array.dtype.kind == "f" else scaled
