"""What a run has measured so far, kept on disk, so that one that was interrupted goes on where it was."""

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
from gradtwin.errors import OutputFileError

#: Conditions that change from hour to hour, and make no other run of one.
PASSING = ("load", "load_after")


class Kept:
    """The answers of one run's workers, a line of JSON each; another run, machine, version or code has its own file.

    `reused` counts the answers that were there already. Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None, run: dict[str, Any], *, fresh: bool = False) -> None:
        self.reused = 0
        self._answers: dict[str, Any] = {}
        self._path = folder and folder / f"{_digest({**run, 'code': _digest_code()})}.jsonl"
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if fresh:
                self._path.unlink(missing_ok=True)
            self._read(self._path)
        except OSError as error:
            raise OutputFileError(
                f"{self._path}: results can't be kept there ({error}). Set XDG_CACHE_HOME to a folder that can be "
                f"written to."
            ) from error

    def answer(self, question: dict[str, Any], ask: Callable[[], Any]) -> Any:
        """Return the kept answer to a question, or ask and keep it."""
        key = _digest(question)
        if key in self._answers:
            self.reused += 1
            return self._answers[key]
        found = ask()
        self._answers[key] = found
        if self._path:
            with self._path.open("a") as file:
                print(json.dumps([key, found]), file=file, flush=True)
        return found

    def forget(self) -> None:
        """Delete the file: the run is complete."""
        if self._path:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        for line in path.read_text(errors="replace").splitlines():
            try:
                key, found = json.loads(line)
            except ValueError:
                continue  # cut off where the run was killed
            self._answers[key] = found


def default_folder() -> Path:
    """Return the user's cache folder for results."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradtwin" / "bench"


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _digest_code() -> str:
    """Return a digest of gradtwin's own code: results of other code are not this run's."""
    packages = [gradtwin, gradtwin.backends, gradtwin.comparisons, gradtwin.benchmarks]
    files = sorted({file for package in packages for file in Path(package.__path__[0]).rglob("*.py")})
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
