"""The constants that decide: the kind of each, the reason for its value, and the table of all of them in Markdown.

A number is `derived` from the arithmetic or from a theorem, `measured` by a test that measures it again, or `chosen`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Kind = Literal["derived", "measured", "chosen"]
T = TypeVar("T")


@dataclass(frozen=True)
class Constant:
    """One number: `why` gives its source, its measurement or what depends on it; `test` is the test that holds it."""

    name: str
    value: Any
    kind: Kind
    why: str
    test: str = ""


@dataclass(frozen=True)
class Section:
    """Constants that serve one purpose. Each method lists a constant and returns its value, to be used as it is."""

    title: str
    rows: list[Constant] = field(default_factory=list)

    def derived(self, name: str, value: T, source: str, test: str) -> T:
        """List a constant that follows from `source`; `test` fails at half and at double of it."""
        self.rows.append(Constant(name, value, "derived", source, test))
        return value

    def measured(self, name: str, value: T, seen: str, test: str) -> T:
        """List a measured constant: the measurement, and the test that repeats it."""
        self.rows.append(Constant(name, value, "measured", seen, test))
        return value

    def chosen(self, name: str, value: T, effect: str) -> T:
        """List a chosen constant: its meaning, and the things that depend on it."""
        self.rows.append(Constant(name, value, "chosen", effect))
        return value


def constants_markdown(sections: Sequence[Section]) -> str:
    """Return one table for each section."""
    parts = []
    for section in sections:
        lines = [f"### {section.title}", "", "| constant | value | kind | what it is |", "| --- | --- | --- | --- |"]
        for row in section.rows:
            test = f" Test: `{row.test}`." if row.test else ""
            why = row.why.replace("|", "\\|")
            lines.append(f"| `{row.name}` | {show_value(row.value)} | {row.kind} | {why}{test} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def show_value(value: Any) -> str:
    """Return a constant in short: large and small powers of two as such, ranges by their ends."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {show_value(part)}" for name, part in value.items())
    if isinstance(value, range):
        return f"{value.start} to {value.stop - 1}"
    if isinstance(value, tuple):
        return ", ".join(map(show_value, value))
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5 and abs(exponent - 1) > 9:
        return "2" + str(exponent - 1).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return str(value) if isinstance(value, int) else f"{value:.3g}"
