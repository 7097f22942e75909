"""The smallest failing example: in words, and as a script that needs nothing of gradtwin's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.judging.exceeding import exceeds
from gradtwin.comparisons.judging.point import Point
from gradtwin.comparisons.subjects.functions import UserFunctions
from gradtwin.comparisons.subjects.source import find_source, keyword_arguments

#: Larger arrays are not written out.
LARGEST_PRINTED = 64


def describe_example(user: UserFunctions, inputs: Sequence[Any], point: Point | None) -> str:
    """Return the inputs by name, y_bar, and both sides of the gradients that differ; short arrays whole."""
    lines = [f"{name} = {_show(x)}" for name, x in zip(user.names(len(inputs)), inputs, strict=True)]
    if point is not None:
        if point.y_bar is not None:
            lines.append(f"y_bar = {_show(point.y_bar)}")
        for i, left, right, allowed in zip(point.wrt, point.left, point.right, point.allowed, strict=True):
            if left.shape == right.shape and not np.any(exceeds(left, right, allowed)):
                continue
            lines.append(f"gradient of {point.names[i]}: yours {_show(left)}, autodiff {_show(right)}")
    return "\n".join(lines)


def write_script(
    user: UserFunctions, inputs: Sequence[Any], seed: int, wrt: Sequence[int] | int | None, reference: Any = None
) -> str:
    """Return a Python script that repeats the check at these inputs; empty if they can't be written out.

    It runs by itself if the functions can be imported. For one that can't, a comment marks its place.
    """
    if not all(_is_writable(x) for x in inputs):
        return ""
    forward, static = keyword_arguments(user.forward)
    gradient, _ = keyword_arguments(user.gradient)
    names: dict[str, str] = {}
    imports: dict[str, list[str]] = {}
    for role, function in (("forward", forward), (user.style, gradient), ("reference", reference)):
        if function is not None:
            names[role] = _import(role, function, imports)
    how = [names.pop("forward"), *[f"{role}={name}" for role, name in names.items()]]
    how += ["value_and_grad=True"] if gradient is None else []
    how += [
        f"{name}={value!r}"
        for name, value in (("wrt", wrt), ("static", static or None), ("timeout", user.timeout))
        if value is not None
    ]
    values = "".join(f"{_write(x)}, " for x in inputs).strip()
    return "\n".join(
        [
            *(["import sys"] if any(line.startswith("sys.") for line in imports) else []),
            "import numpy as np",
            *(["from numpy import inf, nan"] if "nan" in values or "inf" in values else []),
            "import gradtwin as gt",
            *[line + ", ".join(imported) for line, imported in imports.items()],
            f"inputs = ({values})",
            f"print(gt.check_gradient({', '.join(how)}, inputs=inputs, seed={seed}))",
        ]
    )


def _import(role: str, function: Any, imports: dict[str, list[str]]) -> str:
    """Return the name of a function in the script; add the lines that import it, or a comment.

    `imports` are lines, each with its further names.
    """
    source = find_source(function)
    if source is None:
        own = getattr(function, "__name__", "")
        name = own if own.isidentifier() else role
        imports[f"# put your {name} here: it comes from a notebook, a lambda or the body of a function"] = []
        return name
    first, *rest = source.name.split(".")
    if source.folder:
        imports[f"sys.path.insert(0, {source.folder!r})"] = []
    line = f"from {source.module} import "
    known = imports.get(line, [])
    is_taken = any(first in names for names in imports.values())
    if not is_taken and all(part.isidentifier() for part in source.module.split(".")):
        imports[line] = [*known, first]
    elif first not in known:  # a file may have any name, and two of them a function of one name
        imports[f"{first}_{role} = __import__({source.module!r}, fromlist=[{first!r}]).{first}"] = []
        first = f"{first}_{role}"
    return ".".join([first, *rest])


def _is_writable(x: Any) -> bool:
    """Return whether a value can be written out, and is not too large for it."""
    if isinstance(x, np.ndarray | np.generic):
        return np.size(x) <= LARGEST_PRINTED and x.dtype.kind in "fiubc"
    if isinstance(x, tuple | list):
        return all(_is_writable(item) and not isinstance(item, np.ndarray | np.generic) for item in x)
    return x is None or isinstance(x, bool | int | float | complex | str)


def _show(x: Any) -> str:
    if not isinstance(x, np.ndarray | np.generic):
        return repr(x)
    array = np.asarray(x)
    text = " ".join(np.array2string(array, precision=6, threshold=12, edgeitems=1, separator=", ").split())
    return f"{text}  {array.dtype} {array.shape}" if array.ndim else text


def _write(x: Any) -> str:
    if not isinstance(x, np.ndarray | np.generic):
        return repr(x)
    array = np.asarray(x)
    name = array.dtype.newbyteorder("=").name
    if array.size == 0:
        return f"np.zeros({array.shape}, np.{name})"
    return f"np.array({array.tolist()!r}, np.{name})"
