"""What computes the second value of a tracing array: TensorFlow's tape, or wide arithmetic.

NumPy's own value of every element decides, with its dtype, promotions, comparisons and errors. An engine computes a
*shadow* beside it: the tensor that GradientTape differentiates, or the value in twice the precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Engine(Protocol):
    """The operations on shadows that moving elements takes, and the rules of functions that compute."""

    def rule_of(self, function: Any) -> Callable[[Any], Any] | None:
        """Return the engine's own rule of a function, before those that all engines share; None if it has none."""

    @property
    def more(self) -> int:
        """How many iterations a loop is to make beyond its own end."""

    @property
    def keeps_constants(self) -> bool:
        """Whether it also computes what depends on constants alone."""

    def adopt(self, values: Array) -> Any:
        """Return the shadow of values that nothing is known of, None if they need none."""

    def constant(self, values: Any, dtype: np.dtype[Any]) -> Any:
        """Return plain values as a shadow."""

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """Return a shadow of zeros."""

    def shape(self, shadow: Any) -> tuple[int, ...]:
        """Return a shadow's shape."""

    def is_of(self, shadow: Any, dtype: np.dtype[Any]) -> bool:
        """Return whether a shadow can stand beside values of a dtype."""

    def cast(self, shadow: Any, dtype: np.dtype[Any]) -> Any:
        """Return a shadow that stands beside values of a dtype."""

    def reshape(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return the same elements in another shape."""

    def transpose(self, shadow: Any, axes: Sequence[int]) -> Any:
        """Return the same elements with the axes in another order."""

    def broadcast(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return a shadow repeated to a shape."""

    def concatenate(self, flat: Sequence[Any]) -> Any:
        """Return flat shadows, one after the other."""

    def gather(self, flat: Any, index: Array) -> Any:
        """Return the elements of a flat shadow at these places, in the shape of `index`."""

    def add_at(self, flat: Any, places: Array, data: Any) -> Any:
        """Return a flat shadow with `data` added at flat places, once for each occurrence."""
