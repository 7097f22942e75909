"""Reports for people: rich tables on a terminal, the same as plain text in a pipe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from gradtwin.cleaning import clean, disarm
from gradtwin.comparisons.results.data import Check, Report, Worst, worst_verdict

from .check_text import is_of_users, reason_of, render_check, show_cause
from .tables import STYLE, make_table, show_index

#: Columns of a report that goes where no terminal is.
PLAIN_WIDTH = 120


def to_text(report: Report) -> str:
    """Return the report as plain text."""
    text = print_to_text(report, CleanConsole(file=io.StringIO(), width=PLAIN_WIDTH, no_color=True))
    return "\n".join(line.rstrip() for line in text.splitlines())


class CleanConsole(Console):
    """A console that shows text of others as it is, without markup, and cleaned."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def on_broken_pipe(self) -> None:
        """Let the command decide; rich would end it with status 1, which is a mismatch's."""
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as every console does, with the text cleaned."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=clean(segment.text))


def print_to_text(report: Report, console: Console) -> str:
    """Return what a report prints on a console, with nothing in it that a forge's runner would obey."""
    with console.capture() as captured:
        report.print_to(console)
    return disarm(captured.get())


def print_report(report: Report, console: Console) -> None:
    """Print the verdict in a sentence, the table, what failed, and how to run it again; details print themselves."""
    if report.details:
        report.details.print_to(report, console)
        return
    console.print(_render(report))
    joint = ":\n" if "\n" in report.reproduce else ": "
    again = f"\nseed {report.seed}; repeat with{joint}{report.reproduce}"
    console.print(Text(again, style="dim"), soft_wrap=True)  # in one line, for pasting


def _render(report: Report) -> RenderableType:
    """Return the parts of the report, by its kind: a user's gradient, planted faults, a training or a comparison."""
    if is_of_users(report):
        return Group(*render_check(report))
    parts: list[RenderableType] = [_headline(report)]
    if "faults" in report.extra:
        parts.append(_faults_table(report))
    else:
        parts.append(_summary_table(report.checks))
    if "loss" in report.extra:
        parts.append(_losses_table(report))
    parts.extend(_failures([check for check in report.checks if check.verdict == "mismatch"]))
    parts.extend(_undecided(report.checks))
    parts.extend(Text(f"\nnote: {note}.", style="dim") for note in report.extra.get("notes", ()))
    if report.example:
        parts.append(Text(f"\nExample: {report.example}"))
    return Group(*parts)


def _headline(report: Report) -> Text:
    counted = count_checks(report)
    failed = next((check for check in report.checks if check.verdict == "mismatch"), None)
    if failed and not report.extra.keys() & {"faults", "loss"}:
        name = failed.name if failed.operation in failed.name else f"{failed.operation}: {failed.name}"
        counted = f"{name} fails; {counted}"
    return Text.assemble((report.verdict.upper(), STYLE[report.verdict]), f"  {report.command}: {counted}")


def count_checks(report: Report) -> str:
    """Return how many checks came out how; of a self-test, how many faults were caught."""
    checks = report.checks
    faults = report.extra.get("faults")
    if faults is not None:
        caught = sum(fault["caught_by"] is not None for fault in faults)
        return f"{caught} of {len(faults)} planted faults caught; correct rules judged: {len(checks) - len(faults)}"
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in STYLE}
    found = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing was checked"
    return f"{len(checks)} checks: {found}"


def _summary_table(checks: tuple[Check, ...]) -> Table:
    numbers = ("cases", "worst error / allowed")
    table = make_table(
        "operation", "dtype", "mode", "cases", "worst error / allowed", "where", "verdict", right=numbers
    )
    groups: dict[tuple[str, str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.operation, check.dtype, check.mode), []).append(check)
    for key, group in groups.items():
        verdict = worst_verdict(check.verdict for check in group)
        failed = [check for check in group if check.verdict == "mismatch"]
        measured = [check for check in failed or group if check.worst is not None]
        fraction, where = "", ""
        if measured:
            worst = max(measured, key=lambda check: check.worst.fraction if check.worst else 0.0)
            assert worst.worst is not None
            fraction = f"{worst.worst.fraction:.3g}"
            where = f"{worst.name} {show_index(worst.worst)}" if worst.worst.error > 0 else "equal everywhere"
        cases = str(max(check.examples for check in group))
        table.add_row(*key, cases, fraction, where, Text(verdict, style=STYLE[verdict]))
    return table


def _losses_table(report: Report) -> Group:
    extra = report.extra
    losses, test, per_epoch = extra["loss"], extra["test_loss"], extra["steps_per_epoch"]
    columns = ("step", "loss NumPy", "loss TensorFlow", "test loss")
    table = make_table(*columns, right=columns)
    count = len(losses["numpy"])
    # Ten steps: those before which an epoch ended, where there are enough of them, for these have a test loss.
    every = max(1, count // 10) if count < 10 * per_epoch else count // (10 * per_epoch) * per_epoch
    for step in sorted({*range(0, count, every), count - 1} - {-1}):
        epoch, rest = divmod(step, per_epoch)
        values = (losses["numpy"][step], losses["tensorflow"][step], *([] if rest else [test["numpy"][epoch]]))
        table.add_row(str(step), *[f"{value:.10g}" for value in values])
    lines = [
        f"{extra['scenario']}: {extra['steps']} steps; free-running drift at most {max(extra['drift'], default=0):.2g}"
    ]
    if extra["decisions_differ_at"] is not None:
        lines.append(f"the two free runs first decide differently at step {extra['decisions_differ_at']}")
    for side, metrics in extra["metrics"].items():
        lines.append(f"{side}: " + ", ".join(f"{name} {value:.6g}" for name, value in metrics.items()))
    for name, true in extra["true_weights"].items():
        lines.append(f"true {name}:    {_show_numbers(true)}")
        lines.append(f"learned {name}: {_show_numbers(extra['weights']['numpy'][name])}")
    return Group(table, Text("\n".join(lines)))


def _faults_table(report: Report) -> Table:
    table = make_table("operation", "fault", "dtype", "caught by", "at")
    for check in report.checks:
        if check.name == "correct rule":
            shown = "not accused" if check.verdict == "match" else check.verdict.upper()
            table.add_row(check.operation, "none: the correct rule", check.dtype, shown, f"{check.examples} sizes")
    for fault in report.extra["faults"]:
        caught = fault["caught_by"] or Text("ESCAPED", style="bold red")
        table.add_row(fault["operation"], fault["fault"], fault["dtype"], caught, fault["at"])
    return table


def _failures(failed: list[Check]) -> Iterator[RenderableType]:
    """Show what failed in the first operation, dtype and mode that failed: elements in a table, then the causes."""
    if not failed:
        return
    first = failed[0]
    shown = [c for c in failed if (c.operation, c.dtype, c.mode) == (first.operation, first.dtype, first.mode)]
    names = "; ".join(check.name for check in shown)
    yield Text(f"{first.operation} ({first.dtype}, {first.mode}) fails: {names}.\n", style="bold")
    numbers = ("elements", "NumPy", "TensorFlow", "wider precision", "difference", "allowed")
    table = make_table("check", "elements", "worst at", *numbers[1:], right=numbers)
    for check in shown:
        if check.worst is not None and check.mismatched:
            table.add_row(
                check.name,
                f"{check.mismatched}/{check.size}",
                show_index(check.worst),
                *_show_worst(check.worst),
            )
    if table.row_count:
        yield table
    for check in shown:
        for cause in check.causes:
            yield Text(f"{check.name}: {show_cause(cause)}")
    if len(failed) > len(shown):
        yield Text(f"and {len(failed) - len(shown)} more mismatches, in other dtypes, modes or operations.")


def _undecided(checks: tuple[Check, ...]) -> Iterator[Text]:
    undecided = [check for check in checks if check.verdict == "inconclusive"]
    for check in undecided[:5]:
        where = f"{check.operation} ({check.dtype}, {check.mode})"
        yield Text(f"\n{where}: {check.name} is inconclusive. {reason_of(check)}", style="yellow")
    passed_over = sum(check.inconclusive for check in checks if check.verdict == "match")
    if passed_over:
        total = sum(check.size for check in checks)
        yield Text(
            f"{passed_over} of {total} elements were undecided; the verdict ignores them.",
            style="dim",
        )


def _show_worst(worst: Worst) -> tuple[str, ...]:
    reference = "" if worst.reference is None else f"{worst.reference:.9g}"
    return f"{worst.left:.9g}", f"{worst.right:.9g}", reference, f"{worst.error:.3g}", f"{worst.allowed:.3g}"


def _show_numbers(rows: list[list[float]]) -> str:
    if sum(map(len, rows)) > 30:
        return f"{len(rows)} rows of {len(rows[0])}, in the JSON report"
    return "; ".join(" ".join(f"{value:+.3f}" for value in row) for row in rows)
