"""Measures the claims, each round in fresh processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from gradtwin.benchmarks.peers.comparison import WORKER as PEER_WORKER
from gradtwin.benchmarks.peers.tools import GRADTWIN
from gradtwin.benchmarks.statistics import Samples
from gradtwin.errors import BackendMissingError
from gradtwin.kept import Kept
from gradtwin.processes import WorkerProcess
from gradtwin.progress import Progress

from .claim import Claim, Found, find

WORKER = "gradtwin.benchmarks.claims.worker"

#: Where the checkers are compared; and where the evaluations are counted.
PEER_SIZE = (64, 128, 64)
COUNTED_SIZES = ((4, 3, 2), (16, 32, 16), PEER_SIZE, (256, 512, 256))

#: Libraries that `gradtwin --help` must not load.
NOT_FOR_HELP = ("tensorflow", "scipy")


@dataclass(frozen=True)
class Run:
    """How the claims are measured: rounds of processes, values of at least so many seconds in each."""

    rounds: int
    values: int
    seconds: float
    threads: int
    seed: int
    kept: Kept

    def ask(self, name: str, module: str, job: str, turn: int, **arguments: Any) -> Any:
        """Return the answer of a fresh process to one job, kept or new."""

        def ask() -> Any:
            with WorkerProcess(name, self.threads, module) as process:
                return process.ask(job, **arguments)

        question = {"claim": name, "job": job, "turn": turn, "threads": self.threads, **arguments}
        return self.kept.answer(question, ask)

    def ask_own(self, job: str, turn: int, **arguments: Any) -> Any:
        """Return a fresh process's answer to a job of the claims' own worker."""
        return self.ask(GRADTWIN, WORKER, job, turn, seed=self.seed, threads=self.threads, **arguments)

    def time_peers(self, *tools: tuple[str, int]) -> list[list[list[float]]]:
        """Return the seconds of each tool's check, so many values of it in a process; the tools by turns."""
        found: list[list[list[float]]] = [[] for _ in tools]
        for turn in range(self.rounds):
            for samples, (tool, values) in zip(found, tools, strict=True):
                arguments = {"extents": PEER_SIZE, "seed": self.seed, "values": values, "seconds": self.seconds}
                samples.append(self.ask(tool, PEER_WORKER, "time_check", turn, **arguments)["samples"])
        return found

    @property
    def timed(self) -> dict[str, Any]:
        """The arguments of a timed job."""
        return {"values": self.values, "seconds": self.seconds}


Measure = Callable[[Claim, Run], Found]


def against_tensorflow(claim: Claim, run: Run) -> Found:
    """Measure how many times faster a check is than `tf.test.compute_gradient`'s."""
    theirs, ours = run.time_peers(("tf.test.compute_gradient", 1), (GRADTWIN, run.values))
    return find(claim, theirs, "check_gradient", ours, run.seed)


def against_torch(claim: Claim, run: Run) -> Found:
    """Measure a check's time over that of PyTorch's fast mode, where it is installed."""
    try:
        theirs, ours = run.time_peers(("torch gradcheck, fast_mode", run.values), (GRADTWIN, run.values))
    except BackendMissingError as error:
        return Found(claim, None, reason=str(error))
    return find(claim, ours, "torch fast_mode", theirs, run.seed)


def evaluations(claim: Claim, run: Run) -> Found:
    """Count the evaluations of forward and gradient at growing sizes: the most over the fewest."""
    calls = []
    for extents in COUNTED_SIZES:
        answer = run.ask(GRADTWIN, PEER_WORKER, "count", 0, extents=extents, seed=run.seed)
        calls.append(answer["forward"] + answer["gradient"])
    return find(claim, [[float(max(calls))]], "the fewest", [[float(min(calls))]], run.seed)


def own_job(job: str, to: str, *, timed: bool = True, **arguments: Any) -> Measure:
    """Return the measurement by a job of the claims' own worker."""

    def measure(claim: Claim, run: Run) -> Found:
        wanted = {**arguments, **(run.timed if timed else {})}
        answers = [run.ask_own(job, turn, **wanted) for turn in range(run.rounds)]
        samples: Samples = [answer["samples"] for answer in answers]
        base = [answer["base"] for answer in answers] if "base" in answers[0] else None
        return find(claim, samples, to, base, run.seed)

    return measure


def memory(claim: Claim, run: Run) -> Found:
    """Measure a check's peak memory, if the system reports it."""
    if not Path("/proc/self/statm").exists():
        return Found(claim, None, reason="this system doesn't report the memory of a process")
    return own_job("check_memory", "one array", timed=False, n=2048)(claim, run)


def drawn(claim: Claim, run: Run) -> Found:
    """Measure the drawn examples a second."""
    return own_job("drawn_examples", "one second", timed=False, examples=200, values=run.values)(claim, run)


def help_seconds(claim: Claim, run: Run) -> Found:
    """Time `gradtwin --help` in fresh processes, and look at the modules that it loaded."""
    samples = [[_time_help() for _ in range(run.values)] for _ in range(run.rounds)]
    loaded = modules_of_help()
    found = [name for name in NOT_FOR_HELP if name in loaded]
    broken = f"it loads {' and '.join(found)}" if found else ""
    return find(claim, samples, "one second", None, run.seed, broken)


def modules_of_help() -> set[str]:
    """Return the names of the packages that `gradtwin --help` has loaded when it ends."""
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    code += "from gradtwin.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def _time_help() -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, "-P", "-m", "gradtwin", "--help"], capture_output=True, check=True)
    return perf_counter() - begin


CLAIMS: tuple[tuple[Claim, Measure], ...] = (
    (
        Claim("tf.test.compute_gradient's time over check_gradient's", "64 × 128 × 64", 1000, True, "×"),
        against_tensorflow,
    ),
    (Claim("check_gradient's time over torch fast_mode's", "64 × 128 × 64", 1, False, "×"), against_torch),
    (
        Claim("check_gradient's evaluations, most over fewest", "4 × 3 × 2 to 256 × 512 × 256", 1, False, "×"),
        evaluations,
    ),
    (
        Claim("check_gradient's time over a NumPy and a TensorFlow gradient's", "1024 × 1024 × 1024", 5, False, "×"),
        own_job("check_cost", "two gradients", n=1024),
    ),
    (Claim("check_gradient's peak resident memory", "2048 × 2048 × 2048", 16, False, " arrays"), memory),
    (Claim("drawn examples checked, of a matrix product", "shapes as drawn", 150, True, " / s"), drawn),
    (Claim("gradtwin --help, without TensorFlow and SciPy", "", 0.3, False, " s"), help_seconds),
    (
        Claim("matrix products' share of a NumPy training step", "1024 × 1024 × 1024", 0.9, True, ""),
        own_job("step_products", "the step", n=1024),
    ),
    (
        Claim("conv2d forward and gradient, its rate over a matrix product's", "128 channels", 0.5, True, ""),
        own_job("convolution_rate", "conv2d", n=512),
    ),
)


def measure_claims(
    run: Run, progress: Progress = lambda *_: None, claims: Sequence[tuple[Claim, Measure]] | None = None
) -> list[Found]:
    """Measure every claim."""
    chosen = CLAIMS if claims is None else claims
    found = []
    for done, (claim, measure) in enumerate(chosen):
        progress(done, len(chosen), claim.what)
        found.append(measure(claim, run))
    return found
