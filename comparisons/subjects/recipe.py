"""How an object is run: what each kind of object has to say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .discovery import Place


class Recipe(Protocol):
    """How an object is run: forward, which can be traced, and then backward on the same object."""

    depth: int
    root: Place
    has_upstream: bool

    def forward(self, owner: Any, kept: list[Any] | None = None) -> Callable[..., Any]:
        """Return the function of the inputs alone that runs forward and returns y; `kept` gets all that it returned."""

    def backward(self, owner: Any, inputs: Sequence[Any], kept: list[Any], y_bar: Any, /) -> Any:
        """Run backward, after forward, and return its results."""

    def suspects(self, owner: Any, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return the names and values that may be at fault where forward raises."""

    def returned_names(self, owner: Any) -> Sequence[str]:
        """Return what backward's own return statement calls its results."""
