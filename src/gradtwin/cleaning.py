"""Text of others, such as an exception's message, made safe to show: it moves no cursor and gives no order to a forge.

Text is cleaned where it leaves: in every rendering of a report, and in every message of an error.
"""

from __future__ import annotations

import re
from typing import Any

#: Control codes but newline and tab, marks that turn the direction of text, separators of lines that aren't newlines,
#: and halves of surrogate pairs, which no encoding has. A carriage return before a newline does nothing.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)

#: What a forge's runner takes for an order: `::error` where a line begins, `##[error` and `##vso[` anywhere in one.
_ORDER = re.compile(r"^(?:[^\S\n]|\x1b\[[\d;]*m)*(?=::)|#(?=#\w*\[)", re.MULTILINE)


def clean(text: str) -> str:
    r"""Return text with harmful characters written out, as Python writes them.

    >>> print(clean("\x1b[31mred\ud800"))
    \x1b[31mred\ud800
    """
    return _HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def clean_all(value: Any) -> Any:
    """Return a nested value of JSON's types with each of its texts cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_all(key): clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value


def disarm(text: str) -> str:
    r"""Return lines of output with a backslash in what a forge's runner would obey.

    >>> print(disarm("f raised ValueError:\n  ::error::no"))
    f raised ValueError:
      \::error::no
    """
    return _ORDER.sub(r"\g<0>\\", text)
