"""The expression of the user's code that an operation belongs to: its text, function, file and line."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from types import FrameType

from gradtwin.comparisons.tracing.recorder import is_library_file

#: Code without a file that a user wrote, in a shell or a doctest. NumPy's has other names.
_TYPED = ("<string>", "<stdin>", "<doctest", "<python-input", "<ipython")


@dataclass(frozen=True)
class Expression:
    """A part of a line of the user's code; `text` is empty where the source isn't known."""

    function: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


def user_expression() -> Expression:
    """Return the innermost expression that is running outside this package, NumPy and SciPy."""
    frame = sys._getframe(1)
    while (
        frame.f_back is not None and is_library_file(file := frame.f_code.co_filename) and not file.startswith(_TYPED)
    ):
        frame = frame.f_back
    code = frame.f_code
    return Expression(code.co_qualname, code.co_filename, frame.f_lineno, _text(frame))


def _is_library(file: str) -> bool:
    return is_library_file(file) and not file.startswith(_TYPED)


def _text(frame: FrameType) -> str:
    """Return the source of the instruction that runs, on one line."""
    places = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    first, last, start, end = places
    if first is None or last is None or start is None or end is None:  # Python was asked to keep no columns
        return ""
    # Columns count bytes.
    lines = [linecache.getline(frame.f_code.co_filename, number).encode() for number in range(first, last + 1)]
    if not all(lines):
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return " ".join(b" ".join(lines).decode(errors="replace").split())
