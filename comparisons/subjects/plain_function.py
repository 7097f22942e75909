"""A user's function without a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradtwin.backends.interface import Array
from gradtwin.errors import ArgumentTypeError

from .arrays import copies
from .functions import UserFunctions
from .reading import as_value, kind_of


class PlainFunction(UserFunctions):
    """A function whose value alone is judged; `name` is its name in messages."""

    def __init__(self, function: Callable[..., Any], name: str, timeout: float | None = None) -> None:
        super().__init__(function, "grad", None, timeout)
        self._name = name

    def value(self, inputs: Sequence[Any]) -> Array:
        """Return the function's value, on copies of the inputs."""
        result = self._call(self._name, self.forward, copies(inputs))
        try:
            return as_value(result)
        except ArgumentTypeError:
            raise ArgumentTypeError(
                f"function: {self._name} returned {_kind(result)}; expected one array, or a number, of a real floating "
                f"dtype. Give a function that returns that part alone."
            ) from None


def _kind(result: Any) -> str:
    if result is None:
        return "None"
    dtype = getattr(result, "dtype", None)
    return kind_of(result) if dtype is None else f"an array of dtype {dtype}"
