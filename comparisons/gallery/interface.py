"""An entry of the gallery: a published fault, rewritten, and its correction, each with its check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradtwin.comparisons.results.data import Report


@dataclass(frozen=True)
class Version:
    """NumPy code, its functions and classes in reading order, and the check of it."""

    code: tuple[Callable[..., Any], ...]
    check: Callable[[], Report]


@dataclass(frozen=True)
class PublishedFault:
    """A mistake that was published, as small NumPy code, with the causes that the check must name first, in order.

    `source` is the scenario that re-creates the system; `sentence` describes the fault.
    """

    slug: str
    source: str
    sentence: str
    faulty: Version
    causes: tuple[str, ...]
    corrected: Version
