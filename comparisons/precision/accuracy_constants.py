"""The numbers by which the digits that a function keeps are counted, and why each has its value."""

from __future__ import annotations

from .listing import Section

ACCURACY = Section("The digits that a function keeps")

UNSTABLE_DIGITS = ACCURACY.chosen(
    "UNSTABLE_DIGITS",
    2,
    "A function is unstable where it keeps less than UNSTABLE_PART of what is allowed, and loses at least so many "
    "digits beside the problem: a stable one loses about one, by a few roundings.",
)
MENDED_OPERATIONS = ACCURACY.chosen(
    "MENDED_OPERATIONS",
    8,
    "Operations that are computed exactly, each alone, to find the one that costs the digits.",
)
SIMPLER_LOSS = ACCURACY.chosen(
    "SIMPLER_LOSS",
    1,
    "A simpler input takes the place of the worst one where it loses at most so many digits less.",
)
KNOWN_PART = ACCURACY.chosen(
    "KNOWN_PART",
    2.0**-80,
    "A function's exact value is known where two computations of more than float64's digits agree to this part of it: "
    "float64 has 2⁻⁵³.",
)
UNBOUNDED_BITS = ACCURACY.chosen(
    "UNBOUNDED_BITS",
    (300, 1200, 4800),
    "The bits of the exact value where wide arithmetic has too few, or overflows; two of them must agree.",
)
CONDITION_DRAWS = ACCURACY.chosen(
    "CONDITION_DRAWS",
    4,
    "Directions in which the inputs are moved by one rounding, to find what a function's problem allows: the one that "
    "moves the value most counts.",
)
