"""Reports as JUnit XML, which continuous-integration servers read."""

from __future__ import annotations

from xml.etree import ElementTree

from gradtwin.comparisons.report.data import Check, Report


def to_junit(report: Report) -> str:
    """Return the XML: a test case for each check; a mismatch is a failure, an inconclusive one an error."""
    verdicts = [check.verdict for check in report.checks]
    suite = ElementTree.Element(
        "testsuite",
        name=f"gradtwin {report.command}",
        tests=str(len(verdicts)),
        failures=str(verdicts.count("mismatch")),
        errors=str(verdicts.count("inconclusive")),
        skipped="0",
    )
    for check in report.checks:
        name = f"{check.name} ({check.dtype}, {check.mode})"
        case = ElementTree.SubElement(suite, "testcase", classname=f"gradtwin.{check.operation}", name=name)
        if check.verdict != "match":
            kind = "failure" if check.verdict == "mismatch" else "error"
            ElementTree.SubElement(case, kind, message=_message(check))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _message(check: Check) -> str:
    words = [f"{check.verdict}: {check.mismatched} of {check.size} elements differ"]
    words += [f"{cause.cause}: {cause.text}" for cause in check.causes]
    return "; ".join(words)
