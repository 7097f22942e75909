"""Gradients whose names are nearly those of a function's gradient: a pair to report, not one to check unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from gradtwin.comparisons.precision.constants import ALIKE_STEM, ALIKE_WORD, SHORTEST_STEM

from .names import MISSPELT, SHORT_MISSPELT


def find_misspelt_word(name: str, forward: str, forms: Iterable[Callable[[str], str]]) -> str | None:
    """Return the word that is misspelt in a gradient's name beside its function's: `sigmoid_derivitive`.

    `forms` make plain forms of the function's name.
    """
    plain = name.replace("_", "").lower()
    for form in forms:
        stem = form(forward)
        if not stem or stem == plain or (not plain.startswith(stem) and not plain.endswith(stem)):
            continue
        rest = plain.removeprefix(stem) if plain.startswith(stem) else plain.removesuffix(stem).removesuffix("of")
        for word in get_close_matches(rest, MISSPELT, n=1, cutoff=ALIKE_WORD):
            if word[0] == rest[0]:
                return word
        for word in SHORT_MISSPELT:
            if word[0] == rest[0] and sorted(word) == sorted(rest):
                return word
    return None


def find_misspelt_forward(wanted: Iterable[str], functions: Iterable[str]) -> str | None:
    """Return the function whose name is nearly one of those wanted, in plain forms; numbers are never misspelt."""
    plain = {name.replace("_", "").lower(): name for name in functions}
    for stem in wanted:
        if len(stem) >= SHORTEST_STEM:
            for close in get_close_matches(stem, plain, cutoff=ALIKE_STEM):
                if _digits(close) == _digits(stem) and len(close) >= SHORTEST_STEM:
                    return plain[close]
    return None


def _digits(name: str) -> list[str]:
    return [letter for letter in name if letter.isdigit()]
