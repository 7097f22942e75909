"""The documentation: every block of code runs, and prints what is shown."""

import re
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest
from pages import PageError, read_blocks, run_page

from gradtwin.backends import numpy_rules, tensorflow_rules
from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.registry import BACKENDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))])

#: Pages whose code is written from modules that other tests run, and that are kept current by them.
ELSEWHERE = {"gallery.md": "tests/comparisons/gallery/test_gallery.py"}


@pytest.fixture
def registries():
    """Forget what a page adds to them."""
    with ExitStack() as stack:
        for registry in (BACKENDS, OPERATIONS, numpy_rules.RULES, tensorflow_rules.RULES):
            stack.enter_context(patch.dict(registry))
        yield


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_a_page_runs_and_prints_what_it_shows(path, tmp_path, monkeypatch, registries):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    if path.name in ELSEWHERE:
        assert (ROOT / ELSEWHERE[path.name]).exists()
        return
    for shown in run_page(path.name, path.read_text(), tmp_path):
        assert shown.is_so, (
            f"{path.name}:{shown.line} shows what is not printed; `python tests/pages.py {path.relative_to(ROOT)}` "
            f"writes it anew. Printed is:\n{shown.printed}"
        )


def test_every_page_is_in_the_contents():
    contents = re.findall(r"^[\w-]+$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} == {*contents, "index"}


def page(*blocks):
    return "".join(f"{above}```{language}\n{text}```\n\n" for above, language, text in blocks)


RIGHT = page(
    ("", "python", "x = 2\n"),
    ("", "python", "print('a')\nprint(x)\nprint('c', 1.5e-13)\n"),
    ("", "text", "a\n...\nc  1.25e-13\n"),
    ("", "python", "# answer.py\nraise SystemExit(3)\n"),
    ("", "console", "$ echo one; echo two >&2\none\ntwo\n$ python answer.py\n$ echo $?\n3\n"),
    ("<!-- not run: it is data -->\n", "toml", "[tool]\n"),
)


def test_a_right_page_is_right(tmp_path):
    shown = run_page("page.md", RIGHT, tmp_path)
    assert all(part.is_so for part in shown), shown
    assert len(shown) == 4
    assert [RIGHT[part.start :][: len(part.shown)] for part in shown] == [part.shown for part in shown]


@pytest.mark.parametrize(
    ("old", "new"),
    [("print('a')", "print('b')"), ("c  1.25", "d  1.25"), ("one\ntwo", "one"), ("3\n```", "4\n```"), ("...\n", "")],
)
def test_what_is_not_printed_as_shown_is_told(old, new, tmp_path):
    """Its negative control; leaving lines out takes a line that says so."""
    assert old in RIGHT
    wrong = RIGHT.replace(old, new)
    assert [part.is_so for part in run_page("page.md", wrong, tmp_path)].count(False) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (page(("", "toml", "[tool]\n")), "page.md:2: a block of 'toml' that is not run says why"),
        (page(("", "text", "printed by nothing\n")), "says why"),
        (page(("", "python", "# unused.py\n")), "nothing below uses unused.py"),
        (page(("", "console", "$ false\n")), "'false' ends with status 1"),
    ],
)
def test_a_page_that_cannot_be_run_is_told(text, words, tmp_path):
    with pytest.raises(PageError, match=re.escape(words)):
        run_page("page.md", text, tmp_path)


def test_an_excuse_is_for_the_block_below_it_alone():
    text = page(("<!-- not run: a reason -->\n", "sh", "x\n"), ("", "sh", "y\n"))
    assert [block.excuse for block in read_blocks(text)] == ["a reason", None]
