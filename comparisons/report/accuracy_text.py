"""The report on a function's digits: a sentence, the table of both sides, the worst input."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gradtwin.comparisons.results.data import Check, Report

from .check_text import MOST_LINES, reason_of
from .tables import STYLE, make_table, show_index


def print_accuracy(report: Report, console: Console) -> None:
    """Print the verdict in a sentence, the digits of both sides, the worst input and the notes."""
    sentence, where = _sentences(report)
    console.print(Text.assemble((report.verdict.upper(), STYLE[report.verdict]), f"  {sentence}"))
    if where:
        console.print(Text(where), soft_wrap=True)  # in one line, for its path
    for check in report.checks:
        if check.accuracy is not None:
            console.print(_table(check))
    if report.example:
        title = "worst input" if report.checks[0].examples > 1 else "inputs"
        console.print(Text(f"{title}:\n{report.example}"))
    for note in report.extra["notes"][:MOST_LINES]:
        console.print(Text(f"note: {note}", style="dim"))
    console.print(Text(f"\nseed {report.seed}; repeat with: {report.reproduce}", style="dim"), soft_wrap=True)


def list_digits(report: Report) -> list[Text | Table]:
    """Return the sentence, the digits of both sides and the worst input, for a page."""
    tables = [_table(check) for check in report.checks if check.accuracy is not None]
    sentences = [Text(sentence) for sentence in _sentences(report) if sentence]
    return [*sentences, *tables, *([Text(f"worst input: {report.example}")] if report.example else [])]


def _sentences(report: Report) -> tuple[str, str]:
    """Return the verdict and its reason in a sentence, and another on where the digits go."""
    [check] = report.checks
    accuracy = check.accuracy
    if check.verdict == "inconclusive" or accuracy is None:
        return f"{check.operation}: {reason_of(check)}", ""
    points = f"at the worst of {check.examples} inputs" if check.examples > 1 else "at these inputs"
    if check.causes:
        what, _, where = check.causes[0].text.partition(": ")
        return f"{points}, {what}. (cause: {check.causes[0].cause})", where
    return (
        f"{points}, {check.operation} keeps {accuracy.numpy:.1f} digits, and the problem allows {accuracy.allowed:.1f}."
    ), ""


def _table(check: Check) -> Table:
    """Return the values of both sides beside the exact one at the element that loses most, and their digits."""
    accuracy, worst = check.accuracy, check.worst
    assert accuracy is not None
    assert worst is not None
    where = f"value at {show_index(worst)}" if worst.index else "value"
    table = make_table("", where, "digits", right=(where, "digits"))
    for name, value, digits in (
        ("NumPy", worst.left, accuracy.numpy),
        ("TensorFlow", worst.right, accuracy.tensorflow),
        ("exact, and allowed", worst.reference, accuracy.allowed),
    ):
        shown = "" if value is None or digits is None else f"{value:.17g}"
        table.add_row(name, shown, "" if digits is None else f"{digits:.1f}")
    return table
