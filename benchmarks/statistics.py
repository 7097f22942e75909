"""Median, quartiles, and how sure a ratio of two medians is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
COVERAGE = 0.95

#: Values by process: one row for each process that took them.
Samples = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians with its bootstrap interval; `decided` unless the interval spans 1."""

    to: str
    median: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves no doubt which of the two is larger."""
        return not self.low <= 1 <= self.high

    def to_dict(self) -> dict[str, Any]:
        """Return the ratio under the keys of the JSON report."""
        return {
            "to": self.to,
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "decided": self.decided,
        }


def quartiles(samples: Samples) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third quartile of all values."""
    q1, median, q3 = np.quantile(np.concatenate([np.asarray(row) for row in samples]), (0.25, 0.5, 0.75))
    return float(q1), float(median), float(q3)


def bootstrap_ratio(samples: Samples, to: str, base: Samples, seed: int, *, paired: bool = True) -> Ratio:
    """median(samples) / median(base), with the interval that 95 % of its resamplings fall in.

    Resampled in two levels, processes first and then the values of each, since values of one process share
    its memory layout and its moment; row i of both, if `paired`, was measured by turns and is drawn together.
    """
    rng = np.random.default_rng(seed)
    measured, reference = np.asarray(samples), np.asarray(base)
    rows = _draw_rows(rng, len(measured))
    other_rows = rows if paired else _draw_rows(rng, len(reference))
    ratios = _resampled_medians(rng, measured, rows) / _resampled_medians(rng, reference, other_rows)
    low, high = np.quantile(ratios, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Ratio(to, float(np.median(measured) / np.median(reference)), float(low), float(high))


def _draw_rows(rng: np.random.Generator, processes: int) -> npt.NDArray[np.int64]:
    return rng.integers(processes, size=(RESAMPLES, processes, 1))


def _resampled_medians(
    rng: np.random.Generator, values: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    columns = rng.integers(values.shape[1], size=(*rows.shape[:2], values.shape[1]))
    medians: npt.NDArray[np.float64] = np.median(values[rows, columns].reshape(len(rows), -1), axis=1)
    return medians
