"""A whole run, tiny, in real processes; and the processes themselves."""

import os
from dataclasses import replace

import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.benchmarks import runner
from gradtwin.benchmarks.cases import BY_HAND, FIGURES, works_of
from gradtwin.benchmarks.claims import measure
from gradtwin.benchmarks.claims.claim import Claim, find
from gradtwin.benchmarks.conditions import usable_cpus
from gradtwin.benchmarks.runner import Gate, Job, Protocol, bench, plan_jobs
from gradtwin.benchmarks.table import count_threads
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.results.json_text import to_json
from gradtwin.kept import Kept
from gradtwin.processes import WorkerProcess

TINY = Protocol(rounds=2, values=2, seconds=1e-4, sizes=(2, 3))
ROW_KEYS = {"operation", "shape", "dtype", "backend", "mode", "threads"}
ROW_KEYS |= {"median_s", "q1_s", "q3_s", "samples", "flops", "ratio"}


CLAIM_MET, CLAIM_BROKEN = [
    (Claim(what, "", 2, at_least, "×"), lambda claim, run: find(claim, [[4.0]], "one", None, run.seed))
    for what, at_least in (("met", True), ("broken", False))
]


@pytest.fixture(scope="module")
def run():
    """The report of a tiny run, with what it told of its progress."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "QUICK", TINY)
        patch.setattr(measure, "CLAIMS", [CLAIM_MET, CLAIM_BROKEN])
        report = bench(["sgd", "regression", FIGURES], quick=True, seed=3, progress=lambda *what: told.append(what))
    return report, told


def test_the_report_has_the_keys_of_its_schema(run):
    report, _ = run
    data = read_report(to_json(report))
    assert data["schema"] == "gradtwin.report/1"
    assert (data["command"], data["verdict"], data["seed"]) == ("bench", "match", 3)
    assert all(set(row) == ROW_KEYS for row in data["results"])
    assert data["reproduce"] == "gradtwin bench sgd regression figures --quick --threads 1 --dtype float64 --seed 3"
    assert data["environment"]["threads"] == [1]
    assert data["environment"]["variables"]["OPENBLAS_NUM_THREADS"] == "1"
    assert data["environment"]["protocol"]["rounds"] == 2


def test_every_mode_is_timed_with_all_its_samples(run):
    rows = [row for row in run[0].to_dict()["results"] if row["operation"] == "sgd"]
    assert {(row["backend"], row["mode"]) for row in rows} == {
        ("numpy", "eager"),
        ("tensorflow", "eager"),
        ("tensorflow", "graph"),
        ("tensorflow", "xla"),
    }
    assert len(rows) == 4 * len(TINY.sizes)
    for row in rows:
        assert len(row["samples"]) == TINY.rounds * TINY.values
        assert min(row["samples"]) <= row["q1_s"] <= row["median_s"] <= row["q3_s"] <= max(row["samples"])
        assert (row["ratio"] is None) == (row["backend"] == "numpy")
        assert row["flops"] == 2 * row["shape"][0][0] ** 2


def test_first_calls_and_conversions_have_rows_of_their_own(run):
    names = {row["operation"] for row in run[0].to_dict()["results"]}
    assert {"sgd: first call", "regression step: first call"} < names
    assert {"conversion to tensor", "conversion to array", "plain matmul"} < names


def test_the_figures_compare_with_the_step_by_hand(run):
    report, _ = run
    assert [figure.limit for figure in report.details.figures] == [1.3, 1.05, 1.1, 1.1]
    rows = report.to_dict()["figures"]
    assert {row["ratio"]["to"] for row in rows[:4]} == {BY_HAND}
    assert [(row["what"], row["outcome"]) for row in rows[4:]] == [("met", "reached"), ("broken", "not reached")]


def test_progress_is_told(run):
    told = run[1]
    assert all(0 <= done < total for done, total, _ in told)
    assert any(what.startswith("gate: ") for _, _, what in told)


def test_the_text_says_what_was_found(run):
    text = str(run[0])
    for expected in (
        "sgd, float64",
        "TensorFlow xla",
        "first",
        "conversion of",
        "figures to reach",
        "at no size",
    ):
        assert expected in text


class StoppedError(Exception):
    """Stops a run as Ctrl-C would."""


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    def stop(at):
        def progress(done, _, what):
            if not what.startswith("gate: ") and done == at:
                raise StoppedError

        return progress

    monkeypatch.setattr(runner, "QUICK", replace(TINY, rounds=1))
    with pytest.raises(StoppedError):
        bench(["sgd"], quick=True, keep=tmp_path, progress=stop(2))
    [file] = tmp_path.iterdir()
    lines = file.read_text().splitlines()
    with pytest.raises(StoppedError):
        bench(["sgd"], quick=True, keep=tmp_path, progress=stop(0), seed=1, sizes=[2])
    [other] = set(tmp_path.iterdir()) - {file}
    assert 0 < len(other.read_text().splitlines()) < len(lines), "another run's gate is asked again, nothing is timed"
    file.write_text("\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]]))  # killed while it wrote
    report = bench(["sgd"], quick=True, keep=tmp_path)
    assert report.environment["reused"] == len(lines) - 1
    assert "answers come from an interrupted run" in str(report)
    assert list(tmp_path.iterdir()) == [other]


def test_a_fresh_run_asks_again(tmp_path):
    asked = []
    for fresh in (False, False, True):
        kept = Kept(tmp_path, {"cases": ["sgd"]}, fresh=fresh)
        assert kept.answer({"turn": 1}, lambda: asked.append(1) or len(asked)) == (2 if fresh else 1)
    assert len(asked) == 2
    kept.forget()
    assert not list(tmp_path.iterdir())


def keep_two(folder):
    kept = Kept(folder, {})
    for turn in (1, 2):
        kept.keep({"turn": turn}, turn)
    return kept.path


DAMAGE = {
    "a line": lambda text: text.replace(b"\n", b"}\n", 1),
    "another line": lambda text: text.replace(b"\n", b"\nnot ours\n", 1),
    "no text": lambda text: b"\xff\xfe\0" + text,
    "an end that no run wrote": lambda text: text + b"\0\0\0",
    "something else": lambda text: b"{}",
    "a number for a key": lambda text: text + b"[1, 2]\n",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_results_are_refused_by_name_and_left_as_they_are(tmp_path, name):
    path = keep_two(tmp_path)
    content = DAMAGE[name](path.read_bytes())
    path.write_bytes(content)
    with pytest.raises(gt.InputFileError, match=r"jsonl: the results kept there are damaged: line \d .*move it away"):
        Kept(tmp_path, {})
    assert path.read_bytes() == content


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_line_that_a_killed_run_cut_off_is_asked_again_by_all_that_follow(tmp_path, cut):
    path = keep_two(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    kept = Kept(tmp_path, {})
    assert kept.knows({"turn": 1})
    assert kept.answer({"turn": 2}, lambda: 2) == 2
    assert path.read_bytes() == whole
    assert Kept(tmp_path, {}).answers == [1, 2]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(gt.OutputFileError, match="results can't be kept there"):
        Kept(tmp_path / "file", {})


def test_threads_have_tables_of_their_own(monkeypatch):
    monkeypatch.setattr(runner, "QUICK", replace(TINY, rounds=1))
    counts = sorted({1, len(usable_cpus())})
    report = bench(["sse"], quick=True, sizes=[3], threads=counts)
    assert {timing.threads for timing in report.details.timings} == set(counts)
    assert [f"sse, float64, {count_threads(count)}" in str(report) for count in counts] == [True] * len(counts)


def test_what_does_not_match_is_not_timed():
    class Process:
        """Answers as a worker would whose XLA is wrong at one size."""

        def ask(self, job, work, variant=None):
            if job == "count_flops":
                return 1
            wrong = variant == "xla" and work["extents"] == (3, 3, 3)
            return [Check("value", "sgd", "value", "float64", variant, "mismatch" if wrong else "match").to_dict()]

    gate = Gate(Kept(None, {}))
    jobs = list(gate.admit(Process(), list(plan_jobs(["sgd"], (2, 3), "float64", 0))[:2], lambda *_: None))
    assert [job.variants["tensorflow"] for job in jobs] == [["eager", "graph", "xla"], ["eager", "graph"]]
    assert gate.refused == ["sgd at (3, 3, 3), xla: mismatch, so not timed"]
    assert {check.mode: check.verdict for check in gate.checks()} == {
        "eager": "match",
        "graph": "match",
        "xla": "mismatch",
    }


@pytest.mark.parametrize("verdict", ["mismatch", "inconclusive"])
def test_a_job_of_which_nothing_matches_is_dropped(verdict):
    class Process:
        def ask(self, _, **arguments):
            variant = arguments["variant"]
            return [Check("value", "sgd", "value", "float64", variant, verdict).to_dict()]

    [work] = works_of("sgd", (2, 2, 2), "float64", 0)
    gate = Gate(Kept(None, {}))
    assert not list(
        gate.admit(Process(), [Job(work, {"numpy": ["eager"], "tensorflow": ["xla"]}, ["xla"])], lambda *_: None)
    )
    assert len(gate.refused) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": [0]}, "threads: got 0; expected 1 to"),
        ({"threads": [1, 10**6]}, "threads: got 1000000; expected 1 to"),
        ({"threads": []}, "threads: none given"),
        ({"sizes": [4, 0]}, "sizes: got 0; expected whole numbers from 1"),
        ({"sizes": []}, "sizes: none given"),
        ({"cases": ["matmul"], "sizes": [10**7]}, "matmul at n = 10000000 needs about .* PiB; .* GiB are free"),
        ({"dtype": "float63"}, "Did you mean 'float64'"),
        ({"seed": -1}, "seed: got -1"),
        ({"cases": ["nothing"]}, "case: 'nothing' is not known"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(gt.ArgumentValueError, match=message):
        bench(**arguments)


def test_a_worker_has_its_threads_and_times_a_job():
    [work] = works_of("matmul", (2, 2, 2), "float32", 0)[:1]
    with WorkerProcess("numpy", 1, runner.WORKER) as worker:
        assert "1 threads" in worker.conditions["blas"]
        [answer] = worker.ask("time_work", work=vars(work), variants=["eager"], values=3, seconds=1e-4)
    assert answer["first_call"] > 0
    assert len(answer["samples"]) == 3


def test_a_worker_that_dies_is_reported():
    with (
        WorkerProcess("numpy", 1, runner.WORKER) as worker,
        pytest.raises(gt.GradTwinError, match=r"died at 'time_work':\n(.*\n)*KeyError: 'extents'"),
    ):
        worker.ask("time_work", work={}, variants=["eager"], values=1, seconds=1e-4)


def test_a_missing_tensorflow_is_named(tmp_path, monkeypatch):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('planted')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    with pytest.raises(gt.BackendMissingError, match="planted"):
        WorkerProcess("tensorflow", 1, runner.WORKER)
