"""A user's function without a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradtwin.backends.interface import Array

from .arrays import copies
from .functions import UserFunctions
from .reading import as_value


class PlainFunction(UserFunctions):
    """A function whose value alone is judged; `name` is its name in messages."""

    def __init__(self, function: Callable[..., Any], name: str, timeout: float | None = None) -> None:
        super().__init__(function, "grad", None, timeout)
        self._name = name

    def value(self, inputs: Sequence[Any]) -> Array:
        """Return the function's value, on copies of the inputs."""
        return as_value(self._call(self._name, self.forward, copies(inputs)))
