"""A failing case of a catalogue operation: how it is saved, and judged again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.operations import find_operation
from gradtwin.backends.registry import get_backend
from gradtwin.comparisons.checks.operation import check_operation
from gradtwin.comparisons.drawing.problems import Problem
from gradtwin.comparisons.results.case import Case, take
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import GradTwinError, InputFileError

KIND = "operation"


def make_case(
    problem: Problem,
    mode: str,
    seed: int,
    checks: Sequence[Check],
    *,
    name: str = "",
    error: str = "",
    extra: Mapping[str, Any] | None = None,
) -> Case:
    """Return the case of a problem that fails: its checks mismatch, or judging it raised the error.

    Without a name it gets one from its content.
    """
    operation = problem.operation
    arrays = dict(zip(operation.inputs, problem.inputs, strict=True))
    if problem.y_bar is not None:
        arrays["y_bar"] = problem.y_bar
    dtype = problem.inputs[0].dtype.name
    told = repr((operation.keywords, seed))
    digest = sha256(b"".join(array.tobytes() for array in arrays.values()) + told.encode()).hexdigest()[:8]
    fields = {
        "kind": KIND,
        "verdict": "crash" if error else "mismatch",
        "text": error,
        "operation": operation.name,
        "options": operation.keywords,
        "dtype": dtype,
        "mode": mode,
        "made_of": problem.made_of,
        "seed": seed,
        **(extra or {}),
        "checks": [check.to_dict() for check in checks if check.verdict == "mismatch"],
        "environment": describe_environment(),
    }
    return Case(name or f"{operation.name}-{dtype}-{mode}-{digest}", fields, arrays)


def judge_case(case: Case) -> list[Check]:
    """Judge a saved case of an operation again; raise InputFileError where its file does not make sense."""
    fields, arrays = case.fields, dict(case.arrays)
    where = f"{case.name}.json"
    try:
        operation = find_operation(take(fields, "operation", str, where)).bind(**take(fields, "options", dict, where))
        right = get_backend("tensorflow", take(fields, "mode", str, where))
        y_bar = arrays.pop("y_bar", None)
        if set(arrays) != set(operation.inputs) or (y_bar is None) != (operation.kind == "update"):
            expected = ", ".join(operation.inputs) + ("" if operation.kind == "update" else ", y_bar")
            raise InputFileError(f"it has the arrays {', '.join(case.arrays)}; expected {expected}.")
        inputs = [arrays[name] for name in operation.inputs]
        operation.validate(inputs, y_bar)
    except GradTwinError as error:
        raise InputFileError(f"{where}: {error}") from error
    return check_operation(operation, inputs, y_bar, NumpyBackend(), right)
