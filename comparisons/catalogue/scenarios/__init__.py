"""The scenarios by name: published systems, re-created on both backends.

May import what the rest of `catalogue/` may.
"""

from __future__ import annotations

from gradtwin.errors import unknown_name

from .digits_dense import DIGITS_DENSE
from .interface import Scenario
from .layer_library import LAYER_LIBRARY
from .regression import REGRESSION
from .sincos import SINCOS
from .xor_logloss import XOR_LOGLOSS

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (REGRESSION, SINCOS, XOR_LOGLOSS, DIGITS_DENSE, *LAYER_LIBRARY)
}


def find_scenario(name: str) -> Scenario:
    """Return the scenario of that name, or raise ArgumentValueError listing the names."""
    if name not in SCENARIOS:
        raise unknown_name("scenario", name, list(SCENARIOS))
    return SCENARIOS[name]
