"""The gallery: every published fault is caught for its cause, every correction matches, the page is current."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from commands import gradtwin
from json_report import read_report

from gradtwin.cli import main
from gradtwin.comparisons.gallery import GALLERY, check_gallery
from gradtwin.comparisons.gallery.regression import matmul
from gradtwin.comparisons.gallery.text import gallery_markdown
from gradtwin.comparisons.results.json_text import to_json

PAGE = Path(__file__).parents[3] / "docs" / "gallery.md"
#: Writes the page again.
WRITE = (
    "from gradtwin.comparisons.gallery import check_gallery; "
    "from gradtwin.comparisons.gallery.text import gallery_markdown; "
    "open('docs/gallery.md', 'w').write(gallery_markdown(check_gallery().details.findings))"
)
SOURCES = {"regression", "sincos", "xor-logloss", "digits-dense", "digits-conv"}


@pytest.fixture(scope="module")
def report():
    return check_gallery()


def by_slug(slug):
    (fault,) = [fault for fault in GALLERY if fault.slug == slug]
    return fault


def test_entries_are_told_apart_and_cover_every_source():
    assert len({fault.slug for fault in GALLERY}) == len(GALLERY)
    assert {fault.source for fault in GALLERY} == SOURCES
    assert all(fault.sentence.endswith((".", ".)")) for fault in GALLERY)


@pytest.mark.parametrize("number", range(len(GALLERY)), ids=[fault.slug for fault in GALLERY])
def test_the_fault_is_caught_for_its_cause_and_the_correction_matches(report, number):
    finding = report.details.findings[number]
    assert finding.said.verdict == "mismatch", finding.said
    assert finding.is_caught, finding.said
    assert finding.corrected.ok, finding.corrected
    assert all(check.inconclusive == 0 for check in finding.corrected.checks)


def test_only_the_one_fault_without_a_repair_is_left_to_a_guess(report):
    guessed = [f.fault.slug for f in report.details.findings if not f.causes[0].confirmed]
    assert guessed == ["digits-relu-derivative"]


def test_the_report_is_a_match_with_everything_in_it(report):
    assert report.ok
    assert len(report.checks) == 2 * len(GALLERY)
    data = read_report(to_json(report))
    assert (data["schema"], data["command"]) == ("gradtwin.report/1", "check")
    assert [entry["fault"] for entry in data["gallery"]] == [fault.slug for fault in GALLERY]
    assert all(entry["caught"] and entry["causes"] and entry["corrected"] == "match" for entry in data["gallery"])


def test_progress_is_told():
    told = []
    check_gallery(lambda *arguments: told.append(arguments), GALLERY[:2])
    assert told == [(0, 2, GALLERY[0].slug), (1, 2, GALLERY[1].slug)]


def test_a_fault_that_is_none_is_reported_as_not_caught():
    entry = by_slug("sincos-factor-two")
    report = check_gallery(faults=[replace(entry, faulty=entry.corrected)])
    assert [check.verdict for check in report.checks] == ["mismatch", "match"]
    assert report.verdict == "mismatch"
    text = " ".join(str(report).split())
    assert "0 of 1 published faults caught" in text
    assert "expected a mismatch for factor; it was: match" in text
    assert "NOT CAUGHT" in text


def test_a_fault_that_escapes_is_status_1(monkeypatch, capsys):
    entry = by_slug("sincos-factor-two")
    escaped = check_gallery(faults=[replace(entry, faulty=entry.corrected)])
    monkeypatch.setattr("gradtwin.comparisons.gallery.check_gallery", lambda progress: escaped)
    assert main(["check", "--gallery"]) == 1
    assert capsys.readouterr().out.startswith("MISMATCH  gallery: 0 of 1")


def test_a_fault_caught_for_another_cause_is_not_caught():
    report = check_gallery(faults=[replace(by_slug("sincos-factor-two"), causes=("sign",))])
    assert report.verdict == "mismatch"
    assert "expected a mismatch for sign; it was: mismatch, factor" in " ".join(str(report).split())


def test_a_correction_that_is_wrong_is_a_mismatch():
    entry = by_slug("sincos-factor-two")
    report = check_gallery(faults=[replace(entry, corrected=entry.faulty)])
    assert [check.verdict for check in report.checks] == ["match", "mismatch"]
    assert "0 of 1 corrections match" in " ".join(str(report).split())


def test_what_the_published_code_prints_is_not_among_ours(capsys):
    assert check_gallery(faults=[by_slug("regression-unbound-variable")]).ok
    assert capsys.readouterr().out == ""


def test_the_corrected_product_names_the_shapes():
    with pytest.raises(ValueError, match=r"\(10, 5\) and \(3, 5\) do not fit"):
        matmul(np.ones((10, 5)), np.ones((3, 5)))


def test_the_page_is_current(report):
    assert PAGE.read_text() == gallery_markdown(report.details.findings), f'write it again: python -c "{WRITE}"'


def test_the_page_shows_every_fault_and_no_folders():
    page = PAGE.read_text()
    assert re.findall(r"^## (\S+)$", page, re.M) == [fault.slug for fault in GALLERY]
    assert page.count("> MISMATCH  ") == len(GALLERY)
    assert "type: ignore" not in page
    assert str(PAGE.parents[1]) not in page


def test_the_command_prints_and_writes_the_gallery(tmp_path):
    files = {kind: tmp_path / f"gallery.{kind}" for kind in ("json", "html", "junit")}
    outputs = [word for kind, file in files.items() for word in (f"--{kind}", file)]
    done = gradtwin("check", "--gallery", *outputs)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"MATCH  gallery: {len(GALLERY)} of {len(GALLERY)} published faults caught")
    assert all(fault.slug in done.stdout for fault in GALLERY)
    assert read_report(files["json"].read_text())["verdict"] == "match"
    assert ElementTree.fromstring(files["junit"].read_text()).get("failures") == "0"
    assert all(word in files["html"].read_text() for word in ("sincos-factor-two", "2 times too small"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gallery", "user.py"), ["--gallery, TARGET: got both", "'user.py'"]),
        (("--gallery", "--vjp", "f"), ["--vjp", "--gallery, which has fixed code"]),
        (("--gallery", "--value-and-grad"), ["--value-and-grad"]),
        (("--gallery", "--signature", "(n)->(n)"), ["--signature"]),
        (("--gallery", "--seed", "1"), ["--seed"]),
        (("--gallery", "--watch"), ["--watch"]),
        (("--gallery", "--json", "no/such/folder.json"), ["does not exist"]),
        ((), ["TARGET: got none", "--gallery"]),
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(arguments, words):
    done = gradtwin("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr


def test_the_faults_are_listed():
    done = gradtwin("list", "faults")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(fault.slug in done.stdout and fault.source in done.stdout for fault in GALLERY)
    assert "lacks its factor 2" in " ".join(done.stdout.split())
    assert "matmul " not in done.stdout
