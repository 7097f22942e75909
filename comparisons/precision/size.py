"""The typical size of an array's elements."""

from __future__ import annotations

from typing import Any

import numpy as np


def root_mean_square(x: Any) -> float:
    """√(Σ x²/n), which neither overflows nor vanishes before its square does; 0 without elements."""
    size = np.abs(np.asarray(x, np.float64))
    largest = float(size.max(initial=0.0))
    return largest * float(np.sqrt(np.mean((size / largest) ** 2))) if 0 < largest < np.inf else largest
