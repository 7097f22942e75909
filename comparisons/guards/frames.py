"""Whose code a line is: the user's, or that of gradtwin or NumPy, which the user's code calls or is called by."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np

from gradtwin.own_code import FOLDERS

_LIBRARIES = (*FOLDERS.values(), *(Path(folder).resolve() for folder in np.__path__))

#: Code that is judged like a user's, though it lies in the package: the published faults, and NumPy's rules.
_CHECKED = (FOLDERS["gradtwin.comparisons"] / "gallery", FOLDERS["gradtwin.backends"] / "numpy_rules")

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
