"""Plants known faults in the hand-derived rules: each must be caught, and no correct rule accused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.interface import Operation
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.registry import get_backend
from gradtwin.backends.signature import Shape
from gradtwin.comparisons.checks.operation import check_operation
from gradtwin.comparisons.drawing.problems import Problem, build_problem, shapes_from
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Report, worst_verdict
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.progress import Progress

from .faults import all_faults

#: Extents of the dimensions, in the order of the signature; every fault must be caught at one of these sizes.
SIZES = ((1, 1, 1), (2, 3, 2), (5, 4, 3), (64, 128, 32))


@dataclass(frozen=True)
class Catch:
    """One planted fault, and the check that caught it (None: it escaped), at which shapes."""

    operation: str
    fault: str
    dtype: str
    caught_by: str | None
    at: str


@isolated
def selftest(*, seed: int = 0, progress: Progress | None = None) -> Report:
    """Plant known faults in the hand-derived rules: each must be caught, and no correct rule accused.

    Each faulty rule is judged at growing sizes until it is caught, and each correct rule at all sizes.

    Parameters
    ----------
    seed : int, default 0
        The seed of the problems.
    progress : callable, optional
        Called with (steps done, steps in all, what is being done).

    Returns
    -------
    Report
        One row for each fault and each rule. A row is a `match` if the fault was caught, or the correct rule matched.

    Raises
    ------
    ArgumentValueError
        If the seed is not a whole number from 0 to 2³² − 1.

    Notes
    -----
    A mutation test of the checker: DeMillo, Lipton & Sayward, *Hints on test data selection* (1978). The faults are
    those of `comparisons/catalogue/faults.py` and `classic_faults.py`.

    Examples
    --------
    >>> import gradtwin as gt
    >>> report = gt.selftest()  # doctest: +SKIP
    >>> report.verdict  # doctest: +SKIP
    'match'
    """
    check_seed(seed)
    right = get_backend("tensorflow")
    problems = {
        (operation.name, dtype): _problems(operation, dtype, seed)
        for operation in OPERATIONS.values()
        for dtype in ("float32", "float64")
    }
    checks: list[Check] = []
    for (name, dtype), drawn in problems.items():
        judged = [check_operation(p.operation, p.inputs, p.y_bar, NumpyBackend(), right) for p in drawn]
        verdict = worst_verdict(check.verdict for found in judged for check in found)
        checks.append(Titles(name, dtype).passed_on("correct rule", "gradient", verdict, len(drawn)))

    catches: list[Catch] = []
    cases = [(fault, dtype) for fault in all_faults() for dtype in fault.dtypes]
    for done, (fault, dtype) in enumerate(cases):
        if progress and done % 10 == 0:
            progress(done, len(cases), f"{fault.operation} {fault.name}")
        left = NumpyBackend(rules={fault.operation: fault.plant(NumpyBackend().rules[fault.operation])})
        catch = _catch(fault.operation, fault.name, dtype, left, problems[fault.operation, dtype])
        catches.append(catch)
        checks.append(_as_check(catch))
    extra = {"faults": [vars(catch) for catch in catches]}
    return Report("selftest", tuple(checks), seed, f"gradtwin selftest --seed {seed}", describe_environment(), extra)


def _catch(operation: str, fault: str, dtype: str, left: NumpyBackend, problems: list[Problem]) -> Catch:
    right = get_backend("tensorflow")
    for problem in problems:
        inputs = [x.copy() for x in problem.inputs]
        y_bar = None if problem.y_bar is None else problem.y_bar.copy()
        for check in check_operation(problem.operation, inputs, y_bar, left, right):
            if check.verdict == "mismatch":
                shapes = " ".join(_show(x.shape) for x in problem.inputs)
                return Catch(operation, fault, dtype, f"{check.stage}: {check.name}", shapes)
    return Catch(operation, fault, dtype, None, "")


def _as_check(catch: Catch) -> Check:
    causes: tuple[Cause, ...] = ()
    if catch.caught_by is None:
        causes = (Cause("unknown", False, catch.fault, "the fault escaped every check at every size."),)
    titles = Titles(catch.operation, catch.dtype)
    return titles.expected(catch.fault, "gradient", catch.caught_by is not None, *causes)


def _problems(operation: Operation, dtype: str, seed: int) -> list[Problem]:
    """Return a problem of each size, and one of each option beside the defaults."""
    cases = [(operation, sizes) for sizes in SIZES] + [(variant, SIZES[1]) for variant in operation.variants()[1:]]
    return [
        build_problem(variant, np.dtype(dtype), shapes_from(operation, sizes), "normal", seed)
        for variant, sizes in cases
    ]


def _show(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "scalar"
