"""A user's file is loaded as an import would, and nothing of it stays."""

import os
import sys
import time

import numpy as np
import pytest

from gradtwin.comparisons.subjects.loading import Target, find_function, limited, load
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, InputFileError

NOISY = """
import os, sys, warnings
import numpy as np
import helper_beside
print("training ...")
print("warming up", file=sys.stderr)
os.chdir("/")
np.seterr(all="raise")
np.set_printoptions(precision=1)
np.random.seed(3)
warnings.simplefilter("error")
os.environ["LEFT_BEHIND"] = "yes"
double = lambda x: helper_beside.two() * x
def late(x):
    import helper_later
    return helper_later.three() * x
class Tanh:
    @staticmethod
    def forward(x):
        return np.tanh(x)
if __name__ == "__main__":
    raise RuntimeError("this part is not to run")
"""


def place(tmp_path, source, name="user.py"):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(source)
    return Target.parse(str(path))


def state():
    users = [name for name in sys.modules if name.startswith(("gradtwin_user", "helper_"))]
    return list(sys.path), users, os.getcwd(), np.geterr(), np.get_printoptions(), dict(os.environ)


def test_a_noisy_file_leaves_no_traces(tmp_path, capfd):
    (tmp_path / "helper_beside.py").write_text("def two(): return 2\n")
    (tmp_path / "helper_later.py").write_text("def three(): return 3\n")
    target = place(tmp_path, NOISY)
    before, drawn = state(), np.random.get_state()[1].copy()
    with load(target, 10) as module:
        assert module.double(1.0) == 2
        assert module.double.__name__ == "double", "a lambda is named after what it is bound to"
        assert module.late(1.0) == 3, "imported when called"
        assert find_function(module, "Tanh.forward", "function", "user.py")(0.0) == 0
        print("printed by a forward")
    assert state() == before
    np.testing.assert_array_equal(np.random.get_state()[1], drawn)
    assert capfd.readouterr() == ("", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["helper_beside.py", "helper_later.py", "user.py"]


def test_a_saved_change_is_seen_in_helpers_too(tmp_path):
    target = place(tmp_path, "from helper_beside import two")
    for answer in (2, 3):
        (tmp_path / "helper_beside.py").write_text(f"def two(): return {answer}\n")
        with load(target, 10) as module:
            assert module.two() == answer


def test_relative_imports_in_a_package(tmp_path):
    place(tmp_path, "", "pack/__init__.py")
    place(tmp_path, "ONE = 1", "pack/constants.py")
    target = place(tmp_path, "from .constants import ONE\ndef f(x): return ONE * x", "pack/inner.py")
    with load(target, 10) as module:
        assert module.f(2) == 2
        assert module.f.__module__ == "pack.inner"
    assert "pack" not in sys.modules


def test_a_module_by_name(tmp_path, monkeypatch):
    place(tmp_path, "", "pack/__init__.py")
    place(tmp_path, "def f(x): return x", "pack/inner.py")
    monkeypatch.chdir(tmp_path)
    with load(Target.parse("pack.inner:f"), 10) as module:
        assert module.f(1) == 1
    assert "pack.inner" not in sys.modules


def test_a_file_named_like_a_library_does_not_replace_it(tmp_path):
    with load(place(tmp_path, "def f(x): return x", "numpy.py"), 10) as module:
        assert module.f(1) == 1
        assert sys.modules["numpy"] is np


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x:\n  pass", [":1: syntax error"]),
        ("x = 1\ny = x / 0\n", [":2: ", "ZeroDivisionError while it was loaded: division by zero"]),
        ("import no_such_library", [":1: ", "No module named 'no_such_library'"]),
        ("import sys\nsys.exit(3)", [":2: ", "ended the program"]),
        ("name = input()", [":1: ", "EOFError"]),
        ("def g():\n    raise KeyError\ng()", [":2: ", "KeyError"]),
    ],
)
def test_a_file_that_cant_be_loaded_names_file_and_line(tmp_path, source, words):
    target = place(tmp_path, source)
    before = state()
    with pytest.raises(InputFileError) as caught, load(target, 10):
        pass
    for word in (target.place, *words):
        assert word in str(caught.value)
    assert state() == before


def test_a_file_that_never_ends_is_stopped_even_if_it_catches_everything(tmp_path):
    source = "import time\ntry:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)"
    start = time.monotonic()
    with (
        pytest.raises(InputFileError, match=r"did not end within 0.2 s.*--timeout"),
        load(place(tmp_path, source), 0.2),
    ):
        pass
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_a_number_of_seconds(seconds):
    with pytest.raises(ArgumentValueError, match="timeout"), limited(seconds, "it", "wait"):
        pass


def test_targets():
    assert Target.parse("a/b.py") == Target("a/b.py", None)
    assert Target.parse("a/b.py:f") == Target("a/b.py", "f")
    assert Target.parse("a.b:C.f") == Target("a.b", "C.f")
    for text in ("", "a", "a.py:", ":f", "a.py:f g", "a-b:f"):
        with pytest.raises(ArgumentValueError, match="target"):
            Target.parse(text)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "x.py").mkdir()
    with pytest.raises(InputFileError, match="it is a folder"):
        Target.parse(str(tmp_path / "x.py")).file()


def test_functions_are_found_or_the_nearest_is_suggested(tmp_path):
    with load(place(tmp_path, "import math\nsize = 3\ndef tanh(x): return x"), 10) as module:
        with pytest.raises(ArgumentValueError, match=r"--vjp in user\.py: 'tahn' is not known.*Did you mean 'tanh'"):
            find_function(module, "tahn", "--vjp", "user.py")
        with pytest.raises(ArgumentTypeError, match=r"size in user\.py is int"):
            find_function(module, "size", "function", "user.py")
    with load(place(tmp_path, "size = 3"), 10) as module, pytest.raises(InputFileError, match="no functions"):
        find_function(module, "f", "function", "user.py")
