"""The engine of wide arithmetic: the same formula in twice float64's precision, along the branches that float64 takes.

May import the rest of tracing, and the rooms before it.
"""

from .engine import KEPT, PLAIN, Mode, WideEngine
from .losses import Loss, Operation, Watch
from .run import Computed, compute
from .unbounded import UnboundedEngine

__all__ = [
    "KEPT",
    "PLAIN",
    "Computed",
    "Loss",
    "Mode",
    "Operation",
    "UnboundedEngine",
    "Watch",
    "WideEngine",
    "compute",
]
