"""Every pair of a function and its gradient that a file has, checked: one report of them all."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.drawing.drawn_points import read_domains
from gradtwin.comparisons.judging.comparator import Subject
from gradtwin.comparisons.precision.constants import CHECKING_SECONDS, GUESSING_SECONDS
from gradtwin.comparisons.results.data import Cause, Check, Details, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects import styles
from gradtwin.comparisons.subjects.guessing import Guess, guess
from gradtwin.comparisons.subjects.loading import SMALLER, TookTooLongError, limited
from gradtwin.comparisons.subjects.pairing import LOOKED_FOR, NamedPair, Skipped, find_pairs, required
from gradtwin.errors import GradTwinError, InputFileError
from gradtwin.progress import Progress

from .gradient import check_gradient

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: What else there is to do about a pair that does not return at the inputs it was tried at.
INPUTS_ALONE = "check it alone, with inputs of its own, by FILE.py:forward ... --inputs FILE.npz"

#: Functions that take a stored value instead of the input, so that one written for the output looks right there.
WITH_STORED_VALUE = ("derivative", "vjp")


@dataclass(frozen=True)
class FileDetails(Details):
    """A file's pairs, of which the report's members are the whole reports.

    `alone` is the command that checks the first pair that needs inputs of its own.
    """

    alone: str | None

    def print_to(self, report: Report, console: Console) -> None:
        """Print the table of pairs, then the first that fails in full."""
        from gradtwin.comparisons.report.pairs_text import print_pairs

        print_pairs(report, self.alone, console)

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the pairs and what was skipped, for a page."""
        from gradtwin.comparisons.report.pairs_text import list_pairs

        return list_pairs(report)


def check_file(
    module: ModuleType,
    place: str,
    *,
    dtype: str = "float64",
    domain: tuple[float, float] | None = None,
    examples: int = 20,
    seed: int = 0,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every pair that is found by name in a loaded module; raise InputFileError where there is none.

    `place` is how the user named the file; `timeout` is in seconds, for each pair, to find out how it is called and
    again to check it.
    """
    drawn_dtype = find_dtype(dtype)
    read_domains(domain, 1)
    guessing, checking = (GUESSING_SECONDS, CHECKING_SECONDS) if timeout is None else (timeout, timeout)
    named, skipped = find_pairs(module)
    checked: list[tuple[NamedPair, Guess | None, Report]] = []
    alone: list[str] = []
    for done, pair in enumerate(named):
        if progress:
            progress(done, len(named), pair.forward_name)
        try:
            with limited(guessing, f"finding out how to call {pair.forward_name}", INPUTS_ALONE):
                found = guess(pair, drawn_dtype, domain, seed)
            if isinstance(found, Guess):
                found, report = _check_within(checking, pair, found, dtype, examples, seed)
                checked.append((pair, found, report))
                continue
            reason = found
        except TookTooLongError as error:
            if pair.gradient is not None:
                checked.append((pair, None, _undecided(pair, dtype, seed, error)))
                alone += _command_alone(place, pair)
                continue
            reason = str(error)
        except GradTwinError as error:
            reason = str(error)
        alone += _command_alone(place, pair) if "--inputs" in reason else []
        name = f"{pair.forward_name}, {pair.gradient_name}" if pair.gradient_name else pair.forward_name
        skipped.append(Skipped(name, reason))
    if not checked:
        listed = "; ".join(f"{item.name} ({item.reason})" for item in skipped[:5]) or "nothing that could be checked"
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        reason = "none of its pairs could be checked"
        if not named:
            reason = f"no function with its gradient was found. Looked for names such as {LOOKED_FOR}"
        raise InputFileError(
            f"{place}: {reason}. It has: {listed}{more}. "
            f"Or name them, as in: gradtwin check {place}:forward --vjp NAME --signature ..."
        )
    return _merge(place, checked, skipped, seed, FileDetails(alone[0] if alone else None))


def _check_within(
    seconds: float, pair: NamedPair, found: Guess, dtype: str, examples: int, seed: int
) -> tuple[Guess, Report]:
    """Check a pair, and return where, and what came of it; one that takes longer is inconclusive."""
    try:
        with limited(seconds, f"checking {pair.forward_name}", SMALLER):
            report = _check(pair, found, dtype, examples, seed)
            vector = _at_vector(found, seed) if report.verdict == "mismatch" else None
            if vector is not None:
                found, report = vector, _check(pair, vector, dtype, examples, seed)
                report = replace(report, checks=(*report.checks, _at_vectors_alone(pair, vector, dtype)))
            return found, report
    except TookTooLongError as error:
        return found, _undecided(pair, dtype, seed, error)


def _undecided(pair: NamedPair, dtype: str, seed: int, error: TookTooLongError) -> Report:
    """Return the report of a pair that did not return: it is a pair, and nothing is known about it."""
    cause = Cause("unknown", False, "", str(error))
    check = Subject(pair.forward_name, dtype, "eager").check("contract", "contract", "inconclusive", cause)
    return Report("check", (check,), seed, "", describe_environment(), {"oracle": "traced", "notes": []})


def _check(pair: NamedPair, found: Guess, dtype: str, examples: int, seed: int) -> Report:
    how: dict[str, Any] = {found.style: True if found.gradient is None else found.gradient}
    where: dict[str, Any] = {"inputs": found.point.inputs}
    if found.is_elementwise:  # others have points where they are not meant to be used
        where = {"signature": found.signature, "domain": found.point.domain, "dtype": dtype, "examples": examples}
    report = check_gradient(found.forward, **how, **where, wrt=found.wrt, seed=seed)
    operation = pair.forward_name
    report = replace(report, checks=tuple(replace(check, operation=operation) for check in report.checks))
    notes = list(report.extra["notes"])
    if report.verdict == "mismatch" and _is_right_at_output(found, seed):
        adapted = f"vjp=gt.styles.of_output({pair.gradient_name}, {operation})"
        notes.insert(
            0,
            f"{pair.gradient_name} is right at {operation}'s output instead of its input: either it is written in "
            f"terms of the output, then check it with {adapted}, or a wrong value is stored for it",
        )
    if report.verdict == "mismatch" and found.doubtful_input:
        notes.insert(0, f"it was taken for the gradient of {found.doubtful_input}; if it is not, say --wrt")
    return replace(report, extra={**report.extra, "notes": notes})


def _at_vectors_alone(pair: NamedPair, vector: Guess, dtype: str) -> Check:
    """Return the check that is undecided: nothing says whether the function is meant for matrices too."""
    text = (
        f"its gradient is right at a vector and wrong at a matrix. If it is meant for vectors alone, check it with "
        f"--signature '{vector.signature}'."
    )
    subject = Subject(pair.forward_name, dtype, "eager")
    return subject.check("gradient at a matrix", "gradient", "inconclusive", Cause("shape", False, "vector", text))


def _at_vector(found: Guess, seed: int) -> Guess | None:
    """Return the guess at a vector of a function of one array that was tried at a matrix, where it is right there.

    Such functions are mostly of a vector of parameters, and may count them by `len`.
    """
    x, *others = found.point.inputs
    if found.style != "grad" or others or np.ndim(x) != 2:
        return None
    vector = np.ravel(x)[: max(x.shape)]
    try:
        report = check_gradient(found.forward, grad=found.gradient, inputs=(vector,), seed=seed)
    except GradTwinError:
        return None
    signature = f"({vector.size})->()"
    return replace(found, point=replace(found.point, inputs=(vector,)), signature=signature) if report.ok else None


def _is_right_at_output(found: Guess, seed: int) -> bool:
    """Return whether a gradient that fails at x agrees when it is given forward(x)."""
    if found.style not in WITH_STORED_VALUE or found.gradient is None or len(found.point.inputs) != 1 or found.adapter:
        return False
    gradient, forward = found.gradient, found.forward
    if found.style == "derivative":
        vjp = styles.of_output(gradient, forward)
    else:

        def vjp(y_bar: Any, x: Any) -> Any:
            return gradient(y_bar, forward(np.array(x)))

    return check_gradient(forward, vjp=vjp, inputs=found.point.inputs, seed=seed).ok


def _merge(
    place: str,
    checked: list[tuple[NamedPair, Guess | None, Report]],
    skipped: list[Skipped],
    seed: int,
    details: FileDetails,
) -> Report:
    reports = [replace(report, reproduce=_command_line(place, pair, found, report)) for pair, found, report in checked]
    pairs = [_describe(pair, found, report) for (pair, found, _), report in zip(checked, reports, strict=True)]
    first = next((report for report in reports if report.verdict == "mismatch"), None)
    extra = {
        "oracle": (first or reports[0]).extra["oracle"],
        "notes": first.extra["notes"] if first else [],
        "pairs": pairs,
        "skipped": [{"name": item.name, "reason": item.reason} for item in skipped],
    }
    return Report(
        "check",
        tuple(check for report in reports for check in report.checks),
        seed,
        shlex.join(["gradtwin", "check", place, "--seed", str(seed)]),
        reports[0].environment,
        extra,
        first.example if first else None,
        cases=tuple(case for report in reports for case in report.cases),
        members=tuple((pair.forward_name, report) for (pair, _, _), report in zip(checked, reports, strict=True)),
        details=details,
    )


def _describe(pair: NamedPair, found: Guess | None, report: Report) -> dict[str, Any]:
    causes = [cause for check in report.checks if check.verdict != "match" for cause in check.causes]
    return {
        "forward": pair.forward_name,
        "gradient": pair.gradient_name or "its own",
        "style": "" if found is None else found.described,
        "wrt": None if found is None or found.wrt is None else list(found.wrt),
        "verdict": report.verdict,
        "cause": causes[0].cause if causes else None,
        "text": causes[0].text if causes else None,
        "oracle": report.extra["oracle"],
        "notes": report.extra["notes"],
        "example": report.example,
        "reproduce": report.reproduce,
    }


def _command_line(place: str, pair: NamedPair, found: Guess | None, report: Report) -> str:
    """Return the command that checks this pair alone; where it takes more than a command, the script."""
    if found is None:
        return "".join(_command_alone(place, pair))
    if found.signature is None or found.adapter or "(" in pair.gradient_name:
        return report.reproduce
    words = ["gradtwin", "check", f"{place}:{pair.forward_name}"]
    words += [f"--{found.style.replace('_', '-')}", *([pair.gradient_name] if pair.gradient_name else [])]
    words += ["--signature", found.signature, f"--domain={found.point.domain[0]:g},{found.point.domain[1]:g}"]
    words += ["--wrt", ",".join(map(str, found.wrt))] if found.wrt else []
    return shlex.join([*words, "--seed", str(report.seed)])


def _command_alone(place: str, pair: NamedPair) -> list[str]:
    """Return the command that checks a pair with inputs of its own; none where the gradient has no name to give.

    What takes one argument gets no y_bar.
    """
    if "(" in pair.gradient_name:
        return []
    style = "--derivative" if pair.gradient is not None and len(required(pair.gradient)) == 1 else "--vjp"
    words = ["gradtwin", "check", f"{place}:{pair.forward_name}", style, pair.gradient_name or "NAME"]
    return [shlex.join([*words, "--inputs", "FILE.npz"])]
