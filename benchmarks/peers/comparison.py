"""Compares the gradient checkers: counts and verdicts once, times in rounds of fresh processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gradtwin.benchmarks.statistics import bootstrap_ratio
from gradtwin.errors import BackendMissingError
from gradtwin.kept import Kept
from gradtwin.processes import WorkerProcess
from gradtwin.progress import Progress

from .planted import ALL_JUDGED, QUICKLY_JUDGED, RIGHT_SETTINGS
from .question import Extents
from .results import Judged, PeerComparison, PeerTiming
from .tools import GRADTWIN, TOOLS

WORKER = "gradtwin.benchmarks.peers.worker"

#: A check that takes longer is timed once in a process: a warm-up would change it little.
LONG = 0.25


@dataclass(frozen=True)
class PeerProtocol:
    """How a comparison is run: `rounds` of processes, `values` of at least `seconds` in each, at `sizes`.

    A check that would take over `longest` seconds isn't run. Faults are planted in `faulty`: operations and settings.
    """

    rounds: int
    values: int
    seconds: float
    longest: float
    sizes: tuple[Extents, ...]
    faulty: tuple[tuple[str, str], ...]


THOROUGH = PeerProtocol(5, 3, 0.05, 20.0, ((4, 3, 2), (16, 32, 16), (64, 128, 64), (256, 512, 256)), ALL_JUDGED)
QUICK = PeerProtocol(2, 3, 0.01, 0.5, ((4, 3, 2), (16, 32, 16), (64, 128, 64)), QUICKLY_JUDGED)


def compare_peers(
    protocol: PeerProtocol,
    *,
    threads: int,
    seed: int,
    kept: Kept | None = None,
    tools: Sequence[str] = tuple(TOOLS),
    progress: Progress = lambda *_: None,
) -> PeerComparison:
    """Compare gradtwin with the other tools, those that aren't installed being listed as such."""
    kept = kept or Kept(None, {})
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    judged: list[Judged] = []
    counted: list[PeerTiming] = []
    for done, tool in enumerate(tools):
        progress(done, len(tools), f"judged by {tool}")
        try:
            with _Asked(tool, threads, kept) as asked:
                versions[tool] = asked.version
                if TOOLS[tool].timed:
                    counted += count_evaluations(asked, protocol, seed)
                judged += judge_all(asked, protocol.faulty, seed)
        except BackendMissingError as error:
            missing[tool] = str(error)
    timings = _time_all(counted, protocol, threads, seed, kept, progress)
    return PeerComparison(
        versions,
        missing,
        {tool: TOOLS[tool].settings for tool in tools},
        {**asdict(protocol), "threads": threads},
        tuple(timings),
        tuple(judged),
    )


class _Asked:
    """A tool's process, whose answers are kept; a context manager that ends it."""

    def __init__(self, tool: str, threads: int, kept: Kept, turn: int = 0) -> None:
        self.tool = tool
        self._process = WorkerProcess(tool, threads, WORKER)
        self._kept = kept
        self._about = {"tool": tool, "threads": threads, "turn": turn}
        self.version: str = self._process.conditions["version"]

    def ask(self, job: str, **arguments: Any) -> Any:
        """Return the answer to a job, kept or new."""
        question = {**self._about, "version": self.version, "job": job, **arguments}
        return self._kept.answer(question, lambda: self._process.ask(job, **arguments))

    def __enter__(self) -> _Asked:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()


def count_evaluations(asked: Any, protocol: PeerProtocol, seed: int) -> Iterator[PeerTiming]:
    """Yield how often a tool calls at each size; from the third on only where a check won't take too long."""
    found: list[PeerTiming] = []
    for extents in protocol.sizes:
        if len(found) > 1:
            forward, gradient = (extrapolate(found[:2], extents, what) for what in ("forward", "gradient"))
            estimate = (forward + gradient) * asked.ask("cost", extents=extents, seed=seed)
            if estimate > protocol.longest:
                found.append(PeerTiming(asked.tool, extents, forward, gradient, None, estimate=estimate))
                continue
        answer = asked.ask("count", extents=extents, seed=seed)
        found.append(
            PeerTiming(
                asked.tool,
                extents,
                answer["forward"],
                answer["gradient"],
                answer["verdict"],
                [[answer["seconds"]]],
            )
        )
    yield from found


def extrapolate(found: Sequence[PeerTiming], extents: Extents, what: str) -> int:
    """Return the number of calls at a size from those at two others: a constant, and some for each element."""
    (n1, calls1), (n2, calls2) = [(count_elements(t.extents), int(getattr(t, what))) for t in found]
    return round(calls1 + (calls2 - calls1) / (n2 - n1) * (count_elements(extents) - n1))


def count_elements(extents: Extents) -> int:
    """Return how many numbers are differentiated by: those of x, w and b."""
    n, k, m = extents
    return math.prod((n, k)) + math.prod((k, m)) + m


def judge_all(asked: Any, faulty: Sequence[tuple[str, str]], seed: int) -> Iterator[Judged]:
    """Yield a tool's verdict on every fault of these operations in these settings, and on their right gradients."""
    operations = {operation for operation, _ in faulty}
    right = [
        (operation, setting)
        for setting, (_, those) in RIGHT_SETTINGS.items()
        for operation in those
        if operation in operations
    ]
    for planted, pairs in ((True, faulty), (False, right)):
        for operation, setting in pairs:
            arguments = {"operation": operation, "setting": setting, "faulty": planted, "seed": seed}
            for fault, verdict in asked.ask("judge_operation", **arguments):
                yield Judged(asked.tool, operation, setting, fault, verdict)


def _time_all(
    counted: Sequence[PeerTiming], protocol: PeerProtocol, threads: int, seed: int, kept: Kept, progress: Progress
) -> list[PeerTiming]:
    """Return the timings with their samples and ratios; the order of the tools changes from round to round."""
    tools = list(dict.fromkeys(t.tool for t in counted))
    answers: dict[tuple[str, Extents], list[dict[str, Any]]] = {}
    for turn in range(protocol.rounds):
        for done, tool in enumerate(tools[:: -1 if turn % 2 else 1]):
            progress(turn * len(tools) + done, protocol.rounds * len(tools), f"timed: {tool}")
            with _Asked(tool, threads, kept, turn) as asked:
                for t in counted:
                    if t.tool == tool and t.samples:
                        values = 1 if t.median > LONG else protocol.values
                        arguments = {"extents": t.extents, "seed": seed, "values": values, "seconds": protocol.seconds}
                        answers.setdefault((tool, t.extents), []).append(asked.ask("time_check", **arguments))
    return [_summarize(t, answers, seed) for t in counted]


def _summarize(counted: PeerTiming, answers: dict[tuple[str, Extents], list[dict[str, Any]]], seed: int) -> PeerTiming:
    """Return the timing with its samples, and with the ratio to gradtwin's where both ran."""
    own = answers.get((counted.tool, counted.extents))
    if own is None:
        return counted
    samples = [answer["samples"] for answer in own]
    base = answers.get((GRADTWIN, counted.extents), [])
    ratio = None
    if base and counted.tool != GRADTWIN:
        ratio = bootstrap_ratio(samples, GRADTWIN, [answer["samples"] for answer in base], seed)
    first_checks = tuple(answer["first_call"] for answer in own)
    return replace(counted, samples=samples, first_checks=first_checks, ratio=ratio)
