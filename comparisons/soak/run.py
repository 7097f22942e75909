"""The soak itself: starts chunks until the time is up, keeps their results, and reports them."""

from __future__ import annotations

import fcntl
import math
import shlex
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from gradtwin.arguments import check_seed
from gradtwin.backends.operations import OPERATIONS, find_operation
from gradtwin.comparisons.results.data import Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.errors import ArgumentValueError, GradTwinError, OutputFileError
from gradtwin.files import write_whole
from gradtwin.kept import Kept, damaged
from gradtwin.progress import Progress

from .cluster import pool_on_cluster
from .plan import EXAMPLES, tasks
from .processes import LONGEST, WorkerPool, pool_on_this_machine
from .report import SoakDetails
from .tally import Tally

#: Seconds between two looks at the clock.
LOOK_EVERY = 1.0


def soak(
    *operations: str,
    minutes: float = 1.0,
    workers: int = 1,
    seed: int = 0,
    folder: str | Path,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Draw and judge problems over the catalogue for so many minutes, in so many processes of one thread each.

    With `scheduler`, the address of a Dask scheduler that you trust, its workers do the work instead.

    Every operation (default: all) × dtype × memory layout × mode is visited round after round. A failing problem is
    saved at once in the folder's `findings`. The folder also keeps the results, and another run with the same seed
    continues from them. Ctrl-C ends the soak with its report.

    Raises ArgumentValueError for an unknown operation or an impossible number, OutputFileError for a folder that
    can't be used, InputFileError for damaged results in it, and BackendMissingError without TensorFlow, or with a
    scheduler and without Dask.
    """
    chosen = {find_operation(name).name for name in operations} or set(OPERATIONS)
    check_seed(seed)
    if not (isinstance(minutes, int | float) and math.isfinite(minutes) and minutes > 0):
        raise ArgumentValueError(f"minutes: got {minutes!r}; expected a number above 0.")
    if not isinstance(workers, int) or workers < 1:
        raise ArgumentValueError(f"workers: got {workers!r}; expected a whole number from 1.")
    environment = describe_environment()
    folder = Path(folder).resolve()
    pool = pool_on_cluster(scheduler) if scheduler else pool_on_this_machine(workers, folder)
    with _alone_in(folder):
        kept = Kept(folder / "done", {"seed": seed, "examples": EXAMPLES, "environment": environment})
        soaking = _Soaking(kept, folder, seed, minutes * 60, progress)
        with pool as started:
            try:
                soaking.hand_out(started, chosen)
            except KeyboardInterrupt:
                soaking.interrupted = True
    where = f"--scheduler {scheduler}" if scheduler else f"--workers {workers}"
    named = "".join(f"{name} " for name in operations)
    reproduce = f"gradtwin soak {named}--minutes {minutes:g} {where} --seed {seed} --folder {shlex.quote(str(folder))}"
    details = SoakDetails(
        tally=soaking.tally,
        folder=str(folder),
        where=where,
        seconds=soaking.seconds,
        fresh_examples=soaking.tally.examples - soaking.before,
        interrupted=soaking.interrupted,
        given_up=tuple(soaking.given_up),
    )
    return Report("soak", soaking.tally.checks, seed, reproduce, environment, details=details)


class _Soaking:
    """A run at work."""

    def __init__(self, kept: Kept, folder: Path, seed: int, seconds: float, progress: Progress | None) -> None:
        try:
            self.tally = Tally.of(kept.answers)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(kept.path, f"an answer is not a soak's ({type(error).__name__}: {error})") from error
        self.before = self.tally.examples
        self.interrupted = False
        self.given_up: list[str] = []
        self._kept, self._folder, self._seed, self._progress = kept, folder, seed, progress
        (folder / "findings").mkdir(exist_ok=True)
        self._started = monotonic()
        self._length = seconds

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._started

    def hand_out(self, pool: WorkerPool, operations: Collection[str]) -> None:
        """Have tasks of these operations done until the time is up and the last of them has ended."""
        asked = (task for task in tasks(self._seed) if task[0].operation in operations)
        remaining = ([chunk for chunk in task if not self._kept.knows(vars(chunk))] for task in asked)
        waiting: dict[Future[list[dict[str, Any]]], int] = {}
        came = monotonic()
        while waiting or self.seconds < self._length:
            while len(waiting) < max(1, pool.count()) and self.seconds < self._length:
                chunks = next(filter(None, remaining))
                waiting[pool.submit(chunks)] = len(chunks)
            done, _ = wait(waiting, LOOK_EVERY, FIRST_COMPLETED)
            for future in done:
                self._take(future, waiting.pop(future))
            came = monotonic() if done else came
            if self.seconds > self._length and monotonic() - came > LONGEST:
                self.given_up += [f"{count} chunks: nothing came of them" for count in waiting.values()]
                break
            if self._progress:
                what = f"{self.tally.examples} examples, {len(self.tally.findings)} findings"
                self._progress(round(min(self.seconds, self._length)), round(self._length), what)

    def _take(self, future: Future[list[dict[str, Any]]], count: int) -> None:
        """Keep the results of a task; another run does the chunks that a cluster could not do."""
        try:
            results = future.result()
        except GradTwinError:
            raise
        except (Exception, CancelledError) as error:
            self.given_up.append(f"{count} chunks: {type(error).__name__}: {error}")
            return
        for result in results:
            for name, content in sorted(result.pop("files", {}).items(), reverse=True):  # .npz, then .json
                write_whole(self._folder / "findings" / name, content)
            self._kept.keep(result["chunk"], result)
            self.tally.add(result)


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
                f"{folder}: another soak is running there. Wait for it, or choose another --folder."
            ) from error
        yield
