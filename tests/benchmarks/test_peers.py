"""The gradient checkers side by side: real ones in real processes, at tiny sizes, with one that accepts everything."""

import subprocess
import sys
import types

import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.benchmarks.chart import plot_report
from gradtwin.benchmarks.peers import comparison, tools, worker
from gradtwin.benchmarks.peers.comparison import PeerProtocol, compare_peers, extrapolate, judge_all
from gradtwin.benchmarks.peers.planted import (
    ALL_JUDGED,
    JUDGED,
    KINDS,
    ORDINARY,
    SMALL,
    faults_of,
    faulty_question,
    kind_of,
    right_question,
)
from gradtwin.benchmarks.peers.question import Prepared, dense_mean_square
from gradtwin.benchmarks.peers.results import Judged, PeerTiming
from gradtwin.benchmarks.peers.tools import GRADTWIN, TOOLS, Tool
from gradtwin.benchmarks.runner import bench
from gradtwin.comparisons.results.json_text import to_json

TINY = PeerProtocol(1, 2, 1e-4, 1e-4, ((2, 1, 1), (2, 2, 2), (8, 8, 8)), (("tanh", ORDINARY),))
ALWAYS_THERE = (GRADTWIN, "tf.test.compute_gradient", "scipy check_grad")
OPTIONAL = {"torch gradcheck": "torch", "torch gradcheck, fast_mode": "torch", "jax check_grads": "jax"}


@pytest.fixture(scope="module")
def report():
    """A tiny run of those that need no extra, by the command's own way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "QUICK", TINY)
        patch.setattr(
            comparison.compare_peers, "__kwdefaults__", {**compare_peers.__kwdefaults__, "tools": ALWAYS_THERE}
        )
        return bench(["check"], quick=True)


def test_the_report_has_the_peers_keys(report):
    data = read_report(to_json(report))
    assert (data["command"], data["verdict"]) == ("bench", "match")
    assert [tool["tool"] for tool in data["peers"]["tools"]] == list(ALWAYS_THERE)
    assert all(tool["version"] and tool["settings"] for tool in data["peers"]["tools"])
    assert len(data["peers"]["timings"]) == len(ALWAYS_THERE) * len(TINY.sizes)
    for row in data["peers"]["timings"]:
        ran = bool(row["samples"])
        assert ran == (row["estimate_s"] is None) == (row["verdict"] is not None)
        assert len(row["samples"]) == (TINY.rounds * TINY.values if ran else 0)
        assert (row["ratio"] is None) == (row["tool"] == GRADTWIN or not ran)


def test_evaluations_are_counted_and_ours_are_constant(report):
    counts = {}
    for t in report.details.peers.timings:
        counts.setdefault(t.tool, []).append((t.forward, t.gradient))
    assert len(set(counts[GRADTWIN][:2])) == 1
    # x, w and b have 4 and 10 numbers: two values for each by central differences, one by forward differences.
    assert counts["tf.test.compute_gradient"][:2] == [(2 * 4 + 4, 3), (2 * 10 + 4, 3)]
    assert counts["scipy check_grad"][:2] == [(4 + 2, 1), (10 + 2, 1)]


def test_what_would_take_too_long_is_not_run_and_says_so(report):
    last = report.details.peers.timings[-1]
    assert (last.forward, last.gradient) == (8 * 8 * 2 + 8 + 2, 1)
    assert last.estimate > TINY.longest
    assert "not run: would take" in str(report)


def test_the_text_and_the_picture_show_every_tool(report):
    text = " ".join(str(report).split())
    for expected in (*ALWAYS_THERE, "evaluations", "planted faults caught", "false alarms", "delta = 1/1024"):
        assert expected in text
    picture = plot_report(report.details, "svg").decode()
    assert all(f"<!-- {tool} -->" in picture for tool in ALWAYS_THERE)


def test_gradtwin_catches_what_is_planted_and_raises_no_alarm(report):
    ours = [judged for judged in report.details.peers.judged if judged.tool == GRADTWIN]
    assert {judged.fault for judged in ours} == {"", *(fault.name for fault in faults_of("tanh"))}
    assert all(judged.caught == bool(judged.fault) for judged in ours)


def test_others_miss_what_they_must():
    missed = {"x_bar: one entry off by 1e-10"}
    found = judge_with("scipy check_grad", "tanh", ORDINARY)
    assert missed <= {judged.fault for judged in found if judged.fault and not judged.caught}


@pytest.mark.parametrize(("tool", "library"), OPTIONAL.items())
def test_an_optional_tool_judges(tool, library):
    pytest.importorskip(library)
    found = compare_peers(
        PeerProtocol(1, 1, 1e-4, 1.0, ((2, 1, 1), (2, 2, 2)), (("mse", SMALL),)), threads=1, seed=0, tools=[tool]
    )
    assert not found.missing
    assert {t.verdict for t in found.timings} == {"match"}
    by_fault = {judged.fault: judged.caught for judged in found.judged}
    assert not by_fault[""]
    assert by_fault["p_bar: one entry NaN"]
    assert not by_fault["p_bar: one entry off by 1e-10"]


class InProcess:
    """Answers a tool's jobs without a process."""

    def __init__(self, tool):
        self.tool = tool

    def ask(self, job, **arguments):
        return worker.JOBS[job](self.tool, **arguments)


def judge_with(tool, operation, setting):
    return list(judge_all(InProcess(tool), [(operation, setting)], 0))


def plant_tool(monkeypatch, check):
    module = types.ModuleType("planted_tool")
    module.prepare = lambda question: Prepared(lambda: check(question), lambda: question.forward(*question.inputs))
    monkeypatch.setitem(sys.modules, f"{tools.__package__}.planted_tool", module)
    monkeypatch.setitem(TOOLS, "planted", Tool("planted", "gradtwin", "planted_tool", "prepare", "none"))


def test_a_tool_that_accepts_everything_catches_nothing(monkeypatch):
    plant_tool(monkeypatch, lambda question: "match")
    assert not any(judged.caught for judged in judge_with("planted", "mse", SMALL))


def test_a_tool_that_rejects_everything_raises_only_alarms(monkeypatch):
    plant_tool(monkeypatch, lambda question: "mismatch")
    assert all(judged.caught for judged in judge_with("planted", "mse", SMALL))


def test_what_is_raised_is_a_rejection_and_what_is_undecided_is_none(monkeypatch):
    plant_tool(monkeypatch, lambda question: 1 // 0)
    assert all(judged.caught for judged in judge_with("planted", "tanh", ORDINARY))
    plant_tool(monkeypatch, lambda question: "inconclusive")
    assert not any(judged.caught for judged in judge_with("planted", "tanh", ORDINARY))


@pytest.mark.parametrize(("operation", "setting"), ALL_JUDGED)
def test_every_planted_fault_differs_from_the_right_gradient(operation, setting):
    y_bar = np.asarray(2 * right_question(operation, setting, 0).forward(*right_question(operation, setting, 0).inputs))
    for fault in faults_of(operation):
        faulty = faulty_question(fault, setting, 0)
        upstream, inputs = y_bar.copy(), [x.copy() for x in faulty.inputs]
        right = faulty.right.vjp(y_bar.copy(), *[x.copy() for x in inputs])
        wrong = faulty.vjp(upstream, *inputs)
        same_value = np.array_equal(
            faulty.forward(*faulty.inputs), faulty.right.forward(*[x.copy() for x in faulty.inputs])
        )
        unharmed = np.array_equal(upstream, y_bar) and all(map(np.array_equal, inputs, faulty.inputs))
        alike = all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(right, wrong, strict=True))
        assert not (same_value and unharmed and alike), fault.name


def test_every_kind_of_fault_is_planted():
    kinds = {kind_of(fault.name) for operation in JUDGED for fault in faults_of(operation)}
    assert kinds == {"wrong formula", *KINDS.values()}
    assert Judged("", "mse", SMALL, "t_bar: damages t", "match").kind == "input or y_bar overwritten"


def test_the_hand_derived_gradient_that_is_timed_is_right():
    question = dense_mean_square((4, 3, 2), 5)
    assert gt.check_gradient(question.forward, vjp=question.vjp, inputs=question.inputs).ok


def test_evaluations_are_extrapolated_from_two_sizes():
    small, large = PeerTiming("", (2, 1, 1), 12, 3, "match"), PeerTiming("", (2, 2, 2), 24, 3, "match")
    assert extrapolate([small, large], (64, 128, 64), "forward") == 2 * (64 * 128 * 2 + 64) + 4
    assert extrapolate([small, large], (64, 128, 64), "gradient") == 3


def test_what_is_not_installed_is_listed(monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('planted')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = compare_peers(TINY, threads=1, seed=0, tools=["torch gradcheck"])
    assert "pip install 'gradtwin[peers]'" in found.missing["torch gradcheck"]
    assert found.timings == found.judged == ()


def test_no_process_imports_anothers_library():
    code = "import sys; from gradtwin.benchmarks.peers import worker, comparison, table, chart; "
    code += (
        "from gradtwin.benchmarks import runner; print([m for m in ('tensorflow', 'torch', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_jax_is_left_out_on_one_processor_where_its_callbacks_would_wait_for_themselves(monkeypatch):
    from gradtwin.benchmarks.peers import with_jax

    monkeypatch.setattr(with_jax, "usable_cpus", lambda: [0])
    with pytest.raises(gt.GradTwinError, match="one processor"):
        with_jax.set_threads(1)
