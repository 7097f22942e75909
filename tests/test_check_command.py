"""`gradtwin check` as a real process: files as published systems have them, exit statuses, messages, watching."""

import os
import signal
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree

import commands
import numpy as np
import pytest
from json_report import read_report

SINCOS = """
import numpy as np
print("training ...")
def relu(x): return np.maximum(x, 0, out=x)
def relu_prime(x): return (x > 0).astype(int)
def sigmoid(x): return 1 / (1 + np.exp(-x))
def sigmoid_prime(x): return np.exp(-x) / (1 + np.exp(-x)) ** 2
def cost(y, t): return np.sum((y - t) ** 2)
def cost_prime(y, t): return y - t
if __name__ == "__main__":
    raise RuntimeError
"""
XOR_LOGLOSS = """
import numpy as np
def tanh(x): return np.tanh(x)
def d_tanh(x): return 1 - np.square(np.tanh(x))
def sigmoid(x): return 1 / (1 + np.exp(-x))
def d_sigmoid(x): return (1 - sigmoid(x)) * sigmoid(x)
def logloss(y, a): return -(y * np.log(a) + (1 - y) * np.log(1 - a))
def d_logloss(y, a): return (a - y) / (a * (1 - a))
class Layer:
    activations = {"tanh": (tanh, d_tanh)}
    def feedforward(self, x): return x
    def backprop(self, dy): return dy
"""
DIGITS_DENSE = """
import numpy as np

def sigmoid(x): return 1 / (1 + np.exp(-x))
def sigmoid_derivative(a): return a * (1 - a)
def relu(x): return x / (np.max(x) + 1) * (x > 0)
def relu_derivative(x): return 1.0 * (x >= 0)
"""
XOR_TANH = """
import numpy as np
def tanh(x): return np.tanh(x)
def tanh_prime(x): return 1 - np.tanh(x) ** 2
def tanh_wrong(x): return 1 + np.tanh(x) ** 2
def mse(y_true, y_pred): return np.mean(np.power(y_true - y_pred, 2))
def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
def matmul(a, b): return a @ b
def matmul_vjp(y_bar, a, b): return y_bar @ b.T, a.T @ y_bar
def both(w, x): return np.sum((x @ w) ** 2) / 2, x.T @ (x @ w)
"""
REFERENCE = """
import numpy as np
import tensorflow as tf
def tanh(x): return np.tanh(x)
def tanh_prime(x): return 1 - np.tanh(x) ** 2
def by_tensorflow(x): return tf.tanh(x)
"""
INCONCLUSIVE = """
import numpy as np
def tiny(x): return 1e-323 * x
def tiny_prime(x): return np.full_like(x, 1e-323)
"""


def gradtwin(*arguments, cwd=None):
    return commands.gradtwin("check", *arguments, cwd=cwd)


def write(folder, source, name="user.py"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    return path


@pytest.fixture
def xor(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.linspace(-1, 1, 12).reshape(3, 4))
    return write(tmp_path, XOR_TANH, "xor.py")


def test_help_stays_quick_and_imports_nothing():
    code = (
        "import sys; from gradtwin.cli import main\n"
        "try: main(['check', '--help'])\n"
        "except SystemExit: pass\n"
        "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'numpy', 'hypothesis', 'rich'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "--value-and-grad" in done.stdout


def test_a_right_file(tmp_path):
    done = gradtwin(write(tmp_path, XOR_LOGLOSS))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("MATCH  3 pairs")
    assert "skipped Layer: a layer object: use gt.check_layer(Layer(...), x)" in done.stdout


def test_a_class_alone_is_status_4(tmp_path):
    layer = "class Layer:\n    def forward(self, x): return 2 * x\n    def backward(self, dy): return 3 * dy"
    done = gradtwin(write(tmp_path, layer))
    assert (done.returncode, done.stderr) == (4, "")
    assert done.stdout.startswith("INCONCLUSIVE  1 pair")
    assert "(could not be checked: Layer)" in " ".join(done.stdout.split())
    assert "gt.check_layer(Layer(...), x)" in " ".join(done.stdout.split())


def test_a_file_with_faults_prints_and_writes_them(tmp_path):
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html", "junit")}
    done = commands.fresh(
        "check", write(tmp_path, SINCOS), *[word for kind, file in files.items() for word in (f"--{kind}", file)]
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("MISMATCH"), "what the file prints is not among ours"
    assert len(done.stdout.splitlines()) <= 40
    data = read_report(files["json"].read_text())
    assert data["schema"] == "gradtwin.report/1"
    assert data["command"] == "check"
    assert data["oracle"] == "traced"
    assert {"verdict", "checks", "seed", "environment", "reproduce", "pairs", "skipped"} <= set(data)
    causes = {pair["forward"]: pair["cause"] for pair in data["pairs"]}
    assert causes == {"relu": "mutated-input", "sigmoid": None, "cost": "factor"}
    assert all(
        {"name", "operation", "stage", "dtype", "mode", "verdict", "size", "mismatched", "inconclusive", "worst"}
        <= set(check)
        for check in data["checks"]
    )
    assert int(ElementTree.fromstring(files["junit"].read_text()).get("failures")) >= 2
    assert "mutated-input" in files["html"].read_text()


def test_a_derivative_taken_at_the_output(tmp_path):
    done = gradtwin(write(tmp_path, DIGITS_DENSE))
    assert done.returncode == 1
    assert "stale-value" in done.stdout
    assert "gt.styles.of_output(sigmoid_derivative, sigmoid)" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (":tanh", "--derivative", "tanh_prime", "--signature", "(n,k)->(n,k)", "--examples", "5", "--domain=-2,2"),
        (":tanh", "--derivative", "tanh_prime", "--inputs", "x.npz"),
        (":mse", "--grad", "mse_prime", "--signature", "(n),(n)->()", "--wrt", "1", "--dtype", "float32"),
        (":matmul", "--vjp", "matmul_vjp", "--signature", "(n,k),(k,m)->(n,m)", "--wrt", "0,1", "--seed", "3"),
        (":both", "--value-and-grad", "--signature", "(k),(n,k)->()", "--wrt", "0"),
    ],
)
def test_one_function_in_each_style(xor, arguments):
    target = f"{xor.name}{arguments[0]}"
    done = gradtwin(target, *arguments[1:], "--quiet", cwd=xor.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "match\n", "")


def test_one_wrong_function_says_first_that_it_is_and_how_to_run_it_again(xor):
    done = gradtwin("xor:tanh", "--derivative", "tanh_wrong", "--inputs", "x.npz", "--seed", "4", cwd=xor.parent)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("MISMATCH  tanh: ")
    assert any("input" in line and "yours" in line and "allowed" in line for line in lines)
    assert lines[-1].endswith("gradtwin check xor:tanh --derivative tanh_wrong --inputs x.npz --seed 4")
    assert len(lines) <= 24


def test_a_tensorflow_reference_of_the_same_file(tmp_path):
    target = f"{write(tmp_path, REFERENCE)}:tanh"
    report = tmp_path / "report.json"
    options = ("--signature", "(n)->(n)", "--examples", "5", "--reference", "by_tensorflow", "--json", report)
    done = gradtwin(target, "--derivative", "tanh_prime", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_report(report.read_text())["oracle"] == "reference"


def test_inconclusive_is_status_4(tmp_path):
    done = gradtwin(f"{write(tmp_path, INCONCLUSIVE)}:tiny", "--derivative", "tiny_prime", "--signature", "(n)->(n)")
    assert done.returncode == 4, done.stdout


def test_arrays_come_by_name_else_by_number_else_as_saved(xor):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    archives = {"names": {"b": b, "a": a}, "numbers": {"arr_1": b, "arr_0": a}, "order": {"first": a, "second": b}}
    for name, arrays in archives.items():
        np.savez(xor.parent / f"{name}.npz", **arrays)
        done = gradtwin(f"{xor}:matmul", "--vjp", "matmul_vjp", "--inputs", xor.parent / f"{name}.npz", "--quiet")
        assert (done.returncode, done.stdout) == (0, "match\n"), (name, done.stderr)


GOOD = ("--derivative", "tanh_prime", "--inputs", "x.npz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("absent.py",), ["absent.py: there is no such file. Check the path."]),
        (("xr.py:tanh", *GOOD), ["xr.py: there is no such file. Did you mean xor.py?"]),
        (("no.such:f", *GOOD), ["no.such: there is no such module"]),
        (("broken.py",), ["broken.py:2: syntax error"]),
        (("raising.py:f", *GOOD), ["raising.py:2: ", "ZeroDivisionError while it was loaded: division by zero"]),
        (("raising:f", *GOOD), ["raising.py:2: ", "ZeroDivisionError while it was loaded: division by zero"]),
        (("arguments.py",), ["arguments.py:3: ", "ended the program"]),
        (("empty.py",), ["no function with its gradient was found", "relu_prime", "--vjp"]),
        (("xor",), ["'xor' is not a .py file", "FILE.py:forward"]),
        (("xor.py:", *GOOD), ["name of a function after ':'"]),
        (("xor.py:tahn", *GOOD), ["function in xor.py: 'tahn' is not known", "Did you mean 'tanh'"]),
        (("xor.py:tanh", "--vjp", "tanh_prim", *GOOD[2:]), ["--vjp in xor.py", "Did you mean 'tanh_prime'"]),
        (("xor.py:tanh", *GOOD, "--reference", "tanhh"), ["--reference in xor.py", "Did you mean 'tanh'"]),
        (("xor.py:tanh", *GOOD[:2]), ["--signature, --inputs: got neither"]),
        (("xor.py:tanh", *GOOD, "--signature", "(n)->(n)"), ["--signature, --inputs: got both"]),
        (("xor.py:tanh", *GOOD[2:]), ["gradient: got none", "--value-and-grad"]),
        (("xor.py:tanh", *GOOD, "--vjp", "tanh_prime"), ["got --vjp and --derivative; expected exactly one"]),
        (("xor.py:tanh", *GOOD, "--dtype", "float32"), ["--dtype", "got it with --inputs"]),
        (("xor.py", *GOOD), ["--derivative: got it for a whole file; expected one function"]),
        (("xor.py:tanh", *GOOD[:3], "absent.npz"), ["absent.npz: there is no such file"]),
        (("xor.py:tanh", *GOOD[:3], "xor.py"), ["xor.py", "np.savez"]),
        (("xor.py:tanh", *GOOD[:3], "text.npz"), ["text.npz: it is not a readable .npz archive", "np.savez"]),
        (("xor.py:tanh", *GOOD[:3], "two.npz"), ["two.npz: got x, y; tanh takes x", "arr_0"]),
        (("xor.py:tanh", *GOOD, "--wrt", "3"), ["wrt: got 3"]),
        (("xor.py:tanh", *GOOD, "--wrt", "first"), ["--wrt", "first"]),
        (("xor.py:tanh", *GOOD[:2], "--signature", "(n"), ["signature"]),
        (("xor.py", "--dtype", "float12"), ["dtype: 'float12' is not known"]),
        (("xor.py", "--domain=2,1"), ["domain: got (2.0, 1.0)"]),
        (("xor.py", "--examples", "0"), ["examples: got 0"]),
        (("xor.py", "--seed", "-1"), ["seed: got -1"]),
        (("xor.py", "--timeout", "-1"), ["timeout: got -1"]),
        (("endless.py", "--timeout", "0.5"), ["endless.py: loading it did not end within 0.5 s", "__main__"]),
        (("spinning.py:f", "--derivative", "g", *GOOD[2:], "--timeout", "3"), ["g did not return within 3 s", "Raise"]),
        (("xor.py", "--json", "no/such/folder.json"), ["does not exist"]),
        (("xor.py", "--save", "xor.py"), ["xor.py is a file; expected a folder"]),
        (("--require", "tanh", "xor.py"), ["TARGET: none was given", "'xor.py' was taken for a name of --require"]),
        (("xor.py:tanh", *GOOD, "--require", "tanh"), ["--require: it is for a whole file"]),
        (("xor.py:tanh", *GOOD, "--save", "xor.py/beneath"), ["xor.py is a file; expected a folder"]),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(xor, arguments, words):
    folder = xor.parent
    np.savez(folder / "two.npz", x=np.ones(3), y=np.ones(3))
    (folder / "text.npz").write_text("no archive")
    write(folder, "x = 1\ndef f(x:\n", "broken.py")
    write(folder, "def f(x): return x\ny = f(1) / 0\n", "raising.py")
    write(
        folder, "import argparse\np = argparse.ArgumentParser(); p.add_argument('file')\np.parse_args()", "arguments.py"
    )
    write(folder, "", "empty.py")
    write(folder, "while True: pass", "endless.py")
    write(folder, "def f(x): return x\ndef g(x):\n    while True: pass", "spinning.py")
    done = gradtwin(*arguments, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    if "usage:" not in done.stderr:
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("call", ["sys.exit(0)", "os._exit(0)"])
def test_code_that_ends_the_process_is_told(tmp_path, call):
    loaded = gradtwin(write(tmp_path, f"import os, sys\n{call}"))
    assert (loaded.returncode, loaded.stdout) == (2, "")
    assert "user.py:2: it ended the program (SystemExit) while it was loaded: 0." in loaded.stderr
    called = gradtwin(write(tmp_path, f"import os, sys\ndef f(x): {call}\ndef f_prime(x): return 1 + 0 * x"))
    assert (called.returncode, called.stderr) == (4, "")
    assert "f could not be run at drawn inputs (SystemExit: 0 in f, " in called.stdout


def test_a_pair_that_cannot_be_run_is_status_4_in_every_output(tmp_path):
    right = "def f(x): return x\ndef f_prime(x): return 1 + 0 * x\n"
    write(tmp_path, f"{right}def g(x): return x\ndef g_prime(x): raise NotImplementedError")
    files = ("--json", "r.json", "--junit", "r.xml")
    done = gradtwin("user.py", *files, "--github", "--quiet", "--require", "f", "g", "--require", "h", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (4, "")
    first, *annotations = done.stdout.splitlines()
    assert first == "inconclusive"
    assert [line.partition("::")[2].partition("title")[0] for line in annotations] == [
        "warning file=user.py,line=4,",
        "warning ",
    ]
    assert "g_prime could not be run" in annotations[0]
    assert "h was required" in annotations[1]
    data = read_report((tmp_path / "r.json").read_text())
    assert data["verdict"] == "inconclusive"
    assert [pair["cause"] for pair in data["pairs"]] == [None, "not-run", "not-run"]
    suite = ElementTree.fromstring((tmp_path / "r.xml").read_text())
    assert [suite.get(name) for name in ("failures", "errors", "skipped")] == ["0", "0", "2"]
    assert "g_prime could not be run" in next(suite.iter("skipped")).get("message")


def test_processes_that_the_users_code_forks_end_as_they_do(tmp_path):
    source = "import os\nchild = os.fork()\nif not child: os._exit(7)\nstatus = os.waitpid(child, 0)[1] >> 8\n"
    done = gradtwin(write(tmp_path, source + "def f(x): return status * x\ndef f_prime(x): return 7 + 0 * x"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("MATCH") == 1


def test_a_crash_names_the_line_of_the_users_code(tmp_path):
    source = "import ctypes\ndef f(x):\n    ctypes.string_at(0)\n    return x\ndef f_prime(x): return 1 + 0 * x"
    done = gradtwin(write(tmp_path, source))
    assert done.returncode == 4
    assert 'user.py", line 3 in f' in done.stderr
    assert "the process ended (SIGSEGV) while f was checked" in done.stdout


def test_without_tensorflow_is_status_3(xor):
    (xor.parent / "sitecustomize.py").write_text("import sys; sys.modules['tensorflow'] = None\n")
    environment = {**os.environ, "PYTHONPATH": str(xor.parent)}
    done = commands.fresh("check", xor, env=environment)
    assert (done.returncode, done.stdout) == (3, "")
    assert "pip install tensorflow" in done.stderr


class Watched:
    """`gradtwin check --watch` under way, with what it has printed so far."""

    def __init__(self, *arguments):
        command = [sys.executable, "-u", "-m", "gradtwin", "check", *map(str, arguments), "--watch"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def wait_for(self, word, since=0):
        """Return the number of lines once one of those after `since` holds the word."""
        for _ in range(600):
            if any(word in line for line in self.lines[since:]):
                return len(self.lines)
            time.sleep(0.1)
        raise AssertionError(f"{word!r} not in {self.lines[since:]}")


def test_watching_checks_every_save_until_it_is_interrupted(tmp_path):
    path = write(tmp_path, XOR_TANH)
    watched = Watched(path)
    try:
        seen = watched.wait_for("Ctrl-C ends")
        assert any(line.startswith("MATCH") for line in watched.lines)
        write(tmp_path, XOR_TANH.replace("1 - np.tanh(x) ** 2", "1 + np.tanh(x) ** 2"))
        watched.wait_for("MISMATCH", seen)
        seen = watched.wait_for("Ctrl-C ends", seen)
        write(tmp_path, XOR_TANH + "def broken(")
        watched.wait_for("syntax error", seen)
        seen = watched.wait_for("Ctrl-C ends", seen)
        write(tmp_path, XOR_TANH)
        watched.wait_for("MATCH  ", seen)
        watched.wait_for("Ctrl-C ends", seen)
        watched.process.send_signal(signal.SIGINT)
        assert watched.process.wait(30) == 130
    finally:
        watched.end()
    assert not any("Traceback" in line for line in watched.lines)
