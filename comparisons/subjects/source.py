"""Where a function's source is, to point at it, and to find the same function again in another process."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """The file that a function is defined in, the module and folder to import it from, and its name there.

    `name` is dotted for a method; `folder` is empty where the module is found without it.
    """

    file: Path
    module: str
    folder: str
    name: str


def find_source(function: Any) -> Source | None:
    """Return where a function can be found again; None for one made as it runs: in a notebook, a lambda, a closure."""
    try:
        file = Path(inspect.getfile(inspect.unwrap(function))).resolve()
    except (TypeError, OSError):  # a builtin or a callable object
        return None
    module = getattr(function, "__module__", None) or "__main__"
    names = (getattr(function, "__qualname__", ""), getattr(function, "__name__", ""))
    name = next((name for name in names if _is_named(function, module, name)), None)
    if name is None or not file.is_file():
        return None
    in_package = "." in module or (file.parent / "__init__.py").exists()
    if in_package and module != "__main__":
        return Source(file, module, "", name)
    return Source(file, file.stem, str(file.parent), name)


def find_line(*functions: Callable[..., Any] | None) -> dict[str, Any] | None:
    """Return the file and line of the first function that has them, or None."""
    for function in functions:
        plain = inspect.unwrap(getattr(function, "func", function)) if function else None
        code = getattr(plain, "__code__", None)
        if code is None or (getattr(plain, "__module__", None) or "").startswith(
            "gradtwin."
        ):  # an adapter's, or a builtin
            continue
        if Path(code.co_filename).is_file():
            return {"file": code.co_filename, "line": code.co_firstlineno}
    return None


def keyword_arguments(function: Any) -> tuple[Any, dict[str, Any]]:
    """Return a function without the keyword arguments bound to it, and these."""
    if isinstance(function, functools.partial) and not function.args:
        return function.func, dict(function.keywords)
    return function, {}


def _is_named(function: Any, module: str, name: str) -> bool:
    """Return whether the module has this function under a name."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is function
