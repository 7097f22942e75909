"""How many digits a NumPy function keeps at a point, and how many the problem allows and TensorFlow keeps there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.exact import NotExactError
from gradtwin.comparisons.oracles.exact_value import Exact, ExactFunction
from gradtwin.comparisons.oracles.interface import UntrustedError
from gradtwin.comparisons.oracles.traced import TracedOracle
from gradtwin.comparisons.precision.accuracy_constants import CONDITION_DRAWS, UNSTABLE_DIGITS
from gradtwin.comparisons.results.data import Cause, Check, Worst
from gradtwin.comparisons.results.formula import Accuracy
from gradtwin.comparisons.subjects.functions import UserFunctions
from gradtwin.comparisons.subjects.reading import is_floating

from .lost_digits import describe_loss, digits_of, find_loss, keeps_far_fewer
from .titles import Titles

if TYPE_CHECKING:
    from gradtwin.comparisons.tracing.wide import Loss

#: Names the stream of the directions in which the inputs are moved.
CONDITION_STREAM = 0xACC


@dataclass(frozen=True)
class Measured:
    """A function's value at a point: its error, and what the problem allows, at the element that loses most.

    Both are relative to the exact value, from one rounding of the dtype to 1.
    """

    inputs: tuple[Any, ...]
    y: Array
    exact: Exact
    index: tuple[int, ...]
    error: float
    condition: float

    @property
    def kept(self) -> float:
        """The digits that NumPy keeps."""
        return digits_of(self.error)

    @property
    def allowed(self) -> float:
        """The digits that the problem allows."""
        return digits_of(self.condition)

    @property
    def lost(self) -> float:
        """The digits lost beside the problem."""
        return max(0.0, self.allowed - self.kept)

    @property
    def is_unstable(self) -> bool:
        """Whether far fewer digits are kept than allowed."""
        return is_unstable(self.kept, self.allowed)


def is_unstable(kept: float, allowed: float) -> bool:
    """Return whether a result keeps far fewer digits than its problem allows."""
    return keeps_far_fewer(kept, allowed) and allowed - kept >= UNSTABLE_DIGITS


class AccuracyJudge:
    """Measures one function at any point."""

    def __init__(self, user: UserFunctions, seed: int) -> None:
        self.user = user
        self._seeds = [[seed, CONDITION_STREAM, k] for k in range(CONDITION_DRAWS)]

    def measure(self, inputs: Sequence[Any]) -> Measured | None:
        """Return what is kept at a point; None if no element has an exact value there.

        Raises NotExactError where the function has no wide form, and ContractError where it raises.
        """
        y = self.user.value(inputs)
        if y.dtype.char not in "efd":
            raise NotExactError(f"the function returned {y.dtype}; expected float16, float32 or float64")
        function = ExactFunction(self.user, inputs)
        exact = function.value()
        if exact.high.shape != y.shape:
            raise NotExactError(f"its value has shape {y.shape}, and in wide arithmetic {exact.high.shape}")
        if not y.size or not exact.known.any():
            return None
        u = float(np.finfo(y.dtype).eps) / 2
        error = np.fmax(exact.error(y), u)
        condition = np.fmin(np.fmax(self._condition(function, exact, y.dtype), u), 1.0)
        lost = np.where(exact.known, np.log10(error / condition), -np.inf)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(lost)), lost.shape))
        return Measured(tuple(inputs), y, exact, index, float(error[index]), float(condition[index]))

    def ask_tensorflow(self, found: Measured) -> tuple[float | None, float, str]:
        """Return the digits that TensorFlow keeps, its value at the element where NumPy loses most, or why not."""
        wrt = tuple(i for i, x in enumerate(found.inputs) if is_floating(x))
        try:
            y = np.asarray(TracedOracle(self.user).value(found.inputs, wrt))
        except UntrustedError as reason:
            return None, np.nan, str(reason)
        if y.shape != found.y.shape or y.dtype.kind != "f":
            return None, np.nan, f"its value is {y.dtype} of shape {y.shape}"
        u = float(np.finfo(found.y.dtype).eps) / 2
        error = np.fmax(found.exact.error(y), u)[found.index]
        return digits_of(float(error)), float(y[found.index]), ""

    def find_loss(self, found: Measured) -> Loss | None:
        """Return the operation that costs the digits."""
        function = ExactFunction(self.user, found.inputs)
        exact = function.value()

        def digits(y: Array) -> float:
            u = float(np.finfo(y.dtype).eps) / 2
            return digits_of(max(float(exact.error(y)[found.index]), u))

        return find_loss(function.watched, digits, found.allowed)

    def _condition(self, function: ExactFunction, exact: Exact, dtype: np.dtype[Any]) -> Array:
        """Return what one rounding of the inputs changes, relative to the exact value."""
        moved = function.moved(exact, self._seeds)
        with np.errstate(all="ignore"):
            part = moved / np.fmax(np.abs(exact.high), float(np.finfo(dtype).tiny))
        return np.where(np.isfinite(part), part, 0.0)


def accuracy_check(
    titles: Titles, found: Measured, tensorflow: float | None, value: float, loss: Loss | None, examples: int
) -> Check:
    """Return the check of a function's value, at the worst of some points.

    `tensorflow` is the number of digits that TensorFlow keeps, and `value` its value; `loss` says where NumPy's go.
    """
    exact, mine = float(found.exact.high[found.index]), float(found.y[found.index])
    with np.errstate(all="ignore"):
        error = abs(mine - exact)
    return Check(
        titles.name("value"),
        titles.operation,
        "value",
        titles.dtype,
        titles.mode,
        "mismatch" if found.is_unstable else "match",
        size=found.y.size,
        mismatched=int(found.is_unstable),
        worst=Worst(found.index, mine, value, exact, error, found.condition * abs(exact)),
        causes=(_cause(titles.operation, found, loss),) if found.is_unstable else (),
        examples=examples,
        accuracy=Accuracy(found.kept, tensorflow, found.allowed),
    )


def _cause(name: str, found: Measured, loss: Loss | None) -> Cause:
    """Return the cause of an unstable function: the operation, or that no single one has the fault."""
    text = f"{name} keeps {found.kept:.1f} digits where the problem allows {found.allowed:.1f}"
    if loss is None:
        return Cause("unstable", False, "", f"{text}: no single operation loses them, but several together.")
    place = loss.operation.expression
    return Cause("unstable", True, f"{place.file}:{place.line}", f"{text}: {describe_loss(loss)}.")
