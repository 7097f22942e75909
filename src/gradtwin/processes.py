"""Fresh processes to time, draw and judge in, each with a set number of threads: both ends of the connection.

A job is a line of JSON, `[name, arguments]`. The answer is `{"result": …}`, or `{"error": [class, message]}` for a
GradTwinError.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from . import errors
from .errors import GradTwinError

#: Read by the linear-algebra libraries when they are loaded, so set before that.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerDiedError(GradTwinError):
    """A worker process ended before it answered; the message has its last output."""


class WorkerProcess:
    """A process that runs a `module` for one backend, tool or task, started with its threads set.

    A context manager that ends it. `conditions` describes its machine and settings.
    """

    def __init__(self, name: str, threads: int, module: str) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile(mode="w+", errors="replace")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            # -P: a user's folder must not come before the libraries
            [sys.executable, "-P", "-m", module, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))},
        )
        try:
            self.conditions: dict[str, Any] = self.ask("start", threads=threads)
        except BaseException:
            self.close()
            raise

    def ask(self, job: str, **arguments: Any) -> Any:
        """Return the worker's result; raise its GradTwinError, or WorkerDiedError if it died."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            print(json.dumps([job, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line.endswith("\n"):
            raise WorkerDiedError(f"the {self.name} process died at {job!r}:\n{self._read_errors()}")
        answer = json.loads(line)
        if "error" in answer:
            name, message = answer["error"]
            raise getattr(errors, name)(message)
        return answer["result"]

    def kill(self) -> None:
        """End the process at once; a caller that waits for its answer gets WorkerDiedError."""
        self._process.kill()

    def close(self) -> None:
        """End the process and free its resources."""
        self.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_errors(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return self._errors.read()[-2000:]


def answer_jobs(argument: str, known: Mapping[str, Callable[..., Any]]) -> None:
    """Answer the jobs on the input stream; the output of libraries goes to the error stream."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"result": known[name](argument, **arguments)}
        except GradTwinError as error:
            answer = {"error": [type(error).__name__, str(error)]}
        print(json.dumps(answer), file=answers, flush=True)
