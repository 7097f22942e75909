"""Checks of arguments that many functions share."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

from .errors import ArgumentValueError

if TYPE_CHECKING:
    import argparse

#: The largest seed of NumPy's older generator, which a published run needs.
LARGEST_SEED = 2**32 - 1


def check_seed(seed: object) -> None:
    """Raise ArgumentValueError unless the seed is a whole number that every generator takes."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= int(seed) <= LARGEST_SEED:
        raise ArgumentValueError(f"seed: got {seed!r}; expected a whole number from 0 to {LARGEST_SEED}.")


def check_place(options: argparse.Namespace, signature: str) -> None:
    """Raise ArgumentValueError where --signature and --inputs don't go together; `signature` is a right one."""
    if (options.signature is None) == (options.inputs is None):
        came = "neither" if options.signature is None else "both"
        raise ArgumentValueError(
            f"--signature, --inputs: got {came}; expected one: shapes of drawn inputs, such as "
            f"--signature '{signature}', or an .npz file of inputs."
        )
    for name in ("dtype", "domain", "examples"):
        if options.inputs is not None and getattr(options, name) is not None:
            raise ArgumentValueError(
                f"--{name}: got it with --inputs; expected it with --signature, for drawn inputs. Leave one out."
            )
