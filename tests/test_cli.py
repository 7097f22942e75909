"""The real command in a subprocess: exit statuses, messages, files, and nothing lost."""

import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from commands import fresh, gradtwin
from json_report import read_report

FEW = ("--mode", "eager", "--examples", "5", "--dtype", "float64")


def assert_refused(done, status, *words):
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_help_needs_neither_tensorflow_nor_scipy_nor_numpy():
    code = (
        "import sys; from gradtwin.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'scipy', 'numpy', 'rich', 'matplotlib'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_compare_matches_and_is_quiet_on_stderr(tmp_path):
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html", "junit")}
    done = fresh("compare", "matmul", "sgd", *FEW, *[w for k, f in files.items() for w in (f"--{k}", f)])
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "TensorFlow's chatter, or a progress bar in a pipe"
    assert done.stdout.startswith("MATCH")
    assert "\x1b[" not in done.stdout
    data = read_report(files["json"].read_text())
    assert {check["operation"] for check in data["checks"]} == {"matmul", "sgd"}
    assert data["environment"]["tensorflow"]
    suite = ElementTree.fromstring(files["junit"].read_text())
    assert int(suite.get("tests")) == len(data["checks"])
    assert suite.get("failures") == "0"
    assert files["html"].read_text().count("<script") == 2, "its rows and what draws them"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json", "report.junit"]


def test_quiet_prints_the_verdict_alone():
    done = gradtwin("compare", "sse", *FEW, "--quiet")
    assert (done.returncode, done.stdout) == (0, "match\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "matmull"), ["operation: 'matmull' is not known", "Did you mean 'matmul'"]),
        (("compare", "--dtype", "float128"), ["dtype: 'float128' is not known", "float32"]),
        (("compare", "--mode", "lazy"), ["mode: 'lazy' is not known", "eager, graph, xla"]),
        (("compare", "--examples", "0"), ["examples: got 0"]),
        (("compare", "--examples", "many"), ["--examples", "many"]),
        (("train", "nothing"), ["scenario: 'nothing' is not known", "regression"]),
        (("train", "regression", "--loss", "matmul"), ["'matmul' is not a loss"]),
        (("train", "regression", "--steps", "-1"), ["steps: got -1"]),
        (("train", "regression", "--data", "absent.npz"), ["absent.npz", "no such file"]),
        (("bench", "matmull"), ["matmull", "Did you mean 'matmul'"]),
        (("bench", "--threads", "0"), ["threads", "0"]),
        (("bench", "--dtype", "int8"), ["int8", "float64"]),
        (("bench", "--threads", "two"), ["--threads", "'two'", "1,2"]),
        (("bench", "--sizes", "4,0"), ["sizes", "0"]),
        (("bench", "matmul", "--sizes", "10000000"), ["GiB", "smaller sizes"]),
        (("bench", "--plot", "a.txt"), ["--plot", ".png or .svg"]),
        (("train", "regression", "--plot", "a.jpg"), ["--plot", ".png or .svg"]),
        (("train", "regression", "--json", "a", "--html", "a"), ["a", "one file for two outputs"]),
        (("train", "regression", "--seed", "-1"), ["seed: got -1", "whole number"]),
        (("compare", "sgd", "--seed", "99999999999"), ["seed: got 99999999999", "whole number"]),
        (("bench", "--fail-above", "1.1"), ["--fail-above", "--compare"]),
        (("bench", "--compare", "missing.json", "other.json"), ["missing.json", "can't be read"]),
        (("list", "nonsense"), ["nonsense"]),
        (("no-such-command",), ["no-such-command"]),
        ((), ["COMMAND"]),
    ],
)
def test_bad_usage_is_one_clear_message(arguments, words):
    assert_refused(gradtwin(*arguments), 2, *words)


def write_truncated(path):
    np.savez(path, x_train=np.ones((100, 100)))
    path.write_bytes(path.read_bytes()[:5000])


def write_pickled(path):
    np.savez(path, x_train=np.array([{"a": 1}], dtype=object))


def write_nan(path):
    x = np.ones((4, 2))
    np.savez(path, x_train=x, y_train=x, x_test=x, y_test=x, w=np.full((2, 2), np.nan))


def write_single(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def write_strings(path):
    x = np.ones((4, 2))
    np.savez(path, x_train=x.astype(str), y_train=x, x_test=x, y_test=x)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (write_truncated, "not a readable .npz"),
        (write_pickled, "pickled objects"),
        (write_nan, "w has 4 NaN"),
        (write_single, "single array"),
        (write_strings, "x_train has dtype <U"),
        (lambda path: path.write_text("hello"), "bad.npz"),
        (lambda path: path.mkdir(), "bad.npz"),
    ],
)
def test_bad_data_files(tmp_path, write, words):
    path = tmp_path / "bad.npz"
    write(path)
    assert_refused(gradtwin("train", "regression", "--data", path), 2, words)


@pytest.mark.parametrize("kind", ["json", "html", "junit"])
def test_an_unwritable_report_is_refused_before_the_work(tmp_path, kind):
    done = gradtwin("compare", f"--{kind}", tmp_path / "absent" / "report")
    assert_refused(done, 2, "does not exist")
    done = gradtwin("compare", f"--{kind}", tmp_path)
    assert_refused(done, 2, "it is a folder")


def test_a_failed_run_leaves_the_old_report(tmp_path):
    report = tmp_path / "report.json"
    report.write_text("old")
    assert_refused(gradtwin("compare", "matmull", "--json", report), 2)
    assert report.read_text() == "old"


def without_tensorflow(tmp_path):
    """An environment in which importing TensorFlow fails as it does where it is not installed."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['tensorflow'] = None\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_without_tensorflow(tmp_path):
    environment = without_tensorflow(tmp_path)
    assert_refused(fresh("compare", env=environment), 3, "tensorflow", "pip install tensorflow")
    assert_refused(fresh("train", "regression", env=environment), 3, "pip install tensorflow")
    assert fresh("list", env=environment).returncode == 0
    assert fresh("env", env=environment).returncode == 0


def read_whole(terminal, told):
    with contextlib.suppress(OSError):  # nobody has the other end any more
        while part := os.read(terminal, 4096):
            told += part


def test_interrupting_writes_no_file(tmp_path):
    report = tmp_path / "report.json"
    report.write_text("old")
    command = [sys.executable, "-m", "gradtwin", "compare", "--profile", "thorough", "--json", str(report)]
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it
    terminal, slave = os.openpty()  # to which the progress is told
    shown = {**os.environ, "TERM": "xterm"}  # a dumb terminal gets no progress
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=slave, env=shown, preexec_fn=heard)
    os.close(slave)
    told = bytearray()
    reader = threading.Thread(target=read_whole, args=(terminal, told))
    reader.start()
    while not re.search(rb" [1-9]\d*/\d+ ", told):  # past the imports, inside the work
        assert process.poll() is None, told
        time.sleep(0.05)
    for _ in range(20):  # Python drops an interrupt that arrives in a finaliser: a person presses again
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
            break
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    reader.join()
    os.close(terminal)
    assert process.returncode == 130, told
    assert b"interrupted" in told
    in_finalizers = rb"Exception ignored in.*?KeyboardInterrupt[^\n]*\n"  # which Python itself prints
    assert b"Traceback" not in re.sub(in_finalizers, b"", told, flags=re.DOTALL)
    assert report.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_train_prints_both_losses_and_plots(tmp_path):
    plot, report = tmp_path / "plot.png", tmp_path / "report.json"
    done = gradtwin("train", "regression", "--steps", "30", "--plot", plot, "--json", report)
    assert done.returncode == 0, done.stderr
    assert "loss NumPy" in done.stdout
    assert "loss TensorFlow" in done.stdout
    assert "272.5248557" in done.stdout, "the first loss of the published run's data"
    assert plot.read_bytes().startswith(b"\x89PNG")
    data = read_report(report.read_text())
    assert len(data["loss"]["numpy"]) == len(data["loss"]["tensorflow"]) == len(data["drift"]) == 30


def test_bench_times_both_backends(tmp_path):
    plot, report, page = (tmp_path / name for name in ("plot.svg", "report.json", "page.html"))
    done = gradtwin("bench", "sse", "--quick", "--plot", plot, "--json", report, "--html", page)
    assert done.returncode == 0, done.stderr
    assert "Correctness gate: match" in done.stdout
    for expected in (
        ">sse gradient, float64, 1 thread</h2>",
        "data:image/png;base64,",
        "TensorFlow is the faster one",
    ):
        assert expected in page.read_text()
    assert "<svg" in plot.read_text()
    results = read_report(report.read_text())["results"]
    assert {(row["backend"], row["mode"]) for row in results if row["operation"] == "sse"} >= {
        ("numpy", "eager"),
        ("tensorflow", "xla"),
    }
    assert all(row["median_s"] > 0 and row["samples"] for row in results)


def test_two_results_are_compared(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    row = {"operation": "sse", "shape": [[4]], "dtype": "float64", "backend": "numpy", "mode": "eager", "threads": 1}
    for file, scale in ((old, 1.0), (new, 2.0)):
        rows = [{**row, "median_s": scale, "samples": [scale, scale * 1.01, scale, scale]}]
        environment = {"cpu": "a", "cpus": 2, "platform": "b", "protocol": {"rounds": 2}}
        data = {"schema": "gradtwin.report/1", "command": "bench", "environment": environment, "results": rows}
        file.write_text(json.dumps(data))
    assert gradtwin("bench", "--compare", old, new).returncode == 0
    done = gradtwin("bench", "--compare", old, new, "--fail-above", "1.5", "--json", tmp_path / "changes.json")
    assert done.returncode == 1
    assert "1 slower" in done.stdout
    assert read_report((tmp_path / "changes.json").read_text())["changes"][0]["outcome"] == "slower"
    assert gradtwin("bench", "--compare", new, old, "--fail-above", "1.5").returncode == 0


def test_inconclusive_is_status_4(tmp_path):
    report = tmp_path / "report.json"
    done = gradtwin("train", "regression", "--learning-rate", "1e150", "--steps", "20", "--json", report)
    assert done.returncode == 4
    assert "INCONCLUSIVE" in done.stdout
    assert {"NaN", "Infinity"} & set(read_report(report.read_text())["loss"]["numpy"])


def test_list_and_env_name_what_there_is():
    done = gradtwin("list")
    for name in ("matmul", "rmse", "sgd", "regression", "tensorflow", "xla"):
        assert name in done.stdout
    assert "numpy" in gradtwin("env").stdout


FAULTY = "def square(x): return x * x\ndef square_prime(x): return 3 * x\n"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("list",), 0),
        (("env",), 0),
        (("check", "faulty.py"), 1),
        (("check", "faulty.py", "--quiet"), 1),
        (("check", "faulty.py", "--github"), 1),
    ],
)
def test_a_reader_that_has_gone_changes_no_status(tmp_path, arguments, status):
    (tmp_path / "faulty.py").write_text(FAULTY)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gradtwin", *arguments]
    with open(writer, "wb") as pipe:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (status, "")
