"""Running one NumPy function on tracing arrays: by its rule, by NumPy's own source, or as an escape."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .array import TracingArray
from .conversion import (
    from_shadow,
    has_tracing,
    is_active,
    is_differentiable,
    is_tracing,
    plain,
    shadow_of,
    wrap,
    write,
)
from .recorder import RUNNING, Recorder


@dataclass(slots=True)
class Call:
    """One call of a NumPy function; `evaluate` computes its plain value (an operator keeps a Python float one)."""

    recorder: Recorder
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    evaluate: Callable[..., Any]

    def value(self) -> Any:
        """Return NumPy's own result."""
        return self.evaluate(*[plain(x) for x in self.args], **{k: plain(x) for k, x in self.kwargs.items()})


Rule = Callable[[Call], Any]
#: What to do with a function when an argument has a shadow, whatever computes the shadows.
RULES: dict[Any, Rule] = {}

#: What gives a name in NumPy's own source its stand-in; `namespaces.py`, which is made of calls, puts it here.
STAND_IN: list[Callable[[Any], Any]] = []


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], evaluate: Any = None) -> Any:
    """Run a NumPy function, ufunc, method or operator on any mixture of tracing arrays and plain values."""
    recorder = _recorder(args, kwargs)
    evaluate = function if evaluate is None else evaluate
    if recorder is None:  # a stand-in in a thread without a run
        return evaluate(*args, **kwargs)
    this = Call(recorder, function, args, kwargs, evaluate)
    if not recorder.recording:
        return this.value()
    if recorder.is_elsewhere:
        if is_active(args) or is_active(kwargs):
            recorder.escape(f"{name_of(function)} in another thread")
        return this.value()
    if not (is_active(args) or (kwargs and is_active(kwargs))):
        return _inactive(this)
    rule = recorder.engine.rule_of(function) or RULES.get(function)
    if rule is not None:
        result = rule(this)
        if result is not NotImplemented:
            return result
    return _without_rule(this)


def _recorder(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recorder | None:
    for x in args:
        if is_tracing(x):
            return x._recorder  # type: ignore[no-any-return]
    if RUNNING:
        return RUNNING[-1]
    found = _first(list(args) + list(kwargs.values()))
    return None if found is None else found._recorder


def _first(items: Any) -> Any:
    for item in items:
        if is_tracing(item):
            return item
        if isinstance(item, list | tuple) and has_tracing(item):
            return _first(item)
    return None


def _inactive(this: Call) -> Any:
    """Run NumPy on values that have no shadows."""
    engine = this.recorder.engine
    if engine.keeps_constants and any(map(has_tracing, this.args)):
        rule = engine.rule_of(this.function)
        result = NotImplemented if rule is None else rule(this)
        if result is not NotImplemented:
            return result
    value = this.value()
    out = this.kwargs.get("out")
    out = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    return out if is_tracing(out) else wrap(this.recorder, value)


def _without_rule(this: Call) -> Any:
    """Run a function without a rule: decisions are plain, NumPy's own Python source is traced, the rest escapes."""
    recorder = this.recorder
    ufunc = isinstance(this.function, np.ufunc)
    value = (this if ufunc else _on_copies(this)).value()
    if _is_decision(value) and "out" not in this.kwargs:
        recorder.branch()
        if isinstance(value, np.bool_ | bool):
            value = np.bool_(recorder.decide(bool(value), recorder.engine.more))
        return wrap(recorder, value)
    source = python_source(this.function)
    has_rule = this.function in RULES or recorder.engine.rule_of(this.function) is not None
    if source is not None and has_rule and source.__code__.co_filename.endswith("fromnumeric.py"):
        source = None  # it would only come back here, by way of the array's method
    if source is not None:
        return source(*this.args, **this.kwargs)
    recorder.escape(f"{name_of(this.function)} (not supported)")
    return wrap(recorder, value)


def _on_copies(this: Call) -> Call:
    """Return the call on copies, for a function that may write into its arguments."""

    def copied(x: Any) -> Any:
        return np.copy(x._value) if is_tracing(x) and isinstance(x._value, np.ndarray) else x

    return replace(
        this, args=tuple(copied(x) for x in this.args), kwargs={k: copied(x) for k, x in this.kwargs.items()}
    )


def _is_decision(value: Any) -> bool:
    """Return whether a result can't carry a derivative: truth values and integers."""
    if isinstance(value, list | tuple):
        return all(_is_decision(item) for item in value)
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biu"
    return isinstance(value, int)


def name_of(function: Any) -> str:
    """Return a function's name as users write it."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", repr(function))
    module = getattr(function, "__module__", None) or ("numpy" if isinstance(function, np.ufunc) else "")
    return f"{module.replace('numpy', 'np', 1)}.{name}".lstrip(".")


def python_source(function: Any) -> types.FunctionType | None:
    """Return NumPy's own Python definition of a function, running on the traced namespace; None for compiled ones."""
    inner = getattr(function, "__wrapped__", function)
    if isinstance(inner, types.FunctionType) and inner.__module__.startswith("numpy"):
        return _retarget(inner)
    return None


@functools.cache
def _retarget(function: types.FunctionType) -> types.FunctionType:
    copy = types.FunctionType(function.__code__, {}, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    names = copy.__globals__
    names["__builtins__"] = function.__globals__["__builtins__"]
    for name in _names_in(function.__code__):
        if name in function.__globals__:
            names[name] = STAND_IN[0](function.__globals__[name])
    return copy


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _names_in(const)
    return names


# Kinds of rules.


def composed(function: Callable[..., Any]) -> Rule:
    """Return the rule of a function that is written here in terms of others, on tracing arrays."""
    return lambda this: function(*this.args, **this.kwargs)


def valued(function: Callable[..., Any]) -> Rule:
    """Return the rule of a function that is written here in terms of others, with NumPy's own value."""

    def rule(this: Call) -> Any:
        result = function(*this.args, **this.kwargs)
        return result if result is NotImplemented else from_shadow(this.recorder, this.value(), shadow_of(result))

    return rule


def inactive(this: Call) -> Any:
    """Be the rule of a function that doesn't look at the values, such as np.zeros_like."""
    return wrap(this.recorder, this.value())


def stepwise(this: Call) -> Any:
    """Be the rule of a piecewise constant function: its derivative is zero wherever it has one."""
    this.recorder.branch()
    kwargs = dict(this.kwargs)
    out = kwargs.pop("out", None)
    value = replace(this, kwargs=kwargs).value()
    return wrap(this.recorder, value) if out is None else store(this.recorder, out, value, None)


def sourced(this: Call) -> Any:
    """Apply the rule of a function that calls back: run NumPy's Python source at once."""
    source = python_source(this.function)
    return NotImplemented if source is None else source(*this.args, **this.kwargs)


def numeric(operation: Callable[..., Any], skipped: tuple[int, ...] = ()) -> Rule:
    """Return the rule of a function by its TensorFlow counterpart: operation(dtype, *args, **kwargs) -> tensor(s).

    `skipped` are the positions of the arguments `dtype` and `out`, in this order, which the operation doesn't get.
    """

    def rule(this: Call) -> Any:
        kwargs = {key: x for key, x in this.kwargs.items() if x is not np._NoValue}
        target = kwargs.pop("out", None)
        if target is ...:
            target, kwargs["out"] = None, ...
        args = tuple(call(np.array, (x,), {}) if type(x) is list and has_tracing(x) else x for x in this.args)
        if skipped and len(args) > skipped[-1]:
            target, args = args[skipped[-1]], (*args[: skipped[-1]], None, *args[skipped[-1] + 1 :])
        this = replace(this, args=args, kwargs=kwargs)
        value = this.value()
        kwargs = {key: x for key, x in kwargs.items() if key not in ("out", "dtype")}
        first = value[0] if isinstance(value, tuple) else value
        if not is_differentiable(first):
            return NotImplemented
        dtype = np.result_type(first).newbyteorder("=")
        tensors = operation(dtype, *[x for i, x in enumerate(args) if i not in skipped], **kwargs)
        if tensors is NotImplemented:
            return NotImplemented
        if isinstance(value, tuple):
            items = [
                item if tensor is None else from_shadow(this.recorder, item, tensor)
                for item, tensor in zip(value, tensors, strict=True)
            ]
            return value._make(items) if hasattr(value, "_make") else tuple(items)
        return store(this.recorder, target, value, tensors)

    return rule


def store(recorder: Recorder, out: Any, value: Any, tensor: Any) -> Any:
    """Return a result, or write it into `out=` if that is given; no tensor means constants."""
    out = out[0] if isinstance(out, tuple) else out
    if out is None:
        return from_shadow(recorder, value, tensor)
    if not is_tracing(out):
        if tensor is not None:
            recorder.escape("out= of an array unknown to the trace")
        np.copyto(out, value, casting="same_kind")
        return out
    target: TracingArray = out
    write(target, value, tensor)
    return out
