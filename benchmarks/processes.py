"""Fresh processes for timing: one for each backend and number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import gradtwin.errors
from gradtwin.errors import GradTwinError

#: Read by the linear-algebra libraries when they are loaded, so set before that.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerProcess:
    """A worker of one backend, or by another `module` of a tool, started with its threads set.

    A context manager that ends it. `conditions` is what it found of its machine and settings.
    """

    def __init__(self, backend: str, threads: int, module: str = "gradtwin.benchmarks.worker") -> None:
        self.backend = backend
        self._errors = tempfile.TemporaryFile(mode="w+", errors="replace")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            # -P: a user's folder must not come before the libraries
            [sys.executable, "-P", "-m", module, backend],
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
        """Return the worker's result; raise its error if it is gradtwin's own, GradTwinError if it died."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            print(json.dumps([job, arguments]), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise GradTwinError(f"bench: the {self.backend} process died at {job!r}:\n{self._read_errors()}")
        answer = json.loads(line)
        if "error" in answer:
            name, message = answer["error"]
            raise getattr(gradtwin.errors, name)(message)
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
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
