"""Where digits are lost: NumPy's value of each operation beside its exact one, by the expression that computes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.tracing.conversion import is_active, is_differentiable, is_tracing, plain, shadow_of
from gradtwin.comparisons.tracing.dispatch import Call, name_of

from .expressions import Expression, user_expression

Kind = Literal["overflow", "underflow", "cancellation", "loss"]

#: Operations that lose digits where terms cancel.
_SUMS = frozenset(
    {np.add, np.subtract, np.add.reduce, np.sum, np.mean, np.dot, np.matmul, np.einsum, np.inner, np.vdot}
)

#: A value that is off by this part of itself is wrong as a whole.
_WHOLE = 0.5


class Exact(Protocol):
    """What an engine knows of its shadows beside NumPy's values."""

    def error_of(self, value: Any, shadow: Any) -> Array:
        """Return the error of each element relative to its exact value, at most 1."""

    def rounded_to(self, shadow: Any, value: Any) -> Any:
        """Return the exact values, rounded to the kind and dtype of NumPy's."""


@dataclass(frozen=True)
class Operation:
    """One function in one expression of the user's code."""

    expression: Expression
    function: str

    def __str__(self) -> str:
        return f"`{self.expression.text or self.function}`"


@dataclass
class Loss:
    """What an operation lost: decimal digits in its worst step, in all of its steps, and NumPy's operand there."""

    operation: Operation
    order: int
    kind: Kind = "loss"
    worst: float = 0.0
    total: float = 0.0
    steps: int = 0
    operand: float | None = None

    @property
    def digits(self) -> float:
        """The digits that are lost here."""
        return max(self.worst, self.total)

    @property
    def is_out_of_range(self) -> bool:
        """Whether the value left the range of its dtype here."""
        return self.kind in ("overflow", "underflow")


@dataclass
class Watch:
    """Records what each operation of a run loses. The results of `mended` become the exact ones, rounded."""

    mended: Operation | None = None
    found: dict[Operation, Loss] = field(default_factory=dict)
    #: Whether an exact value came near the end of what its engine can hold.
    has_left_range: bool = False

    def losses(self) -> Iterator[Loss]:
        """Yield what was lost, the most first."""
        yield from sorted(self.found.values(), key=lambda loss: (-loss.digits, loss.order))

    def see(self, this: Call, value: Any, found: Any, engine: Exact) -> Any:
        """Record one operation; return NumPy's value of it, or the exact one if it is to be mended."""
        values, shadows = (value, found) if isinstance(value, tuple) else ((value,), (found,))
        operation = Operation(user_expression(), name_of(this.function))
        for one, two in zip(values, shadows, strict=True):
            if is_differentiable(one) and np.size(one):
                self._see(this, operation, one, two, engine)
        if operation != self.mended:
            return value
        mended = [engine.rounded_to(two, one) for one, two in zip(values, shadows, strict=True)]
        if not isinstance(value, tuple):
            return mended[0]
        return value._make(mended) if hasattr(value, "_make") else tuple(mended)

    def _see(self, this: Call, operation: Operation, value: Any, found: Any, engine: Exact) -> None:
        array = np.asarray(value)
        u = float(np.finfo(array.dtype).eps) / 2
        after = np.fmax(engine.error_of(value, found), u)
        before = np.full(array.shape, u)
        operands = []
        for x in this.args:
            if not (is_tracing(x) and is_differentiable(plain(x)) and np.size(plain(x))):
                continue
            operand = np.asarray(plain(x))
            error = engine.error_of(operand, shadow_of(x)) if is_active(x) else np.zeros(operand.shape)
            if isinstance(this.function, np.ufunc) and not this.function.signature:
                before = np.fmax(before, np.broadcast_to(error, array.shape))
                operands.append(np.broadcast_to(operand, array.shape))
            else:
                before = np.fmax(before, error.max())
                operands.append(operand)
        lost = np.log10(after / before)
        index = np.unravel_index(int(np.argmax(lost)), lost.shape)
        digits = float(lost[index])
        loss = self.found.setdefault(operation, Loss(operation, len(self.found)))
        loss.steps += 1
        loss.total += digits
        if digits <= loss.worst:
            return
        loss.worst = digits
        exact = np.asarray(engine.rounded_to(found, array))[index]
        loss.kind = _kind(this.function, array[index], exact, float(after[index]))
        at = [x[index] for x in operands if x.shape == array.shape]
        loss.operand = float(at[0]) if len(at) == 1 else None


def _kind(function: Any, value: Any, exact: Any, error: float) -> Kind:
    if error >= _WHOLE and not np.isfinite(value):
        return "overflow"
    if function in _SUMS:
        return "cancellation"
    return "underflow" if error >= _WHOLE and abs(exact) < np.finfo(value.dtype).tiny else "loss"
