"""Runs a benchmark: the correctness gate, rounds of fresh processes in alternating order, the statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gradtwin.arguments import check_seed
from gradtwin.backends.registry import BACKENDS
from gradtwin.benchmarks.claims.measure import Run, measure_claims
from gradtwin.benchmarks.peers import comparison
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.results.data import Check, Report, worst_verdict
from gradtwin.errors import ArgumentValueError, unknown_name
from gradtwin.kept import Kept
from gradtwin.memory import check_fits
from gradtwin.processes import WorkerProcess
from gradtwin.progress import Progress

from .cases import (
    BY_HAND,
    CHECK,
    CONVERSION,
    FIGURES,
    PLAIN_MATMUL,
    QUICK_CASES,
    Extents,
    Work,
    find_cases,
    works_of,
)
from .conditions import read_load, usable_cpus
from .figures import TARGETS, judge
from .report import BenchDetails
from .results import Figure, Timing
from .statistics import bootstrap_ratio

DTYPES = ("float64", "float32")

#: The module that a timed process runs.
WORKER = "gradtwin.benchmarks.worker"

#: Conditions that change from hour to hour, and make no other run of one.
PASSING = ("load", "load_after")


@dataclass(frozen=True)
class Protocol:
    """How often and how long: `rounds` of processes, `values` of at least `seconds` in each, over `sizes`."""

    rounds: int
    values: int
    seconds: float
    sizes: tuple[int, ...]


#: Where processes differ more than the values of one do, the interval from five of them holds the true ratio
#: 9 times of 10, that from two 6 times: quick is a first look.
THOROUGH = Protocol(rounds=5, values=3, seconds=0.05, sizes=(4, 16, 64, 256, 512))
QUICK = Protocol(rounds=2, values=3, seconds=0.01, sizes=(4, 256))


@dataclass(frozen=True)
class Job:
    """A piece of work, its variants by backend, those that must match to be timed, and its arithmetic."""

    work: Work
    variants: dict[str, list[str]]
    gated: list[str]
    flops: int | None = None


@dataclass
class Values:
    """Seconds by process: of a variant's first call, and of its later calls."""

    first_calls: list[list[float]] = field(default_factory=list)
    samples: list[list[float]] = field(default_factory=list)


#: By backend and variant.
Measured = dict[tuple[str, str], Values]

#: Copies of a work's arrays that both sides, their gradients and their steps hold at once, at most.
COPIES = 12


def bench(
    cases: Sequence[str] | None = None,
    *,
    quick: bool = False,
    threads: Sequence[int] | None = None,
    sizes: Sequence[int] | None = None,
    dtype: str = "float64",
    seed: int = 0,
    keep: Path | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Time cases, on both backends and in every mode; by default every operation and step (some, if `quick`).

    Each number of `threads` has separate tables; by default one, and unless `quick` all processors. `sizes` are the
    extents of the dimensions, or the samples of a network's step. The results of an interrupted run in the folder
    `keep` are reused, unless `fresh`; a complete run leaves none.

    Raises ArgumentValueError for an unknown case or dtype, an impossible number of threads, or a size that does not fit
    in memory, and BackendMissingError if TensorFlow is not installed.
    """
    names = find_cases(cases or (QUICK_CASES if quick else None))
    counts = _check_threads(threads if threads is not None else (1,) if quick else (1, len(usable_cpus())))
    check_seed(seed)
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, DTYPES)
    protocol = QUICK if quick else THOROUGH
    if sizes is not None:
        protocol = replace(protocol, sizes=_check_sizes(sizes))
    planned = list(plan_jobs(names, protocol.sizes, dtype, seed))
    _check_memory(planned)
    progress = progress or (lambda *_: None)

    with WorkerProcess("tensorflow", counts[0], WORKER) as process:
        environment = process.conditions
        lasting = {name: value for name, value in environment.items() if name not in PASSING}
        asked = {"cases": names, "threads": counts, "protocol": asdict(protocol), "dtype": dtype, "seed": seed}
        kept = Kept(keep, {**asked, "environment": lasting}, fresh=fresh)
        gate = Gate(kept)
        jobs = list(gate.admit(process, planned, progress))
    sweep: list[Timing] = []
    figures: list[Figure] = []
    for number, count in enumerate(counts):
        done = (number, len(counts))
        for job, found in zip(jobs, measure(jobs, protocol, count, kept, progress, done), strict=True):
            if BY_HAND in job.gated:  # at the first number of threads, the headline
                if number:
                    continue
                figures.append(judge(job.work, *summarize(job, found, count, seed)))
            else:
                sweep += summarize(job, found, count, seed)
                sweep += first_calls(job, found, count) if job.gated else []
    peers = None
    if CHECK in names:
        by_peers = comparison.QUICK if quick else comparison.THOROUGH
        peers = comparison.compare_peers(by_peers, threads=counts[0], seed=seed, kept=kept, progress=progress)
    run = Run(protocol.rounds, protocol.values, protocol.seconds, counts[0], seed, kept)
    claims = measure_claims(run, progress) if FIGURES in names else []
    kept.forget()
    words = [
        "gradtwin bench",
        *names,
        "--quick" if quick else "",
        f"--threads {','.join(map(str, counts))}",
        f"--sizes {','.join(map(str, sizes))}" if sizes is not None else "",
        f"--dtype {dtype} --seed {seed}",
    ]
    return Report(
        command="bench",
        checks=(*gate.checks(), *(peers.checks() if peers else ())),
        seed=seed,
        reproduce=" ".join(filter(None, words)),
        environment={
            **environment,
            "threads": counts,
            "protocol": asdict(protocol),
            "load_after": read_load(),
            "reused": kept.reused,
        },
        details=BenchDetails(tuple(sweep), tuple(figures), tuple(gate.refused), peers, tuple(claims)),
    )


def _check_threads(threads: Sequence[int]) -> list[int]:
    most = len(usable_cpus())
    for count in threads:
        if not 1 <= count <= most:
            raise ArgumentValueError(f"threads: got {count}; expected 1 to {most}, the number of available processors.")
    if not threads:
        raise ArgumentValueError(f"threads: none given; expected at least one number from 1 to {most}.")
    return list(dict.fromkeys(threads))


def _check_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    for size in sizes:
        if size < 1:
            raise ArgumentValueError(f"sizes: got {size}; expected whole numbers from 1.")
    if not sizes:
        raise ArgumentValueError("sizes: none given; expected at least one whole number from 1.")
    return tuple(sorted(set(sizes)))


def _check_memory(jobs: Sequence[Job]) -> None:
    """Raise ArgumentValueError, before anything is allocated, for the first work that would not fit in memory."""
    for job in jobs:
        what = f"sizes: {job.work.title} at n = {job.work.extents[0]}"
        check_fits(what, COPIES * job.work.bytes, "Choose smaller sizes.")


def plan_jobs(names: Sequence[str], sizes: Sequence[int], dtype: str, seed: int) -> Iterator[Job]:
    """Yield the work to time for these cases; a sweep has the conversions and the plain product too."""
    every_mode = {name: list(modes) for name, (_, _, modes) in BACKENDS.items()}
    sweep = [name for name in names if name not in (CHECK, FIGURES)]
    for name in sweep:
        for size in sizes:
            for work in works_of(name, (size, size, size), dtype, seed):
                yield Job(work, every_mode, gated=every_mode["tensorflow"])
    if sweep:
        for size in sizes:
            for stage in ("to tensor", "to array"):
                yield Job(
                    Work(CONVERSION, stage, (size, size, size), dtype, seed),
                    {"tensorflow": ["eager"]},
                    gated=[],
                )
            yield Job(Work(PLAIN_MATMUL, "forward", (size, size, size), dtype, seed), {"numpy": ["eager"]}, gated=[])
    if FIGURES in names:
        for target in TARGETS:
            yield Job(target.work(dtype, seed), {target.backend: [BY_HAND, target.mode]}, gated=[BY_HAND])


class Gate:
    """Lets matching work pass; `refused` names the other work, which is not timed."""

    def __init__(self, kept: Kept) -> None:
        self.refused: list[str] = []
        self._kept = kept
        self._found: dict[tuple[str, Extents, str], list[Check]] = {}

    def admit(self, process: WorkerProcess, jobs: Sequence[Job], progress: Progress) -> Iterator[Job]:
        """Yield each job with its arithmetic and the variants that match; one with none left is dropped."""
        for done, job in enumerate(jobs):
            progress(done, len(jobs), f"gate: {job.work.title}")
            failed = [variant for variant in job.gated if not self._matches(process, job.work, variant)]
            if job.gated and failed == job.gated:
                continue
            variants = {b: [v for v in names if v not in failed] for b, names in job.variants.items()}
            counted = job.work.case != CONVERSION
            flops = self._ask(process, "count_flops", work=asdict(job.work)) if counted else None
            yield replace(job, variants=variants, flops=flops)

    def checks(self) -> tuple[Check, ...]:
        """Return one check for each thing compared, over all sizes."""
        alike: dict[tuple[str, str, str], list[Check]] = {}
        for checks in self._found.values():
            for check in checks:
                alike.setdefault((check.operation, check.mode, check.name), []).append(check)
        return tuple(merge_checks(checks) for checks in alike.values())

    def _matches(self, process: WorkerProcess, work: Work, variant: str) -> bool:
        key = (work.case, work.extents, variant)  # the gradient's comparison has the forward's in it
        if key not in self._found:
            answer = self._ask(process, "check_work", work=asdict(work), variant=variant)
            self._found[key] = [Check.from_dict(fields) for fields in answer]
        verdict = worst_verdict(check.verdict for check in self._found[key])
        if verdict != "match":
            self.refused.append(f"{work.title} at {work.extents}, {variant}: {verdict}, so not timed")
        return verdict == "match"

    def _ask(self, process: WorkerProcess, job: str, **arguments: Any) -> Any:
        return self._kept.answer({"job": job, **arguments}, lambda: process.ask(job, **arguments))


def measure(
    jobs: Sequence[Job],
    protocol: Protocol,
    threads: int,
    kept: Kept,
    progress: Progress,
    part: tuple[int, int] = (0, 1),
) -> list[Measured]:
    """Return the measurements of each job's variants, in their order; this is one of so many `parts`.

    Each round has fresh processes, one for each backend, which work in turn and never at once. The order of the
    jobs changes from round to round, and the order of the backends from job to job.
    """
    measured: list[Measured] = [{(b, v): Values() for b, names in job.variants.items() for v in names} for job in jobs]
    number, parts = part
    for turn in range(protocol.rounds):
        with _Workers(threads) as workers:
            order = list(range(len(jobs)))[:: -1 if turn % 2 else 1]
            for done, i in enumerate(order):
                steps = (number * protocol.rounds + turn) * len(jobs) + done
                title = f"{jobs[i].work.title} {jobs[i].work.extents[0]}"
                progress(steps, parts * protocol.rounds * len(jobs), title)
                for backend, variants in list(jobs[i].variants.items())[:: -1 if (turn + i) % 2 else 1]:
                    arguments = {
                        "work": asdict(jobs[i].work),
                        "variants": variants,
                        "values": protocol.values,
                        "seconds": protocol.seconds,
                    }
                    question = {"backend": backend, "threads": threads, "turn": turn, **arguments}
                    answers = kept.answer(question, partial(workers.ask, backend, "time_work", **arguments))
                    for variant, answer in zip(variants, answers, strict=True):
                        values = measured[i][backend, variant]
                        values.first_calls.append([answer["first_call"]])
                        values.samples.append(answer["samples"])
    return measured


class _Workers(ExitStack):
    """One process for each backend, started when it is first asked."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self._threads = threads
        self._started: dict[str, WorkerProcess] = {}

    def ask(self, backend: str, job: str, **arguments: Any) -> Any:
        """Return the answer of the backend's process."""
        if backend not in self._started:
            self._started[backend] = self.enter_context(WorkerProcess(backend, self._threads, WORKER))
        return self._started[backend].ask(job, **arguments)


def summarize(job: Job, measured: Measured, threads: int, seed: int) -> list[Timing]:
    """Return the timings of a job's variants, with the ratios to the first: NumPy, or the step by hand."""
    (base, base_values), *_ = measured.items()
    timings = []
    for variant, values in measured.items():
        ratio = None
        if variant != base:
            to = BY_HAND if BY_HAND in base else "numpy"
            ratio = bootstrap_ratio(values.samples, to, base_values.samples, seed)
        timings.append(Timing(job.work, *variant, threads, values.samples, job.flops, ratio))
    return timings


def first_calls(job: Job, measured: Measured, threads: int) -> list[Timing]:
    """Return the timings of the first call of a job's variants: tracing, compiling and one run."""
    return [
        Timing(job.work, *variant, threads, values.first_calls, first_call=True) for variant, values in measured.items()
    ]
