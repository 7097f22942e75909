"""Other values like given ones, for a second look at another point."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.comparisons.precision.constants import ANOTHER_OF_ZEROS, ANOTHER_SCALE


def redrawn(x: Any, rng: np.random.Generator, keeps_whole: bool = True) -> Any:
    """Draw other values like these: permuted and scaled, which keeps most domains; whole numbers stay, if they are to.

    Integers always do, and zeros and ones, which are a mask.
    """
    if isinstance(x, float):
        return x * float(rng.uniform(*ANOTHER_SCALE))
    array = np.asarray(x)
    if array.size and not array.any():  # what holds at 0 alone is not the cause
        return np.asarray(rng.uniform(*ANOTHER_OF_ZEROS, array.shape), dtype=array.dtype)
    if array.size == 0 or array.dtype.kind in "iub" or np.isin(array, (0, 1)).all():
        return x
    if keeps_whole and np.all(array == np.rint(array)):
        return x
    shuffled = rng.permutation(array.ravel()).reshape(array.shape)
    return np.asarray(shuffled * rng.uniform(*ANOTHER_SCALE, array.shape), dtype=array.dtype)
