"""Where the gradient that a user's is judged by comes from.

It is the user's own forward under GradientTape, a TensorFlow reference, or, for code that can't be traced, differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.sampling import Sampled, sample_gradient
from gradtwin.comparisons.votes import Differences, differences_gradient
from gradtwin.comparisons.written import Written
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

#: Gradients of up to so many entries, all together, are taken by differences entry by entry.
EVERY_ENTRY = 256

#: Those of a Jacobian, at most: each takes hundreds of runs of forward for every row.
MOST_DIFFERENCES = 2**12

OracleName = Literal["traced", "reference", "finite-differences"]


@dataclass(frozen=True)
class Answer:
    """An oracle's value and gradients at one point; `error`, where it knows its own error, elementwise.

    `pull_back` gives the gradients for another upstream, at the same point. Where a gradient has too many entries to
    look at each, `samples` says which ones are known; the others are the user's own.
    """

    y: Array
    gradients: tuple[Array | None, ...]
    pull_back: Callable[[Array], tuple[Array | None, ...]]
    error: tuple[Array, ...] | None = None
    notes: tuple[str, ...] = ()
    samples: tuple[Sampled, ...] | None = None

    def without_tape(self) -> Answer:
        """Return the answer without `pull_back`, which holds all that the tape recorded: as much as a dozen inputs."""
        return replace(self, pull_back=_forgotten)


def _forgotten(_: Array) -> tuple[Array | None, ...]:
    raise AssertionError("the tape of this answer was let go")


class Oracle(Protocol):
    """Gives the gradients of Σ y_bar · forward(inputs) with respect to the inputs at `wrt`."""

    name: OracleName

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Answer:
        """Return the value and the gradients at a point."""


class UntrustedError(Exception):
    """The trace can't be trusted; says why, with function, file and line."""


class TracedOracle:
    """The user's forward, unmodified, under GradientTape."""

    name: OracleName = "traced"

    def __init__(self, written: Written) -> None:
        self._written = written

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Answer:
        """Return the value and the gradients, or raise UntrustedError."""
        from gradtwin.comparisons.tracing import UntraceableError, trace_forward

        try:
            with np.errstate(all="ignore"):
                plain = tuple(np.ascontiguousarray(x) if isinstance(x, np.ndarray) and x.ndim else x for x in inputs)
                trace = trace_forward(self._written.forward, plain, wrt)
            trace.restore()
            if trace.escapes:
                raise UntrustedError(f"a value left the trace: {trace.escapes[0]}")
            y = trace.value(self._written.select)
            gradients = trace.gradient(y_bar, self._written.select)
        except UntraceableError as error:
            raise UntrustedError(str(error)) from error
        return Answer(y, gradients, lambda upstream: trace.gradient(upstream, self._written.select), None, trace.notes)


class ReferenceOracle:
    """A TensorFlow callable of all inputs, by position, giving y alone."""

    name: OracleName = "reference"

    def __init__(self, reference: Callable[..., Any]) -> None:
        self._reference = reference

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Answer:
        """Return the value and the gradients, by GradientTape."""
        from gradtwin.backends.tensorflow_backend import tf, to_array, to_tensor

        tensors = [to_tensor(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x for x in inputs]
        for i in wrt:
            tensors[i] = tf.convert_to_tensor(tensors[i], dtype=np.asarray(inputs[i]).dtype.newbyteorder("=").name)
        watched = [tensors[i] for i in wrt]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(watched)
            y = self._call(tf, tensors)
        value = to_array(y)
        if value.dtype.kind != "f":
            raise ArgumentTypeError(f"reference: it returned {value.dtype}; expected floating numbers.")

        def pull_back(upstream: Array) -> tuple[Array | None, ...]:
            if upstream.shape != value.shape:
                raise ArgumentValueError(
                    f"reference: it returned shape {value.shape}, and forward {upstream.shape}; expected the same."
                )
            bars = tape.gradient(y, watched, output_gradients=to_tensor(upstream.astype(value.dtype)))
            return tuple(None if bar is None else to_array(bar) for bar in bars)

        gradients = pull_back(y_bar) if y_bar.shape == value.shape else (None,) * len(wrt)
        return Answer(value, gradients, pull_back)

    def _call(self, tf: Any, tensors: list[Any]) -> Any:
        try:
            y = self._reference(*tensors)
        except Exception as error:
            raise ArgumentValueError(
                f"reference: it raised {type(error).__name__}: {str(error).splitlines()[0]}. "
                f"Expected a TensorFlow function of the same arguments as forward."
            ) from error
        if not isinstance(y, tf.Tensor | tf.Variable):
            raise ArgumentTypeError(
                f"reference: it returned {type(y).__name__}; expected one TensorFlow tensor, y. Is it a NumPy function?"
            )
        return tf.convert_to_tensor(y)


class DifferencesOracle:
    """Complex step or extrapolated differences of the forward alone, with their own error."""

    name: OracleName = "finite-differences"

    def __init__(self, written: Written) -> None:
        self._written = written

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Answer:
        """Return the value and the gradients: entry by entry, or samples where there are many entries."""
        count = sum(np.size(inputs[i]) for i in wrt)
        if self._written.style == "jacobian" and count > MOST_DIFFERENCES:
            raise ArgumentValueError(
                f"inputs: forward can't be traced, and differences of {count} elements would run it some hundreds of "
                f"times for each. Check at no more than {MOST_DIFFERENCES}; the same faults show there."
            )

        def pull_back(upstream: Array) -> tuple[Array, ...]:
            return tuple(part.value for part in self._take(inputs, wrt, upstream))

        parts = self._take(inputs, wrt, y_bar)
        value = self._written.value(inputs)
        samples = tuple(part for part in parts if isinstance(part, Sampled))
        return Answer(
            value,
            tuple(part.value for part in parts),
            pull_back,
            tuple(part.error for part in parts),
            tuple(self._describe(inputs, wrt, parts)),
            samples or None,
        )

    def _take(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Sequence[Differences | Sampled]:
        if self._written.style == "jacobian" or sum(np.size(inputs[i]) for i in wrt) <= EVERY_ENTRY:
            return differences_gradient(self._forward, inputs, wrt, y_bar)
        evaluation, _ = self._written.run(inputs, lambda _: y_bar)
        came = [g for g in evaluation.gradients if g is not None]
        given = [
            came[k].reshape(np.shape(inputs[i]))
            if k < len(came) and came[k].size == np.size(inputs[i])
            else np.zeros(np.shape(inputs[i]))
            for k, i in enumerate(wrt)
        ]
        return [sample_gradient(self._forward, inputs, i, y_bar, g, seed=0) for i, g in zip(wrt, given, strict=True)]

    def _forward(self, *inputs: Any) -> Any:
        return self._written.select(self._written.forward(*inputs))

    def _describe(
        self, inputs: Sequence[Any], wrt: tuple[int, ...], parts: Sequence[Differences | Sampled]
    ) -> Iterator[str]:
        """Yield how sharp the differences are, and what they were taken at."""
        for i, part in zip(wrt, parts, strict=True):
            if not part.value.size:
                continue
            name = f"input {i} ({self._written.names(len(inputs))[i]})"
            known = part.known if isinstance(part, Sampled) else np.ones(part.value.shape, bool)
            largest, error = (float(np.max(np.abs(a[known]))) for a in (part.value, part.error))
            sharpness = f"good to {error / largest:.1g} of the largest" if largest > 0 else f"good to {error:.1g}"
            where = f"{int(known.sum())} of {known.size} entries"
            where += f" and along {part.along.value.size} directions" if isinstance(part, Sampled) else ""
            yield f"differences of {name} were taken at {where}; they are {sharpness}"
