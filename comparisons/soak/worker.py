"""The soaking process, `python -m gradtwin.comparisons.soak.worker soak`; jobs come as `gradtwin.processes` has it."""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path
from typing import Any

from gradtwin.backends.backend import Backend
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.registry import get_backend
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.processes import answer_jobs

from .chunk import run_chunk
from .plan import Chunk


class _Soaking:
    """The jobs, and the backend of the present group, whose compiled programs are of no use to another group."""

    def __init__(self) -> None:
        self._left = NumpyBackend()
        self._group: tuple[str, ...] = ()
        self._right: Backend | None = None
        self._compiled = 0

    def start(self, _: str, threads: int) -> dict[str, Any]:
        """Load TensorFlow with so many threads; NumPy's the environment has set."""
        from gradtwin.backends.quiet_import import import_tensorflow

        threading = import_tensorflow().config.threading
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
        return describe_environment()

    def run(self, _: str, chunk: dict[str, Any], folder: str, careful: bool) -> dict[str, Any]:
        """Do a chunk; return its result, the process's peak memory, and the number of XLA's compiled programs."""
        work = Chunk(**chunk)
        group = (work.operation, work.dtype, work.mode)
        if group != self._group or self._right is None:
            self._group, self._right = group, get_backend("tensorflow", work.mode)
        traced = getattr(self._right, "trace_count", 0)
        found = run_chunk(work, Path(folder), self._left, self._right, careful)
        if work.mode == "xla":
            self._compiled += getattr(self._right, "trace_count", 0) - traced
        return {**found, "peak_mb": _peak_memory(), "compiled": self._compiled}


def _peak_memory() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    soaking = _Soaking()
    answer_jobs(sys.argv[1], {"start": soaking.start, "run": soaking.run})
