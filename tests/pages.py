"""Runs the code of a page of the documentation and compares what it prints with what the page shows.

A page's `python` blocks are run in order in one namespace; a `text` block below one is what it prints. A `python` block
whose first line is `# name.py` is a file, which later blocks use. A `console` block is a session: each line after `$ `
is given to one shell in a folder of the page's own, and what stands below it is what it prints; a status other than 0
must be shown by `$ echo $?`. A line `...` stands for lines left out. Any other block, or one that is not to be run,
says why in a comment above it: `<!-- not run: the reason -->`.

`python tests/pages.py PAGE ...` writes what is shown anew.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_EXCUSE = re.compile(r"<!-- not run: (?P<reason>[^>]+) -->\s*\Z")
_FILE = re.compile(r"# (?P<name>\w+\.py)\n")
_COMMAND = re.compile(r"^\$ (?P<command>.*\n)(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
_END = "\x1e"

#: What pages call the folder that their code is run in.
FOLDER = "/home/you/project"


class PageError(AssertionError):
    """A page that shows what is not so."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, where the text is in the page, and why it is not run, if it isn't."""

    language: str
    text: str
    start: int
    line: int
    excuse: str | None

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if it is one."""
        found = _FILE.match(self.text) if self.language == "python" else None
        return found["name"] if found else None


@dataclass(frozen=True)
class Shown:
    """What a page shows as printed, where it stands, and what was printed."""

    start: int
    line: int
    shown: str
    printed: str

    @property
    def is_so(self) -> bool:
        """Whether it was printed as shown."""
        parts = [re.escape(part) for part in re.split(r"(?m)^\.\.\.$", _legible(self.shown))]
        return re.fullmatch(".*".join(parts), _legible(self.printed), re.DOTALL) is not None


def read_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    blocks = []
    for found in _FENCE.finditer(text):
        excuse = _EXCUSE.search(text, 0, found.start())
        line = text.count("\n", 0, found.start("text")) + 1
        reason = excuse["reason"] if excuse else None
        blocks.append(Block(found["language"], found["text"], found.start("text"), line, reason))
    return blocks


def run_page(name: str, text: str, folder: Path) -> list[Shown]:
    """Run a page's blocks in a folder and return all that it shows as printed; raise PageError where one can't run."""
    shown: list[Shown] = []
    python = _Python(name)
    printed: str | None = None
    blocks = read_blocks(text)
    for number, block in enumerate(blocks):
        place = f"{name}:{block.line}"
        if block.excuse or block.language.startswith("{"):  # a directive of Sphinx's is no code
            printed = None
        elif block.file:
            if not any(block.file.removesuffix(".py") in later.text for later in blocks[number + 1 :]):
                raise PageError(f"{place}: nothing below uses {block.file}")
            (folder / block.file).write_text(block.text)
            printed = None
        elif block.language == "python":
            printed = python.run(block, place)
        elif block.language == "text" and printed is not None:
            shown.append(Shown(block.start, block.line, block.text, printed.replace(str(folder), FOLDER)))
            printed = None
        elif block.language == "console":
            shown += _run_console(block, place, folder)
            printed = None
        else:
            raise PageError(f"{place}: a block of {block.language or 'no language'!r} that is not run says why")
    return shown


class _Python:
    """A page's Python: each block is run as the next lines of a source that TensorFlow and messages find."""

    def __init__(self, page: str) -> None:
        self._source = page.replace(".md", ".py")  # no file: what it says is kept where inspect looks
        self._lines: list[str] = []
        self._namespace = {"__name__": "page"}

    def run(self, block: Block, place: str) -> str:
        """Run a block and return what it prints."""
        code = "\n" * len(self._lines) + block.text
        self._lines += block.text.splitlines(keepends=True)
        linecache.cache[self._source] = (len(code), None, self._lines, self._source)
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                exec(compile(code, self._source, "exec"), self._namespace)
        except Exception as error:
            error.add_note(f"in the block at {place}")
            raise
        return output.getvalue()


def _run_console(block: Block, place: str, folder: Path) -> list[Shown]:
    commands = list(_COMMAND.finditer(block.text))
    script = "exec 2>&1\n" + "".join(
        f"{found['command']}gradtwin_status=$?; printf '{_END}%s{_END}' $gradtwin_status; (exit $gradtwin_status)\n"
        for found in commands
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    parts = done.stdout.split(_END)
    shown = []
    for number, found in enumerate(commands):
        printed, status = parts[2 * number : 2 * number + 2]
        printed = printed.replace(str(folder), FOLDER)
        following = [later["command"].strip() for later in commands[number + 1 : number + 2]]
        if status != "0" and following != ["echo $?"]:
            raise PageError(f"{place}: {found['command'].strip()!r} ends with status {status}:\n{printed}")
        line = block.line + block.text.count("\n", 0, found.start("shown"))
        shown.append(Shown(block.start + found.start("shown"), line, found["shown"], printed))
    return shown


def _legible(text: str) -> str:
    """Return a text without what depends on the machine: errors at rounding's level, widths of columns, seconds."""
    text = re.sub(r"\d\.?\d*e-1\d", "tiny", text)
    text = re.sub(r"\bin \d+\.\d+s( \([\d:]+\))?", "in 1s", text)
    return "\n".join(" ".join(re.sub("─+", "─", line).split()) for line in text.strip().splitlines())


def rewrite(path: Path) -> None:
    """Write what a page shows as it is printed now; what is so already, perhaps with lines left out, stays."""
    text = path.read_text()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        sys.path.insert(0, name)
        for shown in reversed(run_page(path.name, text, Path(name))):
            if not shown.is_so:
                kept = "\n".join(line.rstrip() for line in shown.printed.strip("\n").splitlines())
                text = text[: shown.start] + kept + "\n" * bool(kept) + text[shown.start + len(shown.shown) :]
    path.write_text(text)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite(Path(argument).resolve())
