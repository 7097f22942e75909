"""Finds the user's modules, closures and objects that a function reaches, and swaps stand-ins and arrays in and out.

It follows the names that the function's code uses, from function to helper to class to object. The user's arrays are
copied, and names and attributes are restored. During a traced run other threads see the stand-ins too; there a stand-in
behaves as its original, and writes to these names are lost. Two runs at once would take each other's stand-ins for the
user's objects, so `isolation.py` allows one at a time.
"""

from __future__ import annotations

import builtins
import collections
import functools
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import namespaces
from .conversion import NUMERIC, is_tracing
from .recorder import RUNNING

_DEPTH = 6
_MISSING: Any = object()
_PRIVATE = "gradtwin.comparisons.tracing"
_NOT_THE_USERS = frozenset(sys.stdlib_module_names) | {
    "numpy", "scipy", "tensorflow", "keras", "gradtwin", "pytest", "hypothesis", "builtins"
}  # fmt: skip
#: Names whose use inside a function is a sign that it may import a module there.
_IMPORTABLE = frozenset({"numpy", "math", "scipy"})


@functools.cache
def names_used(code: types.CodeType) -> frozenset[str]:
    """Return the names that a function's code, and those of the functions within it, looks up."""
    inner = [names_used(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


class Slots:
    """Some named places that hold values: of a dict, a list, an object, a class, a cell or a function."""

    def __init__(self, owner: Any, read: Callable[[], dict[Any, Any]], write: Callable[[Any, Any], None]) -> None:
        self.owner = owner
        self.read = read
        self.write = write
        self.before = read()

    def restore(self) -> None:
        """Put back what stood there."""
        if isinstance(self.owner, list | collections.deque):
            if len(self.owner) != len(self.before) or any(
                now is not then for now, then in zip(self.owner, self.before.values(), strict=True)
            ):
                self.owner.clear()
                self.owner.extend(self.before.values())
            return
        now = self.read()
        for key in now.keys() | self.before.keys():
            then = self.before.get(key, _MISSING)
            if now.get(key, _MISSING) is not then:
                self.write(key, then)


def _assign(mapping: Any) -> Callable[[Any, Any], None]:
    def write(key: Any, value: Any) -> None:
        if value is _MISSING:
            mapping.pop(key, None)
        else:
            mapping[key] = value

    return write


def _set_attribute(owner: Any) -> Callable[[Any, Any], None]:
    def write(key: Any, value: Any) -> None:
        if value is _MISSING:
            delattr(owner, key)
        else:
            setattr(owner, key, value)

    return write


def _slots_of(value: Any) -> Slots | None:
    """Return the places in a container or object, None where it has none that can be written."""
    if isinstance(value, dict):
        return Slots(value, lambda: dict(value), _assign(value))
    if isinstance(value, list | collections.deque):
        return Slots(value, lambda: dict(enumerate(value)), value.__setitem__)
    if isinstance(value, functools.partial):
        return Slots(value, lambda: dict(value.keywords), _assign(value.keywords))
    if isinstance(value, types.CellType):
        return Slots(value, lambda: _cell(value), lambda _, content: setattr(value, "cell_contents", content))
    if isinstance(value, types.FunctionType):
        given = ("__defaults__", "__kwdefaults__")
        return Slots(value, lambda: {name: getattr(value, name) for name in given}, _set_attribute(value))
    if isinstance(value, type):
        data = [key for key, item in vars(value).items() if isinstance(item, np.ndarray | list | dict | tuple)]
        return Slots(value, lambda: {key: vars(value)[key] for key in data}, _set_attribute(value))
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        return Slots(value, lambda: dict(attributes), _assign(attributes))
    names = tuple(name for kind in type(value).__mro__ for name in _slot_names(kind) if hasattr(value, name))
    if names:
        return Slots(
            value,
            lambda: {name: getattr(value, name) for name in names if hasattr(value, name)},
            lambda key, item: object.__setattr__(value, key, item),
        )
    return None


def _slot_names(kind: type) -> tuple[str, ...]:
    names = vars(kind).get("__slots__", ())
    return (names,) if isinstance(names, str) else tuple(names)


def _cell(cell: types.CellType) -> dict[Any, Any]:
    try:
        return {0: cell.cell_contents}
    except ValueError:  # not yet filled
        return {}


class Swap:
    """Everything put in place for one traced run, and how to undo it."""

    def __init__(self, forward: Any, wrap: Callable[[Any], Any]) -> None:
        self._wrap = wrap
        self._slots: list[Slots] = []
        self._seen: set[int] = set()
        self._keep: list[Any] = []  # the objects of the ids in `_seen`
        #: Rebuilt tuples, by id: the replacement, and its original.
        self._rebuilt: dict[int, tuple[Any, Any]] = {}
        self._modules: set[tuple[int, frozenset[str]]] = set()
        self._imports = False
        self._import = builtins.__import__
        self._roots = {_root(forward)}

    def enter(self, *values: Any) -> list[Any]:
        """Put stand-ins into everything that these functions and arguments reach; return their replacements."""
        entered = [self._replace(value, 0) for value in values]
        if self._imports:
            builtins.__import__ = self._traced_import
        return entered

    def settle(self, clean: Callable[[Any], Any]) -> None:
        """Replace tracing arrays and stand-ins by plain arrays and the user's modules everywhere."""
        builtins.__import__ = self._import
        cleaner = Cleaner(clean, self._rebuilt, self.is_users)
        for slots in self._slots:
            cleaner.visit(slots, 0)

    def restore(self) -> None:
        """Put back everything as it was before the run."""
        builtins.__import__ = self._import
        for slots in reversed(self._slots):
            slots.restore()

    def clean(self, value: Any, clean: Callable[[Any], Any]) -> Any:
        """Return a value with plain arrays in place of tracing ones, at any depth."""
        return Cleaner(clean, self._rebuilt, self.is_users).clean(value, 0)

    def is_users(self, module: str | None) -> bool:
        """Return whether a module is the user's own: of forward's package, or neither a library's nor Python's."""
        if module is None or module == _PRIVATE or module.startswith(_PRIVATE + "."):
            return False
        root = module.partition(".")[0]
        return root in self._roots or (root not in _NOT_THE_USERS and not _is_installed(root))

    def _replace(self, value: Any, depth: int) -> Any:
        """Return the replacement of a value, and enter everything that it reaches."""
        if is_tracing(value) or value is None or isinstance(value, int | str | complex):
            return value
        if type(value) is np.ndarray:
            return self._wrap(value) if value.dtype.kind in NUMERIC else value
        stand_in = namespaces.traced(value)
        if stand_in is not value:
            return stand_in
        if isinstance(value, tuple) and depth < _DEPTH:
            items = [self._replace(item, depth + 1) for item in value]
            if all(new is old for new, old in zip(items, value, strict=True)):
                return value
            rebuilt = value._make(items) if hasattr(value, "_make") else tuple(items)
            self._rebuilt[id(rebuilt)] = (rebuilt, value)
            return rebuilt
        if id(value) not in self._seen and depth < _DEPTH:
            self._seen.add(id(value))
            self._keep.append(value)
            self._enter(value, depth)
        return value

    def _enter(self, value: Any, depth: int) -> None:
        if isinstance(value, types.FunctionType):
            if self.is_users(value.__module__):
                self._enter_function(value)
        elif isinstance(value, types.MethodType):
            self._replace(value.__func__, 0)
            self._replace(value.__self__, depth)
        elif isinstance(value, staticmethod | classmethod):
            self._replace(value.__func__, 0)
        elif isinstance(value, property):
            for accessor in (value.fget, value.fset):
                self._replace(accessor, 0)
        elif isinstance(value, type):
            if self.is_users(value.__module__):
                self._enter_class(value)
        elif isinstance(value, dict | list | collections.deque):
            self._put(value, depth + 1)
        elif isinstance(value, functools.partial):
            self._replace(value.func, 0)
            self._put(value, depth + 1)
        elif isinstance(value, types.SimpleNamespace) or self.is_users(type(value).__module__):
            self._replace(type(value), 0)
            self._put(value, depth + 1)

    def _enter_function(self, function: types.FunctionType) -> None:
        names = names_used(function.__code__)
        self._imports |= bool(names & _IMPORTABLE)
        untyped: Any = function  # type checkers differ about __builtins__
        self._enter_names(function.__globals__, names, untyped.__builtins__)
        for cell in function.__closure__ or ():
            self._put(cell, 1)
        self._put(function, 1)
        self._replace(getattr(function, "__wrapped__", None), 0)

    def _enter_names(self, namespace: dict[str, Any], names: frozenset[str], builtin: Any = ()) -> None:
        used = [name for name in names if name in namespace or (name == "float" and name in builtin)]
        self._slots.append(
            Slots(namespace, lambda: {n: namespace[n] for n in names if n in namespace}, _assign(namespace))
        )
        for name in used:
            value = namespace.get(name, float)
            if isinstance(value, types.ModuleType) and self.is_users(value.__name__):
                if (id(value), names) not in self._modules:
                    self._modules.add((id(value), names))
                    self._enter_names(vars(value), names)
                continue
            new = self._replace(value, 0)
            if new is not value:
                namespace[name] = new

    def _enter_class(self, kind: type) -> None:
        for base in kind.__mro__:
            if self.is_users(base.__module__):
                for item in list(vars(base).values()):
                    if isinstance(item, types.FunctionType | staticmethod | classmethod | property):
                        self._replace(item, 0)
                self._put(base, 1)

    def _put(self, owner: Any, depth: int) -> None:
        slots = _slots_of(owner)
        if slots is None:
            return
        self._slots.append(slots)
        for key, value in slots.before.items():
            new = self._replace(value, depth)
            if new is not value:
                slots.write(key, new)

    def _traced_import(
        self,
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        module = self._import(name, globals, locals, fromlist, level)
        users = bool(RUNNING) and globals is not None and self.is_users(globals.get("__name__"))
        return namespaces.traced(module) if users else module


class Cleaner:
    """A walk through everything that a run left behind, putting plain arrays in place of tracing ones."""

    def __init__(
        self,
        plain: Callable[[Any], Any],
        rebuilt: dict[int, tuple[Any, Any]],
        is_users: Callable[[str | None], bool],
    ) -> None:
        self._plain = plain
        self._rebuilt = rebuilt
        self._is_users = is_users
        self._seen: set[int] = set()

    def visit(self, slots: Slots, depth: int) -> None:
        """Clean all places of a container."""
        self._seen.add(id(slots.owner))
        for key, value in slots.read().items():
            new = self.clean(value, depth + 1)
            if new is not value:  # float was put beside the builtin one, and goes away
                slots.write(key, _MISSING if new is float and key not in slots.before else new)

    def clean(self, value: Any, depth: int) -> Any:
        """Return a value's plain counterpart; lists, dicts and objects are cleaned in place."""
        if is_tracing(value):
            return self._plain(value)
        if namespaces.is_stand_in(value):
            return namespaces.original(value)
        if id(value) in self._rebuilt and self._rebuilt[id(value)][0] is value:
            return self._rebuilt[id(value)][1]
        if isinstance(value, tuple):
            items = [self.clean(item, depth + 1) for item in value]
            if all(new is old for new, old in zip(items, value, strict=True)):
                return value
            return value._make(items) if hasattr(value, "_make") else tuple(items)
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            return self._clean_objects(value)
        if id(value) not in self._seen and depth < _DEPTH + 2:
            for slots in self._inside(value):
                self.visit(slots, depth + 1)
        return value

    def _clean_objects(self, array: Any) -> Any:
        flat = array.reshape(-1)
        if any(is_tracing(item) for item in flat):
            cleaned = np.empty_like(flat)
            for i, item in enumerate(flat):
                cleaned[i] = self.clean(item, 0)
            return cleaned.reshape(array.shape)
        return array

    def _inside(self, value: Any) -> Iterator[Slots]:
        self._seen.add(id(value))
        places: list[Any] = [value]
        if isinstance(value, types.MethodType):
            places = [value.__self__]
        if isinstance(value, types.FunctionType):
            if not self._is_users(value.__module__):
                return
            places = [value, *(value.__closure__ or ())]
        elif isinstance(value, type) or not (
            isinstance(places[0], dict | list | collections.deque | functools.partial | types.SimpleNamespace)
            or self._is_users(type(places[0]).__module__)
        ):
            return
        for place in places:
            slots = _slots_of(place)
            if slots is not None:
                yield slots


def _root(forward: Any) -> str:
    while isinstance(forward, functools.partial):
        forward = forward.func
    function = getattr(forward, "__func__", forward)
    module = getattr(function, "__module__", None) or type(forward).__module__
    return str(module).partition(".")[0]


@functools.cache
def _is_installed(root: str) -> bool:
    """Return whether a package lies where installers put packages."""
    module = sys.modules.get(root)
    file = getattr(module, "__file__", None) or ""
    return f"{os.sep}site-packages{os.sep}" in file or f"{os.sep}dist-packages{os.sep}" in file
