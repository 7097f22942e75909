"""The floating-point formats: unit roundoff, smallest normal and largest number of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradtwin.errors import unknown_name

DTYPE_NAMES = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Precision:
    """A floating-point format: `u` is the unit roundoff, half the distance from 1 to the next number."""

    dtype: np.dtype[Any]
    u: float
    smallest_normal: float
    largest: float


@cache
def precision_of(dtype: np.dtype[Any]) -> Precision:
    """Return the format of a dtype, of either byte order."""
    native = dtype.newbyteorder("=")
    if native.name == "bfloat16":
        import ml_dtypes  # TensorFlow's own bfloat16 for NumPy

        info = ml_dtypes.finfo(native)
    else:
        info = np.finfo(native)
    return Precision(
        native,
        float(info.eps) / 2,
        float(info.smallest_normal),
        float(info.max),
    )


def find_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name, or raise ArgumentValueError listing the names."""
    if name not in DTYPE_NAMES:
        raise unknown_name("dtype", name, DTYPE_NAMES)
    if name == "bfloat16":
        import ml_dtypes  # registers the name with NumPy

        name = ml_dtypes.bfloat16
    return np.dtype(name)
