"""The error of a function that can't be computed in wide arithmetic."""

from __future__ import annotations

from gradtwin.errors import UnsupportedError


class NoWideFormError(UnsupportedError):
    """A function or a conversion that would lose the low half of a wide array."""
