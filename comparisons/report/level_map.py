"""The levels of error over allowed as colours: one palette for the map and for the histogram, which is its legend.

Blue is allowed, orange is not, and darker is further from 0 and from 1; the two differ in every kind of colour vision.
"""

from __future__ import annotations

import math
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from gradtwin.comparisons.results.evidence import BEYOND, DIGITS, LIMITS, UNKNOWN, Evidence

Colour = tuple[int, int, int]

_ALLOWED: tuple[Colour, ...] = ((240, 244, 248), (216, 229, 241), (182, 207, 229), (141, 180, 214), (94, 146, 194))
_BEYOND: tuple[Colour, ...] = ((255, 207, 112), (240, 138, 36), (197, 68, 10), (118, 26, 6), (56, 8, 4))
_UNKNOWN: Colour = (150, 150, 150)

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: Pixels of a square, at least and at most, and of the whole map where these leave a choice.
SQUARE, SIDE = (4, 24), 256


@dataclass(frozen=True)
class Bar:
    """A level in the histogram: its label, its colour, its number of elements, and the length of its bar from 0 to 1.

    `apart` marks a level before which empty levels are left out.
    """

    label: str
    colour: str
    count: int
    length: float
    beyond: bool
    apart: bool


def make_bars(evidence: Evidence) -> list[Bar]:
    """Return the levels that have elements, and always both sides of 1."""
    counts = evidence.histogram
    shown = [level for level, count in enumerate(counts) if count or level in (BEYOND - 1, BEYOND)]
    most = max(counts)
    bars = [
        Bar(
            _label(level),
            _css(PALETTE[level]),
            counts[level],
            counts[level] / most,
            level >= BEYOND,
            level - before > 1,
        )
        for before, level in zip([shown[0], *shown], shown, strict=False)
    ]
    missing = sum(row.count(UNKNOWN) for row in evidence.levels)
    return [*bars, Bar("unknown", _css(_UNKNOWN), missing, 0.0, True, False)] if missing else bars


def _label(level: int) -> str:
    if level == 0:
        return "equal"
    last = level == len(LIMITS) - 1
    exponent = round(math.log10(LIMITS[level - last]))
    power = {-1: "0.1", 0: "1", 1: "10"}.get(exponent, f"10{str(exponent).translate(_RAISED)}")
    return f"> {power}" if last else f"≤ {power}"


def _palette() -> Iterator[Colour]:
    """Yield the colour of every level, then that of an unknown one."""
    yield from _ALLOWED
    last = len(LIMITS) - 1 - BEYOND
    for step in range(last + 1):
        i, part = divmod(step * (len(_BEYOND) - 1), last)
        low, high = _BEYOND[i], _BEYOND[min(i + 1, len(_BEYOND) - 1)]
        red, green, blue = (round(a + (b - a) * part / last) for a, b in zip(low, high, strict=True))
        yield red, green, blue
    yield _UNKNOWN


PALETTE = tuple(_palette())


def draw_map(evidence: Evidence) -> str:
    """Return the map as the data URI of a PNG, a pixel for each square."""
    index = {character: number for number, character in enumerate(DIGITS + UNKNOWN)}
    rows = [bytes(index[character] for character in row) for row in evidence.levels]
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)  # 8 bits, palette
    palette = bytes(part for colour in PALETTE for part in colour)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", pixels), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)
    return f"data:image/png;base64,{b64encode(png).decode()}"


def map_size(evidence: Evidence) -> tuple[int, int]:
    """Return the pixels that the map is shown at, in width and height."""
    squares = len(evidence.levels[0]), len(evidence.levels)
    width, height = (count * max(SQUARE[0], min(SQUARE[1], SIDE // count)) for count in squares)
    return width, height


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _css(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
