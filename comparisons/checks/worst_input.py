"""The input at which a function loses most digits: drawn, climbed to, and made simple."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.signature import Signature
from gradtwin.comparisons.drawing.drawn_points import Domain
from gradtwin.comparisons.drawing.magnitudes import magnitudes
from gradtwin.comparisons.drawing.search import climb
from gradtwin.comparisons.judging.accuracy_judge import AccuracyJudge, Measured
from gradtwin.comparisons.oracles.exact import NotExactError
from gradtwin.comparisons.precision.accuracy_constants import SIMPLER_LOSS
from gradtwin.comparisons.subjects.interface import ContractError

#: Steps of a bisection of the magnitude, and significant digits that are tried.
BISECTIONS, SHORTEST = 12, 4

#: A function of the inputs that is no worse at simpler ones.
Try = Callable[[Sequence[Any]], Measured | None]


@dataclass
class Search:
    """Measures a function at many points, and keeps the worst; `why_not` counts the reasons for those without one."""

    judge: AccuracyJudge
    worst: Measured | None = None
    points: int = 0
    why_not: Counter[str] = field(default_factory=Counter)

    def measure(self, inputs: Sequence[Any]) -> Measured | None:
        """Measure at a point; None where nothing is known there."""
        self.points += 1
        try:
            found = self.judge.measure(inputs)
        except NotExactError as error:
            self.why_not[str(error)] += 1
            return None
        except ContractError as error:
            self.why_not[error.causes[0].text.rstrip(".")] += 1
            return None
        if found is None:
            self.why_not["its exact value is not known there"] += 1
        elif self.worst is None or _rank(found) > _rank(self.worst):
            self.worst = found
        return found

    def climb(
        self, signature: Signature, dtype: np.dtype[Any], domains: Sequence[Domain], count: int, seed: int
    ) -> None:
        """Draw so many points, the later ones near the worst."""

        def lost(inputs: Sequence[Any]) -> float:
            found = self.measure(inputs)
            return found.lost if found else 0.0

        climb(magnitudes(signature, dtype, domains), lost, examples=count, seed=seed)

    def simplify(self, signature: Signature, domains: Sequence[Domain]) -> None:
        """Make the worst input simpler while it loses nearly as much: fewer elements, nearer to 1, fewer digits."""
        if self.worst is None:
            return
        target = self.worst
        for inputs in _simpler(signature, domains, target, self._nearly(target)):
            found = self._nearly(target)(inputs)
            if found is not None:
                self.worst = found

    def _nearly(self, target: Measured) -> Try:
        def measure(inputs: Sequence[Any]) -> Measured | None:
            try:
                found = self.judge.measure(inputs)
            except (NotExactError, ContractError):
                return None
            is_as_bad = found is not None and found.is_unstable >= target.is_unstable
            return found if found and is_as_bad and found.lost >= target.lost - SIMPLER_LOSS else None

        return measure


def _rank(found: Measured) -> tuple[bool, float]:
    return found.is_unstable, found.lost


def _simpler(
    signature: Signature, domains: Sequence[Domain], target: Measured, measure: Try
) -> Iterator[tuple[Any, ...]]:
    """Yield candidates, each made of the simplest that holds so far."""
    inputs = target.inputs
    if all(core == ("...",) for core in signature.inputs) and all(x.shape == target.y.shape for x in inputs):
        alone = tuple(np.array(x[target.index]) for x in inputs)
        if measure(alone) is not None:
            inputs = alone
            yield inputs
    inputs = tuple(np.array(x) for x in inputs)
    size = _size(inputs)
    if size > 0:
        low, high = 0.0, -float(np.log2(size))  # the power of two that brings it to 1
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            nearer = scaled(inputs, 2.0**middle)
            if fits(nearer, domains) and measure(nearer) is not None:
                low = middle
            else:
                high = middle
        inputs = scaled(inputs, 2.0**low)
        yield inputs
    for digits in range(1, SHORTEST + 1):
        short = tuple(_round(x, digits) for x in inputs)
        if fits(short, domains) and measure(short) is not None:
            yield short
            return


def _floating(inputs: Sequence[Any]) -> list[Array]:
    return [np.asarray(x) for x in inputs if np.asarray(x).dtype.kind == "f"]


def _size(inputs: Sequence[Any]) -> float:
    return abs(signed_size(inputs))


def signed_size(inputs: Sequence[Any]) -> float:
    """Return the input's element of largest magnitude."""
    every = np.concatenate([x.reshape(-1).astype(np.float64) for x in _floating(inputs)])
    return float(every[np.argmax(np.abs(every))]) if every.size else 0.0


def scaled(inputs: Sequence[Any], factor: float) -> tuple[Any, ...]:
    """Return the floating inputs multiplied by a factor."""

    def times(x: Any) -> Any:
        array = np.asarray(x)
        return np.asarray(array.astype(np.float64) * factor, array.dtype)[()] if array.dtype.kind == "f" else x

    return tuple(map(times, inputs))


def _round(x: Any, digits: int) -> Array:
    array = np.asarray(x)
    short = [float(f"{value:.{digits}g}") for value in array.reshape(-1).astype(np.float64)]
    return np.array(short, array.dtype).reshape(array.shape)


def fits(inputs: Sequence[Any], domains: Sequence[Domain]) -> bool:
    """Return whether inputs are finite, and in their domains."""
    for x, domain in zip(inputs, domains, strict=True):
        values = np.asarray(x, np.float64)
        if not np.all((values >= domain.low) & (values <= domain.high) & (values == domain.admit(values))):
            return False
    return True
