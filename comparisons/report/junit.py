"""Reports as JUnit XML, which continuous-integration servers read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from gradtwin.cleaning import clean
from gradtwin.comparisons.results.data import Check, Report

from .check_text import NOT_RUN, reason_of

#: Characters that XML 1.0 can't hold in any form, and that cleaning leaves: two non-characters.
_NOT_XML = re.compile("[\ufffe\uffff]")


def to_junit(report: Report) -> str:
    """Return the XML: a test case for each check; a mismatch is a failure, an inconclusive one an error.

    What could not be run is skipped.
    """
    kinds = [_kind(check) for check in report.checks]
    suite = ElementTree.Element(
        "testsuite",
        name=f"gradtwin {report.command}",
        tests=str(len(kinds)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in {"seed": report.seed, "reproduce": report.reproduce, **report.environment}.items():
        ElementTree.SubElement(properties, "property", name=_clean(name), value=_clean(str(value)))
    for check, kind in zip(report.checks, kinds, strict=True):
        name = _clean(f"{check.name} ({check.dtype}, {check.mode})")
        classname = _clean(f"gradtwin.{check.operation}")
        # Surefire's schema wants a time; none is taken.
        case = ElementTree.SubElement(suite, "testcase", classname=classname, name=name, time="0")
        if kind == "skipped":
            ElementTree.SubElement(
                case, kind, message=_clean(reason_of(check))
            )  # which has no type in Surefire's schema
        elif kind:
            slug = check.causes[0].cause if check.causes else "unknown"
            ElementTree.SubElement(case, kind, message=_clean(_message(check)), type=slug)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _kind(check: Check) -> str:
    """Return the element that says how a check came out; empty for a match."""
    if check.verdict == "inconclusive":
        return "skipped" if any(cause.cause in NOT_RUN for cause in check.causes) else "error"
    return "failure" if check.verdict == "mismatch" else ""


def _message(check: Check) -> str:
    words = [f"{check.verdict}: {check.mismatched} of {check.size} elements differ"]
    words += [f"{cause.cause}: {cause.text}" for cause in check.causes]
    return "; ".join(words)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", clean(text))
