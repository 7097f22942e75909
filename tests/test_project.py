"""The project itself: its packages are all installed, its docstrings run, its README is current."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gradtwin
from gradtwin.comparisons.report.listing import coverage_markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FOLDERS = ("backends", "comparisons", "benchmarks")


def test_every_folder_with_code_is_packaged():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {"gradtwin"}
    for folder in FOLDERS:
        for init in (ROOT / folder).rglob("__init__.py"):
            found.add("gradtwin." + ".".join(init.parent.relative_to(ROOT).parts))
    assert listed == found


def test_every_module_is_linked_for_type_checkers():
    links = ROOT / "typings" / "gradtwin"
    assert {link.name for link in links.iterdir()} == {
        *FOLDERS,
        *(p.name for p in (ROOT / "src/gradtwin").glob("*.py")),
    }
    assert all(link.is_symlink() and link.exists() for link in links.iterdir())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_refuses_to_be_imported_by_its_bare_name(folder):
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert f"import this package as 'gradtwin.{folder}'" in done.stderr


def modules():
    return [info.name for info in pkgutil.walk_packages(gradtwin.__path__, "gradtwin.") if "__main__" not in info.name]


@pytest.mark.parametrize("name", modules())
def test_docstrings(name):
    module = importlib.import_module(name)
    assert module.__doc__, "a module says what it is for"
    assert doctest.testmod(module).failed == 0


def test_public_names_are_what_they_say():
    for name in gradtwin.__all__:
        assert getattr(gradtwin, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gradtwin.nothing


def test_the_readmes_table_is_current():
    assert coverage_markdown() in README


def test_the_readmes_example_prints_what_it_shows():
    source = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert source
    assert shown
    done = subprocess.run([sys.executable, "-c", source.group(1)], capture_output=True, text=True, check=False)
    assert without_roundings(done.stdout) == without_roundings(shown.group(1)), done.stdout + done.stderr


def without_roundings(text):
    """What is printed but for errors and bounds at rounding's level, whose digits depend on the processor."""
    return [re.sub(r"\d\.?\d*e-1\d", "tiny", " ".join(line.split())) for line in text.strip().splitlines()]


def test_the_readmes_first_two_blocks_are_one_line_each():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "gradtwin compare" in blocks[0]
    assert "pytest" in blocks[1]
    assert all(block.count("\n") == 1 and "venv" in block for block in blocks[:2])
