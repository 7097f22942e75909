"""Every pair of a function and its gradient that a file has, checked: one report of them all."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.drawing.drawn_points import read_domains
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.constants import CHECKING_SECONDS, GUESSING_SECONDS
from gradtwin.comparisons.results.data import Cause, Check, Details, Report
from gradtwin.comparisons.subjects import styles
from gradtwin.comparisons.subjects.classes import find_classes
from gradtwin.comparisons.subjects.guessing import Guess, Unfit, guess
from gradtwin.comparisons.subjects.loading import SMALLER, TookTooLongError, limited
from gradtwin.comparisons.subjects.pairing import LOOKED_FOR, NamedPair, Skipped, find_pairs
from gradtwin.errors import GradTwinError, InputFileError
from gradtwin.progress import Progress

from .gradient import check_gradient
from .strict import AccuracyRule, judge_accuracy, strict_words
from .unchecked import report_class, report_failed, report_missing, way_to_check, without_random

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: How many points are drawn for each pair.
EXAMPLES = 20

#: Advice for a pair that does not return at the inputs of the trial.
INPUTS_ALONE = "check it alone, at inputs that you give"

#: Functions of a stored value instead of the input; one that is written for the output looks right there.
WITH_STORED_VALUE = ("derivative", "vjp")


@dataclass(frozen=True)
class Outcome:
    """What came of a pair: the names of its functions, its report, and how it was called where that was found out."""

    forward: str
    gradient: str
    report: Report
    found: Guess | None = None


@dataclass(frozen=True)
class FileDetails(Details):
    """A file's pairs, of which the report's members are the whole reports."""

    def print_to(self, report: Report, console: Console) -> None:
        """Print the table of pairs, then the first that fails in full."""
        from gradtwin.comparisons.report.pairs_text import print_pairs

        print_pairs(report, console)

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the pairs and the skipped functions, for a page."""
        from gradtwin.comparisons.report.pairs_text import list_pairs

        return list_pairs(report)


def check_file(
    module: ModuleType,
    place: str,
    *,
    dtype: str = "float64",
    domain: tuple[float, float] | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
    timeout: float | None = None,
    require: Sequence[str] = (),
    accuracy: AccuracyRule = "note",
    progress: Progress | None = None,
) -> Report:
    """Check every pair that is found by name in a loaded module; raise InputFileError if there is none.

    `place` is the user's name of the file; `timeout` is in seconds, for each pair, to find out how it is called and
    again to check it. A pair that can't be called, or takes longer, is inconclusive. So is each name of `require`, of
    a function or its gradient, that is in no pair. `accuracy` is as in `check_gradient`.
    """
    drawn_dtype = find_dtype(dtype)
    read_domains(domain, 1)
    guessing, checking = (GUESSING_SECONDS, CHECKING_SECONDS) if timeout is None else (timeout, timeout)
    named, skipped = find_pairs(module)
    if named:
        _ready_tensorflow()
    outcomes: list[Outcome] = []
    for done, pair in enumerate(named):
        if progress:
            progress(done, len(named), pair.forward_name)
        found: Guess | None = None
        why: GradTwinError | Unfit
        try:
            with limited(guessing, f"finding out how to call {pair.forward_name}", INPUTS_ALONE):
                guessed = guess(pair, drawn_dtype, domain, seed)
            if isinstance(guessed, Guess):
                found = guessed
                found, report = _check_within(checking, pair, found, dtype, examples, seed)
                command = _command_line(place, pair, found, report, dtype, examples)
                if command.startswith("gradtwin "):
                    command = " ".join([command, *strict_words(accuracy)])
                report = judge_accuracy(replace(report, reproduce=command), accuracy)
                outcomes.append(Outcome(pair.forward_name, pair.gradient_name, report, found))
                continue
            why = guessed
        except GradTwinError as error:
            why = error
        if pair.is_certain or (isinstance(why, TookTooLongError) and found):
            report = report_failed(place, pair, dtype, seed, why)
            outcomes.append(Outcome(pair.forward_name, pair.gradient_name, report, found))
            continue
        name = f"{pair.forward_name}, {pair.gradient_name}" if pair.gradient_name else pair.forward_name
        skipped.append(Skipped(name, why.reason if isinstance(why, Unfit) else str(why)))
    classes, others = find_classes(module)
    skipped += others
    asked = [found for found in classes if not outcomes or found.name in require]
    skipped += [Skipped(found.name, way_to_check(place, found)) for found in classes if found not in asked]
    outcomes += [Outcome(found.name, found.methods[1], report_class(place, found, dtype, seed)) for found in asked]
    there = {name for outcome in outcomes for name in (outcome.forward, outcome.gradient)}
    missing = dict.fromkeys(name for name in require if name not in there)
    outcomes += [Outcome(name, "none", report_missing(place, name, dtype, seed, named, skipped)) for name in missing]
    if not outcomes:
        listed = "; ".join(f"{item.name} ({item.reason})" for item in skipped[:5]) or "nothing that could be checked"
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""
        reason = "none of its pairs could be checked"
        if not named:
            reason = f"no function with its gradient was found. Looked for names such as {LOOKED_FOR}"
        raise InputFileError(
            f"{place}: {reason}. It has: {listed}{more}. "
            f"Or name them, as in: gradtwin check {place}:forward --vjp NAME --signature ..."
        )
    how = [*_options(dtype, domain, examples, timeout, require), *strict_words(accuracy)]
    return _merge(place, outcomes, skipped, seed, how)


@functools.cache
def _ready_tensorflow() -> None:
    """Check a pair of our own first: TensorFlow's start takes seconds, which are not the user's functions'."""
    check_gradient(np.square, derivative=lambda x: 2 * x, inputs=(np.ones(1),))


def _check_within(
    seconds: float, pair: NamedPair, found: Guess, dtype: str, examples: int, seed: int
) -> tuple[Guess, Report]:
    """Check a pair, and return where, and what came of it; raise TookTooLongError for one that takes longer."""
    with limited(seconds, f"checking {pair.forward_name}", SMALLER):
        report = without_random(_check(pair, found, dtype, examples, seed), pair.forward_name)
        vector = _at_vector(found, seed) if report.verdict == "mismatch" else None
        if vector is not None:
            found, report = vector, _check(pair, vector, dtype, examples, seed)
            report = replace(report, checks=(*report.checks, _at_vectors_alone(pair, vector, dtype)))
        return found, report


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
            f"terms of the output (then check it with {adapted}), or a wrong value is stored for it",
        )
    if report.verdict == "mismatch" and found.doubtful_input:
        notes.insert(
            0, f"it was taken for the gradient of {found.doubtful_input}; if it is another input's, give --wrt"
        )
    causes = {cause.cause for check in report.checks for cause in check.causes}
    if report.verdict == "mismatch" and causes == {"mean-for-sum"}:
        notes.insert(
            0,
            "if the mean over the batch is meant, check a layer object in Python: "
            'gt.check_layer(..., param_scale="1/batch")',
        )
    return replace(report, extra={**report.extra, "notes": notes})


def _at_vectors_alone(pair: NamedPair, vector: Guess, dtype: str) -> Check:
    """Return the undecided check: it is not known whether the function is meant for matrices too."""
    text = (
        f"its gradient is right at a vector and wrong at a matrix. If it is meant for vectors alone, check it with "
        f"--signature '{vector.signature}'."
    )
    cause = Cause("shape", False, "vector", text)
    return Titles(pair.forward_name, dtype).undecided("gradient at a matrix", "gradient", cause)


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


def _merge(place: str, outcomes: Sequence[Outcome], skipped: list[Skipped], seed: int, how: Sequence[str]) -> Report:
    reports = [outcome.report for outcome in outcomes]
    first = next((report for report in reports if report.verdict == "mismatch"), None)
    extra = {
        "oracle": (first or reports[0]).extra["oracle"],
        "notes": first.extra["notes"] if first else [],
        "pairs": [_describe(outcome) for outcome in outcomes],
        "skipped": [{"name": item.name, "reason": item.reason} for item in skipped],
    }
    return Report(
        "check",
        tuple(check for report in reports for check in report.checks),
        seed,
        shlex.join(["gradtwin", "check", place, "--seed", str(seed), *how]),
        reports[0].environment,
        extra,
        first.example if first else None,
        cases=tuple(case for report in reports for case in report.cases),
        members=tuple((outcome.forward, outcome.report) for outcome in outcomes),
        details=FileDetails(),
    )


def _describe(outcome: Outcome) -> dict[str, Any]:
    found, report = outcome.found, outcome.report
    causes = [cause for check in report.checks if check.verdict != "match" for cause in check.causes]
    return {
        "forward": outcome.forward,
        "gradient": outcome.gradient or "its own",
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


def _options(
    dtype: str,
    domain: tuple[float, float] | None,
    examples: int,
    timeout: float | None = None,
    require: Sequence[str] = (),
) -> list[str]:
    """Return the words of a command for what is not the default."""
    words = [] if dtype == "float64" else ["--dtype", dtype]
    words += [f"--domain={domain[0]:g},{domain[1]:g}"] if domain else []
    words += [] if examples == EXAMPLES else ["--examples", str(examples)]
    words += [] if timeout is None else ["--timeout", f"{timeout:g}"]
    return words + (["--require", *require] if require else [])


def _command_line(place: str, pair: NamedPair, found: Guess, report: Report, dtype: str, examples: int) -> str:
    """Return the command that checks this pair alone; where it takes more than a command, the script."""
    if found.signature is None or found.adapter or "(" in pair.gradient_name:
        return report.reproduce
    words = ["gradtwin", "check", f"{place}:{pair.forward_name}"]
    words += [f"--{found.style.replace('_', '-')}", *([pair.gradient_name] if pair.gradient_name else [])]
    words += ["--signature", found.signature, *_options(dtype, found.point.domain, examples)]
    words += ["--wrt", ",".join(map(str, found.wrt))] if found.wrt else []
    return shlex.join([*words, "--seed", str(report.seed)])
