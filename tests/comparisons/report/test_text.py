"""Reports: written whole or not at all, escaped, and readable."""

import numpy as np
import pytest

from gradtwin.comparisons.report.html import to_page
from gradtwin.comparisons.report.text import to_text
from gradtwin.comparisons.results.data import Cause, Check, Report, Worst, worst_verdict
from gradtwin.errors import InputFileError, OutputFileError
from gradtwin.files import check_writable, read_arrays, write_whole

WORST = Worst((1, 2), 1.0, 2.0, 1.5, 1.0, 0.25)
CAUSE = Cause("sign", True, "-1", "<b>the sign</b> is wrong.")
FAILED = Check(
    "gradient of input 0 (a)", "matmul", "gradient", "float32", "eager", "mismatch", 6, 2, 0, WORST, (CAUSE,)
)
PASSED = Check("value", "matmul", "value", "float32", "eager", "match", 6)
UNDECIDED = Check("value", "rmse", "value", "float32", "eager", "inconclusive", 6, 0, 6)


def report(*checks):
    return Report("compare", checks, 7, "gradtwin compare", {"python": "3"}, example="a & b")


def test_the_worst_verdict_wins():
    assert worst_verdict([]) == "match"
    assert worst_verdict(["match", "inconclusive"]) == "inconclusive"
    assert worst_verdict(["inconclusive", "mismatch", "match"]) == "mismatch"


def test_text_says_what_where_and_why():
    text = to_text(report(FAILED, PASSED, UNDECIDED))
    assert text.startswith("MISMATCH")
    for part in (
        "fails: gradient of input 0 (a)",
        "2/6",
        "[1, 2]",
        "0.25",
        "cause sign",
        "seed 7",
        "inconclusive",
    ):
        assert part in text
    assert "\x1b" not in text


def test_html_is_escaped_and_self_contained():
    page = to_page(report(FAILED, PASSED), b"\x89PNG")
    assert "&lt;b&gt;the sign&lt;/b&gt;" in page
    assert "a &amp; b" in page
    assert "data:image/png;base64," in page


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.txt"
    write_whole(path, "first")
    assert path.read_text() == "first"
    with pytest.raises(TypeError):
        write_whole(path, 5)  # type: ignore[arg-type]
    with pytest.raises(OutputFileError, match="can't be written"):
        write_whole(tmp_path / "absent" / "x", "y")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["report.txt"]
    check_writable(path)
    with pytest.raises(OutputFileError, match="is a folder"):
        check_writable(tmp_path)


def test_arrays_are_read_back(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x=np.arange(3.0))
    assert (read_arrays(path)["x"] == np.arange(3.0)).all()
    with pytest.raises(InputFileError, match="no such file"):
        read_arrays(tmp_path / "absent.npz")


def test_the_place_shown_of_a_mismatch_is_that_of_a_check_that_failed():
    near = Check(
        "value", "matmul", "value", "float32", "eager", "match", 6, worst=Worst((9, 9), 1.0, 2.0, 1.5, 1.0, 0.01)
    )
    text = to_text(report(near, FAILED))
    row = next(line for line in text.splitlines() if line.lstrip().startswith("matmul"))
    assert "gradient of input 0 (a) [1, 2]" in row
