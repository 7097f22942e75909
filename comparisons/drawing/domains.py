"""The domains of inputs that can't be any numbers: each maps drawn numbers into itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import LARGEST_LOGIT, MOST_STEPS

#: name → the map of any numbers into the domain; NaN stays NaN, and shrinking towards 0 gives simple numbers.
DOMAINS: dict[str, Callable[[Array], Array]] = {
    # within (0, 1), away from its ends, where the log loss is infinite
    "probability": lambda x: 0.5 + 0.49 * x / (1 + np.abs(x)),
    # of a size at which a row of softmax is not yet a one and zeros, whose gradient is lost in rounding
    "logit": lambda x: np.clip(x, -LARGEST_LOGIT, LARGEST_LOGIT),
    # zeros and ones
    "mask": lambda x: np.where(np.isnan(x), x, x > 0),
    # a mean of squares
    "positive": np.abs,
    # a number of steps, whole
    "count": lambda x: np.where(np.isfinite(x), np.minimum(np.rint(np.abs(x)), MOST_STEPS), x),
}
