"""A checked gradient's failing case: what is saved of it, and how it is judged again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.quiet_import import import_tensorflow
from gradtwin.comparisons.precision.constants import LOADING_SECONDS
from gradtwin.comparisons.results.case import Case, take
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.functions import STYLES, Written
from gradtwin.comparisons.subjects.loading import Target, find_function, load
from gradtwin.comparisons.subjects.source import find_source, keyword_arguments
from gradtwin.errors import GradTwinError, InputFileError

KIND = "check"


def make_case(
    written: Written,
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
    forward, static = keyword_arguments(written.forward)
    gradient, _ = keyword_arguments(written.gradient)
    functions = {"forward": forward, "gradient": gradient, "reference": reference}
    named = list(zip(written.names(len(inputs)), inputs, strict=True))
    arrays = {name: np.asarray(x) for name, x in named if isinstance(x, np.ndarray | np.generic)}
    fields = {
        "kind": KIND,
        "verdict": "mismatch",
        "style": written.style,
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
    return Case(f"{operation}-{written.style}-{digest.hexdigest()[:8]}", fields, arrays)


def judge_case(case: Case, folder: Path) -> tuple[list[Check], list[str]]:
    """Judge a saved case of a gradient again; return the checks, and the files that have changed since.

    Files are looked for where they were, in the present folder and in the case's. Raises InputFileError where one is
    not there, or the case's file does not make sense.
    """
    from .gradient import check_gradient

    fields, where = case.fields, f"{case.name}.json"
    style, named = take(fields, "style", str, where), take(fields, "functions", dict, where)
    if style not in STYLES or "forward" not in named or ("gradient" in named) == (style == "value_and_grad"):
        has = ", ".join(named) or "no functions"
        raise InputFileError(f"{where}: it has {has} and the style {style!r}. Save the case again.")
    arguments = _read_arguments(case, where)
    changed: list[str] = []
    found: dict[str, Any] = {}
    import_tensorflow()
    with ExitStack() as stack:
        modules: dict[Path, ModuleType] = {}
        for role, described in named.items():
            file, name = _find_file(role, described, folder, where, changed)
            if file not in modules:
                modules[file] = stack.enter_context(load(Target(str(file), name), LOADING_SECONDS))
            found[role] = find_function(modules[file], name, role, str(file))
        found[style] = found.pop("gradient", True)
        try:
            report = check_gradient(found.pop("forward"), **found, **arguments)
        except GradTwinError as error:
            raise InputFileError(f"{where}: {error}") from error
    return list(report.checks), changed


def _read_arguments(case: Case, where: str) -> dict[str, Any]:
    fields = case.fields
    inputs = [value for _, value in _read_values(case, "inputs", where)]
    static = dict(_read_values(case, "static", where))
    wrt = take(fields, "wrt", (list, int, NoneType), where)
    return {"inputs": inputs, "wrt": wrt, "static": static or None, "seed": take(fields, "seed", int, where)}


def _read_values(case: Case, key: str, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each argument: an array, or what JSON has."""
    for item in take(case.fields, key, list, where):
        name = take(item, "name", str, where) if isinstance(item, dict) else ""
        if name in case.arrays:
            yield name, case.arrays[name]
        elif name and "value" in item:
            yield name, item["value"]
        else:
            raise InputFileError(f"{where}: {key}: {item!r} has neither an array nor a value that could be saved.")


def _find_file(role: str, described: Any, folder: Path, where: str, changed: list[str]) -> tuple[Path, str]:
    """Return the file that a function is in, and its name there; note a file that has changed."""
    if described is None:
        raise InputFileError(
            f"{where}: {role} was made in a notebook, by a lambda or within a function, and can't be found again. Run "
            f"the script under 'reproduce' with it."
        )
    if not isinstance(described, dict):
        raise InputFileError(f"{where}: functions: {role} is {described!r}; expected its file and name.")
    place, name = take(described, "file", str, where), take(described, "name", str, where)
    file = next((file for file in (Path(place), folder / place, folder / Path(place).name) if file.is_file()), None)
    if file is None:
        raise InputFileError(f"{where}: {role} is in {place}, which is not here. Run this in the folder that has it.")
    if sha256(file.read_bytes()).hexdigest() != take(described, "sha256", str, where) and str(file) not in changed:
        changed.append(str(file))
    return file.resolve(), name


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
