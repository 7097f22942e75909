"""What each function does to wide values: its wide form, on the branches that NumPy's values take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.precision.wide import NoWideFormError, WideArray, apply, own_rule
from gradtwin.comparisons.tracing.conversion import (
    from_shadow,
    has_tracing,
    is_active,
    is_differentiable,
    is_tracing,
    plain,
    shadow_of,
    wrap,
)
from gradtwin.comparisons.tracing.dispatch import RULES, Call, Rule, call, name_of, store

#: A function of NumPy's own values and of the wide ones.
Chosen = Callable[..., Any]


def rule_of(function: Any, free: bool) -> Rule | None:
    """Return the rule of a function; `free` says that wide values decide."""
    if not free and function in _CHOSEN:
        return _CHOSEN[function]
    if function in RULES and not (free and function in _DECISIONS):
        return None  # it moves elements, or is made of other functions
    return _compute if own_rule(function) is not None else None


def _compute(this: Call, operation: Any = None) -> Any:
    """Be the rule of a function that has a wide form."""
    kwargs = {key: x for key, x in this.kwargs.items() if x is not np._NoValue}
    target = kwargs.pop("out", None)
    if target is ...:
        target = None
    args = this.args
    if isinstance(this.function, np.ufunc) and len(args) > this.function.nin:
        args, target = args[: this.function.nin], args[this.function.nin]
    value = replace(this, args=args, kwargs=kwargs).value()
    first = value[0] if isinstance(value, tuple) else value
    free = this.recorder.engine.free  # type: ignore[attr-defined]
    if not is_differentiable(first) and not free:
        return NotImplemented
    kind = np.result_type(first).newbyteorder("=")
    given = [_shadow(x, kind, this) for x in args]
    if free:
        given = _against_constant(this, given)
    named = {key: _shadow(x, kind, this) for key, x in kwargs.items() if key not in ("dtype", "casting")}
    if not any(map(_has_wide, (*given, *named.values()))):
        return NotImplemented
    try:
        with np.errstate(all="ignore"):
            found = apply(this.function, tuple(given), named) if operation is None else operation(value, given, named)
    except NoWideFormError as error:
        this.recorder.escape(f"{name_of(this.function)} (no wide form: {str(error).partition(':')[0]})")
        return wrap(this.recorder, value) if target is None else store(this.recorder, target, value, None)
    except TypeError:  # an argument that the wide form does not take
        return NotImplemented
    value = this.recorder.engine.watched(this, value, found)  # type: ignore[attr-defined]
    if isinstance(value, tuple):
        items = [_pair(this, one, two) for one, two in zip(value, found, strict=True)]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    if target is None:
        return _pair(this, value, found)
    return store(this.recorder, target, value, this.recorder.engine.rounded(found))  # type: ignore[attr-defined]


def _has_wide(x: Any) -> bool:
    return isinstance(x, WideArray) or (isinstance(x, list | tuple) and any(map(_has_wide, x)))


def _pair(this: Call, value: Any, found: Any) -> Any:
    if not isinstance(found, WideArray):
        return wrap(this.recorder, found)
    return from_shadow(this.recorder, value, this.recorder.engine.rounded(found))  # type: ignore[attr-defined]


def _against_constant(this: Call, given: list[Any]) -> list[Any]:
    """Return the operands of a decision, with noise on one that meets a constant, or decides alone."""
    wide_ones = [isinstance(x, WideArray) for x in given]
    if this.function not in _THRESHOLDS or sum(wide_ones) != 1:
        return given
    beside = this.recorder.engine.beside  # type: ignore[attr-defined]
    at = wide_ones.index(True)
    operand, keeps = plain(this.args[at]), _LOWER.get(this.function)
    lowers = None if keeps is None else this.value() == (keeps is (at == 0))
    return [beside(x, operand, lowers) if is_wide else x for x, is_wide in zip(given, wide_ones, strict=True)]


def _shadow(x: Any, kind: np.dtype[Any], this: Call) -> Any:
    """Return the wide value of an argument; shapes, axes and truth values are as they are."""
    if is_tracing(x):
        return shadow_of(x) if is_active(x) else plain(x)
    if isinstance(x, float | np.floating):
        return this.recorder.engine.number(x, kind if kind.kind == "f" else np.dtype(float))  # type: ignore[attr-defined]
    if isinstance(x, list | tuple) and has_tracing(x):
        return type(x)(_shadow(item, kind, this) for item in x)
    return x


# On the branch of NumPy's values.


def _choosing(decide: Callable[[Any, Any], Any]) -> Chosen:
    def operation(operands: list[Any], given: list[Any]) -> Any:
        return apply(np.where, (decide(*operands), *given))

    return operation


def _absolute(operands: list[Any], given: list[Any]) -> Any:
    return apply(np.multiply, (given[0], np.sign(operands[0])))


def _copysign(operands: list[Any], given: list[Any]) -> Any:
    return apply(np.multiply, (given[0], np.where(np.signbit(operands[0]) == np.signbit(operands[1]), 1.0, -1.0)))


def _remainder(whole: Callable[[Any, Any], Any]) -> Chosen:
    def operation(operands: list[Any], given: list[Any]) -> Any:
        steps = whole(*[np.asarray(x, np.float64) for x in operands])
        return apply(np.subtract, (given[0], apply(np.multiply, (given[1], steps))))

    return operation


def _by_values(operation: Chosen) -> Rule:
    """Return the rule of a ufunc whose branches NumPy's operands decide."""

    def rule(this: Call) -> Any:
        if "where" in this.kwargs and this.kwargs["where"] is not True:
            return NotImplemented
        operands = [plain(x) for x in this.args[: this.function.nin]]
        return _compute(this, lambda _, given, __: operation(operands, given))

    return rule


def _extremum(function: Any, argument: Any, ufunc: np.ufunc) -> Rule:
    """Return the rule of a largest or smallest element: the first one that NumPy's values have."""

    def of(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any) -> Any:
        del dtype
        value = np.asarray(plain(a))
        keepdims = bool(plain(options.get("keepdims", False)))
        where, initial = options.get("where", True), options.get("initial")
        axes = tuple(range(value.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(i % value.ndim for i in axes) if value.ndim else ()
        if where is not True:
            worst = -np.inf if ufunc is np.maximum else np.inf
            value = np.where(np.broadcast_to(plain(where), value.shape), value, worst)
        kept = [i for i in range(value.ndim) if i not in axes]
        shape = [value.shape[i] for i in kept]
        moved = call(np.reshape, (call(np.transpose, (a, (*kept, *axes)), {}), (*shape, -1)), {})
        best = argument(np.transpose(value, (*kept, *axes)).reshape(*shape, -1), axis=-1)
        y = call(np.take_along_axis, (moved, np.expand_dims(best, -1), -1), {})[..., 0]
        if keepdims:
            y = y.reshape([1 if i in axes else n for i, n in enumerate(value.shape)])
        if initial is not None and initial is not np._NoValue:
            y = call(ufunc, (y, initial), {})
        if out is not None:
            out[...] = y
            return out
        return y[()] if not np.ndim(plain(y)) else y

    def rule(this: Call) -> Any:
        if not is_differentiable(np.result_type(plain(this.args[0])).type(0)):
            return NotImplemented
        kwargs = {key: x for key, x in this.kwargs.items() if x is not np._NoValue}
        if this.function is not function and "axis" not in kwargs and len(this.args) < 2:
            kwargs["axis"] = 0  # of ufunc.reduce
        this.recorder.branch()
        return of(*this.args, **kwargs)

    return rule


def _aligned(vectors: tuple[int, ...], partner: int | None) -> Rule:
    """Return the rule of a factorization: columns have the signs of NumPy's, and rows of the partner theirs."""

    def operation(this: Call) -> Any:
        def run(value: Any, given: list[Any], named: dict[str, Any]) -> Any:
            found = list(apply(this.function, tuple(given), named))
            sign = np.where(np.sum(value[vectors[0]] * found[vectors[0]].high, -2, keepdims=True) < 0, -1.0, 1.0)
            found[vectors[0]] = found[vectors[0]] * sign
            if partner is not None:
                n = found[partner].shape[-2]
                found[partner] = found[partner] * np.swapaxes(sign, -1, -2)[..., :n, :]
            return tuple(found)

        value = this.value()
        return _compute(this, run) if isinstance(value, tuple) and len(value) > max(vectors) else _compute(this)

    return operation


# fmt: off
_CHOSEN: dict[Any, Rule] = {
    np.maximum:   _by_values(_choosing(lambda a, b: np.greater_equal(a, b) | np.isnan(a))),
    np.minimum:   _by_values(_choosing(lambda a, b: np.less_equal(a, b) | np.isnan(a))),
    np.fmax:      _by_values(_choosing(lambda a, b: np.greater_equal(a, b) | np.isnan(b))),
    np.fmin:      _by_values(_choosing(lambda a, b: np.less_equal(a, b) | np.isnan(b))),
    np.absolute:  _by_values(_absolute),
    np.fabs:      _by_values(_absolute),
    np.copysign:  _by_values(_copysign),
    np.remainder: _by_values(_remainder(np.floor_divide)),
    np.fmod:      _by_values(_remainder(lambda a, b: np.trunc(np.divide(a, b)))),
    np.max:       _extremum(np.max, np.argmax, np.maximum),
    np.min:       _extremum(np.min, np.argmin, np.minimum),
    np.maximum.reduce: _extremum(np.max, np.argmax, np.maximum),
    np.minimum.reduce: _extremum(np.min, np.argmin, np.minimum),
    np.linalg.eigh: _aligned((1,), None),
    np.linalg.qr:   _aligned((0,), 1),
    np.linalg.svd:  _aligned((0,), 2),
}
#: Functions that decide by a threshold where the other operand is a constant.
_THRESHOLDS = frozenset({
    np.maximum, np.minimum, np.fmax, np.fmin, np.absolute, np.fabs, np.sign, np.heaviside, np.copysign, np.less,
    np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.signbit,
})
#: Comparisons, and what they say of a first operand that is less than the second.
_LOWER = {np.less: True, np.less_equal: True, np.greater: False, np.greater_equal: False}
#: Functions that all engines share, and that wide values decide where they are free.
_DECISIONS = frozenset({
    np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside,
})
# fmt: on
