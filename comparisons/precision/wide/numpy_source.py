"""NumPy's functions that are Python themselves: their own source, run with constructors that keep wide arrays."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .array import WideArray
from .conversion import is_wide
from .dispatch import RULES, SOURCES, Rule, apply

#: Constructors that don't ask the protocols: they get wide arrays among their arguments.
_KEEPING = (np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asarray_chkfinite, np.full)
_MAKING = (np.zeros, np.ones, np.empty)


def find(function: Any) -> Rule | None:
    """Return NumPy's own Python definition of a function, on wide arrays."""
    inner = getattr(function, "__wrapped__", function)
    if isinstance(inner, types.FunctionType) and inner.__module__.startswith("numpy"):
        return _retarget(inner)
    return None


_RETARGETED: dict[types.FunctionType, types.FunctionType] = {}


def _retarget(function: types.FunctionType) -> types.FunctionType:
    if function in _RETARGETED:
        return _RETARGETED[function]
    names: dict[str, Any] = {"__builtins__": function.__globals__["__builtins__"]}
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    _RETARGETED[function] = copy  # it may call itself
    for name in _names_in(function.__code__):
        if name in function.__globals__:
            names[name] = _stand_in(function.__globals__[name])
    return copy


def _names_in(code: types.CodeType) -> set[str]:
    inner = (_names_in(const) for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*inner)


def _stand_in(value: Any) -> Any:
    if isinstance(value, types.ModuleType) and value.__name__.startswith("numpy"):
        return _Module(value)
    if isinstance(value, types.FunctionType) and value.__module__.startswith("numpy") and value not in RULES:
        return value if hasattr(value, "__wrapped__") else _retarget(value)
    try:
        if value in _CLASSES:
            return _CLASSES[value]
        if value in _KEEPING:
            return _keeping(value)
        if value in _MAKING:
            return _making(value)
    except (TypeError, ValueError):  # not hashable, or an array
        pass
    return value


class _Broadcast:
    """np.broadcast without its values: NumPy's source asks it for the shape."""

    def __init__(self, *arrays: Any) -> None:
        self.shape = np.broadcast_shapes(*[apply(np.shape, (x,)) for x in arrays])
        self.ndim = self.nd = len(self.shape)
        self.size = int(np.prod(self.shape))


class _Converter:
    """NumPy's private helper that makes arrays of a function's arguments and wraps its results."""

    def __init__(self, *arrays: Any) -> None:
        self._arrays = tuple(apply(np.asarray, (x,)) if is_wide(x) else np.asarray(x) for x in arrays)
        self.scalar_input = tuple(not apply(np.ndim, (x,)) for x in arrays)

    def __getitem__(self, number: int) -> Any:
        return self._arrays[number]

    def as_arrays(self, **_: Any) -> tuple[Any, ...]:
        """Return the arguments as arrays."""
        return self._arrays

    def result_type(self, **_: Any) -> Any:
        """Return the dtype that they have together."""
        return apply(np.result_type, self._arrays)

    def wrap(self, array: Any, **_: Any) -> Any:
        """Return a result as the function's caller gets it."""
        return array[()] if self.scalar_input[0] else array


_CONVERTER = np.lib._shape_base_impl.__dict__.get("_array_converter", _Converter)
_CLASSES: dict[Any, Any] = {np.broadcast: _Broadcast, _CONVERTER: _Converter}


class _Module(types.ModuleType):
    """A module whose functions are stand-ins."""

    def __init__(self, original: types.ModuleType) -> None:
        super().__init__(original.__name__)
        self.__dict__["_original"] = original

    def __getattr__(self, name: str) -> Any:
        return _stand_in(getattr(self.__dict__["_original"], name))


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: (RULES[function] if any(map(is_wide, args)) else function)(*args, **kwargs)


def _making(function: Callable[..., Any]) -> Callable[..., Any]:
    def make(shape: Any, dtype: Any = float, *args: Any, **kwargs: Any) -> Any:
        high = function(shape, dtype, *args, **kwargs)
        return WideArray(high.astype(np.float64), np.zeros(high.shape)) if high.dtype.kind == "f" else high

    return make


SOURCES.append(find)
