"""Checks of arguments that many functions share."""

from __future__ import annotations

from numbers import Integral

from .errors import ArgumentValueError

#: The largest seed of NumPy's older generator, which a published run needs.
LARGEST_SEED = 2**32 - 1


def check_seed(seed: object) -> None:
    """Raise ArgumentValueError unless the seed is a whole number that every generator takes."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= int(seed) <= LARGEST_SEED:
        raise ArgumentValueError(f"seed: got {seed!r}; expected a whole number from 0 to {LARGEST_SEED}.")
