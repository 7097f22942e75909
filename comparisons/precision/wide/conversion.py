"""Making wide arrays of plain ones, numbers and nested sequences, exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arithmetic import normalize
from .array import WideArray
from .errors import NoWideFormError
from .words import Array, Pair

#: Every integer up to here is a double.
_EXACT = 2**53
_ZERO = np.zeros(())


def wide(x: Any, low: Any = None) -> WideArray:
    """Return the exact value of a number, an array or a nested sequence as a wide array of its own memory.

    Parameters
    ----------
    x : array_like
        Real numbers; wide arrays may stand among them.
    low : array_like, optional
        What is added to it.

    Raises
    ------
    NoWideFormError
        If an element is not a real number.

    """
    high, rest = to_pair(x)
    if low is not None:
        high, rest = normalize(high, np.asarray(low, np.float64))
    return WideArray(np.array(high), np.array(np.broadcast_to(rest, np.shape(high))))


def is_wide(x: Any) -> bool:
    """Return whether an object is a wide array, or a sequence that holds one."""
    return isinstance(x, WideArray) or (isinstance(x, list | tuple) and any(map(is_wide, x)))


def to_pair(x: Any) -> Pair:
    """Return the two halves of a wide array, or of plain numbers; a low half that is all 0 may have no axes."""
    if isinstance(x, WideArray):
        return x.high, x.low
    if type(x) is float or isinstance(x, np.float64):
        return np.asarray(x), _ZERO
    if type(x) is int:
        return _of_integer(x)
    if is_wide(x):
        pairs = [to_full_pair(item) for item in x]
        return np.array([high for high, _ in pairs]), np.array([low for _, low in pairs])
    return _of_array(np.asarray(x))


def to_full_pair(x: Any) -> Pair:
    """Return two halves of one shape."""
    high, low = to_pair(x)
    return high, low if np.shape(low) == np.shape(high) else np.zeros_like(high)


def _of_integer(x: int) -> Pair:
    if abs(x) <= _EXACT:
        return np.asarray(float(x)), _ZERO
    try:
        high = float(x)
    except OverflowError:
        return np.asarray(math.inf if x > 0 else -math.inf), _ZERO
    return np.asarray(high), np.asarray(float(x - int(high)))


def _of_array(x: Any) -> Pair:
    kind = x.dtype.kind
    if x.dtype.newbyteorder("=") == np.float64:
        return x if x.dtype.isnative else x.astype(np.float64), _ZERO
    if kind == "f":
        high: Array = x.astype(np.float64)
        if x.dtype.itemsize <= high.itemsize:
            return high, _ZERO
        low = (x - high).astype(np.float64)
        return high, np.where(np.isfinite(low), low, 0)
    if kind == "b" or (kind in "iu" and (x.dtype.itemsize < _ITEMSIZE or not x.size or _is_small(x))):
        return x.astype(np.float64), _ZERO
    if kind in "iu" or (kind == "O" and all(isinstance(item, int) for item in x.flat)):
        pairs = [_of_integer(int(item)) for item in x.flat]
        high, low = (np.array([float(pair[half]) for pair in pairs]).reshape(x.shape) for half in (0, 1))
        return high, low
    raise NoWideFormError(
        f"wide arithmetic: got elements of {x.dtype}; expected real numbers. Use a real dtype, or leave the function "
        "to float64."
    )


_ITEMSIZE = np.dtype(np.float64).itemsize


def _is_small(x: Any) -> bool:
    return int(x.max()) <= _EXACT and int(x.min()) >= -_EXACT


def from_pair(x: Pair) -> WideArray:
    """Return a result; one without axes is a scalar, as of NumPy's ufuncs."""
    high, low = x
    if not np.ndim(high):
        return WideArray(np.float64(high), np.float64(low))
    return WideArray(high, low if np.shape(low) == np.shape(high) else np.array(np.broadcast_to(low, np.shape(high))))


def store(out: Any, result: Any) -> Any:
    """Return a result, or write it into `out=` where that is given."""
    out = out[0] if isinstance(out, tuple) else out
    if out is None or out is ...:
        return result
    if not isinstance(out, WideArray):
        if isinstance(result, WideArray):
            raise NoWideFormError(
                f"out=: got {type(out).__name__}, which can't hold a wide array; expected a wide array. "
                "Leave `out` away, or make it by `wide`."
            )
        out[...] = result
        return out
    high, low = to_pair(result)
    out.high[...], out.low[...] = high, low
    return out
