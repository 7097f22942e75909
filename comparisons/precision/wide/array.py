"""The wide array: two float64 arrays of one shape whose sum is the value."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from .dispatch import RULES, apply
from .errors import NoWideFormError

#: Methods of ndarray that are NumPy functions of the same name.
_FUNCTIONS = frozenset(
    {
        *("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "conj"),
        *("conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod"),
        *("ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take"),
        *("trace", "transpose", "var"),
    }
)
_LAYOUT = frozenset({"device", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"})


def _binary(ufunc: np.ufunc) -> tuple[Any, Any, Any]:
    """Return the operator's method, its reflection and its in-place form."""

    def forward(self: WideArray, other: Any) -> Any:
        return apply(ufunc, (self, other))

    def reflected(self: WideArray, other: Any) -> Any:
        return apply(ufunc, (other, self))

    def in_place(self: WideArray, other: Any) -> Any:
        if not isinstance(self.high, np.ndarray):
            return forward(self, other)
        return apply(ufunc, (self, other), {"out": self})

    return forward, reflected, in_place


def _unary(ufunc: np.ufunc) -> Any:
    return lambda self: apply(ufunc, (self,))


class WideArray:
    """high + low, |low| ≤ ulp(high)/2; both are float64 arrays, or NumPy's scalars as ndarray's elements are.

    An infinite or NaN element has it in `high`, and 0 in `low`. Its dtype is float64, as user code expects.
    """

    __slots__ = ("high", "low")
    __array_priority__ = 1e6
    __hash__ = None  # type: ignore[assignment]  # as of ndarray

    def __init__(self, high: Any, low: Any) -> None:
        self.high = high
        self.low = low

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class of its halves: code asks `isinstance(x, np.ndarray)`."""
        return type(self.high)

    # The protocols of NumPy.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return apply(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return apply(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise self._narrowing("np.asarray")

    def __float__(self) -> float:
        raise self._narrowing("float")

    def __complex__(self) -> complex:
        raise self._narrowing("complex")

    def __int__(self) -> int:
        return math.trunc(Fraction(float(self.high)) + Fraction(float(self.low)))

    @staticmethod
    def _narrowing(name: str) -> NoWideFormError:
        return NoWideFormError(
            f"{name}: got a wide array, whose low half would be lost; expected a plain array. Use `wide` for "
            "sequences that hold wide arrays, or `.high` for its float64 part."
        )

    def __getattr__(self, name: str) -> Any:
        if name in _LAYOUT:
            return getattr(np.asarray(self.high), name)
        method = getattr(np.ndarray, name, None)
        function = method if method in RULES else getattr(np, name) if name in _FUNCTIONS else None
        if function is None:
            raise AttributeError(f"a wide array has no attribute {name!r}")
        return lambda *args, **kwargs: apply(function, (self, *args), kwargs)

    # Text and truth.

    def __repr__(self) -> str:
        return f"wide({self.high!r} + {self.low!r})"

    def __bool__(self) -> bool:
        return bool(self.high != 0)

    def __len__(self) -> int:
        return len(self.high)

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # Structure: what NumPy does to an array, it does to both halves.

    def __getitem__(self, key: Any) -> WideArray:
        return WideArray(self.high[key], self.low[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        apply(operator.setitem, (self, key, value))

    def __iter__(self) -> Iterator[WideArray]:
        return (WideArray(high, low) for high, low in zip(self.high, self.low, strict=True))

    def __copy__(self) -> WideArray:
        return WideArray(self.high.copy(), self.low.copy())

    def __deepcopy__(self, memo: Any) -> WideArray:
        return self.__copy__()

    @property
    def T(self) -> WideArray:  # noqa: D102
        return WideArray(self.high.T, self.low.T)

    @property
    def mT(self) -> WideArray:  # noqa: D102
        return WideArray(self.high.mT, self.low.mT)

    @property
    def real(self) -> WideArray:  # noqa: D102
        return self

    @property
    def imag(self) -> WideArray:  # noqa: D102
        return WideArray(np.zeros_like(self.high)[()], np.zeros_like(self.high)[()])

    @property
    def flat(self) -> WideArray:  # noqa: D102
        return WideArray(self.high.reshape(-1), self.low.reshape(-1))

    # fmt: off
    __add__, __radd__, __iadd__ = _binary(np.add)
    __sub__, __rsub__, __isub__ = _binary(np.subtract)
    __mul__, __rmul__, __imul__ = _binary(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _binary(np.divide)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _binary(np.floor_divide)
    __mod__, __rmod__, __imod__ = _binary(np.remainder)
    __pow__, __rpow__, __ipow__ = _binary(np.power)
    __matmul__, __rmatmul__, __imatmul__ = _binary(np.matmul)
    __eq__, _, _ = _binary(np.equal)
    __ne__, _, _ = _binary(np.not_equal)
    __lt__, _, _ = _binary(np.less)
    __le__, _, _ = _binary(np.less_equal)
    __gt__, _, _ = _binary(np.greater)
    __ge__, _, _ = _binary(np.greater_equal)
    __neg__ = _unary(np.negative)
    __pos__ = _unary(np.positive)
    __abs__ = _unary(np.absolute)
    # fmt: on

    def __divmod__(self, other: Any) -> Any:
        return apply(np.divmod, (self, other))

    def __rdivmod__(self, other: Any) -> Any:
        return apply(np.divmod, (other, self))

    def __round__(self, digits: int | None = None) -> Any:
        return apply(np.round, (self, digits or 0))
