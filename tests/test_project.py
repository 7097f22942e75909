"""The project itself: its packages are all installed, its docstrings run, its README keeps its promises."""

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
from gradtwin.listing import coverage_markdown

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


def test_the_catalogues_table_is_current():
    assert coverage_markdown() in (ROOT / "docs" / "catalogue.md").read_text(), (
        "docs/catalogue.md has another table than the catalogue; replace it by what this prints: "
        "python -c 'from gradtwin.listing import coverage_markdown; print(coverage_markdown())'"
    )


def test_the_readme_is_short():
    lines = README.count("\n")
    assert lines < 200, f"README.md has {lines} lines; expected fewer than 200. Move details to a page in docs/"


def test_the_readmes_first_two_blocks_are_one_line_each():
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", README, re.DOTALL)
    assert "gradtwin compare" in blocks[0]
    assert "pytest" in blocks[1]
    assert all(block.count("\n") == 1 and "venv" in block for block in blocks[:2])


def test_the_hooks_lint_with_the_pinned_ruff():
    pinned = re.search(r"^ruff==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    hooked = re.search(r"ruff-pre-commit\s+rev: v(\S+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert pinned
    assert hooked
    assert hooked.group(1) == pinned.group(1)


def test_the_forges_workflow_runs_the_readmes_commands():
    first = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)[0]
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert f"- run: {first}\n" in workflow
    assert "- run: .ci/run ${{ matrix.what }} " in workflow
    assert re.findall(r'"(\S+)", what: (\w+)', workflow) == [("3.11", "all"), ("3.12", "tests"), ("3.13", "tests")]


def test_the_versions_are_one():
    for file, pattern in (("CITATION.cff", r"^version: (\S+)$"), ("pyproject.toml", r'^version = "(\S+)"$')):
        found = re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)
        assert found
        assert found.group(1) == gradtwin.__version__
