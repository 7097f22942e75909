"""Shadows without bounds: mpmath's numbers, whose exponents are whole numbers of any size.

Wide arithmetic has the range of float64. Where a value leaves it on the way, these shadows say what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.wide import WideArray
from gradtwin.comparisons.precision.wide.tables import MP
from gradtwin.comparisons.tracing.buffers import Array
from gradtwin.comparisons.tracing.conversion import (
    DIFFERENTIABLE,
    is_active,
    is_differentiable,
    is_tracing,
    plain,
    shadow_of,
)
from gradtwin.comparisons.tracing.dispatch import Call, Rule, store

from . import rules
from .losses import Watch


class UnboundedEngine:
    """Arrays of mpmath's numbers of so many bits beside NumPy's values, which decide."""

    keeps_constants = True
    more = 0

    def __init__(self, watch: Watch, bits: int) -> None:
        self.watch = watch
        self._bits = bits

    def rule_of(self, function: Any) -> Rule | None:
        """Return the rule of a function that computes."""
        if function in _EXTREMA:
            return rules.rule_of(function, False)
        operation = _OPERATIONS.get(function)
        return None if operation is None else lambda this: self._compute(this, operation)

    def _compute(self, this: Call, operation: Callable[..., Any]) -> Any:
        kwargs = {key: x for key, x in this.kwargs.items() if x is not np._NoValue}
        target = kwargs.pop("out", None)
        args = this.args
        if isinstance(this.function, np.ufunc) and len(args) > this.function.nin:
            args, target = args[: this.function.nin], args[this.function.nin]
        value = replace(this, args=args, kwargs=kwargs).value()
        if not is_differentiable(value):
            return NotImplemented
        with MP.workprec(self._bits):
            if isinstance(operation, _Chosen):
                found = operation.decide(*map(plain, args))(*map(_operand, args))
            else:
                options = {key: plain(x) for key, x in kwargs.items() if key != "dtype"}
                found = operation(*map(_operand, args), **options)
            found = np.asarray(found, object)
            value = self.watch.see(this, value, found, self)
        return store(this.recorder, None if target is ... else target, value, found)

    def adopt(self, values: Array) -> Any:
        """Return the numbers of floating values."""
        return numbers(values) if values.dtype.char in DIFFERENTIABLE else None

    def constant(self, values: Any, dtype: np.dtype[Any]) -> Any:  # noqa: ARG002
        """Return plain values as numbers."""
        return numbers(values)

    def result(self, shadow: Any) -> WideArray:
        """Return the numbers as a wide array; infinite where they are too large for one."""
        high = np.asarray(_FLOAT(shadow), np.float64)
        with MP.workprec(self._bits):
            rest = np.asarray(_FLOAT(shadow - numbers(high)), np.float64)
        return WideArray(high, np.where(np.isfinite(high), rest, 0.0))

    def moved(self, values: Any, parts: Array) -> Any:
        """Return the numbers of some values, each moved by a part of itself."""
        with MP.workprec(self._bits):
            return np.asarray(numbers(values) * (1 + numbers(parts)), object)

    def error_of(self, value: Any, shadow: Any) -> Array:
        """Return the error of each element relative to its exact value, at most 1."""
        return np.asarray(_ERROR(numbers(value), shadow), np.float64)

    def rounded_to(self, shadow: Any, value: Any) -> Any:
        """Return the numbers, rounded to the kind and dtype of NumPy's."""
        array = np.asarray(_FLOAT(shadow), np.float64).astype(np.asarray(value).dtype)
        return array if isinstance(value, np.ndarray) else type(value)(array)

    def zeros(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:  # noqa: ARG002
        """Return zeros."""
        return numbers(np.zeros(shape))

    def shape(self, shadow: Any) -> tuple[int, ...]:
        """Return a shape."""
        return np.shape(shadow)

    def is_of(self, shadow: Any, dtype: np.dtype[Any]) -> bool:  # noqa: ARG002
        """Return True: these stand beside values of any floating dtype."""
        return True

    def cast(self, shadow: Any, dtype: np.dtype[Any]) -> Any:  # noqa: ARG002
        """Return the same numbers."""
        return shadow

    def reshape(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return the same elements in another shape."""
        return np.reshape(shadow, shape)

    def transpose(self, shadow: Any, axes: Sequence[int]) -> Any:
        """Return the same elements with the axes in another order."""
        return np.transpose(shadow, axes)

    def broadcast(self, shadow: Any, shape: tuple[int, ...]) -> Any:
        """Return an array repeated to a shape."""
        return np.broadcast_to(shadow, shape)

    def concatenate(self, flat: Sequence[Any]) -> Any:
        """Return flat arrays, one after the other."""
        return np.concatenate(flat)

    def gather(self, flat: Any, index: Array) -> Any:
        """Return the elements of a flat array at these places."""
        return np.asarray(flat[index], object)

    def add_at(self, flat: Any, places: Array, data: Any) -> Any:
        """Return a flat array with `data` added at flat places."""
        summed = flat.copy()
        np.add.at(summed, places, data)
        return summed


def numbers(values: Any) -> Array:
    """Return values as mpmath's numbers."""
    return np.asarray(_NUMBER(np.asarray(values, np.float64)), object)


def _operand(x: Any) -> Any:
    if is_tracing(x):
        return shadow_of(x) if is_active(x) else _operand(plain(x))
    floating = isinstance(x, float | np.floating) or (isinstance(x, np.ndarray) and x.dtype.kind == "f")
    return numbers(x) if floating else x


def _error(value: Any, exact: Any) -> float:
    if value == exact or MP.isnan(exact) or (MP.isnan(value) and MP.isinf(exact)):
        return 0.0
    part = abs(value - exact) / abs(exact) if exact and MP.isfinite(exact) and MP.isfinite(value) else MP.one
    return float(min(part, MP.one))


def _real(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an elementwise function, NaN where it has no real value."""

    def evaluate(*operands: Any) -> Any:
        try:
            y = function(*map(MP.mpf, operands))
        except (ZeroDivisionError, ValueError, ArithmeticError):
            return MP.nan
        return y if isinstance(y, MP.mpf) else MP.nan

    def elementwise(*operands: Any, **kwargs: Any) -> Any:
        if kwargs.keys() - {"casting"}:
            raise TypeError(f"no numbers without bounds with {', '.join(kwargs)}")
        return np.frompyfunc(evaluate, len(operands), 1)(*operands)

    return elementwise


class _Chosen:
    """An elementwise function that takes one of its operands; NumPy's values decide which."""

    def __init__(self, first: Callable[..., Any]) -> None:
        self._first = first

    def decide(self, *values: Any) -> Callable[..., Any]:
        """Return the function that takes the operands that these values choose."""
        return lambda *operands: np.where(self._first(*values), *operands)


def _mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    del dtype, out
    total = np.sum(a, axis=axis, keepdims=keepdims)
    return total / MP.mpf(np.size(a) // max(1, np.size(total)))


def _variance(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    del dtype, out
    apart = a - _mean(a, axis, keepdims=True)
    total = np.sum(apart * apart, axis=axis, keepdims=keepdims)
    return total / MP.mpf(np.size(a) // max(1, np.size(total)) - ddof)


_NUMBER = np.frompyfunc(MP.mpf, 1, 1)
_FLOAT = np.frompyfunc(float, 1, 1)
_ERROR = np.frompyfunc(_error, 2, 1)

# fmt: off
_EXTREMA = frozenset({np.max, np.min, np.maximum.reduce, np.minimum.reduce})
_OPERATIONS: dict[Any, Any] = {
    **{ufunc: _real(function) for ufunc, function in {
        np.add: MP.fadd, np.subtract: MP.fsub, np.multiply: MP.fmul, np.divide: MP.fdiv, np.power: MP.power,
        np.float_power: MP.power, np.negative: MP.fneg, np.reciprocal: lambda x: 1 / x, np.square: lambda x: x * x,
        np.absolute: abs, np.fabs: abs, np.sqrt: MP.sqrt, np.cbrt: lambda x: MP.sign(x) * MP.cbrt(abs(x)),
        np.exp: MP.exp, np.exp2: lambda x: MP.mpf(2) ** x, np.expm1: MP.expm1, np.log: MP.log, np.log1p: MP.log1p,
        np.log2: lambda x: MP.log(x, 2), np.log10: MP.log10, np.sin: MP.sin, np.cos: MP.cos, np.tan: MP.tan,
        np.sinh: MP.sinh, np.cosh: MP.cosh, np.tanh: MP.tanh, np.arcsin: MP.asin, np.arccos: MP.acos,
        np.arctan: MP.atan, np.arctan2: MP.atan2, np.hypot: MP.hypot, np.arcsinh: MP.asinh,
        np.arccosh: MP.acosh, np.arctanh: MP.atanh,
        np.logaddexp: lambda x, y: max(x, y) + MP.log1p(MP.exp(-abs(x - y))),
    }.items()},
    np.maximum: _Chosen(np.greater_equal), np.minimum: _Chosen(np.less_equal),
    np.sum: np.sum, np.add.reduce: np.add.reduce, np.mean: _mean, np.var: _variance, np.prod: np.prod,
    np.multiply.reduce: np.multiply.reduce, np.cumsum: np.cumsum, np.dot: np.dot, np.matmul: np.matmul,
    np.inner: np.inner, np.outer: np.outer,
}
# fmt: on
