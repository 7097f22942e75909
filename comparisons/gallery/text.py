"""The gallery of published faults, on one screen and as a page of the documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from gradtwin.comparisons.report.check_text import sentence_of
from gradtwin.comparisons.report.tables import STYLE, make_table
from gradtwin.comparisons.results.data import Report

if TYPE_CHECKING:
    from .finding import Finding
    from .interface import Version

#: Notes on the page: those that explain what no confirmed cause does.
EXPLAINING = ("forward:",)

_INTRODUCTION = """# A gallery of published faults

These are mistakes from five published neural networks in NumPy. Each one is rewritten in a few lines, with gradtwin's
report and the correction. `gradtwin check --gallery` checks that gradtwin catches every fault, names its cause, and
accepts every correction. `gradtwin list faults` lists the faults.

The code is in `comparisons/gallery/`. A test keeps this page current. gradtwin compares each gradient with autodiff of
its own forward function. If the forward function is wrong, the reference is the same function in TensorFlow.
"""


def print_gallery(report: Report, findings: Sequence[Finding], console: Console) -> None:
    """Print the verdict in a sentence, the faults in a table, and the unexpected results."""
    console.print(Group(*_render(report, findings)))
    console.print(Text(f"\nrepeat with: {report.reproduce}", style="dim"), soft_wrap=True)


def gallery_markdown(findings: Sequence[Finding]) -> str:
    """Return the page of the documentation."""
    return "\n".join([_INTRODUCTION, *(_section(finding) for finding in findings)])


def _render(report: Report, findings: Sequence[Finding]) -> Iterator[RenderableType]:
    caught = sum(finding.is_caught for finding in findings)
    matching = sum(finding.corrected.ok for finding in findings)
    count = len(findings)
    yield Text.assemble(
        (report.verdict.upper(), STYLE[report.verdict]),
        f"  gallery: {caught} of {count} published faults caught for their cause; {matching} of {count} corrections "
        f"match.",
    )
    table = make_table("fault", "source", "verdict", "cause", "where", "corrected")
    for finding in findings:
        verdict = Text(finding.said.verdict, style="" if finding.is_caught else "bold red")
        if not finding.is_caught:
            verdict.append(", NOT CAUGHT")
        corrected = Text(finding.corrected.verdict, style=STYLE[finding.corrected.verdict])
        fault = finding.fault
        table.add_row(fault.slug, fault.source, verdict, _causes(finding), finding.where, corrected)
    yield table
    for check in report.checks:
        if check.verdict == "mismatch":
            reasons = " ".join(cause.text for cause in check.causes)
            yield Text(f"{check.operation}: not so: {check.name}. {reasons}", style=STYLE["mismatch"])


def _causes(finding: Finding) -> str:
    confirmed = {cause.cause: cause.confirmed for cause in reversed(finding.causes)}
    named = dict.fromkeys(cause.cause for cause in finding.causes)
    return ", ".join(name if confirmed[name] else f"perhaps {name}" for name in named)


def _section(finding: Finding) -> str:
    fault = finding.fault
    parts = [
        f"## {fault.slug}",
        f"From `{fault.source}`. {fault.sentence}",
        _code(fault.faulty),
        "gradtwin reports:",
        "\n".join(f"> {line}  " for line in _said(finding)).rstrip(),
        f"The corrected code is a {finding.corrected.verdict}:",
        _code(fault.corrected),
    ]
    return "\n\n".join(parts) + "\n"


def _said(finding: Finding) -> Iterator[str]:
    """Yield the report in words; if no cause is confirmed, its guesses and notes too."""
    report = finding.said
    yield _without_folders(f"{report.verdict.upper()}  {sentence_of(report)}")
    if not any(cause.confirmed for cause in finding.causes):
        for cause in finding.causes:
            yield f"perhaps {cause.cause}: {cause.text}"
        for note in report.extra["notes"]:
            if note.startswith(EXPLAINING):
                yield f"note: {note}"


def _code(version: Version) -> str:
    sources = [inspect.getsource(inspect.unwrap(part)).rstrip() for part in version.code]
    code = re.sub(r"  # type: ignore\[.*?\]", "", "\n\n\n".join(sources))
    return f"```python\n{code}\n```"


def _without_folders(text: str) -> str:
    """Return the text with files named as the page's readers have them."""
    return re.sub(r"(?<=, )/\S*/(?=\w+\.py:\d+\))", "", text)
