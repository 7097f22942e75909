"""A user's forward and gradient, with one way of calling all styles.

A broken contract between the two (an exception, a wrong number, shape or dtype) is kept as a Cause. The values are
judged elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.drawing.problems import Layout
from gradtwin.comparisons.guards.time_limits import CallLimit
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import ArgumentTypeError
from gradtwin.memory import check_fits

from .arrays import copies, same_values
from .interface import Answer, ContractError
from .raising import raised
from .reading import as_gradients, as_value, is_floating, kind_of

#: How the gradient was written down (the argument of check_gradient).
Style = Literal["vjp", "backward", "grad", "derivative", "jacobian", "value_and_grad"]

STYLES: tuple[Style, ...] = ("vjp", "backward", "grad", "derivative", "jacobian", "value_and_grad")

#: Jacobians that a check holds at once: the user's, the oracle's, one at a moved point, and a difference.
JACOBIAN_COPIES = 4

#: Styles in which the user's functions take an upstream gradient.
WITH_UPSTREAM = ("vjp", "backward")


@dataclass(frozen=True)
class Place:
    """The place at which a user's functions are run.

    `make_y_bar` makes the upstream gradient of forward's value; `layout` says how the copies of the inputs lie in
    memory, by default as the inputs do.
    """

    inputs: Sequence[Any]
    make_y_bar: Callable[[Array], Array]
    layout: Layout | None = None


@dataclass(frozen=True)
class WideParts:
    """What a run in wide arithmetic takes: the user's functions or object, the inputs, and the object's arrays.

    `value(functions, inputs)` and `gradients(functions, y_bar, inputs)` call them, and return lists of results.
    """

    functions: tuple[Any, ...]
    inputs: tuple[Any, ...]
    held: tuple[Any, ...]
    value: Callable[[Sequence[Any], Sequence[Any]], list[Any]]
    gradients: Callable[[Sequence[Any], Any, Sequence[Any]], list[Any]]


@dataclass(frozen=True)
class Evaluation(Answer):
    """The results of one run of the user's functions: y, and one gradient (or None) for each differentiated input.

    `y_bar` is the upstream gradient that was used, if any; `views` names the results that share memory with an
    argument.
    """

    y_bar: Array | None = None
    views: Sequence[str] = ()

    @property
    def y(self) -> Array:
        """Forward's value."""
        y = self.results[0]
        assert y is not None
        return y

    @property
    def gradients(self) -> tuple[Array | None, ...]:
        """The gradients, in the order in which they came."""
        return self.results[1:]


@dataclass
class _Seen:
    """The side effects of one run."""

    effects: dict[Cause, None] = field(default_factory=dict)
    views: list[str] = field(default_factory=list)


class UserFunctions:
    """The user's forward and gradient, in one of the six styles.

    `timeout` is how many seconds one call of either may take.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        style: Style,
        gradient: Callable[..., Any] | None,
        timeout: float | None = None,
    ) -> None:
        self.forward = forward
        self.style = style
        self.gradient = gradient
        self.timeout = timeout
        #: What messages call the gradient function.
        self.label: str = style
        self._parameters: list[str] | None = None
        self._limit = CallLimit(timeout)
        #: How often the functions were run so far.
        self.runs = 0

    @property
    def has_upstream(self) -> bool:
        """Whether the functions take y_bar."""
        return self.style in WITH_UPSTREAM

    def select(self, result: Any) -> Any:
        """Pick the differentiable output out of what forward returned."""
        return result[0] if self.style in ("backward", "value_and_grad") else result

    def value(self, inputs: Sequence[Any]) -> Array:
        """Return forward's y alone, on copies of the inputs."""
        return self._value_of(self._call("forward", self.forward, copies(inputs)))

    def moved_value(self, *inputs: Any) -> Any:
        """Return forward's y at inputs that it may refuse; its exceptions are passed on."""
        with self._limited():
            return self.select(self.forward(*inputs))

    @contextmanager
    def traced_limit(self) -> Iterator[None]:
        """Limit the time of a traced run of forward, which is slower than a plain one by far."""
        self.runs += 1
        with self._limit.traced():
            yield

    def wide_parts(self, inputs: Sequence[Any]) -> WideParts:
        """Return what a run in wide arithmetic takes: the functions, and what they are given."""
        functions = (self.forward,) if self.gradient is None else (self.forward, self.gradient)
        return WideParts(functions, tuple(inputs), (), self._bare_value, self._bare_gradients)

    def _bare_value(self, functions: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """Return forward's y, with nothing around the call."""
        return [self.select(functions[0](*inputs))]

    def _bare_gradients(self, functions: Sequence[Any], y_bar: Any, inputs: Sequence[Any]) -> list[Any]:
        """Return the gradients, with nothing around the calls."""
        if self.style == "value_and_grad":
            result = functions[0](*inputs)
            returned = result[1:] if len(result) > 2 else result[1]
        elif self.style == "backward":
            returned = functions[1](y_bar, functions[0](*inputs)[1])
        else:
            returned = functions[1](*(() if y_bar is None else (y_bar,)), *inputs)
        return list(returned) if isinstance(returned, tuple | list) else [returned]

    @contextmanager
    def wide_limit(self) -> Iterator[None]:
        """Limit the time of a run in wide arithmetic, which is slower than a traced one."""
        with self._limit.traced():
            yield

    def names(self, count: int) -> tuple[str, ...]:
        """Return the names of forward's parameters, for messages."""
        if self._parameters is None:
            self._parameters = _positional(self.forward)
        named = self._parameters
        return tuple(named[i] if i < len(named) else f"argument {i}" for i in range(count))

    def words(self, count: int) -> tuple[str, ...]:
        """Return what messages call each input."""
        return tuple(f"input {i} ({name})" for i, name in enumerate(self.names(count)))

    def run(self, at: Place) -> Evaluation:
        """Run forward and gradient, each on copies, and look for changes in these."""
        names = self.names(len(at.inputs))
        seen = _Seen()
        given = copies(at.inputs, at.layout)
        result = self._call("forward", self.forward, given)
        seen.effects |= _changed(names, at.inputs, given, "by forward")
        y = self._value_of(result)
        seen.views += [f"forward's output is a view of {name}" for name in _shared(names, given, y)]
        del given  # the gradient gets its own
        y_bar = at.make_y_bar(y) if self.has_upstream else None
        if self.style == "value_and_grad":
            returned: Any = result[1:] if len(result) > 2 else result[1]
        else:
            returned = self._gradients(result, y_bar, at, seen)
        return Evaluation(
            (y, *as_gradients(returned, self.label, at.inputs)), tuple(seen.effects), y_bar, tuple(seen.views)
        )

    def _gradients(self, result: Any, y_bar: Array | None, at: Place, seen: _Seen) -> Any:
        """Call the gradient function as its style wants it."""
        assert self.gradient is not None
        if self.style == "jacobian":
            self._check_jacobian_fits(self._value_of(result), at.inputs)
        upstream = () if y_bar is None else (_like(self.select(result), y_bar),)
        if self.style == "backward":
            given: list[Any] = [*upstream, result[1]]
            known: tuple[str, ...] = ("y_bar",)
            before: list[Any] = [y_bar]
        else:
            given = [*upstream, *copies(at.inputs, at.layout)]
            known = (*(("y_bar",) if upstream else ()), *self.names(len(at.inputs)))
            before = [*([y_bar] if upstream else []), *at.inputs]
        returned = self._call(self.label, self.gradient, given)
        seen.effects |= _changed(known, before, given[: len(known)], f"by {self.label}")
        for item in returned if isinstance(returned, tuple | list) else (returned,):
            if isinstance(item, np.ndarray):
                seen.views += [f"a gradient is a view of {name}" for name in _shared(known, given[: len(known)], item)]
        return returned

    def _check_jacobian_fits(self, y: Array, inputs: Sequence[Any]) -> None:
        count = sum(np.size(x) for x in inputs if is_floating(x))
        check_fits(
            f"jacobian: one of {y.size} outputs and {count} inputs",
            JACOBIAN_COPIES * y.size * count * y.dtype.itemsize,
            "Check at smaller inputs, or give the gradient as vjp=.",
        )

    def _value_of(self, result: Any) -> Array:
        if self.style in ("backward", "value_and_grad"):
            wanted = "(y, cache)" if self.style == "backward" else "(loss, gradient, ...)"
            if not isinstance(result, tuple | list) or len(result) < 2:
                raise ArgumentTypeError(
                    f"forward: it returned {kind_of(result)}; with {self.style} expected a tuple {wanted}."
                )
            if self.style == "backward" and len(result) > 2:
                raise ArgumentTypeError(
                    f"forward: it returned a tuple of {len(result)}; expected (y, cache). "
                    f"If the cache is elsewhere, see gt.styles.cache_at."
                )
            result = result[0]
        return as_value(result)

    def _call(self, name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        try:
            with np.errstate(all="ignore"), self._limited():
                return function(*arguments)
        except (Exception, SystemExit) as error:  # an exception of a user's function is judged, and not passed on
            raise ContractError(raised(name, error)) from error

    @contextmanager
    def _limited(self) -> Iterator[None]:
        self.runs += 1
        with self._limit.plain():
            yield


def _positional(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's positional parameters."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _like(result: Any, y_bar: Array) -> Any:
    """Return a copy of y_bar as an array where forward returned one, 0-d too; a number where it returned a number."""
    return np.array(y_bar) if isinstance(result, np.ndarray) else y_bar.dtype.type(y_bar)


def _changed(names: Sequence[str], before: Sequence[Any], after: Sequence[Any], by: str) -> dict[Cause, None]:
    """Return the causes of changes in place."""
    return {
        Cause("mutated-input", True, f"{name} {by}", f"{name} was changed in place {by}."): None
        for name, x, y in zip(names, before, after, strict=False)
        if isinstance(x, np.ndarray) and (x.shape != y.shape or not same_values(x, y))
    }


def _shared(names: Sequence[str], given: Sequence[Any], result: Array) -> list[str]:
    return [
        name
        for name, x in zip(names, given, strict=False)
        if isinstance(x, np.ndarray) and isinstance(result, np.ndarray) and np.shares_memory(x, result)
    ]
