"""Digits along the range of a function's input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gradtwin.comparisons.drawing.drawn_points import Domain
from gradtwin.comparisons.drawing.magnitudes import exponents
from gradtwin.comparisons.judging.accuracy_judge import AccuracyJudge, Measured
from gradtwin.comparisons.oracles.exact import NotExactError
from gradtwin.comparisons.subjects.interface import ContractError

from .worst_input import fits, scaled, signed_size

#: No point is measured between two whose digits differ by less, or which are nearer than this ratio.
LEAST_CHANGE, LEAST_RATIO = 0.5, 1.05


def sweep(
    judge: AccuracyJudge,
    worst: Measured,
    domains: Sequence[Domain],
    dtype: np.dtype[Any],
    count: int,
    *,
    evenly: bool,
) -> list[dict[str, Any]]:
    """Return the digits that both sides keep along the input's range: the worst input, multiplied by many factors.

    A quarter of the points are `evenly` between the ends, or none; others are spread over the magnitudes, and half lie
    where the digits change most. Each has the value `at` of the input's largest element. Points without an exact value
    are left out.
    """
    whole = Domain(min(d.low for d in domains), max(d.high for d in domains))
    size = signed_size(worst.inputs)
    found: dict[float, dict[str, Any]] = {}

    def add(at: float) -> None:
        inputs = worst.inputs if at == size or not size else scaled(worst.inputs, at / size)
        if at in found or not (at == size or fits(inputs, domains)):
            return
        try:
            measured = judge.measure(inputs)
        except (NotExactError, ContractError):
            return
        if measured is None:
            return
        digits = {"numpy": measured.kept, "tensorflow": judge.ask_tensorflow(measured)[0], "allowed": measured.allowed}
        found[at] = {"at": at, **digits, "is_worst": at == size}

    for at in (size, *_places(whole, dtype, count // 2, evenly)):
        add(at)
    for _ in range(count - count // 2):
        in_order = sorted(found)
        steps = {
            (a, b): abs(found[a]["numpy"] - found[b]["numpy"])
            for a, b in pairwise(in_order)
            if a * b > 0 and max(a / b, b / a) >= LEAST_RATIO
        }
        a, b = max(steps, key=lambda step: steps[step], default=(0.0, 0.0))
        if steps.get((a, b), 0.0) < LEAST_CHANGE:
            break
        middle = float(np.copysign(np.sqrt(abs(a)) * np.sqrt(abs(b)), a))
        before = len(found)
        add(middle)
        if len(found) == before:
            break
    return [found[at] for at in sorted(found)]


def _places(domain: Domain, dtype: np.dtype[Any], count: int, evenly: bool) -> Iterator[float]:
    """Yield places over all magnitudes of a domain, and evenly between its ends."""
    low, high = exponents(domain, dtype)
    even = count // 2 if evenly else 0
    sides = 2 if domain.low < 0 < domain.high else 1
    for exponent in np.linspace(low, high, (count - even) // sides):
        for at in (float(2.0**exponent), -float(2.0**exponent)):
            if domain.low <= at <= domain.high:
                yield at
    yield from np.linspace(domain.low, domain.high, even).tolist()
