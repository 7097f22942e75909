"""The cost of gradtwin itself: its training step over the same step written by hand."""

from __future__ import annotations

from dataclasses import dataclass

from gradtwin.comparisons.catalogue.scenarios.regression import REGRESSION

from .cases import Extents, Work, works_of
from .results import Figure, Timing


@dataclass(frozen=True)
class Target:
    """A backend's step in a mode, at a size, may take `limit` times as long as the step by hand."""

    backend: str
    mode: str
    extents: Extents
    limit: float

    def work(self, dtype: str, seed: int) -> Work:
        """Return the training step at this size."""
        [work] = works_of(REGRESSION.name, self.extents, dtype, seed)
        return work


TARGETS = (
    Target("numpy", "eager", (10, 5, 3), 1.3),
    Target("numpy", "eager", (512, 512, 512), 1.05),
    Target("tensorflow", "graph", (10, 5, 3), 1.1),
    Target("tensorflow", "graph", (512, 512, 512), 1.1),
)


def judge(work: Work, by_hand: Timing, timing: Timing) -> Figure:
    """Return the ratio of the backend's step to the step by hand, with its target's limit."""
    [target] = [t for t in TARGETS if (t.backend, t.extents) == (timing.backend, work.extents)]
    return Figure(f"{target.backend} {target.mode} step", by_hand, timing, target.limit)
