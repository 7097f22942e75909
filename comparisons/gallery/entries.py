"""The gallery: every published fault, by source system."""

from __future__ import annotations

from . import digits_dense, layer_library, regression, sincos, xor_logloss
from .interface import PublishedFault

GALLERY: tuple[PublishedFault, ...] = (
    *regression.FAULTS,
    *sincos.FAULTS,
    *xor_logloss.FAULTS,
    *digits_dense.FAULTS,
    *layer_library.FAULTS,
)
