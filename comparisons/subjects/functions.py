"""A forward and its gradient as people write them down, behind one way of calling them.

Whatever breaks the contract between the two (an exception, a wrong number, shape or dtype) is kept as a Cause; how the
values compare is judged elsewhere.
"""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.guards.frames import is_users
from gradtwin.comparisons.guards.messages import message_of
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, GradTwinError
from gradtwin.memory import check_fits

if TYPE_CHECKING:
    from gradtwin.comparisons.drawing.problems import Layout

#: How the gradient was written down (the argument of check_gradient).
Style = Literal["vjp", "backward", "grad", "derivative", "jacobian", "value_and_grad"]

STYLES: tuple[Style, ...] = ("vjp", "backward", "grad", "derivative", "jacobian", "value_and_grad")

#: Jacobians that a check holds at once: the user's, the oracle's, one at a moved point, and what they differ by.
JACOBIAN_COPIES = 4

#: Styles in which the user's functions take an upstream gradient.
WITH_UPSTREAM = ("vjp", "backward")


class ContractError(Exception):
    """The user's functions broke the contract; carries the cause."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.text)
        self.cause = cause


@dataclass
class Evaluation:
    """What one run of the user's functions gave: y, and one gradient (or None) for each differentiated input.

    `changed` names the arguments that were changed in place, `views` the results that share memory with an argument.
    """

    y: Array
    gradients: tuple[Array | None, ...]
    changed: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)


class Written:
    """The user's forward and gradient, in one of the six styles."""

    def __init__(self, forward: Callable[..., Any], style: Style, gradient: Callable[..., Any] | None) -> None:
        self.forward = forward
        self.style = style
        self.gradient = gradient
        #: What messages call the gradient function.
        self.label: str = style
        self._parameters: list[str] | None = None

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

    def names(self, count: int) -> tuple[str, ...]:
        """Return the names of forward's parameters, for messages."""
        if self._parameters is None:
            self._parameters = _positional(self.forward)
        named = self._parameters
        return tuple(named[i] if i < len(named) else f"argument {i}" for i in range(count))

    def run(
        self, inputs: Sequence[Any], make_y_bar: Callable[[Array], Array], layout: Layout | None = None
    ) -> tuple[Evaluation, Array | None]:
        """Run forward and gradient, each on copies; return what came, and the y_bar that was used, if any.

        `layout` says how the copies lie in memory; by default as the inputs do.
        """
        names = self.names(len(inputs))
        changed: dict[str, None] = {}
        given = copies(inputs, layout)
        result = self._call("forward", self.forward, given)
        changed |= _changed(names, inputs, given, "by forward")
        y = self._value_of(result)
        views = [f"forward's output is a view of {name}" for name in _shared(names, given, y)]
        del given  # the gradient gets its own
        y_bar = make_y_bar(y) if self.has_upstream else None
        if self.style == "value_and_grad":
            returned: Any = result[1:] if len(result) > 2 else result[1]
        else:
            returned = self._gradients(result, y_bar, inputs, layout, changed, views)
        return Evaluation(y, as_gradients(returned), list(changed), views), y_bar

    def _gradients(
        self,
        result: Any,
        y_bar: Array | None,
        inputs: Sequence[Any],
        layout: Layout | None,
        changed: dict[str, None],
        views: list[str],
    ) -> Any:
        """Call the gradient function as its style wants it, and see what it did to its arguments."""
        assert self.gradient is not None
        if self.style == "jacobian":
            self._check_jacobian_fits(self._value_of(result), inputs)
        upstream = () if y_bar is None else (_like(self.select(result), y_bar),)
        if self.style == "backward":
            given: list[Any] = [*upstream, result[1]]
            known = ("y_bar",)
            before: list[Any] = [y_bar]
        else:
            given = [*upstream, *copies(inputs, layout)]
            known = (*(("y_bar",) if upstream else ()), *self.names(len(inputs)))
            before = [*([y_bar] if upstream else []), *inputs]
        returned = self._call(self.label, self.gradient, given)
        changed |= _changed(known, before, given[: len(known)], f"by {self.label}")
        for item in returned if isinstance(returned, tuple | list) else (returned,):
            if isinstance(item, np.ndarray):
                views += [f"a gradient is a view of {name}" for name in _shared(known, given[: len(known)], item)]
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
                    f"forward: it returned {_kind(result)}; with {self.style} expected a tuple {wanted}."
                )
            if self.style == "backward" and len(result) > 2:
                raise ArgumentTypeError(
                    f"forward: it returned a tuple of {len(result)}; expected (y, cache). "
                    f"If the cache stands elsewhere, see gt.styles.cache_at."
                )
            result = result[0]
        return as_value(result)

    def _call(self, name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        try:
            with np.errstate(all="ignore"):
                return function(*arguments)
        except (Exception, SystemExit) as error:  # whatever a user's function raises is judged, not passed on
            raise ContractError(raised(name, error)) from error


def _positional(function: Callable[..., Any]) -> list[str]:
    """Return the names of what a function takes by position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def as_value(result: Any) -> Array:
    """Return forward's output as an array, or raise ArgumentTypeError that says what came instead."""
    if isinstance(result, tuple):
        raise ArgumentTypeError(
            f"forward: it returned a tuple of {len(result)}; expected an array or a scalar. If it returns (y, cache), "
            f"pass the gradient as backward=; if it returns (loss, gradient), pass value_and_grad=True."
        )
    if result is None:
        raise ArgumentTypeError("forward: it returned None; expected an array or a scalar. Is a `return` missing?")
    if isinstance(result, list):
        raise ArgumentTypeError("forward: it returned a list; expected an array or a scalar. Wrap it in np.array.")
    if not isinstance(result, np.ndarray | np.generic | float | int):
        raise ArgumentTypeError(f"forward: it returned {_kind(result)}; expected an array or a scalar.")
    y = np.asarray(result)
    if y.dtype.kind != "f":
        what = "an object array" if y.dtype == object else f"dtype {y.dtype}"
        raise ArgumentTypeError(f"forward: it returned {what}; expected real floating numbers, which have a gradient.")
    return y


def as_gradients(returned: Any) -> tuple[Array | None, ...]:
    """Return gradients as a tuple: one array, or a tuple or list of arrays and None."""
    if isinstance(returned, dict):
        raise ArgumentTypeError(
            f"gradient: it returned a dict with keys {', '.join(map(repr, returned))}; expected arrays in order. "
            f"See gt.styles.by_name."
        )
    items = returned if isinstance(returned, tuple | list) else (returned,)
    if isinstance(returned, list) and returned and all(isinstance(item, float | int) for item in returned):
        items = (np.asarray(returned),)  # a list of numbers is one gradient
    gradients: list[Array | None] = []
    for item in items:
        if item is None:
            gradients.append(None)
            continue
        try:
            array = np.asarray(item)
        except ValueError as error:  # nested lists of unequal lengths
            text = f"a gradient is {_kind(item)} that makes no array ({error}); expected an array of real numbers."
            raise ContractError(Cause("shape", True, _kind(item), text)) from error
        if array.dtype.kind not in "fiub" or not isinstance(item, np.ndarray | np.generic | float | int | list):
            text = f"a gradient is {_kind(item)}; expected an array of real numbers."
            raise ContractError(Cause("dtype", True, str(array.dtype), text))
        gradients.append(array)
    return tuple(gradients)


def floating_positions(inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the inputs that can be differentiated."""
    return tuple(i for i, x in enumerate(inputs) if is_floating(x))


def is_floating(x: Any) -> bool:
    """Return whether an input is an array, or a number, of real floating type."""
    return isinstance(x, float | np.floating) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")


def resolve_wrt(
    wrt: Sequence[int] | int | None,
    inputs: Sequence[Any],
    names: tuple[str, ...],
    gradients: tuple[Array | None, ...],
) -> tuple[tuple[int, ...], tuple[Array | None, ...]]:
    """Return the positions of the differentiated inputs, and the gradients that came for them.

    One for each input may come too, None for all that `wrt` leaves out. Raises ArgumentValueError where it can't be
    told what they belong to, ContractError where another number came than `wrt` says.
    """
    floating, count = floating_positions(inputs), len(gradients)
    if wrt is None:
        if count in (len(floating), len(inputs)) and floating:
            return floating if count == len(floating) else tuple(range(len(inputs))), gradients
        listed = ", ".join(f"{i} ({names[i]})" for i in floating) or "none"
        if count < len(floating):
            raise ArgumentValueError(
                f"wrt: {count} gradients came and {len(floating)} inputs are floating: {listed}. "
                f"Say which they belong to, for example wrt={tuple(floating[:count])}."
            )
        text = f"{count} gradients came; expected {len(floating)}, for the floating inputs {listed}."
        raise ContractError(Cause("shape", True, str(count), text))
    positions = (wrt,) if isinstance(wrt, int) else tuple(wrt)
    for i in positions:
        if not isinstance(i, int | np.integer) or not -len(inputs) <= i < len(inputs):
            raise ArgumentValueError(f"wrt: got {i!r}; expected positions of the {len(inputs)} inputs, from 0.")
    positions = tuple(int(i) % len(inputs) for i in positions)
    if len(set(positions)) < len(positions):
        raise ArgumentValueError(f"wrt: got {positions}; expected each input once, in the order of the gradients.")
    for i in positions:
        if i not in floating:
            raise ArgumentTypeError(
                f"wrt: input {i} ({names[i]}) is {_kind(inputs[i])}, which can't be differentiated; expected floating."
            )
    if count == len(positions):
        return positions, gradients
    if count == len(inputs) and all(g is None for i, g in enumerate(gradients) if i not in positions):
        return positions, tuple(gradients[i] for i in positions)
    text = f"{count} gradients came; expected {len(positions)}, as wrt={positions} says."
    raise ContractError(Cause("shape", True, str(count), text))


def copies(inputs: Sequence[Any], layout: Layout | None = None) -> list[Any]:
    """Return copies of the arrays in a layout, else with their own order, byte order and whether they are writable."""
    return [_copy(x, layout) for x in inputs]


def _copy(x: Any, layout: Layout | None) -> Any:
    if isinstance(x, np.ndarray):
        laid_out = x if layout is None else layout(x)
        if laid_out is not x:
            return laid_out
        copied = np.empty_like(x) if 0 not in x.strides or x.size < 2 else None
        if copied is None or x.strides != copied.strides:
            copied = _copy_with_strides(x)
        else:
            copied[...] = x
        copied.setflags(write=x.flags.writeable)
        return copied
    if isinstance(x, list | dict | set):
        return copy.deepcopy(x)
    return x


def _copy_with_strides(x: Array) -> Array:
    """Return a copy in fresh memory with the same strides: a view of a block as large as the original spans."""
    low, high = np.lib.array_utils.byte_bounds(x)
    block = np.zeros(high - low, np.uint8)
    start = x.__array_interface__["data"][0] - low
    copied: Array = np.ndarray(x.shape, x.dtype, block, start, x.strides)
    copied[...] = x
    return copied


def _like(result: Any, y_bar: Array) -> Any:
    """Return a copy of y_bar as an array where forward returned one, 0-d too; a number where it returned a number."""
    return np.array(y_bar) if isinstance(result, np.ndarray) else y_bar.dtype.type(y_bar)


def _changed(names: Sequence[str], before: Sequence[Any], after: Sequence[Any], by: str) -> dict[str, None]:
    return {
        f"{name} {by}": None
        for name, x, y in zip(names, before, after, strict=False)
        if isinstance(x, np.ndarray) and (x.shape != y.shape or not _equal(x, y))
    }


def _equal(x: Array, y: Array) -> bool:
    same = x == y
    return bool(same.all() or (same | ((x != x) & (y != y))).all())


def _shared(names: Sequence[str], given: Sequence[Any], result: Array) -> list[str]:
    return [
        name
        for name, x in zip(names, given, strict=False)
        if isinstance(x, np.ndarray) and isinstance(result, np.ndarray) and np.shares_memory(x, result)
    ]


def raised(name: str, error: BaseException) -> Cause:
    """Return the cause of an exception in a user's function: its type, message and line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_users(frame.filename)]
    if not own and isinstance(error, GradTwinError):  # an adapter of gt.styles, which says what was expected
        return Cause("raises", True, type(error).__name__, str(error))
    if not own and name in CALLED and isinstance(error, TypeError):
        text = f"{name} can't be called as it is, {CALLED[name]}: {message_of(error)}."
        return Cause("raises", True, type(error).__name__, text)
    where = f" (in {own[-1].name}, {own[-1].filename}:{own[-1].lineno})" if own else ""
    text = f"{name} raised {type(error).__name__}: {message_of(error)}{where}."
    return Cause("raises", True, type(error).__name__, text)


#: How each function is called.
CALLED = {
    "forward": "forward(*inputs)",
    "vjp": "vjp(y_bar, *inputs)",
    "backward": "backward(y_bar, cache)",
    "grad": "grad(*inputs)",
    "derivative": "derivative(x)",
    "jacobian": "jacobian(*inputs)",
}


def _kind(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"an array of dtype {x.dtype}"
    return f"a {type(x).__name__}"
