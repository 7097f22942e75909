"""Complex step or extrapolated differences of the forward alone, for code that can't be traced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import EVERY_ENTRY, MOST_DIFFERENCES
from gradtwin.comparisons.subjects.functions import Place, UserFunctions
from gradtwin.errors import ArgumentValueError

from .interface import Derived, OracleName
from .sampling import Sampled, sample_gradient
from .votes import Differences, differences_gradient


class DifferencesOracle:
    """Complex steps or extrapolated differences of forward alone, with an estimate of their error."""

    name: OracleName = "finite-differences"

    def __init__(self, user: UserFunctions) -> None:
        self._user = user

    def ask(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Derived:
        """Return the value and the gradients: entry by entry, or samples where there are many entries."""
        count = sum(np.size(inputs[i]) for i in wrt)
        if self._user.style == "jacobian" and count > MOST_DIFFERENCES:
            raise ArgumentValueError(
                f"inputs: forward can't be traced, and differences of {count} elements would run it some hundreds of "
                f"times for each. Check at no more than {MOST_DIFFERENCES}; the same faults show there."
            )

        def pull_back(upstream: Array) -> tuple[Array, ...]:
            return tuple(part.value for part in self._take(inputs, wrt, upstream))

        parts = self._take(inputs, wrt, y_bar)
        value = self._user.value(inputs)
        samples = tuple(part for part in parts if isinstance(part, Sampled))
        return Derived(
            value,
            tuple(part.value for part in parts),
            pull_back,
            tuple(part.error for part in parts),
            tuple(self._describe(inputs, wrt, parts)),
            samples or None,
        )

    def _take(self, inputs: Sequence[Any], wrt: tuple[int, ...], y_bar: Array) -> Sequence[Differences | Sampled]:
        if self._user.style == "jacobian" or sum(np.size(inputs[i]) for i in wrt) <= EVERY_ENTRY:
            return differences_gradient(self._user.moved_value, inputs, wrt, y_bar)
        evaluation = self._user.run(Place(inputs, lambda _: y_bar))
        came = [g for g in evaluation.gradients if g is not None]
        given = [
            came[k].reshape(np.shape(inputs[i]))
            if k < len(came) and came[k].size == np.size(inputs[i])
            else np.zeros(np.shape(inputs[i]))
            for k, i in enumerate(wrt)
        ]
        forward = self._user.moved_value
        return [sample_gradient(forward, inputs, i, y_bar, g, seed=0) for i, g in zip(wrt, given, strict=True)]

    def _describe(
        self, inputs: Sequence[Any], wrt: tuple[int, ...], parts: Sequence[Differences | Sampled]
    ) -> Iterator[str]:
        """Yield the sharpness of the differences, and the entries that they were taken at."""
        for i, part in zip(wrt, parts, strict=True):
            if not part.value.size:
                continue
            name = self._user.words(len(inputs))[i]
            known = part.known if isinstance(part, Sampled) else np.ones(part.value.shape, bool)
            largest, error = (float(np.max(np.abs(a[known]))) for a in (part.value, part.error))
            sharpness = f"{error / largest:.1g} of the largest" if largest > 0 else f"{error:.1g}"
            where = f"{int(known.sum())} of {known.size} entries"
            where += f" and along {part.along.value.size} directions" if isinstance(part, Sampled) else ""
            yield f"differences of {name} were taken at {where}; their estimated error is {sharpness}"
