"""The comparison suite: every operation of the catalogue, drawn problems, NumPy backend against TensorFlow backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Operation, Rule
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.operations import OPERATIONS, find_operation
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.registry import get_backend
from gradtwin.comparisons.checks.operation import check_operation
from gradtwin.comparisons.drawing.problems import (
    VALUES,
    Problem,
    build_problem,
    problems,
    shapes_from,
)
from gradtwin.comparisons.drawing.search import search
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.precision.constants import PROFILES
from gradtwin.comparisons.results.case import Case
from gradtwin.comparisons.results.data import Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import ArgumentValueError, unknown_name
from gradtwin.progress import Progress

from .case import make_case

MODES = ("eager", "graph", "xla")

#: Extents of the dimensions that every mode is tried on; graph and xla compile each once.
FIXED_SIZES = ((16, 65, 5), (1, 1, 1))


@isolated
def compare(
    *operations: str,
    dtypes: Sequence[str] = ("float32", "float64"),
    modes: Sequence[str] = MODES,
    profile: str = "default",
    examples: int | None = None,
    seed: int = 0,
    rules: Mapping[str, Rule] | None = None,
    progress: Progress | None = None,
) -> Report:
    """y = f(x) and x_bar = y_bar · ∂y/∂x of the catalogue's operations, in NumPy and in TensorFlow.

    Parameters
    ----------
    *operations : str
        Names of operations. By default all of the catalogue, and then the scenario `regression`.
    dtypes : sequence of str, default ("float32", "float64")
        The dtypes of the drawn arrays; "float16" and "bfloat16" as well.
    modes : sequence of str, default ("eager", "graph", "xla")
        TensorFlow's modes.
    profile : str, default "default"
        How much is drawn: "quick", "default" or "thorough".
    examples : int, optional
        The number of drawn problems for each operation and dtype in the mode eager. By default that of the profile.
    seed : int, default 0
        The seed of everything random.
    rules : mapping, optional
        NumPy rules by name, in place of the catalogue's. A rule is ``rule(*inputs) -> (y, pullbacks)``, with one
        pullback for each input.
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).

    Returns
    -------
    Report
        One check for each operation, dtype, mode and array. A failing problem is shrunk to a small one.

    Raises
    ------
    ArgumentValueError
        If a name is not known, or a number is impossible.
    BackendMissingError
        If TensorFlow is not installed.

    Notes
    -----
    The allowed error is derived, by running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*,
    2002, section 3.3; sums: Jeannerod & Rump, *Improved error bounds for inner products in floating-point arithmetic*,
    2013).

    Examples
    --------
    >>> import gradtwin as gt
    >>> gt.compare("sse", modes=["eager"], dtypes=["float64"], examples=3).verdict
    'match'
    """
    chosen = [find_operation(name) for name in operations] or list(OPERATIONS.values())
    formats = [find_dtype(name) for name in dtypes]
    for mode in modes:
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES)
    if profile not in PROFILES:
        raise unknown_name("profile", profile, list(PROFILES))
    count = PROFILES[profile] if examples is None else examples
    if count < 1:
        raise ArgumentValueError(f"examples: got {examples}; expected at least 1.")
    check_seed(seed)
    left = NumpyBackend(rules=rules)
    rights = [get_backend("tensorflow", mode) for mode in modes]

    cells = [(operation, dtype, right) for operation in chosen for dtype in formats for right in rights]
    checks: list[Check] = []
    cases: list[Case] = []
    example: str | None = None
    for done, (operation, dtype, right) in enumerate(cells):
        if progress:
            progress(done, len(cells), f"{operation.name} {dtype.name} {right.mode}")
        found, failing = _compare_cell(operation, dtype, left, right, count, seed, profile == "thorough")
        checks += found
        if failing:
            cases.append(make_case(failing, right.mode, seed, found))
        if failing and example is None:
            example = f"{operation.name}, {dtype.name}, {right.mode}, the smallest found:\n{failing.describe()}"
    if not operations and not rules:
        from .training import train

        scenario = train("regression", progress=progress)
        checks += [replace(check, operation=f"regression: {check.operation}") for check in scenario.checks]
    return Report(
        "compare",
        tuple(checks),
        seed,
        _command_line(operations, dtypes, modes, count, seed),
        describe_environment(),
        example=example,
        cases=tuple(cases),
    )


def _compare_cell(
    operation: Operation,
    dtype: np.dtype[Any],
    left: Backend,
    right: Backend,
    count: int,
    random_seed: int,
    thorough: bool,
) -> tuple[list[Check], Problem | None]:
    """Return the merged checks of one operation, dtype and mode, and the problem that failed, if one did."""

    def check(problem: Problem) -> list[Check]:
        return check_operation(problem.operation, problem.inputs, problem.y_bar, left, right)

    found: list[list[Check]] = []
    if right.mode == "eager":
        found, failing = draw_and_check(operation, dtype, check, count, random_seed)
        if failing:
            return _merge(found), failing
    for problem in fixed_problems(operation, dtype, random_seed, thorough):
        found.append(check(problem))
        if _failed(found[-1]):
            return _merge([found[-1]]), problem
    return _merge(found), None


def fixed_problems(
    operation: Operation, dtype: np.dtype[Any], random_seed: int, thorough: bool = True
) -> Iterable[Problem]:
    """Yield problems of every kind of values on the few shapes that every mode is tried on.

    Unless `thorough`, the first shape alone is tried, and no options beside the defaults.
    """
    cases = [(operation, sizes, values) for sizes in FIXED_SIZES[: None if thorough else 1] for values in VALUES]
    cases += [(variant, FIXED_SIZES[0], "normal") for variant in operation.variants()[1:] if thorough]
    for variant, sizes, values in cases:
        yield build_problem(variant, dtype, shapes_from(operation, sizes), values, random_seed)


def draw_and_check(
    operation: Operation,
    dtype: np.dtype[Any],
    check: Callable[[Problem], list[Check]],
    count: int,
    random_seed: int,
) -> tuple[list[list[Check]], Problem | None]:
    """Return the checks of drawn problems; at the first failure, shrink it, and return those of the smallest alone."""
    found: list[list[Check]] = []

    def fails(problem: Problem) -> bool:
        found.append(check(problem))
        return _failed(found[-1])

    smallest = search(problems(operation, dtype), fails, examples=count, seed=random_seed)
    return (found, None) if smallest is None else ([found[-1]], smallest)


def _failed(checks: list[Check]) -> bool:
    return any(check.verdict == "mismatch" for check in checks)


def _merge(found: list[list[Check]]) -> list[Check]:
    by_name: dict[str, list[Check]] = {}
    for checks in found:
        for check in checks:
            by_name.setdefault(check.name, []).append(check)
    return [merge_checks(checks) for checks in by_name.values()]


def _command_line(
    operations: Sequence[str], dtypes: Sequence[str], modes: Sequence[str], count: int, random_seed: int
) -> str:
    words = ["gradtwin compare", *operations, f"--dtype {','.join(dtypes)}", f"--mode {','.join(modes)}"]
    return " ".join([*words, f"--examples {count}", f"--seed {random_seed}"])
