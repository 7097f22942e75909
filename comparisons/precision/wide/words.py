"""Error-free transformations: two doubles that are exactly the sum or the product of two others.

Dekker, *Numer. Math.* 18, 1971; Ogita, Rump & Oishi, *SIAM J. Sci. Comput.* 26, 2005.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: High and low half: the value is their sum, and the low half is at most half a unit in the last place of the high one.
Pair = tuple[Array, Array]

#: Splitting drops the last 27 of a double's 53 bits, and rounds to nearest.
_KEPT = np.int64(~((1 << 27) - 1))
_HALF = np.int64(1 << 26)


def two_sum(a: Any, b: Any) -> Pair:
    """Return s and e: a + b = s + e."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def quick_two_sum(a: Any, b: Any) -> Pair:
    """Return the same where |a| ≥ |b| or a = 0."""
    s = a + b
    return s, b - (s - a)


def split(a: Any) -> Pair:
    """Return h and l of at most 26 bits each, a = h + l; on the bits themselves, so that nothing overflows."""
    high = ((a.view(np.int64) + _HALF) & _KEPT).view(np.float64)
    return high, a - high


def two_prod(a: Any, b: Any) -> Pair:
    """Return p and e: a · b = p + e, where no part of the product falls below the smallest double."""
    p = a * b
    a_high, a_low = split(a)
    b_high, b_low = split(b)
    return p, ((a_high * b_high - p) + (a_high * b_low + a_low * b_high)) + a_low * b_low


def two_square(a: Any) -> Pair:
    """a² = p + e."""
    p = a * a
    high, low = split(a)
    return p, ((high * high - p) + 2 * (high * low)) + low * low


def distill(terms: list[Any], count: int) -> list[Array]:
    """Return the sum of doubles as `count` doubles, the largest first, each far below the one before.

    Each pass moves the sum of what is left to the end, and leaves its rounding errors before it, exactly.
    """
    terms = list(terms)
    for last in range(len(terms), len(terms) - count, -1):
        for i in range(1, last):
            terms[i], terms[i - 1] = two_sum(terms[i], terms[i - 1])
    found = terms[-count:][::-1]
    found[-1] = found[-1] + sum(terms[:-count], np.zeros(()))
    for _ in range(2):
        for i in range(count - 1, 0, -1):
            found[i - 1], found[i] = two_sum(found[i - 1], found[i])
    return found
