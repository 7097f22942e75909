"""The results of a long run, kept on disk, so that an interrupted run continues where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import gradtwin.backends
import gradtwin.benchmarks
import gradtwin.comparisons

from .errors import OutputFileError


class Kept:
    """The answers of one run's workers, a line of JSON each; another run, machine, version or code has another file.

    `reused` counts the answers of earlier runs. Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None, run: dict[str, Any], *, fresh: bool = False) -> None:
        self.reused = 0
        self._answers: dict[str, Any] = {}
        self._path = folder and folder / f"{_digest({**run, 'code': digest_code()})}.jsonl"
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if fresh:
                self._path.unlink(missing_ok=True)
            self._read(self._path)
        except OSError as error:
            raise OutputFileError(
                f"{self._path}: results can't be kept there ({error}). Choose another folder; the default one is in "
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
        if self._path:
            with self._path.open("a") as file:
                print(json.dumps([key, found]), file=file, flush=True)

    @property
    def answers(self) -> list[Any]:
        """All that are kept, in the order in which they came."""
        return list(self._answers.values())

    def forget(self) -> None:
        """Delete the file: the run is complete."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        text = path.read_text(errors="replace")
        if text and not text.endswith("\n"):  # the next answer must not be added to a line that was cut off
            with path.open("a") as file:
                print(file=file)
        for line in text.splitlines():
            try:
                key, found = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue  # cut off where the run was killed, or not written by one
            if isinstance(key, str):
                self._answers[key] = found


def default_folder(command: str) -> Path:
    """Return the user's cache folder for a command's results."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradtwin" / command


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]


def digest_code() -> str:
    """Return a digest of gradtwin's own code: results of other code are not this one's."""
    packages = [gradtwin, gradtwin.backends, gradtwin.comparisons, gradtwin.benchmarks]
    files = sorted({file for package in packages for file in Path(package.__path__[0]).rglob("*.py")})
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
