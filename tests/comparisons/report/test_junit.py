"""JUnit XML: valid by the rules that the servers' schemas share, whatever a name holds."""

from pathlib import Path

import pytest
from lxml import etree

from gradtwin.comparisons.report.junit import to_junit
from gradtwin.comparisons.results.data import Cause, Check, Report

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))
FAILED = Check(
    "<b>", "matmul", "gradient", "float32", "eager", "mismatch", 6, 2, 0, None, (Cause("sign", True, "", "<i>."),)
)
UNDECIDED = Check("value", "rmse", "value", "float32", "eager", "inconclusive", 6, 0, 6)
PASSED = Check("value", "matmul", "value", "float32", "eager", "match", 6)


def read(*checks):
    report = Report("compare", checks, 7, "gradtwin compare", {"python": "3", "keras": None})
    suite = etree.fromstring(to_junit(report).encode(errors="strict"))
    SCHEMA.assertValid(suite)
    return suite


def test_it_counts_and_names():
    suite = read(FAILED, PASSED, UNDECIDED)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert next(case.get("name") for case in suite.iter("testcase")) == "<b> (float32, eager)"
    assert next(suite.iter("failure")).get("type") == "sign"
    assert "<i>." in next(suite.iter("failure")).get("message")
    assert {p.get("name"): p.get("value") for p in suite.iter("property")} == {
        "seed": "7", "reproduce": "gradtwin compare", "python": "3", "keras": "None",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["\0", "\x1b[31m", "\ud800", "\uffff", "]]>", "&amp;", "a\nb", "☃🎉"])
def test_any_name_is_written(name):
    cause = Cause("raises", True, name, name)
    suite = read(Check(name, name, "contract", "float64", "eager", "mismatch", causes=(cause,)))
    assert len(list(suite.iter("failure"))) == 1


COUNTS = 'name="" failures="0" errors="0" skipped="0"'


@pytest.mark.parametrize(
    "text",
    [
        f'<testsuite tests="1" {COUNTS}><test/></testsuite>',
        f'<testsuite tests="1" {COUNTS}><testcase name="" time="0"><failure/></testcase></testsuite>',
        f'<testsuite tests="1" {COUNTS}><testcase name=""/></testsuite>',
        f'<testsuite tests="one" {COUNTS}/>',
        "<testsuite/>",
    ],
)
def test_the_schema_refuses_what_is_not_junit(text):
    assert not SCHEMA.validate(etree.fromstring(text))
    assert SCHEMA.validate(etree.fromstring(f'<testsuite tests="1" {COUNTS}/>'))
