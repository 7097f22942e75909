"""One run of user code in wide arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.wide import WideArray, wide
from gradtwin.comparisons.tracing.array import TracingArray
from gradtwin.comparisons.tracing.conversion import is_active, is_differentiable, is_tracing, plain, shadow_of, write
from gradtwin.comparisons.tracing.recorder import Escape, UntraceableError
from gradtwin.comparisons.tracing.running import Run

from .engine import WideEngine
from .unbounded import UnboundedEngine


@dataclass(frozen=True)
class Computed:
    """The wide values of results, None for a missing one; where low halves were lost, and if values ended loops.

    `values` are NumPy's own.
    """

    results: tuple[WideArray | None, ...]
    escapes: tuple[Escape, ...]
    loops: bool
    values: tuple[Any, ...]


def compute(
    engine: WideEngine | UnboundedEngine,
    functions: Sequence[Any],
    run: Callable[..., Sequence[Any]],
    inputs: Sequence[Any],
    held: Sequence[Any] = (),
    moved: Mapping[int, Any] | None = None,
) -> Computed:
    """Return the wide values of run(functions, inputs), the functions being the user's, unmodified.

    `held` are arrays that the user's objects hold. `moved` gives wide values to inputs, and after them to held
    arrays, by their positions; NumPy's values, which decide, stay those of the inputs.
    """
    moved = moved or {}
    work = Run(engine, functions[0], {id(array) for array in held})
    with work, np.errstate(all="ignore"):
        floating = {i for i, x in enumerate(inputs) if isinstance(x, np.ndarray | np.floating | float)}
        plain_inputs = [np.ascontiguousarray(x) if isinstance(x, np.ndarray) and x.ndim else x for x in inputs]
        taken = work.holder.take_inputs(
            tuple(plain_inputs), {i for i in floating if is_differentiable(plain_inputs[i])}
        )
        entered = work.enter(*functions, *taken)
        for position, shadow in moved.items():
            array = taken[position] if position < len(inputs) else work.holder.held(held[position - len(inputs)])
            if array is None:
                raise UntraceableError("a parameter is not reached in the object that is run")
            _put(array, shadow)
        results = run(entered[: len(functions)], entered[len(functions) :])
        found = tuple(None if x is None else _wide(engine, x) for x in results)
        values = tuple(plain(x) for x in results)
        work.finish(None)
        work.restore()
    return Computed(found, work.recorder.escapes, work.recorder.loops, values)


def _put(array: TracingArray, shadow: Any) -> None:
    """Give an array, or its part of the memory that it shares with others, its wide value."""
    if not isinstance(array._value, np.ndarray) or array._buffer.covered_by(array._value):
        array._buffer.replace(shadow)
    else:
        write(array, np.array(array._value), shadow)


def _wide(engine: WideEngine | UnboundedEngine, x: Any) -> WideArray:
    """Return the wide value of a result; a sequence of numbers is one result."""
    if is_tracing(x) and is_active(x):
        return engine.result(shadow_of(x))
    if isinstance(x, list | tuple):
        parts = [_wide(engine, item) for item in x]
        return WideArray(np.array([p.high for p in parts]), np.array([p.low for p in parts]))
    return wide(plain(x))
