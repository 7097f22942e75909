"""Forward functions in TensorFlow, under the names of `numpy_rules`; GradientTape derives the gradients.

May import what describes an operation from `backends/`, and TensorFlow.
"""

from __future__ import annotations

from gradtwin.backends.interface import Rule
from gradtwin.backends.operations import rules_by_name

from . import activations, convolution, linear, losses, normalization, optimizers

RULES: dict[str, Rule] = rules_by_name(activations, convolution, linear, losses, normalization, optimizers)
