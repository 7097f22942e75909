"""Importing a library that gradtwin does without."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gradtwin.errors import BackendMissingError


def import_optional(name: str) -> Any:
    """Return a module; raise BackendMissingError, saying how to get it, where it can't be imported."""
    try:
        return import_module(name)
    except ImportError as error:
        raise BackendMissingError(f"not installed ({error}); pip install 'gradtwin[peers]'") from error
