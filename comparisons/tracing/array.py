"""The tracing array: NumPy's own value beside the tensor that GradientTape differentiates.

Every operation runs twice. NumPy computes the value, with its dtypes, promotion, views, comparisons and errors, and
TensorFlow computes the tensor. Inside a traced run every array is a tracing array; an *inactive* one does
not depend on the differentiated inputs, has no tensor, and may leave the trace freely.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import Array, Buffer

if TYPE_CHECKING:
    from .recorder import Recorder

#: Attributes that say nothing of the values.
_SHAPE_ATTRIBUTES = frozenset({"dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides", "device"})
#: Methods that are NumPy functions of the same name; the others are looked up as `np.ndarray.name`.
_FUNCTIONS = frozenset(
    {
        *("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "conj"),
        *("conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod"),
        *("ravel", "repeat", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take", "trace"),
        *("transpose", "var"),
    }
)
_OPERANDS = (np.ndarray, np.generic, bool, int, float, list, tuple)


def _binary(ufunc: np.ufunc, evaluate: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    """Return the operator's method, its reflection and its in-place form."""

    def forward(self: TracingArray, other: Any) -> Any:
        # The value of an unknown class's own arithmetic would leave the trace unseen: let it meet the tracing array.
        if type(other) is not TracingArray and not isinstance(other, _OPERANDS):
            return NotImplemented
        return self._recorder.call(ufunc, (self, other), {}, evaluate)

    def reflected(self: TracingArray, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return self._recorder.call(ufunc, (other, self), {}, evaluate)

    def in_place(self: TracingArray, other: Any) -> Any:
        if not isinstance(self._value, np.ndarray):
            return forward(self, other)
        self._recorder.call(ufunc, (self, other), {"out": (self,)})
        return self

    return forward, reflected, in_place


def _unary(ufunc: np.ufunc, evaluate: Callable[[Any], Any]) -> Any:
    def method(self: TracingArray) -> Any:
        return self._recorder.call(ufunc, (self,), {}, evaluate)

    return method


class TracingArray:
    """A value (ndarray, NumPy scalar or Python float) and the buffer that knows its tensor."""

    __slots__ = ("_buffer", "_cached", "_recorder", "_value")
    __array_priority__ = 1e6
    __hash__ = None  # type: ignore[assignment]  # as of ndarray

    def __init__(self, recorder: Recorder, value: Any, buffer: Buffer) -> None:
        self._recorder = recorder
        self._value = value
        self._buffer = buffer
        self._cached: tuple[int, Any] = (-1, None)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class of the value: user code asks `isinstance(x, np.ndarray)`."""
        return type(self._value)

    # The protocols of NumPy.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self._recorder.call(function, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._recorder.call(function, args, kwargs)

    # Ways out of the trace.

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        self._escape("__array__")
        array = np.array(self._value, dtype=dtype)
        array.flags.writeable = False  # a write would be lost
        return array

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array

    def __float__(self) -> float:
        self._escape("__float__")
        return float(self._value)

    def __int__(self) -> int:
        self._escape("__int__")
        return int(self._value)

    def __index__(self) -> int:
        self._escape("__index__")
        return operator.index(self._value)

    def __complex__(self) -> complex:
        self._escape("__complex__")
        return complex(self._value)

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._escape("pickling")
        return self._value.__reduce_ex__(protocol)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        attribute = getattr(self._value, name)
        if name in _SHAPE_ATTRIBUTES:
            return attribute
        if not callable(attribute) or name == "as_integer_ratio":  # integers, but the whole value
            self._escape(f".{name}")
            return attribute
        function = getattr(np, name) if name in _FUNCTIONS else getattr(np.ndarray, name, attribute)

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._recorder.call(
                function, (self, *args), kwargs, lambda value, *a, **k: getattr(value, name)(*a, **k)
            )

        return method

    def _escape(self, what: str) -> None:
        if self._buffer.active:
            self._recorder.escape(what)

    # Text and truth.

    def __repr__(self) -> str:
        self._escape("text")  # it could be read again
        return repr(self._value)

    def __str__(self) -> str:
        self._escape("text")
        return str(self._value)

    def __format__(self, spec: str) -> str:
        self._escape("text")
        return format(self._value, spec)

    def __bool__(self) -> bool:
        if self._buffer.active:
            self._recorder.branch()
        return bool(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # Structure.

    def __getitem__(self, key: Any) -> Any:
        return self._recorder.call(operator.getitem, (self, key), {})

    def __setitem__(self, key: Any, data: Any) -> None:
        self._recorder.call(operator.setitem, (self, key, data), {})

    def __iter__(self) -> Iterator[Any]:
        if not np.ndim(self._value):
            iter(self._value)  # raises NumPy's own error
        return (self[i] for i in range(len(self._value)))

    def __copy__(self) -> Any:
        return self._recorder.call(np.copy, (self,), {})

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    @property
    def T(self) -> Any:  # noqa: D102
        return self._recorder.call(np.transpose, (self,), {})

    @property
    def mT(self) -> Any:  # noqa: D102
        return self._recorder.call(np.matrix_transpose, (self,), {})

    @property
    def real(self) -> Any:  # noqa: D102
        return self

    @property
    def imag(self) -> Any:  # noqa: D102
        return self._recorder.call(np.zeros_like, (self,), {})

    @property
    def flat(self) -> Any:  # noqa: D102
        if not self._value.flags.c_contiguous:  # a reshaped copy would swallow writes
            self._escape(".flat")
            return self._value.flat
        return self._recorder.call(np.reshape, (self, -1), {})

    @property
    def shape(self) -> Any:  # noqa: D102
        return self._value.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        view = self._value.view()
        view.shape = shape
        self._value = view
        self._cached = (-1, None)

    # fmt: off
    __add__, __radd__, __iadd__ = _binary(np.add, operator.add)
    __sub__, __rsub__, __isub__ = _binary(np.subtract, operator.sub)
    __mul__, __rmul__, __imul__ = _binary(np.multiply, operator.mul)
    __truediv__, __rtruediv__, __itruediv__ = _binary(np.divide, operator.truediv)
    __floordiv__, __rfloordiv__, __ifloordiv__ = _binary(np.floor_divide, operator.floordiv)
    __mod__, __rmod__, __imod__ = _binary(np.remainder, operator.mod)
    __pow__, __rpow__, __ipow__ = _binary(np.power, operator.pow)
    __matmul__, __rmatmul__, __imatmul__ = _binary(np.matmul, operator.matmul)
    __and__, __rand__, __iand__ = _binary(np.bitwise_and, operator.and_)
    __or__, __ror__, __ior__ = _binary(np.bitwise_or, operator.or_)
    __xor__, __rxor__, __ixor__ = _binary(np.bitwise_xor, operator.xor)
    __eq__, _, _ = _binary(np.equal, operator.eq)
    __ne__, _, _ = _binary(np.not_equal, operator.ne)
    __lt__, _, _ = _binary(np.less, operator.lt)
    __le__, _, _ = _binary(np.less_equal, operator.le)
    __gt__, _, _ = _binary(np.greater, operator.gt)
    __ge__, _, _ = _binary(np.greater_equal, operator.ge)
    __neg__ = _unary(np.negative, operator.neg)
    __pos__ = _unary(np.positive, operator.pos)
    __abs__ = _unary(np.absolute, operator.abs)
    __invert__ = _unary(np.invert, operator.invert)
    # fmt: on

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        return self._recorder.call(np.round, (self,), {}, lambda value: round(value, digits))
