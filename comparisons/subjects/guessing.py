"""How a gradient that was found by its name was written down: guessed from names and arity, and by trying it."""

from __future__ import annotations

import itertools
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.guards.frames import is_users
from gradtwin.comparisons.guards.messages import message_of

from . import styles
from .arrays import copies
from .functions import Style
from .names import CACHE_LIKE, NUMBERS, UPSTREAM
from .pairing import NamedPair, parameters, required
from .reading import is_floating
from .trial_points import TrialPoint, is_bias, is_target, trial_points

ELEMENTWISE = "(n,k)->(n,k)"

#: Exceptions that are faults of the function, not of the inputs it was tried at.
OWN_FAULTS = (NameError, AttributeError, ImportError)


@dataclass(frozen=True)
class Guess:
    """Arguments of check_gradient for a pair: how the gradient was written down, and where it is checked."""

    forward: Callable[..., Any]
    style: Style
    gradient: Callable[..., Any] | None
    point: TrialPoint
    wrt: tuple[int, ...] | None
    signature: str | None
    adapter: str = ""

    @property
    def doubtful_input(self) -> str:
        """The input whose gradient it was taken for, if neither a name nor a shape decides."""
        names, wrt = required(self.forward), self.wrt or ()
        alike = [
            i for i, x in enumerate(self.point.inputs) if wrt and np.shape(x) == np.shape(self.point.inputs[wrt[0]])
        ]
        named = any(is_target(name) or name in NUMBERS for name in names)
        return names[wrt[0]] if len(wrt) == 1 and len(alike) > 1 and not named else ""

    @property
    def is_elementwise(self) -> bool:
        """Whether it may be checked at any matrix."""
        return self.signature == ELEMENTWISE

    @property
    def described(self) -> str:
        """The style, with the adapter of gt.styles where one was needed, and where it is judged at a vector."""
        if self.style == "grad" and [np.ndim(x) for x in self.point.inputs] == [1]:
            return "grad of a vector"
        return f"{self.style} ({self.adapter})" if self.adapter else self.style


@dataclass(frozen=True)
class Unfit:
    """The reason in words that a pair can't be called, and whether it may be called at other inputs."""

    reason: str
    inputs_may_help: bool = True


@dataclass
class _Attempts:
    """The failures of the trials, for the report."""

    forward: list[BaseException] = field(default_factory=list)
    gradient: list[BaseException] = field(default_factory=list)
    returned: str = ""


def guess(pair: NamedPair, dtype: np.dtype[Any], domain: tuple[float, float] | None, seed: int) -> Guess | Unfit:
    """Return how to check a pair, or the reason that it can't be decided."""
    names = required(pair.forward)
    if not names and parameters(pair.forward):
        names = [parameters(pair.forward)[0].name]
    if not names:
        return Unfit("it takes no inputs", False)
    attempts = _Attempts()
    if pair.doubt:
        return Unfit(pair.doubt)
    doubtful: Guess | None = None
    raising: Guess | None = None  # a function that gets forward's cache must take it at any shapes
    for point in trial_points((pair.forward_name, pair.gradient_name), names, dtype, domain, seed):
        failed = len(attempts.forward)
        result = _try(pair.forward, point.inputs, attempts.forward)
        if result is None:
            if len(attempts.forward) == failed:
                attempts.returned = _returned(None)
            continue
        y = _value(result)
        if y is None or y.dtype.kind != "f" or not y.size or not np.all(np.isfinite(y)):
            attempts.returned = (
                _returned(result) if y is None or y.dtype.kind != "f" else "it returned NaN, infinite or no values"
            )
            continue
        for option in _options(pair, names, point, result, y):
            fits = _fits(option, names, y, result, attempts)
            if fits is not None and fits[0]:
                return fits[1]
            doubtful = doubtful or (fits[1] if fits else None)
            if fits is None and option.style == "backward" and attempts.gradient:
                raising = raising or _with_wrt(option, _floating(names, point.inputs)[:1])
        if isinstance(result, list):
            attempts.returned = attempts.returned or _returned(result)
    return doubtful or raising or _why_not(pair, attempts)


def _options(pair: NamedPair, names: list[str], point: TrialPoint, result: Any, y: Array) -> Iterator[Guess]:
    """Yield the ways in which the gradient can be called, likeliest first."""
    gradient, given = pair.gradient, len(point.inputs)
    signature = _signature(point, y) if point.drawable else None

    def option(style: Style, function: Any = gradient, adapter: str = "", forward: Any = pair.forward) -> Guess:
        return Guess(forward, style, function, point, None, signature, adapter)

    if gradient is None:
        if isinstance(result, tuple | list) and len(result) > 1 and y.size == 1:
            yield option("value_and_grad")
        return
    theirs = required(gradient)
    most = len(parameters(gradient))
    if isinstance(result, tuple | list):
        if len(theirs) == 2:
            forward = pair.forward if len(result) == 2 else styles.cache_at(pair.forward)
            adapters = [] if len(result) == 2 else ["cache_at"]
            cache_first = CACHE_LIKE.match(theirs[0]) and not CACHE_LIKE.match(theirs[1])
            backward = styles.cache_first(gradient) if cache_first else gradient
            adapters += ["cache_first"] if cache_first else []
            yield option("backward", backward, ", ".join(adapters), forward)
        return
    if len(theirs) <= given <= most:
        if y.size == 1 and any(np.size(x) > 1 for x in point.inputs):
            yield option("grad")
        else:
            yield option("derivative")
            yield option("jacobian")
            if y.size == 1:
                yield option("grad")
    if len(theirs) <= given + 1 <= most:
        last = theirs[:given] == names or (UPSTREAM.match(theirs[-1]) and not UPSTREAM.match(theirs[0]))
        ways = [option("vjp"), option("vjp", styles.upstream_last(gradient), "upstream_last")]
        yield from reversed(ways) if last and theirs[-given:] != names else ways
    if given + 1 < len(theirs) <= 2 * given + 1:
        count = len(theirs) - given - 1
        yield option("vjp", styles.accumulating(gradient, count), "accumulating")


def _fits(option: Guess, names: list[str], y: Array, result: Any, attempts: _Attempts) -> tuple[bool, Guess] | None:
    """Return whether the gradients have the shapes they must, with `wrt` filled in; None if it can't be called so."""
    inputs, style = option.point.inputs, option.style
    if style == "value_and_grad":
        returned: Any = result[1:] if len(result) > 2 else result[1]
    else:
        failures: list[BaseException] = []
        if style == "backward":
            pair = option.forward(*copies(inputs))
            arguments: tuple[Any, ...] = (np.ones_like(y), pair[1])
        else:
            arguments = (np.ones_like(y), *inputs) if style == "vjp" else inputs
        assert option.gradient is not None
        returned = _try(option.gradient, arguments, failures)
        if failures:
            attempts.gradient += failures
            own = isinstance(failures[0], OWN_FAULTS)
            return (False, _with_wrt(option, _floating(names, inputs)[:1])) if own else None
    items = returned if isinstance(returned, tuple | list) else (returned,)
    gradients = [np.asarray(g) for g in items if g is not None]
    if not gradients or any(g.dtype.kind not in "fiub" for g in gradients):
        attempts.returned = f"its gradient is {_describe(returned)}"
        return None
    lead = y.shape if style == "jacobian" else ()
    if style == "derivative" and (len(gradients) != 1 or y.shape != np.shape(inputs[_floating(names, inputs)[0]])):
        return None
    finite = all(np.all(np.isfinite(g)) for g in gradients)
    wrt = _match([g.shape for g in gradients], names, inputs, lead)
    if wrt is not None:
        return finite, _with_wrt(option, wrt)
    floating = _floating(names, inputs)
    if len(gradients) > len(floating) or style == "jacobian":
        return None
    is_layer = style == "backward" or (style == "vjp" and any(map(is_bias, names)))
    if len({np.shape(inputs[i]) for i in floating}) > 1 and not is_layer:
        attempts.returned = f"its gradient is of shape {gradients[0].shape}, unlike an input,"
        return None  # the inputs may be at fault, which broadcast as those meant would not
    return False, _with_wrt(option, floating[: len(gradients)])


def _with_wrt(option: Guess, wrt: tuple[int, ...]) -> Guess:
    return Guess(option.forward, option.style, option.gradient, option.point, wrt, option.signature, option.adapter)


def _match(
    shapes: list[tuple[int, ...]], names: list[str], inputs: Sequence[Any], lead: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Return the inputs that gradients of these shapes belong to: in forward's order, else in the one that fits."""
    floating = _floating(names, inputs)
    for chosen in itertools.combinations(floating, len(shapes)):
        if [lead + np.shape(inputs[i]) for i in sorted(chosen)] == shapes:
            return tuple(sorted(chosen))
    orders = itertools.permutations(floating, len(shapes))
    fitting = [order for order in orders if [lead + np.shape(inputs[i]) for i in order] == shapes]
    return fitting[0] if len(fitting) == 1 else None


def _floating(names: list[str], inputs: Sequence[Any]) -> tuple[int, ...]:
    """Return the positions of the floating inputs, targets and plain numbers last."""
    floating = [i for i, x in enumerate(inputs) if is_floating(x)]
    return tuple(sorted(floating, key=lambda i: names[i] in NUMBERS or (len(inputs) > 1 and is_target(names[i]))))


def _try(function: Callable[..., Any], inputs: Sequence[Any], failures: list[BaseException]) -> Any:
    """Return the result of a function for copies of these inputs, None if it raises."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*copies(inputs))
    except (Exception, SystemExit) as error:  # it may raise anything at inputs that were only guessed
        failures.append(error)
        return None


def _value(result: Any) -> Array | None:
    """Return y as an array, also from (y, cache); None if it is not an array of numbers."""
    y = result[0] if isinstance(result, tuple | list) and len(result) > 1 else result
    return np.asarray(y) if isinstance(y, np.ndarray | np.generic | float) else None


def _signature(point: TrialPoint, y: Array) -> str:
    """Return a signature that fixes the shapes as tried; those of an elementwise function of a matrix are free."""
    shapes = [np.shape(x) for x in point.inputs]
    if len(shapes) == 1 and len(shapes[0]) == 2 and 1 not in shapes[0] and y.shape == shapes[0]:
        return ELEMENTWISE
    sides = [",".join(f"({','.join(map(str, shape))})" for shape in side) for side in (shapes, [y.shape])]
    return "->".join(sides)


def _why_not(pair: NamedPair, attempts: _Attempts) -> Unfit:
    if pair.gradient is None:
        return Unfit("no gradient by name, and it returns no (loss, gradient)")
    raised = attempts.gradient or attempts.forward
    if raised and (attempts.gradient or not attempts.returned):
        name = pair.gradient_name if attempts.gradient else pair.forward_name
        first = (message_of(raised[0]).splitlines() or [""])[0]
        error = f"{type(raised[0]).__name__}: {first}" if first else type(raised[0]).__name__
        frames = [frame for frame in traceback.extract_tb(raised[0].__traceback__) if is_users(frame.filename)]
        where = f" in {frames[-1].name}, {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        may_help = not isinstance(raised[0], (*OWN_FAULTS, NotImplementedError, SystemExit))
        return Unfit(f"{name} could not be run at drawn inputs ({error}{where})", may_help)
    if attempts.returned:
        may_help = attempts.returned.startswith("it returned NaN") or "of shape" in attempts.returned
        return Unfit(f"{attempts.returned} at drawn inputs", may_help)
    counts = f"{len(required(pair.forward))} inputs and {pair.gradient_name} {len(required(pair.gradient))}"
    return Unfit(f"it takes {counts}, which fits no known style", False)


def _returned(result: Any) -> str:
    return f"it returned {_describe(result)}; expected an array, or (array, cache),"


def _describe(result: Any) -> str:
    if isinstance(result, np.ndarray | np.generic):
        return f"an array of dtype {np.asarray(result).dtype}"
    return "nothing (None)" if result is None else f"a {type(result).__name__}"
