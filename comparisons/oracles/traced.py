"""The user's own code, unmodified, under GradientTape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.subjects.functions import UserFunctions
from gradtwin.comparisons.subjects.layer_object import UserObject
from gradtwin.comparisons.subjects.seeding import seeded

from .interface import Derived, Oracle, OracleName, UntrustedError

if TYPE_CHECKING:
    from gradtwin.comparisons.tracing import Trace


def trace_of(user: UserFunctions) -> Oracle:
    """Return the oracle that runs a user's own code under GradientTape."""
    return ObjectOracle(user) if isinstance(user, UserObject) else TracedOracle(user)


class TracedOracle:
    """The user's forward, unmodified, under GradientTape."""

    name: OracleName = "traced"

    def __init__(self, user: UserFunctions) -> None:
        self._user = user

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Derived:
        """Return the value and the gradients, or raise UntrustedError."""
        from gradtwin.comparisons.tracing import UntraceableError

        trace = self._trace(inputs, wrt)
        try:
            y = trace.value(self._user.select)
            gradients = trace.gradient(y_bar, self._user.select)
        except UntraceableError as error:
            raise UntrustedError(str(error)) from error
        return Derived(y, gradients, lambda upstream: trace.gradient(upstream, self._user.select), None, trace.notes)

    def value(self, inputs: Sequence[Any], wrt: tuple[int, ...]) -> Array:
        """Return TensorFlow's own value, or raise UntrustedError."""
        return self._trace(inputs, wrt).value(self._user.select)

    def _trace(self, inputs: Sequence[Any], wrt: tuple[int, ...]) -> Trace:
        from gradtwin.comparisons.tracing import UntraceableError, trace_forward

        try:
            with np.errstate(all="ignore"), self._user.traced_limit():
                plain = tuple(np.ascontiguousarray(x) if isinstance(x, np.ndarray) and x.ndim else x for x in inputs)
                trace = trace_forward(self._user.forward, plain, wrt)
            trace.restore()
        except UntraceableError as error:
            raise UntrustedError(str(error)) from error
        if trace.escapes:
            raise UntrustedError(f"a value left the trace: {trace.escapes[0]}")
        return trace


class ObjectOracle:
    """The object's own forward under GradientTape, with its parameters watched where it holds them."""

    name: OracleName = "traced"

    def __init__(self, user: UserObject) -> None:
        self._user = user

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Derived:
        """Return the value and the gradients, or raise UntrustedError."""
        from gradtwin.comparisons.tracing import UntraceableError, trace_forward

        user, count = self._user, self._user.count
        owner = user.fresh(inputs[count:], as_arrays=True)
        wanted = [user.parameters[i - count] for i in wrt if i >= count]
        arrays = {p.name: p.places[0].read(owner) for p in wanted}
        xs = tuple(np.array(x, order="C") if isinstance(x, np.ndarray) and x.ndim else x for x in inputs[:count])
        inner = tuple(i for i in wrt if i < count)
        try:
            with np.errstate(all="ignore"), seeded(user.seed), user.traced_limit():
                trace = trace_forward(user.recipe.forward(owner), xs, inner, parameters=arrays)
            trace.restore()
            if trace.escapes:
                raise UntrustedError(f"a value left the trace: {trace.escapes[0]}")

            def pull_back(upstream: Array) -> tuple[Array | None, ...]:
                of_inputs = dict(zip(inner, trace.gradient(upstream), strict=True))
                of_parameters = trace.parameter_gradient(upstream)
                return tuple(of_inputs[i] if i < count else of_parameters[user.names()[i]] for i in wrt)

            return Derived(trace.value(), pull_back(y_bar), pull_back, None, trace.notes)
        except UntraceableError as error:
            raise UntrustedError(str(error)) from error
