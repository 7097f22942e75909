"""Soaking with real processes: killed, interrupted, with faults planted in the rules, on a Dask cluster."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import islice

import numpy as np
import pytest
from distributed import Client, LocalCluster
from json_report import read_report

import gradtwin as gt
from gradtwin.backends import get_backend
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.comparisons.catalogue.faults import all_faults
from gradtwin.comparisons.drawing.problems import LAYOUTS
from gradtwin.comparisons.replay import replay
from gradtwin.comparisons.results.case import read_case
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.soak import soak
from gradtwin.comparisons.soak.chunk import run_chunk
from gradtwin.comparisons.soak.plan import EXAMPLES, Chunk, all_cells, every_cell, tasks, why_impossible
from gradtwin.comparisons.soak.tally import Tally
from gradtwin.kept import Kept

#: Planted when a soaking process starts, ahead of everything else in it.
PLANTED_FAULT = """
from gradtwin.backends import numpy_backend
from gradtwin.comparisons.catalogue.faults import all_faults
fault = next(f for f in all_faults() if (f.operation, f.name) == ("relu", "value: factor 2"))
numpy_backend.RULES = {**numpy_backend.RULES, "relu": fault.plant(numpy_backend.RULES["relu"])}
"""
PLANTED_DEATH = """
import os
from gradtwin.backends import numpy_backend
rule = numpy_backend.RULES["relu"]
def deadly(x):
    if x.size > 4:
        os.write(2, b"planted death")
        os._exit(9)
    return rule(x)
numpy_backend.RULES = {**numpy_backend.RULES, "relu": deadly}
"""


def plant(code, folder, monkeypatch):
    folder.mkdir()
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    (folder / "sitecustomize.py").write_text(
        f"import sys\nif 'gradtwin.comparisons.soak.worker' in sys.orig_argv:\n{lines}"
    )
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.fixture
def start():
    """Start a soak; whatever is left of it and of its workers when the test is over, or has failed, is ended."""
    started = []

    def start(folder, *arguments):
        command = [sys.executable, "-m", "gradtwin", "soak", "--folder", str(folder), *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, start_new_session=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def done_in(folder):
    """The chunks that are on disk, whole lines alone."""
    lines = [line for file in (folder / "done").glob("*.jsonl") for line in file.read_text().splitlines()]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line)[1])
        except ValueError:
            continue
    return found


def wait_for(condition, process):
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def children_of(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def is_alive(pid):
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] not in ("", "Z")


def faulty(operation, name):
    fault = next(f for f in all_faults() if (f.operation, f.name) == (operation, name))
    return NumpyBackend(rules={operation: fault.plant(NumpyBackend().rules[operation])})


def without_costs(result):
    return {key: value for key, value in result.items() if key not in ("cpu_s", "spent_s")}


# What there is to do.


def test_a_round_visits_every_cell_once_and_the_next_in_another_order():
    count = len(all_cells())
    chunks = [chunk for task in islice(tasks(3), 2 * count) for chunk in task][: 2 * count]
    assert [chunk.number for chunk in chunks] == list(range(2 * count))
    first, second = chunks[:count], chunks[count:]
    assert {chunk.cell for chunk in first} == {chunk.cell for chunk in second} == set(all_cells())
    assert [chunk.cell for chunk in first] != [chunk.cell for chunk in second]
    assert next(tasks(4)) != next(tasks(3))


def test_what_is_left_out_has_a_reason():
    left_out = set(every_cell()) - set(all_cells())
    assert {(cell.dtype, cell.layout) for cell in left_out} == {("bfloat16", "byte-swapped")}
    assert all(why_impossible(cell) for cell in left_out)
    x = np.zeros(2, np.float32)
    assert LAYOUTS["byte-swapped"](x).dtype.byteorder != x.dtype.byteorder


# A chunk.


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_chunk_comes_out_the_same_again(tmp_path, mode):
    chunk = Chunk(5, 17, "dense", "float32", "strided", mode)
    runs = [run_chunk(chunk, tmp_path / str(i), NumpyBackend(), get_backend("tensorflow", mode)) for i in range(2)]
    assert without_costs(runs[0]) == without_costs(runs[1])
    assert runs[0]["examples"] == EXAMPLES
    assert runs[0]["finding"] is None
    assert not list((tmp_path / "0" / "findings").iterdir())
    other = run_chunk(
        Chunk(6, 17, "dense", "float32", "strided", mode), tmp_path, NumpyBackend(), get_backend("tensorflow", mode)
    )
    assert other["checks"] != runs[0]["checks"]


@pytest.mark.parametrize(
    ("operation", "fault", "dtype", "layout", "mode"),
    [
        ("matmul", "b_bar: transposed", "float64", "Fortran", "eager"),
        ("matmul", "a_bar: one entry off by 1e-3", "float32", "negative stride", "xla"),
        ("adam", "steps never advance", "float64", "byte-swapped", "graph"),
        ("huber", "value: factor 2", "bfloat16", "strided", "eager"),
        ("relu", "x_bar: damages y_bar", "float16", "broadcast", "eager"),
    ],
)
def test_a_planted_fault_is_found_and_kept(tmp_path, operation, fault, dtype, layout, mode):
    chunk = Chunk(0, 4, operation, dtype, layout, mode)
    left, right = faulty(operation, fault), get_backend("tensorflow", mode)
    result = run_chunk(chunk, tmp_path, left, right)
    assert result["finding"] == chunk.name
    assert sorted(path.name for path in (tmp_path / "findings").iterdir()) == [
        f"{chunk.name}.json",
        f"{chunk.name}.npz",
    ]
    case = read_case(tmp_path / "findings" / f"{chunk.name}.json")
    assert (case.fields["operation"], case.fields["dtype"], case.fields["mode"]) == (operation, dtype, mode)
    assert case.fields["chunk"] == vars(chunk)
    assert all(array.dtype.newbyteorder("=").name == dtype for array in case.arrays.values())
    tally = Tally.of([{**result, "peak_mb": 1.0}])
    assert any(check.verdict == "mismatch" for check in tally.checks)
    assert not replay(tmp_path / "findings").details.refused
    assert replay(tmp_path / "findings").verdict != "mismatch", "the catalogue's own rule is right"


def test_the_first_failure_is_on_disk_before_it_is_shrunk(tmp_path):
    seen = []

    def spying(rule):
        def faulty_rule(x):
            seen.append({path.name for path in (tmp_path / "findings").iterdir()})
            y, pullbacks = rule(x)
            return 2 * y, pullbacks

        return faulty_rule

    left = NumpyBackend(rules={"relu": spying(NumpyBackend().rules["relu"])})
    chunk = Chunk(0, 0, "relu", "float64", "C", "eager")
    run_chunk(chunk, tmp_path, left, get_backend("tensorflow"))
    assert {f"{chunk.name}-drawn.json", f"{chunk.name}-drawn.npz"} in seen
    found = seen.copy()
    seen.clear()
    again = run_chunk(chunk, tmp_path, left, get_backend("tensorflow"))
    assert again["examples"] == 1, "the database has it, and it is tried first"
    assert len(seen) < len(found)


def test_an_exception_of_the_harness_is_a_finding(tmp_path):
    class Broken:
        name, mode = "tensorflow", "eager"

        def answer(self, calls):
            raise MemoryError("planted")

    result = run_chunk(Chunk(0, 0, "sse", "float64", "C", "eager"), tmp_path, NumpyBackend(), Broken())
    assert result["crash"] == "MemoryError: planted"
    assert Tally.of([{**result, "peak_mb": 1.0}]).checks[-1].verdict == "mismatch"
    assert read_case(tmp_path / "findings" / f"{result['finding']}.json").fields["verdict"] == "crash"


# Whole soaks.


def test_a_soak_that_is_killed_goes_on_and_loses_nothing(tmp_path, monkeypatch, start):
    plant(PLANTED_FAULT, tmp_path / "planted", monkeypatch)
    folder = tmp_path / "soak"
    arguments = ("relu", "--minutes", 60, "--workers", 2, "--seed", 3)
    first = start(folder, *arguments)
    wait_for(lambda: len(done_in(folder)) >= 3, first)
    refused = start(folder, *arguments)
    assert "another soak is running there" in refused.communicate()[1]
    assert refused.returncode == 2
    workers = children_of(first.pid)
    assert len(workers) == 2
    first.kill()
    first.communicate()
    before = done_in(folder)
    assert all((folder / "findings" / f"{result['finding']}.json").is_file() for result in before)
    [file] = (folder / "done").glob("*.jsonl")
    with file.open("a") as cut:
        cut.write('["cut off where it was ki')

    second = start(folder, *arguments, "--json", tmp_path / "report.json")
    wait_for(lambda: len(done_in(folder)) >= len(before) + 3, second)
    os.kill(children_of(second.pid)[0], signal.SIGKILL)  # a worker that something else ends is no finding
    wait_for(lambda: len(done_in(folder)) >= len(before) + 8, second)
    os.killpg(second.pid, signal.SIGINT)  # as Ctrl-C does
    out, err = second.communicate(timeout=120)
    assert second.returncode == 130, err
    assert "Traceback" not in err
    after = done_in(folder)
    assert after[: len(before)] == before
    numbers = [result["chunk"]["number"] for result in after]
    assert len(numbers) == len(set(numbers))
    assert out.startswith("MISMATCH  soak:")
    assert "interrupted" in out
    told = read_report((tmp_path / "report.json").read_text())
    assert told["soak"]["chunks"] == len(after)
    assert told["soak"]["examples"] == sum(result["examples"] for result in after)
    assert told["soak"]["findings"] == [result["finding"] for result in after]
    assert not any(result["crash"] for result in after)
    found = replay(folder / "findings")
    assert len(found.details.replayed) >= len(after)
    assert not found.details.refused
    for worker in workers:  # of the killed soak: nobody asks them for more
        while is_alive(worker):
            time.sleep(0.1)


DAMAGE = {
    "its beginning is gone": lambda text: text[30:],
    "a count is not one": lambda text: re.sub('"examples": [0-9]+', '"examples": []', text),
    "an answer lacks all": lambda text: '["key", {}]\n' + text,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_tally_is_refused_by_name_and_kept(tmp_path, name):
    chunk = Chunk(0, 0, "relu", "float64", "C", "eager")
    result = {**run_chunk(chunk, tmp_path, NumpyBackend(), get_backend("tensorflow")), "peak_mb": 1.0}
    run = {"seed": 0, "examples": EXAMPLES, "environment": describe_environment()}
    kept = Kept(tmp_path / "done", run)
    kept.keep(vars(chunk), json.loads(json.dumps(result)))
    assert Tally.of(Kept(tmp_path / "done", run).answers).chunks == 1
    content = DAMAGE[name](kept.path.read_text())
    kept.path.write_text(content)
    with pytest.raises(gt.InputFileError, match=r"the results kept there are damaged.*move it away") as caught:
        soak("relu", minutes=0.001, folder=tmp_path)
    assert str(kept.path) in str(caught.value)
    assert kept.path.read_text() == content


def test_what_ends_the_process_is_found(tmp_path, monkeypatch, start):
    plant(PLANTED_DEATH, tmp_path / "planted", monkeypatch)
    folder = tmp_path / "soak"
    process = start(folder, "relu", "--minutes", 60)
    wait_for(lambda: done_in(folder), process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=120)[0].startswith("MISMATCH")
    result = done_in(folder)[0]
    assert "planted death" in result["crash"]
    case = read_case(folder / "findings" / f"{result['finding']}.json")
    assert case.fields["verdict"] == "crash"
    assert case.arrays["x"].size > 4, "the very problem"


@pytest.mark.filterwarnings("ignore")  # of a cluster one of whose workers is killed
def test_a_cluster_whose_worker_is_killed_loses_no_finding(tmp_path, monkeypatch, start):
    plant(PLANTED_FAULT, tmp_path / "planted", monkeypatch)
    folder = tmp_path / "soak"
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        process = start(folder, "relu", "--minutes", 60, "--scheduler", cluster.scheduler_address)
        wait_for(lambda: done_in(folder), process)
        killed = next(iter(client.run(os.getpid).values()))
        os.kill(killed, signal.SIGKILL)
        seen = len(done_in(folder))
        wait_for(lambda: len(done_in(folder)) >= seen + 8, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert killed not in client.run(os.getpid).values()
    assert process.returncode == 130, err
    assert out.startswith("MISMATCH")
    done = done_in(folder)
    numbers = sorted(result["chunk"]["number"] for result in done)
    assert len(numbers) == len(set(numbers))
    for result in done:
        assert read_case(folder / "findings" / f"{result['finding']}.json").fields["operation"] == "relu"
    asked = [chunk.number for task in islice(tasks(0), 4000) for chunk in task if chunk.operation == "relu"]
    skipped = [number for number in asked if number < max(numbers) and number not in numbers]
    assert len(skipped) <= 2 * len(LAYOUTS), (
        "what the killed worker had was done by another, but for what was under way"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": 0}, "minutes: got 0"),
        ({"minutes": float("nan")}, "minutes: got nan"),
        ({"workers": 0}, "workers: got 0"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(tmp_path, arguments, message):
    with pytest.raises(gt.ArgumentValueError, match=message):
        soak(**arguments, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_operation_or_folder_is_refused(tmp_path):
    with pytest.raises(gt.ArgumentValueError, match="matmull"):
        soak("matmull", folder=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(gt.OutputFileError, match="Choose another --folder"):
        soak("relu", folder=tmp_path / "file")
