"""Runs a forward once under the tape, and differentiates its result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.tape import functions, linear_algebra  # noqa: F401  (their rules)
from gradtwin.comparisons.tracing.tape.engine import TapeEngine, constant
from gradtwin.comparisons.tracing.tape.framework import tf
from gradtwin.comparisons.tracing.tape.leaves import Leaves
from gradtwin.comparisons.tracing.tape.special import load_special
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

from .array import TracingArray
from .buffers import Array, native
from .conversion import is_active, plain, shadow_of
from .holding import Holder
from .lints import lint_name
from .recorder import Escape, UntraceableError
from .running import Run


class Trace:
    """One traced run of a forward.

    `result` is what forward returned, with plain arrays. `escapes` is empty when the trace can be trusted; otherwise
    every gradient raises UntraceableError. `notes` are lints, and which branches were taken.
    """

    def __init__(self, run: Run, engine: TapeEngine, leaves: Leaves, wrt: tuple[int, ...], parameters: dict[str, Any]):
        self._run = run
        self._engine = engine
        self._leaves = leaves
        self._holder: Holder = run.holder
        self._wrt = wrt
        self._parameters = parameters
        self.result: Any = None
        self.escapes: tuple[Escape, ...] = ()
        self.notes: tuple[str, ...] = ()

    def value(self, select: Callable[[Any], Any] | None = None) -> Array:
        """Return TensorFlow's own value of the output, which must equal NumPy's to rounding."""
        output, array = self._output(select)
        return np.asarray(plain(output)) if array is None else np.asarray(array.numpy())

    def gradient(self, y_bar: Any, select: Callable[[Any], Any] | None = None) -> tuple[Array | None, ...]:
        """x_bar = y_bar · ∂y/∂x of each input at `wrt`; None where y doesn't depend on it.

        A trace with an escape raises, so None means that the derivative is zero: no element of the input reached y
        through the branches taken.
        `select` picks y out of the result (or out of an object that forward changed); by default the result is y.
        """
        return tuple(self._differentiate(y_bar, select, [self._holder.inputs[i] for i in self._wrt]))

    def parameter_gradient(self, y_bar: Any, select: Callable[[Any], Any] | None = None) -> dict[str, Array | None]:
        """p_bar = y_bar · ∂y/∂p of each held parameter; None where y doesn't depend on it."""
        held = [self._holder.held(array) for array in self._parameters.values()]
        arrays = [array if array is not None and array in self._leaves else None for array in held]
        found = self._differentiate(y_bar, select, [array for array in arrays if array is not None])
        return {
            name: None if array is None else found.pop(0) for name, array in zip(self._parameters, arrays, strict=True)
        }

    def restore(self) -> None:
        """Put the attributes that forward changed, and names that it made global, back as they were before the run."""
        self._run.restore()

    def _output(self, select: Callable[[Any], Any] | None) -> tuple[Any, Any]:
        """Return the selected output and its tensor, None where it depends on nothing differentiated."""
        chosen = self.result if select is None else select(self.result)
        if not isinstance(chosen, np.ndarray | np.generic | int | float):
            raise ArgumentTypeError(
                f"select: the output is {type(chosen).__name__}; expected one array or number. "
                f"Pick it out of what forward returned, for example with select=lambda result: result[0]."
            )
        output = self._holder.traced(chosen)
        if output is None or not is_active(output):
            return chosen, None
        with self._engine.tape:
            return output, shadow_of(output)

    def _differentiate(self, y_bar: Any, select: Any, arrays: list[TracingArray]) -> list[Array | None]:
        if self.escapes:
            more = f", and {len(self.escapes) - 1} more" if len(self.escapes) > 1 else ""
            raise UntraceableError(f"the trace can't be trusted: {self.escapes[0]}{more}. Use finite differences.")
        output, target = self._output(select)
        shape = np.shape(plain(output))
        if np.shape(y_bar) != shape:
            raise ShapeError(f"y_bar: got shape {np.shape(y_bar)}; expected the output's, {shape}.")
        if target is None:
            return [None] * len(arrays)
        leaves = [self._leaves.leaf(array) for array in arrays]
        try:
            bars = self._engine.tape.gradient(target, leaves, constant(y_bar, native(target.dtype.as_numpy_dtype)))
        except (tf.errors.OpError, LookupError, ValueError, NotImplementedError) as error:
            raise UntraceableError(f"TensorFlow can't differentiate this forward: {error}") from error
        found: list[Array | None] = []
        for array in arrays:
            bar = bars.pop(0)  # a large one goes as soon as there is an array of it
            found.append(None if bar is None else self._leaves.extract(array, tf.convert_to_tensor(bar).numpy()))
        return found


def trace_forward(
    forward: Callable[..., Any],
    inputs: tuple[Any, ...],
    wrt: tuple[int, ...],
    *,
    parameters: Mapping[str, Array] | None = None,
) -> Trace:
    """Run an unmodified NumPy function once under GradientTape and return its trace.

    `wrt` are the positions of the differentiated inputs; `parameters` are arrays, held by an object or a global that
    forward uses, whose gradients are wanted too. Afterwards everything is as after a plain run, except that the user's
    arrays are unchanged: attributes that forward changed hold new arrays. `Trace.restore` restores these too. If
    forward raises, everything is restored, and UntraceableError names the line.

    The user's modules see stand-ins for numpy while forward runs, so two threads can't run two traces at once.
    """
    for position in wrt:
        if not 0 <= position < len(inputs):
            raise ArgumentValueError(f"wrt: got {position}; expected positions of the {len(inputs)} inputs.")
    if "scipy.special" in sys.modules:
        load_special(sys.modules["scipy.special"])
    parameters = dict(parameters or {})
    engine = TapeEngine()
    run = Run(engine, forward, {id(array) for array in parameters.values()})
    with run:
        arrays = run.holder.take_inputs(inputs, set(wrt))
        with engine.tape:
            function, *others = run.enter(forward, *arrays)
            trace = Trace(run, engine, Leaves(run.holder, engine), tuple(wrt), parameters)
            result = function(*others)
        trace.result = run.finish(result)
    trace.escapes = run.recorder.escapes
    named = lint_name(_names_of(forward), inputs, trace.result)
    trace.notes = run.recorder.notes if named is None else (*run.recorder.notes, named)
    return trace


def _names_of(forward: Any) -> tuple[str, ...]:
    owner = getattr(forward, "__self__", None)
    return (getattr(forward, "__name__", ""), type(forward if owner is None else owner).__name__)
