"""Stand-ins for numpy, math, scipy and float, which the user's modules see while they run under the tape.

They exist for what NumPy's protocols don't reach: constructors (np.zeros), arrays from lists of tracing arrays, C
functions of `math`, and float().
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from . import structure
from .conversion import has_tracing, is_active, is_tracing, plain
from .dispatch import RULES, STAND_IN, call
from .recorder import RUNNING
from .scipy_rules import DISTRIBUTIONS, MATH, Distribution

_FLOATING = (np.float16, np.float32, np.float64, np.longdouble)


class Traced:
    """A function of NumPy, SciPy or math that takes and gives tracing arrays, and otherwise is the original."""

    def __init__(self, original: Any, run: Callable[..., Any] | None = None) -> None:
        self.original = original
        self._run = run
        functools.update_wrapper(self, original, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on tracing arrays during a traced run, and plainly after it."""
        if not RUNNING:
            return self.original(*args, **kwargs)
        if self._run is not None:
            return self._run(*args, **kwargs)
        return call(self.original, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return traced(getattr(self.original, name))

    def __eq__(self, other: object) -> bool:
        return bool(self.original == (other.original if isinstance(other, Traced) else other))

    def __hash__(self) -> int:
        return hash(self.original)

    def __repr__(self) -> str:
        return repr(self.original)


class _Module(types.ModuleType):
    """A module whose functions are traced ones."""

    def __init__(self, original: types.ModuleType) -> None:
        super().__init__(original.__name__, original.__doc__)
        self.original = original

    def __getattr__(self, name: str) -> Any:
        value = traced(getattr(self.original, name))
        if not RUNNING or _is_stable(value):
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return dir(self.original)


def _is_stable(value: Any) -> bool:
    return isinstance(value, Traced | types.ModuleType | type)


class _Scalar(type):
    """The class of stand-ins for float and NumPy's floating scalars: they convert tracing arrays and are dtypes."""

    original: type

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if args and has_tracing(args[0]) and RUNNING:
            return cls._convert(args[0])
        return cls.original(*args, **kwargs)

    def _convert(cls, x: Any) -> Any:
        if cls.original is float:
            return structure.item(x) if is_active(x) else float(plain(x))
        return call(np.asarray, (x, cls.original), {})[()]

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.original)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.original)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.original, name)

    def __eq__(cls, other: object) -> bool:
        return other is cls.original or other is cls or (cls.original is not float and cls.original == other)

    def __hash__(cls) -> int:
        return hash(cls.original)


@functools.cache
def _scalar(original: type) -> type:
    return _Scalar(original.__name__, (), {"original": original, "dtype": np.dtype(original)})


class _Vectorize:
    """np.vectorize: the user's function on one element after another."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not is_active(args) or kwargs or self.original.signature or self.original.excluded:
            return call(self.original, args, kwargs)
        arrays = call(np.broadcast_arrays, args, {})
        rows = [[array.reshape(-1)[i].item() for array in arrays] for i in range(arrays[0].size)]
        return call(np.array, ([self.original.pyfunc(*row) for row in rows],), {}).reshape(arrays[0].shape)


class _Generator:
    """A random generator whose arrays are tracing ones."""

    def __init__(self, original: Any) -> None:
        self.original = original

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.original)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.original, name)
        return Traced(attribute) if callable(attribute) else attribute


class _Concatenator:
    """np.r_ and np.c_: ranges and scalars become arrays first, and then positions."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if not is_active(items):
            return call(lambda k: self.original[k], (key,), {})
        items = tuple(np.r_[item] if isinstance(item, slice) else item for item in items)
        return call(_join, (self.original, *items), {})


class _Broadcast:
    """np.broadcast without its values: NumPy's own source asks it for the shape."""

    def __init__(self, *arrays: Any) -> None:
        self.shape = np.broadcast_shapes(*[np.shape(plain(x)) for x in arrays])
        self.ndim = self.nd = len(self.shape)
        self.size = int(np.prod(self.shape))


class _Converter:
    """NumPy's private helper that makes arrays of a function's arguments and wraps its results."""

    def __init__(self, *arrays: Any) -> None:
        self._arrays = tuple(call(np.asarray, (x,), {}) for x in arrays)
        self.scalar_input = tuple(not np.ndim(plain(x)) for x in arrays)

    def __getitem__(self, number: int) -> Any:
        return self._arrays[number]

    def as_arrays(self, **_: Any) -> tuple[Any, ...]:
        """Return the arguments as arrays."""
        return self._arrays

    def result_type(self, **_: Any) -> Any:
        """Return the dtype that they have together."""
        return np.result_type(*[plain(x) for x in self._arrays])

    def wrap(self, array: Any, **_: Any) -> Any:
        """Return a result as the function's caller gets it."""
        return array[()] if self.scalar_input[0] and is_tracing(array) else array


def _join(original: Any, *items: Any) -> Any:
    return original[items]


def _join_rule(this: Any) -> Any:
    """Positions take the places of numbers; a leading string is an instruction."""
    first = 2 if isinstance(this.args[1], str) else 1
    return structure.structural(*[(number, "") for number in range(first, len(this.args))])(this)


RULES[_join] = _join_rule


def _enumerate(array: Any) -> Any:
    """np.ndenumerate."""
    if not is_tracing(array):
        return np.ndenumerate(array)
    return ((index, array[index]) for index in np.ndindex(array.shape))


_ARRAY_CONVERTER = np.lib._shape_base_impl.__dict__.get("_array_converter", _Converter)
#: Classes whose instances would hold plain values, and their replacements.
_CLASSES: dict[Any, Callable[..., Any] | None] = {
    np.vectorize: None,
    np.ndenumerate: _enumerate,
    np.broadcast: _Broadcast,
    np.random.RandomState: lambda *args, **kwargs: _Generator(np.random.RandomState(*args, **kwargs)),
    _ARRAY_CONVERTER: _Converter,
}


def traced(value: Any) -> Any:
    """Return the stand-in of a module, function or class of NumPy, SciPy or math, and anything else unchanged."""
    try:
        return _traced(value) if _has_stand_in(value) else value
    except TypeError:  # not hashable
        return value


def _has_stand_in(value: Any) -> bool:
    if value is float or isinstance(value, np.ufunc | types.ModuleType):
        return True
    if isinstance(value, type):
        return value in _FLOATING or value in _CLASSES
    if (
        isinstance(value, np.vectorize | np.random.Generator | np.random.RandomState)
        or value is np.r_
        or value is np.c_
    ):
        return True
    if id(value) in DISTRIBUTIONS:
        return True
    module = getattr(value, "__module__", None)
    if isinstance(value, types.BuiltinMethodType) and isinstance(
        value.__self__, np.ufunc | np.random.Generator | np.random.RandomState
    ):
        return True
    return (
        callable(value)
        and isinstance(module, str)
        and module.split(".")[0] in ("numpy", "scipy", "math")
        and (not isinstance(value, type))
    )


@functools.cache
def _traced(value: Any) -> Any:
    if value is float or (isinstance(value, type) and value in _FLOATING):
        return _scalar(value)
    if isinstance(value, types.ModuleType):
        return _Module(value) if value.__name__.split(".")[0] in ("numpy", "scipy", "math") else value
    if value in _CLASSES and value is not np.vectorize:
        return Traced(value, _CLASSES[value])
    if value is np.vectorize:
        return Traced(value, lambda *args, **kwargs: _Vectorize(np.vectorize(*args, **kwargs)))
    if isinstance(value, np.vectorize):
        return _Vectorize(value)
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return _Generator(value)
    if value is np.random.default_rng:
        return Traced(value, lambda *args, **kwargs: _Generator(value(*args, **kwargs)))
    if value is np.r_ or value is np.c_:
        return _Concatenator(value)
    if id(value) in DISTRIBUTIONS:
        return DISTRIBUTIONS[id(value)]
    if getattr(value, "__module__", None) == "math":
        return Traced(value, functools.partial(_call_math, value))
    return Traced(value)


def original(value: Any) -> Any:
    """Return the original of a stand-in, and anything else unchanged."""
    return value.original if type(value) in _STAND_INS else value


_STAND_INS = (Traced, _Module, _Scalar, _Vectorize, _Generator, _Concatenator, Distribution)


def _call_math(function: Any, *args: Any) -> Any:
    if not is_active(args):
        return function(*plain(args))
    counterpart = MATH.get(function.__name__)
    if counterpart is None:
        result = function(*plain(args))
        if isinstance(result, bool | int):
            RUNNING[-1].branch()
        else:
            RUNNING[-1].escape(f"math.{function.__name__} (not supported)")
        return result
    return counterpart(function, *args)


def is_stand_in(value: Any) -> bool:
    """Return whether an object is one of this module's stand-ins; the class of a tracing array is no sign of it."""
    return not is_tracing(value) and original(value) is not value


STAND_IN.append(traced)
