"""The processes that do the chunks: one for each thread that asks, here or on a machine of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradtwin.errors import GradTwinError
from gradtwin.processes import WorkerDiedError, WorkerProcess

from .plan import Chunk

WORKER = "gradtwin.comparisons.soak.worker"

#: XLA never frees a compiled program, of about 10 MB; a process is replaced after so many.
MOST_COMPILED = 100

#: Seconds after which a chunk, some seconds' work, is held to hang.
LONGEST = 900.0


@dataclass(frozen=True)
class WorkerPool:
    """Who does the chunks: `submit` has some done, one after the other; `count` says how many can be busy at once."""

    submit: Callable[[Sequence[Chunk]], Future[list[dict[str, Any]]]]
    count: Callable[[], int]


@contextmanager
def pool_on_this_machine(workers: int, folder: Path) -> Iterator[WorkerPool]:
    """Hand chunks to so many processes of this machine; they save what they find in the folder themselves."""
    processes = Processes()
    with ThreadPoolExecutor(workers) as executor:
        try:
            yield WorkerPool(lambda chunks: executor.submit(processes.run, chunks, folder), lambda: workers)
        finally:
            processes.close()


class Processes:
    """Worker processes, one BLAS and TensorFlow thread each, started when a thread first asks."""

    def __init__(self) -> None:
        self._started: dict[int, WorkerProcess] = {}
        self._closed = False

    def run(self, chunks: Sequence[Chunk], folder: Path) -> list[dict[str, Any]]:
        """Do chunks in this thread's process, and return their results; findings are saved in the folder."""
        return [self._run(chunk, folder) for chunk in chunks]

    def _run(self, chunk: Chunk, folder: Path) -> dict[str, Any]:
        """Do a chunk; one that ends the process is done again in another, carefully: if it does so again, it is found.

        A process that something else has ended costs no more than the time.
        """
        said = ""
        for careful in (False, True):
            try:
                return self._ask(chunk, folder, careful)
            except WorkerDiedError as error:
                if self._closed:
                    raise
                said = str(error)
        return {
            "chunk": vars(chunk),
            "examples": 0,
            "checks": [],
            "finding": f"{chunk.name}-judging",
            "crash": said,
            "cpu_s": 0.0,
            "spent_s": {},
            "peak_mb": 0.0,
        }

    def _ask(self, chunk: Chunk, folder: Path, careful: bool) -> dict[str, Any]:
        thread = threading.get_ident()
        try:
            if thread not in self._started:
                self._started[thread] = WorkerProcess("soak", 1, WORKER)
            if self._closed:
                raise WorkerDiedError("soak: the processes have been ended.")
            process = self._started[thread]
            alarm = threading.Timer(LONGEST, process.kill)
            alarm.start()
            try:
                found: dict[str, Any] = process.ask("run", chunk=vars(chunk), folder=str(folder), careful=careful)
            finally:
                alarm.cancel()
        except GradTwinError:
            self._end(thread)
            raise
        if found.pop("compiled") > MOST_COMPILED:
            self._end(thread)
        return found

    def _end(self, thread: int) -> None:
        process = self._started.pop(thread, None)
        if process:
            process.close()

    def close(self) -> None:
        """End every process; threads that wait for one get an error."""
        self._closed = True
        for process in list(self._started.values()):
            process.kill()
