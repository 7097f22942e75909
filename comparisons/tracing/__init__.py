"""Unmodified NumPy code under tf.GradientTape, with every escape from the trace logged."""

from gradtwin.comparisons.tracing.recorder import Escape, UntraceableError
from gradtwin.comparisons.tracing.trace import Trace, trace_forward

__all__ = ["Escape", "Trace", "UntraceableError", "trace_forward"]
