"""Pairs of a function and its hand-derived gradient, found by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .misspelt import find_misspelt_forward, find_misspelt_word
from .names import (
    FLAGS,
    FORWARD_WORDS,
    NAMES_BOTH,
    OPPOSITES,
    PARTS_OF_WORDS,
    PLAIN_FORWARDS,
    PREFIXES,
    RETURNS_BOTH,
    SUFFIXES,
)

LOOKED_FOR = (
    "relu with relu_prime, relu_derivative, relu_deriv, relu_grad, relu_backward, d_relu, drelu, reluPrime or "
    "grad_relu; affine_forward with affine_backward; forwardMult with backwardMult; and losses that return "
    "(loss, gradient)"
)


@dataclass(frozen=True)
class NamedPair:
    """A function and its gradient by name; no gradient where the function may itself return it.

    `doubt` says what is misspelt in one of the names; such a pair is reported and not checked.
    """

    forward_name: str
    gradient_name: str
    forward: Callable[..., Any]
    gradient: Callable[..., Any] | None
    doubt: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether a name says that there is a gradient, so that one that can't be checked must not be passed over."""
        return self.gradient is not None or bool(NAMES_BOTH.match(self.forward_name))


@dataclass(frozen=True)
class Skipped:
    """Something in a file that was not checked, and why."""

    name: str
    reason: str


def find_pairs(module: ModuleType) -> tuple[list[NamedPair], list[Skipped]]:
    r"""Return the pairs of a module in the order of its text, and the other functions, with the reason.

    >>> module = ModuleType("activations")
    >>> exec("def relu(x): ...\ndef drelu(x): ...\ndef plot(): ...", vars(module))
    >>> pairs, skipped = find_pairs(module)
    >>> [(pair.forward_name, pair.gradient_name) for pair in pairs], [item.name for item in skipped]
    ([('relu', 'drelu')], ['plot'])
    """
    names = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    functions = {name: value for name, value in names.items() if _is_function(value)}
    own = {name for name, value in functions.items() if getattr(value, "__module__", None) in (module.__name__, None)}
    own |= {name for name, value in functions.items() if getattr(value, "__globals__", None) is vars(module)}
    pairs: list[NamedPair] = []
    used: set[str] = set()
    for name in functions:
        forward = forward_of(name, functions) if name in own else None
        if forward is not None:
            pairs.append(NamedPair(forward, name, functions[forward], functions[name]))
            used |= {forward, name}
    for pair in _misspelt(functions, own - used, used):
        pairs.append(pair)
        used |= {pair.forward_name, pair.gradient_name}
    for name, function in functions.items():
        if name in own and name not in used:
            flag = next((p for p in _optional(function) if p in FLAGS), None)
            if flag is not None:
                pairs.append(NamedPair(name, f"{name}({flag}=True)", function, _with_flag(function, name, flag)))
                used.add(name)
            elif RETURNS_BOTH.match(name) and required(function):
                pairs.append(NamedPair(name, "", function, None))
                used.add(name)
    order = {name: place for place, name in enumerate(functions)}
    pairs.sort(key=lambda pair: order[pair.forward_name])
    skipped = [_skip(name, functions[name]) for name in functions if name in own - used]
    return pairs, skipped + list(_tables(names))


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a function's positional parameters; those of a ufunc are made up."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return [inspect.Parameter(f"x{i}", kind) for i in range(getattr(function, "nin", 0))]
    return [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def required(function: Callable[..., Any]) -> list[str]:
    """Return the names of the positional parameters that have no default."""
    return [p.name for p in parameters(function) if p.default is p.empty]


def _optional(function: Callable[..., Any]) -> list[str]:
    return [p.name for p in parameters(function) if p.default is False]


def _with_flag(function: Callable[..., Any], name: str, flag: str) -> Callable[..., Any]:
    def derivative(*inputs: Any) -> Any:
        return function(*inputs, **{flag: True})

    derivative.__name__ = f"{name}({flag}=True)"
    derivative.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p for p in parameters(function) if p.default is p.empty]
    )
    return derivative


def _is_function(value: Any) -> bool:
    if isinstance(value, type) or not callable(value):
        return False
    return inspect.isroutine(value) or hasattr(value, "nin") or type(value).__name__ in ("partial", "vectorize")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _stripped(name: str) -> str:
    """Return a name's plain form without the words that only one of a pair may carry."""
    plain = _plain(name)
    for word in FORWARD_WORDS:
        plain = plain.removesuffix(word).removeprefix(word)
    return plain


def _stems(name: str) -> Iterator[str]:
    """Yield the functions that a gradient's name may belong to: `dReLU` → `ReLU`; longer affixes first."""
    bare = name.strip("_")
    lower = bare.lower()
    for suffix in SUFFIXES:
        end = len(bare) - len(suffix)
        if lower.endswith(suffix) and (
            _stands_alone(suffix) or end == 0 or bare[end - 1] == "_" or _is_camel(bare, end)
        ):
            yield bare[:end]
    for prefix in PREFIXES:
        end = len(prefix)
        if lower.startswith(prefix) and (
            _stands_alone(prefix) or prefix == "d" or bare[end:][:1] in "_" or _is_camel(bare, end)
        ):
            yield bare[end:]


def _stands_alone(affix: str) -> bool:
    return len(affix) >= 4 and affix not in PARTS_OF_WORDS


def _is_camel(name: str, at: int) -> bool:
    return name[at : at + 1].isupper() and name[at - 1 : at].islower()


def forward_of(name: str, functions: dict[str, Any]) -> str | None:
    """Return the function that a gradient's name belongs to: the same stem, else the same but for a few words."""
    others = [other for other in functions if other != name]
    for backward, forward in OPPOSITES:
        if backward in name.lower():
            opposite = _plain(name).replace(_plain(backward), _plain(forward))
            found = next((other for other in others if _plain(other) == opposite), None)
            if found:
                return found
    for stem in _stems(name):
        if not stem.strip("_"):
            return next((other for plain in PLAIN_FORWARDS for other in others if _plain(other) == plain), None)
        for form in (str, _plain, _stripped):
            for other in others:
                if form(stem) and form(other) == form(stem):
                    return other
    return None


def _misspelt(functions: dict[str, Any], own: set[str], used: set[str]) -> Iterator[NamedPair]:
    """Yield the pairs that a function without one nearly has by its name: its own is misspelt, or its function's."""
    free = [name for name in functions if name not in used]
    for name in (name for name in free if name in own):
        others = [other for other in free if other != name and not _missing_stem(other)]
        for forward in others:
            word = find_misspelt_word(name, forward, (_plain, _stripped))
            if word is not None and parameters(functions[name]):
                doubt = f"{name} looks like a misspelt name of its gradient; is {word!r} meant? Rename it"
                yield NamedPair(forward, name, functions[forward], functions[name], doubt)
                break
        else:
            stem = _missing_stem(name)
            nearest = find_misspelt_forward([_plain(stem), *_opposites(name)], others) if stem else None
            if nearest is not None:
                doubt = f"its name is almost {stem!r}, the function that {name} asks for. Rename one of them"
                yield NamedPair(nearest, name, functions[nearest], functions[name], doubt)


def _opposites(name: str) -> list[str]:
    """Return the plain names that the function of a gradient with such a name has."""
    plain = _plain(name)
    return [plain.replace(_plain(b), _plain(f)) for b, f in OPPOSITES if b in name.lower()]


def _missing_stem(name: str) -> str | None:
    """Return the function that a name asks for which clearly is a gradient's; None for other names."""
    stem = next((s.strip("_") for s in _stems(name) if len(s.strip("_")) > 1), None)
    return stem if any(word in name.lower() for word in SUFFIXES if len(word) >= 4) else None


def _skip(name: str, function: Any) -> Skipped:
    stem = _missing_stem(name)
    if stem:
        return Skipped(name, f"named like a gradient, but there is no function {stem!r}")
    if not parameters(function):
        return Skipped(name, "it takes no inputs")
    return Skipped(name, "no gradient by name")


def _tables(names: dict[str, Any]) -> Iterator[Skipped]:
    for name, value in names.items():
        if isinstance(value, dict | list | tuple) and _holds_functions(value):
            yield Skipped(name, "a table of functions: define each of them under a name")


def _holds_functions(table: Any) -> bool:
    values = table.values() if isinstance(table, dict) else table
    return any(_is_function(v) or (isinstance(v, tuple | list | dict) and _holds_functions(v)) for v in values)
