"""Hand-derived rules: forward and pullbacks of an operation in one function, by NumPy alone.

May import what describes an operation from `backends/`.
"""

from __future__ import annotations

from gradtwin.backends.interface import Rule
from gradtwin.backends.operations import rules_by_name

from . import activations, convolution, linear, losses, normalization, optimizers

RULES: dict[str, Rule] = rules_by_name(activations, convolution, linear, losses, normalization, optimizers)
