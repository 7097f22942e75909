"""The soak itself: chunks handed out until the time is up, what came of each kept, a report of all."""

from __future__ import annotations

import fcntl
import math
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from gradtwin.arguments import check_seed
from gradtwin.comparisons.report.environment import describe_environment
from gradtwin.comparisons.soak.plan import EXAMPLES, Chunk, tasks
from gradtwin.comparisons.soak.processes import Processes
from gradtwin.comparisons.soak.report import SoakReport
from gradtwin.comparisons.soak.tally import Tally
from gradtwin.comparisons.suite import Progress
from gradtwin.errors import ArgumentValueError, OutputFileError
from gradtwin.kept import Kept

#: Seconds between two looks at the clock.
LOOK_EVERY = 1.0


def soak(
    *,
    minutes: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    folder: str | Path,
    progress: Progress | None = None,
) -> SoakReport:
    """Draw and judge problems over the whole catalogue for so many minutes, in so many processes of one thread each.

    Every operation × dtype × memory layout × mode is visited round after round. What fails is saved at once in the
    folder's `findings`; what was done is kept there too, so that another run with the same seed goes on from it,
    however this one ends. Ctrl-C ends it with its report.

    Raises ArgumentValueError for a number that makes no sense, OutputFileError for a folder that can't be used.
    """
    check_seed(seed)
    if not (isinstance(minutes, int | float) and math.isfinite(minutes) and minutes > 0):
        raise ArgumentValueError(f"minutes: got {minutes!r}; expected a number above 0.")
    if not isinstance(workers, int) or workers < 1:
        raise ArgumentValueError(f"workers: got {workers!r}; expected a whole number from 1.")
    environment = describe_environment()
    folder = Path(folder).resolve()
    with ExitStack() as stack:
        stack.enter_context(_alone_in(folder))
        kept = Kept(folder / "done", {"seed": seed, "examples": EXAMPLES, "environment": environment})
        soaking = _Soaking(kept, folder, minutes * 60, progress)
        processes = Processes()
        executor = stack.enter_context(ThreadPoolExecutor(workers))
        stack.callback(processes.close)  # before the executor waits for its threads
        remaining = ([chunk for chunk in task if not kept.knows(vars(chunk))] for task in tasks(seed))
        try:
            soaking.hand_out((task for task in remaining if task), executor.submit, processes.run, workers)
        except KeyboardInterrupt:
            soaking.interrupted = True
    reproduce = f"gradtwin soak --minutes {minutes:g} --workers {workers} --seed {seed}"
    return SoakReport(
        "soak",
        soaking.tally.checks,
        seed,
        reproduce,
        environment,
        tally=soaking.tally,
        folder=str(folder),
        workers=workers,
        seconds=soaking.seconds,
        fresh_examples=soaking.tally.examples - soaking.before,
        interrupted=soaking.interrupted,
    )


class _Soaking:
    """A run at work."""

    def __init__(self, kept: Kept, folder: Path, seconds: float, progress: Progress | None) -> None:
        self.tally = Tally.of(kept.answers)
        self.before = self.tally.examples
        self.interrupted = False
        self._kept, self._folder, self._progress = kept, folder, progress
        self._started = monotonic()
        self._length = seconds

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._started

    def hand_out(self, remaining: Iterator[list[Chunk]], submit: Any, run: Any, at_once: int) -> None:
        """Have tasks done, so many at once, until the time is up and the last of them has ended."""
        waiting: set[Future[list[dict[str, Any]]]] = set()
        while waiting or self.seconds < self._length:
            while len(waiting) < at_once and self.seconds < self._length:
                waiting.add(submit(run, next(remaining), self._folder))
            done, waiting = wait(waiting, LOOK_EVERY, FIRST_COMPLETED)
            for future in done:
                for result in future.result():
                    self._kept.keep(result["chunk"], result)
                    self.tally.add(result)
            if self._progress:
                what = f"{self.tally.examples} examples, {len(self.tally.findings)} findings"
                self._progress(round(min(self.seconds, self._length)), round(self._length), what)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this run; raise OutputFileError if another has it, or it can't be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise OutputFileError(f"{folder}: findings can't be kept there ({error}). Choose another --folder.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputFileError(
                f"{folder}: another soak is at work there. Wait for it, or choose another --folder."
            ) from error
        yield
