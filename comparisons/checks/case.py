"""What is saved of a checked gradient that fails; `saved_case.py` judges it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.results.case import Case
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.functions import UserFunctions
from gradtwin.comparisons.subjects.source import find_source, keyword_arguments

KIND = "check"


def make_case(
    user: UserFunctions,
    reference: Any,
    inputs: Sequence[Any],
    y_bar: Array | None,
    wrt: Sequence[int] | int | None,
    seed: int,
    checks: Sequence[Check],
    script: str,
) -> Case:
    """Return the case of a gradient that fails at these inputs.

    Its functions are told by file and name, with a digest of each file; one that can't be found again is null.
    """
    forward, static = keyword_arguments(user.forward)
    gradient, _ = keyword_arguments(user.gradient)
    functions = {"forward": forward, "gradient": gradient, "reference": reference}
    named = list(zip(user.names(len(inputs)), inputs, strict=True))
    arrays = {name: np.asarray(x) for name, x in named if isinstance(x, np.ndarray | np.generic)}
    fields = {
        "kind": KIND,
        "verdict": "mismatch",
        "style": user.style,
        "functions": {role: _describe(function) for role, function in functions.items() if function is not None},
        "inputs": [{"name": name} if name in arrays else _plain(name, x) for name, x in named],
        "wrt": list(wrt) if isinstance(wrt, Sequence) else wrt,
        "static": [_plain(name, value) for name, value in static.items()],
        "seed": seed,
        "checks": [check.to_dict() for check in checks if check.verdict == "mismatch"],
        "reproduce": script,
        "environment": describe_environment(),
    }
    if y_bar is not None and "y_bar" not in arrays:
        arrays["y_bar"] = y_bar
    told = repr([fields[key] for key in ("functions", "inputs", "wrt", "static", "seed")])
    digest = sha256(b"".join(array.tobytes() for array in arrays.values()) + told.encode())
    operation = getattr(forward, "__name__", "forward").strip("<>")
    return Case(f"{operation}-{user.style}-{digest.hexdigest()[:8]}", fields, arrays)


def _describe(function: Any) -> dict[str, str] | None:
    """Return where a function is found again; a file below the present folder is told from there."""
    source = find_source(function)
    if source is None:
        return None
    here = Path.cwd().resolve()
    file = source.file.relative_to(here) if source.file.is_relative_to(here) else source.file
    return {"file": str(file), "name": source.name, "sha256": sha256(source.file.read_bytes()).hexdigest()}


def _plain(name: str, value: Any) -> dict[str, Any]:
    """Return an argument that is no array, with its value if JSON has such."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return {"name": name, "type": type(value).__name__}
    return {"name": name, "value": value}
