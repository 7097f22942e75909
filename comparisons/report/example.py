"""The smallest failing example: in words, and as a script that needs nothing of gradtwin's."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.comparisons.disputes import exceeds
from gradtwin.comparisons.point import Point
from gradtwin.comparisons.written import Written

#: Larger arrays are not written out.
LARGEST_PRINTED = 64


def describe_example(written: Written, inputs: Sequence[Any], point: Point | None) -> str:
    """Return the inputs by name, y_bar, and both sides of the gradients that differ; short arrays whole."""
    lines = [f"{name} = {_show(x)}" for name, x in zip(written.names(len(inputs)), inputs, strict=True)]
    if point is not None:
        if point.y_bar is not None:
            lines.append(f"y_bar = {_show(point.y_bar)}")
        for i, left, right, allowed in zip(point.wrt, point.left, point.right, point.allowed, strict=True):
            if left.shape == right.shape and not np.any(exceeds(left, right, allowed)):
                continue
            lines.append(f"gradient of {point.names[i]}: yours {_show(left)}, autodiff {_show(right)}")
    return "\n".join(lines)


def write_script(written: Written, inputs: Sequence[Any], seed: int, wrt: Sequence[int] | int | None) -> str:
    """Return a Python script that repeats the check at these inputs; empty where they are too large to write out."""
    if any(np.size(x) > LARGEST_PRINTED for x in inputs):
        return ""
    forward = inspect.unwrap(getattr(written.forward, "func", written.forward))
    gradient = getattr(written.gradient, "func", written.gradient)
    names = [getattr(f, "__name__", "...") for f in (forward, gradient) if f is not None]
    how = f"{written.style}={names[1]}" if gradient is not None else "value_and_grad=True"
    how += "" if wrt is None else f", wrt={wrt!r}"
    values = ", ".join(_write(x) for x in inputs)
    return "\n".join(
        [
            *_import_lines(forward, names),
            f"inputs = ({values},)",
            f"print(gt.check_gradient({names[0]}, {how}, inputs=inputs, seed={seed}))",
        ]
    )


def _import_lines(function: Any, names: Sequence[str]) -> list[str]:
    lines = ["import numpy as np", "import gradtwin as gt"]
    if not all(name.isidentifier() for name in names):
        return [*lines, f"# with your own {' and '.join(names)} in scope"]
    module, folder = _importable(function)
    if not module:
        return [*lines, f"# with {' and '.join(names)} in scope"]
    found = ["import sys", f"sys.path.insert(0, {folder!r})"] if folder else []
    return [*found, *lines, f"from {module} import {', '.join(names)}"]


def _importable(function: Any) -> tuple[str, str]:
    """Return the module that a function can be imported from, and the folder to look in where that is a script.

    Both are empty where there is no file to import from.
    """
    module = getattr(function, "__module__", "__main__")
    try:
        file = Path(inspect.getfile(function))
    except TypeError:
        return ("", "") if module == "__main__" else (module, "")
    if not file.is_file():
        return "", ""
    in_package = "." in module or (file.parent / "__init__.py").exists()
    return (module, "") if in_package and module != "__main__" else (file.stem, str(file.resolve().parent))


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
