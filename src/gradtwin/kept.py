"""The results of a long run, kept on disk, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from .errors import InputFileError, OutputFileError
from .own_code import FOLDERS

#: What a line begins with: one that a killed run cut off is its beginning.
BEGINNING = b'["'


class Kept:
    """The answers of one run's workers, a line of JSON each; another run, machine, version or code has another file.

    `reused` counts the answers of earlier runs. Without a folder nothing is kept. Raises InputFileError if the folder's
    answers are damaged.
    """

    def __init__(self, folder: Path | None, run: dict[str, Any], *, fresh: bool = False) -> None:
        self.reused = 0
        self._answers: dict[str, Any] = {}
        self.path = folder and folder / f"{_digest({**run, 'code': digest_code()})}.jsonl"
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if fresh:
                self.path.unlink(missing_ok=True)
            self._read(self.path)
        except OSError as error:
            raise OutputFileError(
                f"{self.path}: results can't be kept there ({error}). Choose another folder; the default one is in "
                f"XDG_CACHE_HOME."
            ) from error

    def answer(self, question: dict[str, Any], ask: Callable[[], Any]) -> Any:
        """Return the kept answer to a question, or ask and keep it."""
        if self.knows(question):
            self.reused += 1
            return self._answers[_digest(question)]
        found = ask()
        self.keep(question, found)
        return found

    def knows(self, question: dict[str, Any]) -> bool:
        """Return whether the answer to a question is kept."""
        return _digest(question) in self._answers

    def keep(self, question: dict[str, Any], found: Any) -> None:
        """Keep the answer to a question."""
        key = _digest(question)
        self._answers[key] = found
        if self.path:
            with self.path.open("a") as file:
                print(json.dumps([key, found]), file=file, flush=True)

    @property
    def answers(self) -> list[Any]:
        """All that are kept, in the order in which they came."""
        return list(self._answers.values())

    def forget(self) -> None:
        """Delete the file: the run is complete."""
        if self.path:
            self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        """Read the answers, less the last one where a killed run cut it off; raise InputFileError for other damage."""
        if not path.exists():
            return
        *lines, last = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            self._answers.update([_read_line(path, number, line)])
        if not last:
            return
        with path.open("r+b") as file:
            try:
                self._answers.update([_read_line(path, len(lines) + 1, last)])
            except InputFileError:
                if not last.startswith(BEGINNING[: len(last)]):
                    raise
                file.truncate(path.stat().st_size - len(last))
            else:
                file.seek(0, os.SEEK_END)
                file.write(b"\n")


def _read_line(path: Path, number: int, line: bytes) -> tuple[str, Any]:
    """Return a question's digest and its answer."""
    try:
        key, found = json.loads(line.decode())
        if isinstance(key, str):
            return key, found
    except (ValueError, TypeError, RecursionError):
        pass
    raise damaged(path, f"line {number} is not a line that a run writes")


def damaged(path: Path | None, what: str) -> InputFileError:
    """Return the error for kept results that can't be read."""
    return InputFileError(
        f"{path}: the results kept there are damaged: {what}. Nothing was changed. Restore the file from a backup, or "
        f"move it away to start anew."
    )


def default_folder(command: str) -> Path:
    """Return the user's cache folder for a command's results."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradtwin" / command


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]


def digest_code() -> str:
    """Return a digest of gradtwin's own code: results of other code are not this one's."""
    files = sorted({file for folder in FOLDERS.values() for file in folder.rglob("*.py")})
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
