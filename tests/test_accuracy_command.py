"""`gradtwin accuracy` as a real process: the table, files, the picture, exit statuses, messages."""

import subprocess
import sys
from pathlib import Path

import commands
import numpy as np
import pytest
import unstable_functions
from json_report import read_report

SOURCE = Path(unstable_functions.__file__).read_text()
POINT = ("--signature", "()->()")


def accuracy(*arguments, cwd):
    return commands.gradtwin("accuracy", *arguments, cwd=cwd)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "f.py").write_text(SOURCE)
    np.savez(tmp_path / "x.npz", x=np.array([-40.0, 1.0]))
    np.savez(tmp_path / "two.npz", x=np.ones(2), y=np.ones(2))
    return tmp_path


def test_an_unstable_function_is_a_mismatch_with_its_line(folder):
    names = ("report.json", "report.html", "digits.png")
    done = commands.fresh(
        "accuracy", "f.py:softplus", *POINT, "--json", names[0], "--html", names[1], "--plot", names[2], cwd=folder
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("MISMATCH  at the worst of 101 inputs, softplus keeps 0.0 digits")
    line = SOURCE[: SOURCE.index("return np.log(1 + np.exp(x))")].count("\n") + 1
    assert f"`np.exp(x)` overflows where its operand is 710 in softplus ({folder / 'f.py'}:{line})" in (
        " ".join(done.stdout.split())
    )
    for side in ("NumPy", "TensorFlow", "exact, and allowed"):
        assert side in done.stdout
    assert "repeat with: gradtwin accuracy f.py:softplus --signature '()->()' --seed 0" in done.stdout
    data = read_report((folder / names[0]).read_text())
    assert (data["command"], data["digits"]["where"]["line"]) == ("accuracy", line)
    assert len(data["digits"]["sweep"]) > 50
    assert (folder / names[2]).read_bytes().startswith(b"\x89PNG")
    page = (folder / names[1]).read_text()
    assert "data:image/png;base64" in page
    assert "np.exp(x)" in page


@pytest.mark.parametrize(
    ("function", "where", "status", "word"),
    [
        ("softplus_stable", POINT, 0, "match"),
        ("softplus", ("--inputs", "x.npz"), 1, "mismatch"),
        ("softplus", (*POINT, "--domain=1,30"), 0, "match"),
        ("half_versine", (*POINT, "--dtype", "float32", "--examples", "40", "--seed", "3"), 1, "mismatch"),
        ("through_text", ("--signature", "(n)->(n)", "--examples", "5"), 4, "inconclusive"),
    ],
)
def test_the_exit_status_is_the_verdicts(folder, function, where, status, word):
    done = accuracy(f"f.py:{function}", *where, "--quiet", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (status, f"{word}\n", "")


def test_a_picture_is_the_same_again_and_another_functions_is_another(folder):
    def picture(function, name):
        accuracy(f"f.py:{function}", *POINT, "--plot", name, "--examples", "5", cwd=folder)
        return (folder / name).read_bytes()

    first = picture("softplus_stable", "one.png")
    assert picture("softplus_stable", "two.png") == first
    assert picture("half_versine", "three.png") != first
    assert picture("softplus_stable", "four.svg").startswith(b"<?xml")


def test_the_command_that_a_report_shows_says_the_same(folder):
    first = accuracy("f.py:half_versine", *POINT, "--domain=-1,1", "--dtype", "float32", "--seed", "2", cwd=folder)
    words = first.stdout.split("repeat with: gradtwin accuracy ")[1].replace("'", "").split()
    assert "--domain=-1,1" in words
    assert accuracy(*words, cwd=folder).stdout == first.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("f.py",), ["TARGET: got a whole file", "f.py:softplus"]),
        (("f.py:softpluss", *POINT), ["'softpluss' is not known", "Did you mean 'softplus'"]),
        (("g.py:softplus", *POINT), ["g.py: there is no such file"]),
        (("f.py:softplus",), ["--signature, --inputs: got neither"]),
        (("f.py:softplus", *POINT, "--inputs", "x.npz"), ["--signature, --inputs: got both"]),
        (("f.py:softplus", "--inputs", "x.npz", "--dtype", "float32"), ["--dtype: got it with --inputs"]),
        (("f.py:softplus", "--inputs", "two.npz"), ["two.npz: got x, y; softplus takes x"]),
        (("f.py:softplus", "--inputs", "none.npz"), ["none.npz"]),
        (("f.py:softplus", *POINT, "--dtype", "int8"), ["dtype: 'int8' is not known"]),
        (("f.py:softplus", *POINT, "--dtype", "bfloat16"), ["'bfloat16', which has no exact form"]),
        (("f.py:softplus", *POINT, "--examples", "0"), ["examples: got 0"]),
        (("f.py:softplus", *POINT, "--seed", "-1"), ["seed: got -1"]),
        (("f.py:softplus", *POINT, "--plot", "a.txt"), ["--plot", ".png or .svg"]),
        (("f.py:softplus", *POINT, "--domain=3,1"), ["domain: got (3.0, 1.0)"]),
        (("f.py:softplus", "--signature", "(n"), ["signature"]),
    ],
)
def test_bad_usage_is_one_clear_message(folder, arguments, words):
    done = accuracy(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_code_that_ends_the_process_is_inconclusive(folder):
    (folder / "ends.py").write_text("import os\ndef ends(x): os.kill(os.getpid(), 9)\n")
    done = commands.fresh("accuracy", "ends.py:ends", *POINT, "--json", "report.json", cwd=folder)
    assert done.returncode == 4, done.stderr
    assert "the process ended" in " ".join(done.stdout.split())
    assert read_report((folder / "report.json").read_text())["verdict"] == "inconclusive"


def test_help_lists_it_and_imports_nothing():
    code = (
        "import sys; from gradtwin.cli import main\n"
        "try: main(['accuracy', '--help'])\n"
        "except SystemExit: pass\n"
        "print({m.split('.')[0] for m in sys.modules} & {'tensorflow', 'numpy', 'hypothesis', 'rich', 'matplotlib'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--plot" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"
    assert "accuracy" in commands.gradtwin("--help").stdout


def test_check_takes_a_right_formula_that_loses_digits_for_a_mismatch_when_asked(folder):
    text = "import numpy as np\ndef below(x): return np.sum(x - np.sin(x))\ndef below_grad(x): return 1 - np.cos(x)\n"
    (folder / "g.py").write_text(text)
    words = ("check", "g.py:below", "--grad", "below_grad", "--signature", "(n)->()", "--domain=1e-7,1e-6")
    assert commands.gradtwin(*words, "--quiet", cwd=folder).stdout == "match\n"
    strict = commands.gradtwin(*words, "--strict-accuracy", cwd=folder)
    assert strict.returncode == 1
    shown = " ".join(strict.stdout.split())
    assert "`1 - np.cos(x)` cancels" in shown
    assert f"in below_grad ({folder / 'g.py'}:3)" in shown
    assert "--strict-accuracy" in shown.partition("repeat with: ")[2]
    gallery = commands.gradtwin("check", "--gallery", "--strict-accuracy", cwd=folder)
    assert (gallery.returncode, "--strict-accuracy: got it with --gallery" in gallery.stderr) == (2, True)
