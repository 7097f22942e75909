"""The report of a checked gradient on one screen: a sentence, a table, the causes and the example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import RenderableType
from rich.text import Text

from gradtwin.comparisons.results.data import Cause, Check, Report

from .tables import STYLE, make_table, show_index

#: Causes of what could not be checked at all.
NOT_RUN = ("not-run", "timeout", "crash")

#: Lines of causes and notes; the JSON report has all of them.
MOST_LINES = 6

#: The gradient that the user's is compared with, by the report's oracle.
JUDGES = {"traced": "autodiff of forward", "reference": "autodiff of the reference"}


def is_of_users(report: Report) -> bool:
    """Return whether a report is on one function, layer, model or step of a user."""
    return "oracle" in report.extra and report.details is None


def render_check(report: Report) -> Iterator[RenderableType]:
    """Yield the parts of the report."""
    yield Text.assemble((report.verdict.upper(), STYLE[report.verdict]), f"  {sentence_of(report)}")
    compared = [
        check for check in report.checks if check.worst is not None and check.stage in ("gradient", "update", "value")
    ]
    shown = [check for check in compared if check.verdict != "match"]
    if not shown and report.verdict != "mismatch":  # a contract that fails has no element to show
        shown = compared
    if shown:
        yield _table(shown, name_oracle(report))
    yield from _formulas(report.checks)
    causes = [cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes]
    failed = next((check for check in report.checks if check.verdict == "mismatch"), None)
    if failed and _is_explained(failed):
        causes = causes[1:]  # it is in the sentence
    for cause in causes[:MOST_LINES]:
        yield Text(show_cause(cause))
    for check in report.checks:
        if check.verdict == "inconclusive":
            yield Text(f"{_heading(check)}{reason_of(check)}", style=STYLE["inconclusive"])
    if report.example:
        yield Text(f"\nexample:\n{report.example}")
    for note in report.extra["notes"][:MOST_LINES]:
        yield Text(f"note: {note}", style="dim")


def _formulas(checks: Sequence[Check]) -> Iterator[Text]:
    """Yield how the formulas were judged, and the digits that the values keep: of all gradients alike, or of each."""
    judged = [check for check in checks if check.formula is not None and check.size]
    lines = {check.name: describe_formula(check) for check in judged}
    if len(set(lines.values())) == 1:
        yield Text(next(iter(lines.values())), style="dim")
        return
    for name, line in lines.items():
        yield Text(f"{name.removeprefix('gradient of ')}: {line}", style="dim")


def describe_formula(check: Check) -> str:
    """Return how a gradient's formula was judged, and the digits that its values keep, in a line."""
    formula, kept = check.formula, check.accuracy
    assert formula is not None
    if formula.method == "measured":
        return (
            f"formula: measured by the rounding of both sides; not judged in wide arithmetic: {formula.why_not_exact}"
        )
    if formula.digits is None:
        return "formula: right" if check.verdict == "match" else "formula: wrong"
    if check.verdict == "mismatch" and not any(cause.cause == "unstable" for cause in check.causes):
        return f"formula: wrong in the {_ordinal(int(formula.digits) + 1)} digit"
    line = f"formula: right to {int(formula.digits)} digits"
    if kept is None or kept.numpy is None or kept.allowed is None:
        return line
    theirs = "" if kept.tensorflow is None else f", TensorFlow's {kept.tensorflow:.1f}"
    return f"{line}; {check.dtype}: yours keeps {kept.numpy:.1f}{theirs}; the problem allows {kept.allowed:.1f}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def name_oracle(report: Report) -> str:
    """Return the name of the side that a user's gradient is compared with."""
    return "differences" if report.extra.get("oracle") == "finite-differences" else "autodiff"


def sentence_of(report: Report) -> str:
    """Return the verdict and its reason in a sentence."""
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    is_update = any(check.stage == "update" for check in report.checks)
    judge = JUDGES.get(report.extra["oracle"], "differences of forward")
    name = report.checks[0].operation if report.checks else "nothing"
    if failed:
        more = {1: "", 2: " 1 more check fails."}.get(len(failed), f" {len(failed) - 1} more checks fail.")
        return f"{name}: {_failure(failed[0], report.extra['oracle'], judge)}{more}"
    examples = max((check.examples for check in report.checks), default=1)
    points = f" at {examples} points" if examples > 1 else ""
    if report.ok and is_update:
        return f"{name}: the weights after every step agree with the reference optimizer's, to rounding."
    if report.ok:
        return f"{name}: every gradient agrees with {judge}{points}, to rounding."
    unknown = [cause for check in report.checks for cause in check.causes if cause.cause in NOT_RUN]
    if unknown:
        return f"{name}: {'nothing was compared' if unknown[0].detail == 'empty' else 'it could not be checked'}."
    judge = "the reference optimizer" if is_update else judge
    left_open = [check for check in report.checks if check.verdict == "inconclusive" and check.worst is None]
    if left_open and all(check.stage == "gradient" for check in left_open):
        counted = "1 gradient was" if len(left_open) == 1 else f"{len(left_open)} gradients were"
        return f"{name}: {counted} not judged; no other disagrees with {judge}{points}."
    return f"{name}: nothing disagrees with {judge}{points}, but a wrong gradient might have passed too."


def _failure(check: Check, oracle: str, judge: str) -> str:
    """Return the failure, and its cause if it is confirmed, in a sentence."""
    if check.stage == "contract" and _is_explained(check):
        return f"{_heading(check)}{check.causes[0].text} (cause: {check.causes[0].cause})"
    subject = f"the {check.name}" if check.stage in ("gradient", "value", "update") else f"the check of {check.name}"
    other = "the reference's" if oracle == "reference" else "the traced forward's"
    fails = {
        "gradient": f"differs from {judge}",
        "value": f"differs from {other}",
        "update": "differ from the reference optimizer's",
    }.get(check.stage, "fails")
    if not _is_explained(check):
        return f"{subject} {fails}."
    text = check.causes[0].text
    if check.causes[0].cause == "unstable":
        return f"{text} (cause: unstable)"
    about = f"it{text.removeprefix(subject)}" if text.startswith(f"{subject} ") else text
    return f"{subject} {fails}: {about} (cause: {check.causes[0].cause})"


def sentence_of_check(report: Report, check: Check) -> str:
    """Return the failure in a sentence, without its causes."""
    if is_of_users(report):
        return sentence_of(replace(report, checks=(replace(check, causes=()),)))
    where = f"{check.operation} ({check.dtype}, {check.mode}): {check.name}"
    if check.worst is None:
        return f"{where}: it fails."
    return f"{where}: NumPy and TensorFlow differ by more than rounding explains."


def show_cause(cause: Cause) -> str:
    """Return a cause as a line; an unknown cause is not a guess."""
    is_guess = not cause.confirmed and cause.cause not in ("unknown", *NOT_RUN)
    return f"{'perhaps' if is_guess else 'cause'} {cause.cause}: {cause.text}"


def reason_of(check: Check) -> str:
    """Return why a check does not match: a sentence for each cause, or a general reason."""
    if check.verdict == "mismatch":
        return " ".join(map(show_cause, check.causes))
    return " ".join(cause.text for cause in check.causes) or (
        f"{check.inconclusive} of {check.size} elements could not have failed: rounding may be as large as they are. "
        f"Use a wider dtype, a smaller problem or other inputs."
    )


def _heading(check: Check) -> str:
    """Return the name of a check before its reason; of a contract, whose reasons are sentences, its label alone."""
    name = check.name if check.stage != "contract" else check.name.removeprefix("contract").strip(" ()")
    return f"{name}: " if name else ""


def _is_explained(check: Check) -> bool:
    return bool(check.causes) and check.causes[0].confirmed


def _table(checks: list[Check], oracle: str) -> RenderableType:
    numbers = ("yours", oracle, "error", "allowed", "wrong")
    table = make_table("input", "index", *numbers, right=numbers)
    for check in checks[:MOST_LINES]:
        worst = check.worst
        assert worst is not None
        values = (f"{worst.left:.9g}", f"{worst.right:.9g}", f"{worst.error:.3g}", f"{worst.allowed:.3g}")
        what = check.name.removeprefix("gradient of ")
        table.add_row(what, show_index(worst), *values, f"{check.mismatched} of {check.size}")
    return table
