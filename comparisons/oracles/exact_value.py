"""The exact value of a NumPy function at a point: the same formula, unmodified, in precision enough.

Wide arithmetic gives it where one more rounding of each result changes nothing. Elsewhere mpmath's numbers give it, of
more and more bits until the value stays what it is; they have no bounds, so that nothing overflows on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.accuracy_constants import KNOWN_PART, UNBOUNDED_BITS
from gradtwin.comparisons.subjects.functions import UserFunctions

from .exact import NotExactError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradtwin.comparisons.precision.wide import WideArray
    from gradtwin.comparisons.tracing.wide import Computed, UnboundedEngine, Watch, WideEngine

    MakeEngine = Callable[[Watch], WideEngine | UnboundedEngine]


@dataclass(frozen=True)
class Exact:
    """The exact value, high + low, infinite where no float64 is as large; `known` says which elements are."""

    high: Array
    low: Array
    known: Array

    def error(self, values: Array) -> Array:
        """Return the error of each element of some values relative to the exact one, from 0 to 1.

        Numbers smaller than a dtype's smallest normal one have fewer digits, and are judged by that one.
        """
        info = np.finfo(values.dtype)
        given = values.astype(np.float64)
        size = np.fmax(np.abs(self.high), float(info.tiny))
        with np.errstate(all="ignore"):
            part = np.abs((given - self.high) - self.low) / size
            rounds_to_it = self.high.astype(values.dtype) == values
        part = np.where(np.isfinite(part), np.minimum(part, 1.0), 1.0)
        return np.where(rounds_to_it & ~np.isfinite(given), 0.0, part)


class ExactFunction:
    """A function at one point; `watch` in its methods records what NumPy's operations lose there."""

    def __init__(self, user: UserFunctions, inputs: Sequence[Any]) -> None:
        self._user = user
        self._inputs = tuple(inputs)
        self._make_engine: MakeEngine | None = None

    def value(self) -> Exact:
        """Return the exact value, or raise NotExactError."""
        from gradtwin.comparisons.tracing.wide import Mode, Watch, WideEngine

        watch = Watch()
        self._make_engine = lambda watch: WideEngine(watch=watch)
        wide = self._run(WideEngine(watch=watch))
        noisy = self._run(WideEngine(Mode(noise=0)))
        found = _agreed(wide, noisy)
        if found.known.all() and not watch.has_left_range:
            return found
        return self._unbounded(found, watch.has_left_range)

    def moved(self, exact: Exact, seeds: Sequence[Any]) -> Array:
        """Return how far one rounding of the inputs moves the exact value, in any of some directions."""
        from gradtwin.comparisons.tracing.wide import Watch

        assert self._make_engine is not None
        largest = np.zeros(exact.high.shape)
        for seed in seeds:
            rng = np.random.default_rng(seed)
            engine = self._make_engine(Watch())
            shadows = {}
            for i, x in enumerate(self._inputs):
                array = np.asarray(x)
                if array.dtype.kind == "f":
                    u = float(np.finfo(array.dtype).eps) / 2
                    shadows[i] = engine.moved(x, u * rng.choice([-1.0, 1.0], array.shape))
            there = self._run(engine, shadows)
            with np.errstate(all="ignore"):
                change = np.abs((there.high - exact.high) + (there.low - exact.low))
            largest = np.fmax(largest, np.where(np.isfinite(change), change, 0.0))
        return largest

    def watched(self, watch: Watch) -> Array:
        """Run once under a watch; return NumPy's value."""
        assert self._make_engine is not None
        return np.asarray(self._compute(self._make_engine(watch), {}).values[0])

    def _unbounded(self, found: Exact, has_left_range: bool) -> Exact:
        """Return the value in mpmath's numbers; where these can't be used, what wide arithmetic knows."""
        from gradtwin.comparisons.tracing.wide import UnboundedEngine, Watch

        def engine_of(bits: int) -> MakeEngine:
            return lambda watch: UnboundedEngine(watch, bits)

        if has_left_range:
            found = Exact(found.high, found.low, np.zeros_like(found.known))
        try:
            before = self._run(UnboundedEngine(Watch(), UNBOUNDED_BITS[0]))
            for bits in UNBOUNDED_BITS[1:]:
                self._make_engine = engine_of(bits)
                after = self._run(UnboundedEngine(Watch(), bits))
                better = _agreed(after, before)
                if better.known.all():
                    break
                before = after
        except NotExactError:
            if not found.known.any():
                raise
            return found
        return better

    def _run(self, engine: Any, moved: dict[int, Any] | None = None) -> WideArray:
        computed = self._compute(engine, moved or {})
        if computed.escapes:
            raise NotExactError(f"a value left wide arithmetic: {computed.escapes[0]}")
        [y] = computed.results
        assert y is not None
        return y

    def _compute(self, engine: Any, moved: dict[int, Any]) -> Computed:
        from gradtwin.comparisons.tracing import UntraceableError
        from gradtwin.comparisons.tracing.wide import compute

        parts = self._user.wide_parts(self._inputs)
        try:
            with self._user.wide_limit():
                return compute(engine, parts.functions, parts.value, parts.inputs, parts.held, moved)
        except UntraceableError as error:
            raise NotExactError(str(error)) from error
        except MemoryError as error:
            raise NotExactError("wide arithmetic ran out of memory") from error


def _agreed(one: WideArray, two: WideArray) -> Exact:
    """Return a value, known where another computation of it gave the same."""
    high, low = np.asarray(one.high), np.asarray(one.low)
    with np.errstate(all="ignore"):
        apart = np.abs((high - two.high) + (low - two.low))
    same = (apart <= KNOWN_PART * np.abs(high)) | (np.isinf(high) & (high == two.high))
    return Exact(high, low, same)
