"""Arrays that carry a proven bound of their rounding error: run a rule on them, and the bound of its result comes out.

Running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., §3.3). Each element is a
pair: `value`, computed in a wider format, and `error`, such that every correct evaluation in the judged format, with
sums in any order, with or without fused multiply-add, lies within `error` of `value`. The model, for one operation:

    fl(a ∘ b) = (a ∘ b)(1 + δ),  |δ| ≤ u,  plus at most the smallest normal number where the result is subnormal

(TensorFlow flushes subnormals to zero), and for a sum of K terms in any order |error| ≤ K u Σ|terms| (Jeannerod & Rump
2013).
`value`'s own rounding is counted too, so `u` below is the sum of both formats' unit roundoffs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import sliding_window_view

from gradtwin.backends.precision import Precision
from gradtwin.errors import UnsupportedError

Reals = npt.NDArray[Any]

#: How errors pass through NumPy's functions: filled by `error_rules.py`.
UFUNCS: dict[np.ufunc, Callable[..., BoundedArray]] = {}
FUNCTIONS: dict[Callable[..., Any], Callable[..., BoundedArray]] = {}
#: Functions that only move elements.
STRUCTURAL = {
    np.reshape, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.broadcast_to, np.ravel, sliding_window_view,
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """The judged format, and the wider one that holds `value`."""

    judged: Precision
    wide: np.dtype[Any]

    @property
    def u(self) -> float:
        """Unit roundoff of the judged format and of the wide one together."""
        return self.judged.u + float(np.finfo(self.wide).eps) / 2


class BoundedArray(NDArrayOperatorsMixin):
    """An array of `value ± error` that passes through NumPy's functions.

    `scale` is the sum of the absolute terms that formed each element. For a `cotangent`, the result of a pullback,
    linear operations pass it on, so cancellation does not hide the size of the terms. All elements are multiples of
    `quantum`, a power of two, or 0 if none is known. Sums and products of multiples below 2^p quanta are exact, and
    their error is 0.
    """

    __slots__ = ("cotangent", "error", "format", "quantum", "scale", "value")

    def __init__(
        self,
        value: Reals,
        error: Reals,
        scale: Reals,
        form: Format,
        quantum: float = 0.0,
        cotangent: bool = False,
    ) -> None:
        self.value = np.asarray(value)
        self.error = np.asarray(error)
        self.scale = np.asarray(scale)
        self.format = form
        self.quantum = quantum
        self.cotangent = cotangent

    @classmethod
    def of(cls, array: npt.ArrayLike, form: Format, cotangent: bool = False) -> BoundedArray:
        """Wrap exact values; their only errors are rounding to the judged format, and flushed subnormals."""
        given = np.asarray(array)
        value = given.astype(form.wide)
        magnitude = np.abs(value).astype(np.float64)
        subnormal = magnitude < form.judged.smallest_normal
        error = np.where(subnormal, magnitude, 0.0) if subnormal.any() else np.zeros_like(magnitude)
        if given.dtype not in (form.judged.dtype, np.bool_):
            judged = given.astype(form.judged.dtype).astype(form.wide)
            error = error + np.where(np.isfinite(value), np.abs(judged - value), 0).astype(np.float64)
        return cls(value, error, magnitude, form, _quantum(value, form.judged), cotangent)

    # What NumPy code asks of an array.

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The judged dtype."""
        return self.format.judged.dtype

    @property
    def T(self) -> BoundedArray:
        """The transpose."""
        return self._structure(np.transpose)

    def reshape(self, *shape: Any) -> BoundedArray:
        """Reshape, as an array does."""
        return self._structure(lambda part: part.reshape(*shape))

    def swapaxes(self, first: int, second: int) -> BoundedArray:
        """Swap two axes."""
        return self._structure(lambda part: part.swapaxes(first, second))

    def transpose(self, *axes: Any) -> BoundedArray:
        """Permute the axes, as an array does."""
        return self._structure(lambda part: part.transpose(*axes))

    def copy(self) -> BoundedArray:
        """Return a copy."""
        return self._structure(lambda part: part.copy())

    def sum(self, axis: Any = None, keepdims: bool = False) -> BoundedArray:
        """Sum over axes."""
        return FUNCTIONS[np.sum](self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> BoundedArray:
        """Average over axes."""
        return FUNCTIONS[np.mean](self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> BoundedArray:
        """Return the largest element along an axis."""
        return FUNCTIONS[np.max](self, axis, keepdims)

    def argmax(self, axis: int) -> BoundedArray:
        """Return the position of the first largest element along an axis."""
        return FUNCTIONS[np.argmax](self, axis)

    def __getitem__(self, index: Any) -> BoundedArray:
        return self._structure(lambda part: part[index])

    def __setitem__(self, index: Any, given: Any) -> None:
        part = bounded(given, self.format)
        for name in ("value", "error", "scale"):
            getattr(self, name)[index] = getattr(part, name)
        self.quantum = min(self.quantum, part.quantum)
        self.cotangent = self.cotangent or part.cotangent

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        if np.any(self.error > 0):
            raise UnsupportedError("running error: a branch on an undecided comparison; use np.where in the rule.")
        return bool(self.value)

    def __array__(self, *_: Any, **__: Any) -> Reals:
        raise UnsupportedError(
            "running error: an error-carrying array was turned into a plain one; its error would be lost."
        )

    def _structure(self, move: Callable[[Reals], Reals]) -> BoundedArray:
        """Apply a function that only moves elements."""
        value, error, scale = (np.asarray(move(part)) for part in (self.value, self.error, self.scale))
        return BoundedArray(value, error, scale, self.format, self.quantum, self.cotangent)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method == "reduce" and ufunc is np.add:
            result = FUNCTIONS[np.sum](inputs[0], kwargs.pop("axis", 0), kwargs.pop("keepdims", False))
        elif method == "__call__" and ufunc in UFUNCS:
            result = UFUNCS[ufunc](*[bounded(x, self.format) for x in inputs])
        else:
            raise UnsupportedError(f"running error: no bound is known for np.{ufunc.__name__} ({method}).")
        if kwargs:
            raise UnsupportedError(f"running error: np.{ufunc.__name__} with {', '.join(kwargs)} is not supported.")
        if out is None:
            return result
        return out[0].assign(result)

    def __array_function__(self, function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        if function in STRUCTURAL:
            return args[0]._structure(lambda part: function(part, *args[1:], **kwargs))
        if function not in FUNCTIONS:
            raise UnsupportedError(f"running error: no bound is known for np.{function.__name__}.")
        return FUNCTIONS[function](*args, **kwargs)

    def assign(self, result: BoundedArray) -> BoundedArray:
        """Write a result in place, as `out=` and `+=` do."""
        for name in ("value", "error", "scale"):
            getattr(self, name)[...] = getattr(result, name)
        self.quantum = result.quantum
        self.cotangent = result.cotangent
        return self


def bounded(x: Any, form: Format) -> BoundedArray:
    """Return x itself, or exact values, wrapped."""
    if isinstance(x, BoundedArray):
        return x
    return _constant(x, form) if isinstance(x, int | float) else BoundedArray.of(x, form)


@lru_cache(maxsize=1024)
def _constant(x: float, form: Format) -> BoundedArray:
    return BoundedArray.of(x, form)  # nothing is ever assigned to a number of a rule's


def _quantum(value: Reals, judged: Precision) -> float:
    """Return the largest power of two of which all elements are multiples, if products of it could be exact, else 0."""
    for x in map(float, value.flat[:8]):  # one of these decides for most arrays
        if not math.isfinite(x):
            return 0.0
        numerator, denominator = x.as_integer_ratio()
        if numerator and (numerator & -numerator) / denominator * (0.5 / judged.u) < abs(x):
            return 0.0
    magnitudes = np.abs(value[value != 0]).astype(np.float64)
    if magnitudes.size == 0:
        return 1.0
    if not np.isfinite(magnitudes).all():
        return 0.0
    mantissa, exponent = np.frexp(magnitudes)
    digits = np.finfo(np.float64).nmant + 1
    whole = np.ldexp(mantissa, digits).astype(np.int64)
    quantum = float(np.ldexp((whole & -whole).astype(np.float64), exponent - digits).min())
    if quantum * (0.5 / judged.u) < float(magnitudes.max()) or quantum < safe_from_underflow(judged):
        return 0.0
    return quantum


def safe_from_underflow(judged: Precision) -> float:
    """Return how large quanta must be for the steps of any evaluation, not only this one's, to stay normal numbers."""
    return judged.smallest_normal / judged.u
