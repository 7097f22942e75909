"""Saved cases and printed scripts, in fresh processes: both must say again what was said."""

import json
import re
import zipfile

import commands
import numpy as np
import pytest
from json_report import read_report

import gradtwin as gt
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.catalogue.faults import all_faults
from gradtwin.comparisons.drawing.problems import LAYOUTS
from gradtwin.comparisons.replay import replay
from gradtwin.comparisons.results.case import Case, read_case

FILE = """
import numpy as np

def square(x):
    return x * x

def square_vjp(y_bar, x):
    return 3 * x * y_bar

def square_prime(x):
    return 3 * x

def square_jacobian(x):
    return np.diag(3 * x)

def square_forward(x):
    return x * x, x

def square_backward(y_bar, x):
    return 3 * x * y_bar

def total(x, power=2):
    return np.sum(x ** power)

def total_grad(x, power=2):
    return (power + 1) * x ** (power - 1)

def total_and_grad(x):
    return np.sum(x * x), 3 * x

class Square:
    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def backward(y_bar, x):
        return 3 * x * y_bar
"""

STYLES = {
    "vjp": ("square", {"vjp": "square_vjp"}),
    "backward": ("square_forward", {"backward": "square_backward"}),
    "grad": ("total", {"grad": "total_grad"}),
    "derivative": ("square", {"derivative": "square_prime"}),
    "jacobian": ("square", {"jacobian": "square_jacobian"}),
    "value_and_grad": ("total_and_grad", {"value_and_grad": True}),
    "methods": ("Square.forward", {"vjp": "Square.backward"}),
    "static": ("total", {"grad": "total_grad", "static": {"power": 3}}),
}


def total(x, power=2):
    return np.sum(x**power)


def total_grad(x, power=2):
    return (power + 1) * x ** (power - 1)


X = np.array([1.5, -2.0, 0.25])


def run(code, cwd, *arguments):
    return commands.python(*arguments, *(["-c", code] if code else []), cwd=cwd)


def gradtwin(cwd, *arguments):
    return commands.gradtwin(*arguments, cwd=cwd)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A folder with a file of faulty gradients, and the reports of one process that checked and saved each style."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "my layers.py").write_text(FILE)
    (folder / "mine.py").write_text(FILE)
    (folder / "checking.py").write_text(
        "import json, sys\n"
        "import numpy as np\n"
        "import gradtwin as gt\n"
        "import mine\n"
        f"X = np.array({X.tolist()})\n"
        "from operator import attrgetter\n"
        "scripts = {}\n"
        f"for name, (forward, how) in {STYLES!r}.items():\n"
        "    how = {k: attrgetter(v)(mine) if isinstance(v, str) else v for k, v in how.items()}\n"
        "    report = gt.check_gradient(attrgetter(forward)(mine), **how, inputs=(X,), seed=7)\n"
        "    assert report.verdict == 'mismatch', report\n"
        "    scripts[name] = report.reproduce\n"
        "    report.save('saved')\n"
        "print(json.dumps(scripts))\n"
    )
    done = run(None, folder, "checking.py")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1])


# The printed script.


@pytest.mark.parametrize("style", STYLES)
def test_the_printed_script_runs_by_itself(checked, style, tmp_path):
    _, scripts = checked
    done = run(scripts[style], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("MISMATCH"), done.stdout
    assert ("4/3" if style == "static" else "1.5") + " times too large" in done.stdout


def test_a_script_has_what_was_checked_and_no_other_function(checked, tmp_path):
    folder, scripts = checked
    assert "static={'power': 3}" in scripts["static"]
    right = scripts["vjp"].replace("square_vjp", "right")
    (folder / "right.py").write_text("def right(y_bar, x):\n    return 2 * x * y_bar\n")
    right = right.replace("from mine import square, right", "from mine import square\nfrom right import right")
    assert run(right, tmp_path).stdout.startswith("MATCH"), "the negative control"


def test_functions_of_one_name_in_two_files_and_a_file_of_any_name(tmp_path):
    (tmp_path / "my layers.py").write_text("def f(x):\n    return x * x\n")
    (tmp_path / "theirs.py").write_text("def f(y_bar, x):\n    return 3 * x * y_bar\n")
    code = (
        "import importlib, numpy as np, gradtwin as gt, theirs\n"
        "mine = importlib.import_module('my layers')\n"
        "print(gt.check_gradient(mine.f, vjp=theirs.f, inputs=(np.array([1.0, np.inf, 2.0]),)).reproduce)"
    )
    script = run(code, tmp_path)
    assert script.returncode == 0, script.stderr
    done = run(script.stdout, tmp_path / "..")
    assert done.stdout.startswith("MISMATCH"), done.stderr


def test_a_reference_is_in_the_script(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import tensorflow as tf\nfrom gradtwin import check_gradient\nimport numpy as np\n"
        "def f(x):\n    return np.array([float(v) ** 2 for v in x])\n"
        "def f_tf(x):\n    return x * x\n"
        "def f_vjp(y_bar, x):\n    return -2 * x * y_bar\n"
    )
    code = (
        "import mine, numpy as np, gradtwin as gt\n"
        "print(gt.check_gradient(mine.f, vjp=mine.f_vjp, reference=mine.f_tf, inputs=(np.ones(3),)).reproduce)"
    )
    script = run(code, tmp_path).stdout
    assert "reference=f_tf" in script
    assert run(script, tmp_path / "..").stdout.startswith("MISMATCH")


@pytest.mark.parametrize("made", ["notebook", "lambda", "closure", "main"])
def test_what_cannot_be_imported_is_said_in_a_comment(tmp_path, made):
    functions = {
        "notebook": "def f(x): return x * x\ndef f_vjp(y_bar, x): return 3 * x * y_bar\n",
        "lambda": "f, f_vjp = lambda x: x * x, lambda y_bar, x: 3 * x * y_bar\n",
        "closure": "def make():\n    def f(x): return x * x\n    def f_vjp(y_bar, x): return 3 * x * y_bar\n"
        "    return f, f_vjp\npair = make()\n",
    }
    functions["main"] = functions["notebook"]
    ask = "import numpy as np, gradtwin as gt\nprint(gt.check_gradient(f, vjp=f_vjp, inputs=(np.ones(2),)).reproduce)"
    if made == "closure":
        ask = ask.replace("(f, vjp=f_vjp", "(pair[0], vjp=pair[1]")
    code = functions[made] + ask
    if made == "notebook":  # as IPython runs a cell: a file name that is none
        code = f"exec(compile({code!r}, '<ipython-input-1>', 'exec'))"
    done = run(code, tmp_path) if made in ("notebook", "main") else _run_file(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("# put your ") == 2
    name = "forward" if made == "lambda" else "f"
    assert f"check_gradient({name}, vjp=" in done.stdout
    assert functions["notebook"].split("\n")[0] not in done.stdout
    with_own = done.stdout.replace("import gradtwin as gt", "import gradtwin as gt\n" + functions["notebook"])
    if made != "lambda":
        assert run(with_own, tmp_path).stdout.startswith("MISMATCH")


def _run_file(folder, code):
    (folder / "script.py").write_text(code)
    return run(None, folder, "script.py")


def test_large_inputs_are_saved_and_not_written_out(tmp_path):
    report = gt.check_gradient(np.tanh, vjp=lambda y_bar, x: y_bar, inputs=(np.ones(1000),))
    assert "np.array" not in report.reproduce
    [file] = report.save(tmp_path)
    assert read_case(file).arrays["x"].shape == (1000,)


# Replaying.


def test_every_style_says_the_same_again(checked, tmp_path):
    folder, _ = checked
    elsewhere = gradtwin(tmp_path, "replay", folder / "saved")
    assert elsewhere.returncode == 2, "a file is told from the folder it was saved in"
    assert elsewhere.stderr.count("Run this in the folder that has it") == len(STYLES)
    done = gradtwin(folder, "replay", "saved", "--json", tmp_path / "report.json")
    assert done.returncode == 1, done.stderr
    report = read_report((tmp_path / "report.json").read_text())
    assert report["command"] == "replay"
    assert [(case["verdict"], case["differs"]) for case in report["cases"]] == [("mismatch", [])] * len(STYLES)


def test_a_corrected_file_is_told(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    arguments = ("check", "mine.py:square", "--vjp", "square_vjp", "--signature", "(n)->(n)", "--save", "saved")
    done = gradtwin(tmp_path, *arguments)
    assert done.returncode == 1
    assert "saved 1 in saved; to judge them again: gradtwin replay saved" in done.stdout
    assert gradtwin(tmp_path, "replay", "saved").returncode == 1
    (tmp_path / "mine.py").write_text(FILE.replace("3 * x * y_bar", "2 * x * y_bar"))
    again = gradtwin(tmp_path, "replay", "saved")
    assert again.returncode == 0, again.stderr
    assert "another verdict; different here: mine.py has changed" in " ".join(again.stdout.split())


def test_a_bare_file_saves_each_pair_and_a_match_nothing(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\ndef relu(x):\n    return np.maximum(x, 0)\ndef relu_prime(x):\n    return x > 1.0\n"
        "def tanh(x):\n    return np.tanh(x)\ndef tanh_prime(x):\n    return 1 - np.tanh(x)\n"
        "def sine(x):\n    return np.sin(x)\ndef sine_prime(x):\n    return np.cos(x)\n"
    )
    assert gradtwin(tmp_path, "check", "mine.py", "--save", "saved").returncode == 1
    names = {path.name.split("-")[0] for path in (tmp_path / "saved").glob("*.json")}
    assert names == {"relu", "tanh"}
    assert gradtwin(tmp_path, "replay", "saved").returncode == 1
    done = gradtwin(
        tmp_path, "check", "mine.py:sine", "--derivative", "sine_prime", "--signature", "(n)->(n)", "--save", "none"
    )
    assert (done.returncode, (tmp_path / "none").exists()) == (0, False)


def test_a_comparison_saves_what_mismatches(tmp_path):
    fault = next(f for f in all_faults() if (f.operation, f.name) == ("dense", "bias left out"))
    rules = {"dense": fault.plant(NumpyBackend().rules["dense"])}
    report = gt.compare("dense", "relu", dtypes=["float32"], modes=["eager", "graph"], examples=20, rules=rules)
    files = report.save(tmp_path)
    assert {read_case(file).fields["mode"] for file in files} == {"eager", "graph"}
    found = replay(tmp_path)
    assert (found.verdict, len(found.details.replayed)) == ("match", 2), "the catalogue's own rule is right"
    assert "another verdict in the same environment" in str(found)


def test_what_cannot_be_saved_is_told_when_it_is_needed(tmp_path):
    report = gt.check_gradient(total, grad=total_grad, static={"power": np.int64(2)}, inputs=(np.array([1.0, 2.0]),))
    [file] = report.save(tmp_path)
    words = "static: {'name': 'power', 'type': 'int64'} has neither an array nor a value"
    with pytest.raises(gt.GradTwinError, match=re.escape(words)):
        replay(tmp_path)
    fields = json.loads(file.read_text())
    file.write_text(json.dumps({**fields, "static": [{"name": "power", "value": 2}]}))
    assert replay(tmp_path).verdict == "mismatch", "the negative control"


def test_another_environment_is_told(tmp_path):
    report = gt.compare(
        "relu", dtypes=["float64"], modes=["eager"], examples=5, rules={"relu": lambda x: (2 * x, (lambda b: b,))}
    )
    [file] = report.save(tmp_path)
    fields = json.loads(file.read_text())
    fields["environment"] |= {"numpy": "1.0", "cpu": "abacus"}
    file.write_text(json.dumps(fields))
    text = " ".join(str(replay(file)).split())
    assert "different here: numpy 1.0 →" in text
    assert "cpu abacus →" in text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_layouts_come_back(tmp_path, layout, dtype):
    array = LAYOUTS[layout](np.arange(12.0).reshape(3, 4).astype(find_dtype(dtype)))
    back = read_case(Case("x", {}, {"x": array}).save(tmp_path)).arrays["x"]
    assert (back.dtype, back.shape, back.strides) == (array.dtype, array.shape, array.strides)
    assert back.flags.writeable == array.flags.writeable
    assert back.tobytes() == array.tobytes()


# Damaged files.


def _edit(**changed):
    def damage(file):
        fields = json.loads(file.read_text())
        file.write_text(json.dumps({**{k: v for k, v in fields.items() if changed.get(k, 0) is not None}, **changed}))

    return damage


def _truncate(kind):
    def damage(file):
        path = file.with_suffix(kind)
        path.write_bytes(path.read_bytes()[:100])

    return damage


def _pickled(file):
    np.savez(file.with_suffix(".npz"), x=np.array([{}], dtype=object))


def _other_arrays(file):
    with zipfile.ZipFile(file.with_suffix(".npz"), "w"):
        pass


DAMAGE = {
    "truncated JSON": (_truncate(".json"), "can't be read as JSON"),
    "truncated arrays": (_truncate(".npz"), "not a readable .npz archive"),
    "no arrays": (lambda file: file.with_suffix(".npz").unlink(), "there is no such file"),
    "pickled arrays": (_pickled, "pickled objects"),
    "other arrays": (_other_arrays, "not the file that"),
    "not a case": (lambda file: file.write_text("[]"), "not a saved case"),
    "no text": (lambda file: file.write_bytes(b"\xff\xfe\x00"), "can't be read as JSON"),
    "another schema": (_edit(schema="gradtwin.case/9"), "expected the schema"),
    "no kind": (_edit(kind=None), "kind"),
    "unknown kind": (_edit(kind="tower"), "expected operation or check"),
    "unknown operation": (_edit(operation="matmull"), "Did you mean 'matmul'"),
    "a number for a name": (_edit(operation=3), "operation is 3"),
    "unknown option": (_edit(options={"stride": 2}), "option"),
    "unknown mode": (_edit(mode="warp"), "mode"),
    "another operation": (_edit(operation="conv2d"), "expected x, w, b, y_bar"),
    "strange layouts": (_edit(arrays={"a": 1, "b": 2, "y_bar": 3}), "expected dtype, strides and writeable"),
    "arrays of other names": (_edit(arrays={}), "it names the arrays"),
    "no environment": (_edit(environment=[]), "environment"),
}


@pytest.fixture(scope="module")
def saved_matmul(tmp_path_factory):
    fault = next(f for f in all_faults() if (f.operation, f.name) == ("matmul", "a_bar: sign"))
    rules = {"matmul": fault.plant(NumpyBackend().rules["matmul"])}
    report = gt.compare("matmul", dtypes=["float32"], modes=["eager"], examples=20, rules=rules)
    folder = tmp_path_factory.mktemp("matmul")
    return report.save(folder)[0]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_case_is_refused_in_words(saved_matmul, tmp_path, damage):
    file = tmp_path / saved_matmul.name
    for kind in (".json", ".npz"):
        file.with_suffix(kind).write_bytes(saved_matmul.with_suffix(kind).read_bytes())
    assert not replay(tmp_path).details.refused, "the negative control"
    spoil, message = DAMAGE[damage]
    spoil(file)
    with pytest.raises(gt.GradTwinError, match=f"no case could be judged.\n.*{re.escape(message)}"):
        replay(tmp_path)


def test_the_command_refuses_without_a_traceback(saved_matmul, tmp_path):
    (tmp_path / "broken.json").write_text("{")
    done = gradtwin(tmp_path, "replay", ".")
    assert done.returncode == 2
    assert "broken.json: it can't be read as JSON" in done.stderr
    assert "Traceback" not in done.stderr
    done = gradtwin(tmp_path, "replay", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there are no saved cases" in done.stderr
