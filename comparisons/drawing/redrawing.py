"""Other values like given ones, for a second look at another point."""

from __future__ import annotations

from typing import Any

import numpy as np


def redrawn(x: Any, rng: np.random.Generator, keeps_whole: bool = True) -> Any:
    """Draw other values like these: permuted and scaled, which keeps most domains; whole numbers stay, if they are to.

    Integers always do, and zeros and ones, which are a mask.
    """
    if isinstance(x, float):
        return x * float(rng.uniform(0.7, 0.9))
    array = np.asarray(x)
    if array.size and not array.any():  # what holds at 0 alone is not the cause
        return np.asarray(rng.uniform(0.25, 0.75, array.shape), dtype=array.dtype)
    if array.size == 0 or array.dtype.kind in "iub" or np.isin(array, (0, 1)).all():
        return x
    if keeps_whole and np.all(array == np.rint(array)):
        return x
    shuffled = rng.permutation(array.ravel()).reshape(array.shape)
    return np.asarray(shuffled * rng.uniform(0.7, 0.9, array.shape), dtype=array.dtype)
