"""Whose code a line is: the user's, or that of gradtwin or NumPy, which the user's code calls or is called by."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np

import gradtwin
from gradtwin import backends, benchmarks, comparisons

_PACKAGES = (gradtwin, backends, benchmarks, comparisons, np)
_LIBRARIES = tuple(Path(folder).resolve() for package in _PACKAGES for folder in package.__path__)

#: Code that is judged like a user's, though it lies in the package: the published faults, and NumPy's rules.
_CHECKED = (
    *(Path(folder).resolve() / "gallery" for folder in comparisons.__path__),
    *(Path(folder).resolve() / "numpy_rules" for folder in backends.__path__),
)

#: Where Python's own code and installed packages lie.
_PYTHONS = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
_PACKAGED = [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]
_INSTALLED = tuple(Path(folder).resolve() for folder in (*_PYTHONS, *_PACKAGED))


@cache
def is_users(file: str) -> bool:
    """Return whether a file, by its path, holds code that is checked."""
    path = _resolve(file)
    if any(path.is_relative_to(folder) for folder in _CHECKED):
        return True
    return not any(path.is_relative_to(folder) for folder in _LIBRARIES)


@cache
def is_installed(file: str) -> bool:
    """Return whether a file, by its path, belongs to Python or to an installed package."""
    path = _resolve(file)
    return any(path.is_relative_to(folder) for folder in _INSTALLED)


def _resolve(file: str) -> Path:
    """Return the path of a file; code may have been compiled under a name that no file can have."""
    try:
        return Path(file).resolve()
    except (OSError, ValueError, RuntimeError):
        return Path(file)
