"""Unmodified NumPy code under tf.GradientTape, with every escape from the trace logged.

May import drawing and the rooms before it.
"""

from .recorder import Escape, UntraceableError
from .trace import Trace, trace_forward

__all__ = ["Escape", "Trace", "UntraceableError", "trace_forward"]
