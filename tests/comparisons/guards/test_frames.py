"""A user's file is the user's, whatever the folders it lies in are called."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.guards.frames import is_installed, is_users
from gradtwin.comparisons.subjects.loading import Target, load
from gradtwin.errors import InputFileError

SOURCE = """import numpy as np
def cube(x):
    return x**3
def cube_prime(x):
    return missing * x
def seen(x):
    return x * x if x[0, 0] > 0 else x**2
def seen_prime(x):
    return 2 * x
"""

FOLDERS = ["gradtwin", "numpy", "scipy", "comparisons/gradtwin/tracing"]


def write(tmp_path, folder, source=SOURCE):
    path = tmp_path / folder / "user.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    return path


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_exception_names_file_and_line(tmp_path, folder):
    path = write(tmp_path, folder)
    with load(Target.parse(str(path)), 20) as module:
        report = gt.check_gradient(module.cube, derivative=module.cube_prime, inputs=(np.ones((2, 3)),))
    text = next(cause.text for check in report.checks for cause in check.causes)
    assert f"NameError: name 'missing' is not defined (in cube_prime, {path}:5)" in text


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_branch_names_file_and_line(tmp_path, folder):
    path = write(tmp_path, folder)
    with load(Target.parse(str(path)), 20) as module:
        report = gt.check_gradient(module.seen, derivative=module.seen_prime, inputs=(np.ones((2, 3)),))
    assert any(f"({path}:7)" in note for note in report.extra["notes"]), report.extra["notes"]


@pytest.mark.parametrize("folder", [*FOLDERS, ".venv/lib"])
def test_a_file_that_cannot_be_loaded_names_file_and_line(tmp_path, folder):
    path = write(tmp_path, folder, "x = 1\ny = x / 0\n")
    with pytest.raises(InputFileError) as caught, load(Target.parse(str(path)), 20):
        pass
    assert str(caught.value).startswith(f"{path}:2: it raised ZeroDivisionError while it was loaded")


@pytest.mark.parametrize(
    ("line", "error"),
    [("import json; json.loads('{')", "JSONDecodeError"), ("import numpy; numpy.linalg.inv([[0]])", "LinAlgError")],
)
def test_a_line_of_python_or_of_a_package_is_not_the_users(tmp_path, monkeypatch, line, error):
    """An environment may lie beside the file that is loaded: the file's own line is the one to name."""
    path = write(tmp_path, "project", f"x = 1\n{line}\n")
    installed = "gradtwin.comparisons.subjects.loading._root"
    monkeypatch.setattr(installed, lambda _: path.parents[len(path.parents) - 1])  # as if all lay below the project
    with pytest.raises(InputFileError) as caught, load(Target.parse(str(path)), 20):
        pass
    assert f"{path}:2: " in str(caught.value)
    assert error in str(caught.value)


@pytest.mark.parametrize("package", ["gradtwin", "numpy"])
def test_a_package_of_a_name_that_is_taken_says_what_to_do(tmp_path, package):
    path = write(tmp_path, package)
    (path.parent / "__init__.py").write_text("")
    with (
        pytest.raises(InputFileError, match=f"its package has the name '{package}'.*__init__.py"),
        load(Target.parse(str(path)), 20),
    ):
        pass


def test_whose_a_file_is():
    assert is_users(__file__)
    assert is_users("\0")
    assert is_users("\ud800")
    assert not is_users(gt.__file__)
    assert not is_users(np.__file__)
    assert is_installed(np.__file__)
    assert is_installed(pytest.__file__)
    assert not is_installed(__file__)
