"""An object with forward and backward methods as two pure functions of its inputs and parameters.

Every run is on a fresh copy of the object with the parameters set. No state is carried from run to run, and the user's
object is never changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import MOVED_SCALE, TELLING_SCALE, TELLING_ZERO
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .arrays import copies
from .discovery import (
    Parameter,
    Place,
    find_arrays,
    name_parameters,
)
from .functions import UserFunctions
from .gradient_rule import Guess, Rule, Run
from .gradient_rules import Choices, GradientFinder
from .input_rules import Absent
from .interface import ContractError
from .raising import raised, refused
from .reading import as_value, kind_of


class Recipe(Protocol):
    """How an object is run: forward, which can be traced, and then backward on the same object."""

    depth: int
    root: Place
    has_upstream: bool

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the inputs alone that runs forward and returns y; `kept` gets all that it returned."""

    def backward(self, owner: Any, inputs: Sequence[Any], kept: list[Any], y_bar: Any, /) -> Any:
        """Run backward, after forward, and return its results."""

    def suspects(self, owner: Any, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the names and values that may be at fault where forward raises."""


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

    def _telling(self, p: Parameter) -> Array:
        array = np.array(p.places[0].read(self.prototype))
        if array.size > 1 and not self._choices.keep_values and np.all(array == array.flat[0]):
            value = float(array.flat[0])
            drawn = np.random.default_rng([self.seed, 5]).uniform(*TELLING_SCALE, array.shape) * (value or TELLING_ZERO)
            array = np.asarray(drawn, dtype=array.dtype)
            self.notes.add(f"every element of {p.name} is {value:g}, which hides faults; judged at drawn values")
        return array

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

    def fresh(self, parameters: Sequence[Any]) -> Any:
        """Return a copy of the object with its parameters set."""
        owner = copy.deepcopy(self.prototype)
        self.put_parameters(owner, parameters)
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
            self.unjudged[f"gradient of {self.words(k + 1)[k]}"] = (
                f"the gradient of {name} was taken to be {rule.text}. No name confirms this, and the array is wrong. "
                f"If it is this gradient, pass grads={{{name!r}: {rule.grads}}}, and it is judged. Otherwise pass the "
                f"attribute or the position of the right array."
            )
            self._rules[k] = None
        return any(rule is not None for rule in self._rules)

    def put_parameters(self, owner: Any, parameters: Sequence[Any]) -> None:
        """Set the parameters of a copy of the object."""
        for parameter, value in zip(self.parameters, parameters, strict=True):
            array = parameter.places[0].read(owner)
            if array.dtype == np.asarray(value).dtype and array.flags.writeable:
                array[...] = value
                continue
            for place in parameter.places:
                if not isinstance(place.parent.read(owner), tuple):
                    place.write(owner, np.array(value))

    def clear_gradients(self, owner: Any) -> None:
        """Set what gradients are added to, to zero."""
        for rule in self._rules:
            if rule is not None and rule.place is not None and isinstance(a := rule.place.read(owner), np.ndarray):
                a[...] = 0

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
            before = {p.name: [np.array(place.read(owner)) for place in p.places] for p in self.parameters}
            between()
            upstream = y_bar if y_bar is None or self.y_bar_scale == 1 else y_bar * self.y_bar_scale
            returned = self.recipe.backward(owner, inputs, kept, upstream)
        return Run(owner, returned, before)

    # Discovery: parameters, then where their gradients are.

    def _discover(self, inputs: tuple[Any, ...]) -> None:
        y = self._try_forward(inputs)
        self._find_parameters(inputs, y)
        if not self.parameters:
            self._use_built(inputs, y)
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
        finder = GradientFinder(
            run, before, self.parameters, self._input_names, self._choices, self.recipe.depth, self.recipe.root
        )
        self._rules = finder.find(inputs)
        self._report_missing(inputs, finder.unclaimed, finder.inputs.absent)

    def _report_missing(self, inputs: Sequence[Any], unclaimed: Sequence[Place], absent: Mapping[str, Absent]) -> None:
        wanted = {p.name for p in self.parameters if p.sounds_trained or self._choices.params is not None}
        for place in unclaimed if self._choices.params is None else ():
            self.unjudged[f"gradient returned at {place}"] = (
                f"the result of backward at {place} has no parameter's name, and is none of the judged gradients. If "
                f"it is a parameter's gradient, pass it by grads=: grads={{{self.names()[-1]!r}: ...}}."
            )
        for k, (name, rule) in enumerate(zip(self.names(), self._rules, strict=True)):
            if rule is not None:
                self.notes.add(f"the gradient of {name} is {rule.text}")
            elif name in self._choices.without:
                self.notes.add(f"the gradient of {name} is not judged: grads= states that there is none")
            elif k < self.count:
                self._report_input(name, inputs[k], absent[name], f"gradient of {self.words(k + 1)[k]}")
            elif name in wanted and not self._choices.is_loss:
                self.unjudged[f"gradient of parameter {name}"] = (
                    f"no gradient of {name} was found among the results of backward or in the object. If it is "
                    f"computed, pass its place by grads=; if {name} is a constant, pass grads={{{name!r}: None}}."
                )
            else:
                self.notes.add(f"no gradient of {name} was found; it is not judged (pass its place by grads=)")
        self.clear_gradients(self.prototype)  # where it is added to, it starts at zero
        if all(rule is None for rule in self._rules):
            for name, reason in absent.items():
                if reason.reason == "whole with gradient":
                    raise ArgumentTypeError(
                        f"{name}: {_of_whole(name, inputs[self.names().index(name)], reason.where)}"
                    )
            listed = ", ".join(self.names())
            raise ArgumentValueError(
                f"grads: no gradient of {listed} was found among the results of backward or in the object. Pass their "
                f"places, for example grads={{{self.names()[-1]!r}: 'name of an attribute'}}."
            )

    def _report_input(self, name: str, x: Any, absent: Absent, title: str) -> None:
        """Report an input whose gradient is not judged: as open, if the object has to compute it."""
        if absent.reason == "whole":
            self.notes.add(f"{name} is {kind_of(x)}, which has no gradient")
        elif absent.reason == "returned as None":
            self.notes.add(f"backward returned None for {name}; its gradient is not judged")
        elif absent.reason == "whole with gradient":
            text = _of_whole(name, x, absent.where)
            if self._choices.owes_inputs:
                self.unjudged[title] = text
            else:
                self.notes.add(f"{name} is {kind_of(x)}, so its gradient is not judged")
        elif self._choices.owes_inputs:
            self.unjudged[title] = (
                f"backward returned nothing for {name}. Return its gradient, or pass its place by grads=. If the layer "
                f"needs none, because it is the first one, pass grads={{{name!r}: None}}."
            )
        else:
            self.notes.add(f"no gradient of {name} was found; it is not judged (pass its place by grads=)")

    def _try_forward(self, inputs: tuple[Any, ...]) -> Any:
        try:
            return as_value(self._call("forward", self.run_forward, copies(inputs)))
        except ContractError as error:
            raise refused(error, self.recipe.suspects(self.fresh(()), copies(inputs))) from error.__cause__

    def _snapshot(self, owner: Any) -> dict[Place, bytes]:
        return {place: a.tobytes() for a, places in self._arrays(owner).values() for place in places}

    def _arrays(self, owner: Any) -> dict[int, tuple[Array, list[Place]]]:
        return find_arrays(owner, self.recipe.depth)

    def _find_parameters(self, inputs: tuple[Any, ...], y: Any) -> None:
        owner = copy.deepcopy(self.prototype)
        groups = [places for _, places in self._arrays(owner).values()]
        named = name_parameters(groups)
        wanted = self._choices.params
        if wanted is not None:
            known = {name: p for p in named for name in (p.name, *map(str, p.places))}
            missing = [name for name in wanted if name not in known]
            if missing:
                listed = ", ".join(dict.fromkeys(p.name for p in named)) or "none"
                raise ArgumentValueError(f"params: {missing[0]!r} is not one of its float arrays: {listed}.")
            self.parameters = [known[name] for name in wanted]
            return
        used = self._depends_on(owner, groups, inputs, y)
        self.parameters = name_parameters([groups[k] for k in used])

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

    def _moves(self, places: list[Place], inputs: tuple[Any, ...], y: Any) -> bool:
        """Return whether another value of an array gives another y."""
        owner = copy.deepcopy(self.prototype)
        array = places[0].read(owner)
        moved = array * np.random.default_rng(self.seed).uniform(*MOVED_SCALE, array.shape).astype(array.dtype)
        for place in places:
            place.write(owner, moved + (moved == 0))
        try:
            with np.errstate(all="ignore"), seeded(self.seed):
                again = self.recipe.forward(owner)(*copies(inputs))
        except Exception:  # the forward is the user's, and may raise
            return False
        return not np.array_equal(np.asarray(again), np.asarray(y), equal_nan=True)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give NumPy's global generator the same state in every run, and put its own state back."""
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)


def _of_whole(name: str, x: Any, where: str) -> str:
    return (
        f"{name} is {kind_of(x)}, so the gradient that backward gives for it ({where}) can't be judged. Pass "
        f"{name}.astype(float). If {name} has no gradient, as numbers of rows have none, pass grads={{{name!r}: None}}."
    )


def _scaled(gradient: Any, scale: float) -> Array:
    array = np.array(gradient)
    return array if scale == 1 else np.asarray(array * scale, dtype=array.dtype if array.dtype.kind == "f" else None)
