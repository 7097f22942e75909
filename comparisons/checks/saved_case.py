"""A saved case of a checked gradient, judged again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any

from gradtwin.backends.quiet_import import import_tensorflow
from gradtwin.comparisons.precision.constants import LOADING_SECONDS
from gradtwin.comparisons.results.case import Case, take
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.subjects.functions import STYLES
from gradtwin.comparisons.subjects.loading import Target, find_function, load
from gradtwin.errors import GradTwinError, InputFileError

from .gradient import check_gradient


def judge_case(case: Case, folder: Path) -> tuple[list[Check], list[str]]:
    """Judge a saved case of a gradient again; return the checks, and the files that have changed since.

    Files are looked for where they were, in the present folder and in the case's. Raises InputFileError where one is
    not there, or the case's file does not make sense.
    """
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
