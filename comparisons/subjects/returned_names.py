"""The names that a function's own return statement has for its results."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any


def returned_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a function's results, "" for one without; nothing unless every tuple has the same names.

    Those of `return dx, self.dw, x.sum()` are "dx", "dw" and "".
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # a builtin, or one without a file
        return ()
    if not isinstance(tree.body[0], ast.FunctionDef):
        return ()
    values = [node.value for node in _own_nodes(tree.body[0]) if isinstance(node, ast.Return)]
    found = {tuple(map(_name_of, value.elts)) for value in values if isinstance(value, ast.Tuple | ast.List)}
    return found.pop() if len(found) == 1 else ()


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside a function, without the functions and classes in it."""
    for inner in ast.iter_child_nodes(node):
        yield inner
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own_nodes(inner)


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    key = node.slice.value if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) else ""
    return key if isinstance(key, str) else ""
