"""Two results compared: what changed, what did not, and files that can't be compared."""

import json

import pytest

import gradtwin as gt
from gradtwin.benchmarks.changes import compare_results
from gradtwin.comparisons.results.data import SCHEMA

ROUNDS = 5
MACHINE = {"cpu": "a processor", "cpus": 2, "platform": "a system", "protocol": {"rounds": ROUNDS}}


def make_row(name, scale, backend="numpy"):
    """A row of 5 processes' 3 values each, within 2 % of the scale."""
    samples = [scale * (1 + 0.01 * ((7 * i) % 5 - 2)) for i in range(3 * ROUNDS)]
    where = {"operation": name, "shape": [[4, 4]], "dtype": "float64", "backend": backend, "mode": "eager"}
    return {**where, "threads": 1, "median_s": sorted(samples)[7], "samples": samples}


@pytest.fixture
def write(tmp_path):
    def make(name, rows, **environment):
        data = {"schema": SCHEMA, "command": "bench", "environment": {**MACHINE, **environment}, "results": rows}
        (tmp_path / name).write_text(json.dumps(data))
        return tmp_path / name

    return make


def test_what_changed_beyond_noise_is_told_from_what_did_not(write):
    old = write(
        "old.json", [make_row("matmul", 1.0), make_row("dense", 1.0), make_row("relu", 1.0), make_row("gone", 1)]
    )
    new = write("new.json", [make_row("matmul", 1.3), make_row("dense", 0.7), make_row("relu", 1.0)])
    report = compare_results(old, new)
    assert {change.row["operation"]: change.outcome for change in report.details.changes} == {
        "matmul": "slower",
        "dense": "faster",
        "relu": "not distinguishable",
    }
    assert report.ok  # without a limit nothing fails
    text = str(report)
    assert "3 rows compared: 1 slower, 1 faster, 1 not distinguishable." in text
    assert "1 rows are only in the old result, and 0 only in the new one." in text
    assert report.to_dict()["changes"][0]["ratio"]["to"] == "old"


@pytest.mark.parametrize(("limit", "verdict"), [(1.2, "mismatch"), (1.4, "match")])
def test_a_limit_fails_what_is_wholly_above_it(write, limit, verdict):
    old, new = write("old.json", [make_row("matmul", 1.0)]), write("new.json", [make_row("matmul", 1.3)])
    assert compare_results(old, new, fail_above=limit).verdict == verdict


def test_results_of_two_machines_are_compared_when_asked_for_and_labelled(write):
    old, new = write("old.json", [make_row("relu", 1.0)]), write("new.json", [make_row("relu", 1.0)], cpu="another")
    with pytest.raises(gt.ArgumentValueError, match="--across-machines"):
        compare_results(old, new)
    report = compare_results(old, new, across_machines=True)
    assert "Two machines: a processor · 2 · a system, then another · 2 · a system." in str(report)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "it can't be read"),
        ('{"schema": "gradtwin.report/1", "comm', "it is not complete JSON"),
        ("[]", "not a result of gradtwin bench"),
        ('{"schema": "gradtwin.report/1", "command": "check"}', "not a result of gradtwin bench"),
        ('{"schema": "gradtwin.report/1", "command": "bench", "results": [{}]}', "can't be compared"),
    ],
)
def test_what_is_no_result_is_named(write, tmp_path, text, words):
    other = write("other.json", [make_row("relu", 1.0)])
    bad = tmp_path / "bad.json"
    if text is not None:
        bad.write_text(text)
    for files in ((bad, other), (other, bad)):
        with pytest.raises(gt.InputFileError, match=f"bad.json: .*{words}"):
            compare_results(*files)


def test_nothing_in_common_and_impossible_limits_are_refused(write):
    old, new = write("old.json", [make_row("relu", 1.0)]), write("new.json", [make_row("tanh", 1.0)])
    with pytest.raises(gt.ArgumentValueError, match="no row in common"):
        compare_results(old, new)
    for limit in (0.9, float("nan")):
        with pytest.raises(gt.ArgumentValueError, match="fail_above"):
            compare_results(old, old, fail_above=limit)
