"""The domains of inputs that may not be any numbers: each maps whatever was drawn into it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradtwin.backends.interface import Array

#: Steps an optimizer may have taken before.
MOST_STEPS = 1000

#: name → the map of any numbers into the domain; NaN stays NaN, and what is drawn towards 0 stays simple.
DOMAINS: dict[str, Callable[[Array], Array]] = {
    # within (0, 1), away from its ends, where the log loss is infinite
    "probability": lambda x: 0.5 + 0.49 * x / (1 + np.abs(x)),
    # zeros and ones
    "mask": lambda x: np.where(np.isnan(x), x, x > 0),
    # a mean of squares
    "positive": np.abs,
    # a number of steps, whole
    "count": lambda x: np.where(np.isfinite(x), np.minimum(np.rint(np.abs(x)), MOST_STEPS), x),
}
