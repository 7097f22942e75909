"""What two results may differ by: the form in which every bound, derived or measured, reaches the comparator."""

from __future__ import annotations

from dataclasses import dataclass

from gradtwin.comparisons.results.data import Cause

from .bounded_array import Reals


@dataclass(frozen=True)
class Allowance:
    """The largest |left − right| that rounding explains, elementwise.

    `value` is the result in the widest format that is known, `scale` the sum of the absolute terms behind it. `why`
    says why some of it is infinite, where it is.
    """

    value: Reals
    allowed: Reals
    scale: Reals
    why: tuple[Cause, ...] = ()
