"""Reports as JUnit XML, which continuous-integration servers read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from gradtwin.comparisons.results.data import Check, Report

#: Characters that XML 1.0 can't hold in any form: most control characters, lone surrogates and two non-characters.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in {"seed": report.seed, "reproduce": report.reproduce, **report.environment}.items():
        ElementTree.SubElement(properties, "property", name=_clean(name), value=_clean(str(value)))
    for check in report.checks:
        name = _clean(f"{check.name} ({check.dtype}, {check.mode})")
        classname = _clean(f"gradtwin.{check.operation}")
        # Surefire's schema wants a time; none is taken.
        case = ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time="0")
        if check.verdict != "match":
            kind = "failure" if check.verdict == "mismatch" else "error"
            slug = check.causes[0].cause if check.causes else "unknown"
            ElementTree.SubElement(case, kind, message=_clean(_message(check)), type=slug)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _message(check: Check) -> str:
    words = [f"{check.verdict}: {check.mismatched} of {check.size} elements differ"]
    words += [f"{cause.cause}: {cause.text}" for cause in check.causes]
    return "; ".join(words)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
