"""Points over all magnitudes, to look for where a function loses digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gradtwin.backends.interface import Array
from gradtwin.backends.signature import Shape, Signature

from .drawn_points import Domain, draw_shapes

_MANTISSA, _SEED, _SPREAD = st.integers(0, 1023), st.integers(0, 2**16), st.integers(0, 60)
_NEGATIVE, _NEAR = st.booleans(), st.booleans()


def widest(dtype: np.dtype[Any]) -> Domain:
    """Return the domain of a dtype's numbers up to 1/u: beyond it all are whole."""
    u = float(np.finfo(dtype).eps) / 2
    largest = min(1 / u, float(np.finfo(dtype).max) / 4)
    return Domain(-largest, largest)


def exponents(domain: Domain, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the powers of two of the smallest and the largest magnitude in a domain.

    Numbers below u vanish beside 1, so that none is smaller.
    """
    least = 0.0 if domain.low <= 0 <= domain.high else min(abs(domain.low), abs(domain.high))
    largest = max(abs(domain.low), abs(domain.high))
    high = int(np.frexp(largest)[1]) - 1
    low = int(np.frexp(max(least, float(np.finfo(dtype).eps) / 2))[1]) - 1
    return min(low, high), high


@st.composite
def magnitudes(
    draw: st.DrawFn, signature: Signature, dtype: np.dtype[Any], domains: Sequence[Domain]
) -> tuple[Array, ...]:
    """Draw inputs of any size in their domains; shrinks towards small extents and magnitudes.

    The elements of an input are near one another, such as 1e8 and some noise, or of several magnitudes and signs.
    """
    shapes = draw_shapes(draw, signature)
    return tuple(_draw_input(draw, shape, dtype, d) for shape, d in zip(shapes, domains, strict=True))


def _draw_input(draw: st.DrawFn, shape: Shape, dtype: np.dtype[Any], domain: Domain) -> Array:
    spread, near, rng = draw(_SPREAD), draw(_NEAR), np.random.default_rng(draw(_SEED))
    # All bits of the mantissa: a number of few of them, such as 2⁻³⁰, is added to others without rounding.
    size = np.ldexp(1 + (draw(_MANTISSA) + rng.random()) / 1024, draw(st.integers(*exponents(domain, dtype))))
    center = float(-size if draw(_NEGATIVE) else size)
    if near:
        x = center * (1 + 2.0**-spread * rng.uniform(-1, 1, shape))
    else:
        first = np.zeros(shape, bool)
        first.reshape(-1)[:1] = True
        signs = np.where(first, 1.0, rng.choice([-1.0, 1.0], shape))
        x = center * signs * 2.0 ** np.where(first, 0.0, -spread * rng.random(shape))
    x = np.where((x < domain.low) | (x > domain.high), -x, x)
    if x.size and ((x < domain.low) | (x > domain.high)).any():  # beside an end of the domain
        x = np.where(center < 0, domain.high - np.abs(x), domain.low + np.abs(x))
    return np.asarray(domain.admit(np.clip(x, domain.low, domain.high)), dtype=dtype)
