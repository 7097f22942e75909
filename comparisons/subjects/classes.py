"""Classes of a file that hold a gradient: layers, models, and pairs by the names of their methods."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .names import BACKPROP_METHODS, BACKWARD_NAMES, FORWARD_NAMES, LOSS_GRADIENTS, LOSS_METHODS, PREDICTING
from .pairing import NamedPair, Skipped, forward_of


@dataclass(frozen=True)
class GradientClass:
    """A class, or an object, with a function and its gradient among its methods; `use` is the function that checks it.

    `pair` has the two where both are static, so that they can be checked as functions; `source` is where it is defined.
    """

    name: str
    methods: tuple[str, str]
    use: str
    pair: NamedPair | None
    source: Any


def find_classes(module: ModuleType) -> tuple[list[GradientClass], list[Skipped]]:
    """Return a module's own classes with a gradient, once each, and the other ones, with the reason.

    A base class whose methods its subclasses write is no more than a description of these.
    """
    found: list[GradientClass] = []
    skipped: list[Skipped] = []
    named = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    kinds: dict[type, str] = {}
    for name, value in sorted(named.items(), key=lambda item: not isinstance(item[1], type)):  # classes, then objects
        kind = value if isinstance(value, type) else type(value)
        if kind.__module__ == module.__name__ and not issubclass(kind, BaseException):
            kinds.setdefault(kind, name)
    for kind, name in kinds.items():
        methods = _methods(kind)
        both = _find_both(methods)
        if both is None:
            skipped.append(Skipped(name, "a class without forward and backward methods"))
        elif _is_description(kind, [methods[method] for method in both[:2]], kinds):
            skipped.append(Skipped(name, "a base class, whose methods its subclasses write"))
        else:
            found.append(_describe(name, methods, *both))
    return found, skipped


def _methods(kind: type) -> dict[str, Any]:
    """Return the methods of a class and of its bases, by name; what every class has is none of them."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= {name: value for name, value in vars(base).items() if inspect.isfunction(_plain(value))}
    return found


def _plain(method: Any) -> Any:
    return method.__func__ if isinstance(method, staticmethod | classmethod) else method


def _find_both(methods: dict[str, Any]) -> tuple[str, str, str] | None:
    """Return the names of a function and of its gradient among methods, and the function that checks such a class."""
    of_model = any(name in methods for name in ("predict", *LOSS_METHODS, *LOSS_GRADIENTS))
    for forwards, backwards in (
        (FORWARD_NAMES, BACKWARD_NAMES),
        ((*LOSS_METHODS, *PREDICTING), BACKPROP_METHODS),
    ):
        forward = next((name for name in forwards if name in methods), None)
        backward = next((name for name in backwards if name in methods), None)
        if forward and backward:
            return forward, backward, "gt.check_model({}, x, y)" if of_model else "gt.check_layer({}, x)"
    plain = {name: method for name, method in methods.items() if not name.startswith("__")}
    for name in plain:
        paired = forward_of(name, plain)
        if paired is not None:
            return paired, name, ""
    return None


def _describe(name: str, methods: dict[str, Any], forward: str, backward: str, use: str) -> GradientClass:
    both = methods[forward], methods[backward]
    pair = None
    if all(isinstance(method, staticmethod) for method in both):
        pair = NamedPair(f"{name}.{forward}", f"{name}.{backward}", *map(_plain, both))
    return GradientClass(name, (forward, backward), use, pair, _plain(both[1]))


def _is_description(kind: type, methods: list[Any], kinds: dict[type, str]) -> bool:
    if inspect.isabstract(kind) or getattr(kind, "_is_protocol", False):
        return True
    has_heirs = any(issubclass(other, kind) and other is not kind for other in kinds)
    return has_heirs and all(map(_is_unwritten, methods))


def _is_unwritten(method: Any) -> bool:
    """Return whether a method has no more than a docstring, `pass`, `...` or `raise NotImplementedError`."""
    try:
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(_plain(method)))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    return all(
        isinstance(line, ast.Pass)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        or (isinstance(line, ast.Raise) and line.exc is not None and "NotImplemented" in ast.unparse(line.exc))
        for line in getattr(definition, "body", [definition])
    )
