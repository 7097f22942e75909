"""What fits in memory, asked before it is allocated; imports nothing."""

from __future__ import annotations

import os

from .errors import ArgumentValueError

#: What needs no more than this is let through unasked: asking takes longer than making it.
ALWAYS_FITS = 2**24

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def free_memory() -> int | None:
    """Return the bytes that this process may still take, None where the system doesn't say."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return None
    except OSError:
        names = getattr(os, "sysconf_names", {})
        known = "SC_PHYS_PAGES" in names and "SC_PAGE_SIZE" in names
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else None


def check_fits(what: str, size: int, advice: str) -> None:
    """Raise ArgumentValueError unless so many bytes can be allocated; `what` are the words for what needs them."""
    if size <= ALWAYS_FITS:
        return
    free = free_memory()
    if free is not None and size > free:
        raise ArgumentValueError(f"{what} needs about {readable(size)}; {readable(free)} are free. {advice}")


def readable(size: int) -> str:
    """Return a number of bytes in the largest unit that it fills, to four digits.

    >>> readable(1536), readable(10**15 * 8), readable(10**400)
    ('1.5 KiB', '7.105 PiB', '1024 EiB or more')
    """
    exponent = min((max(size, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    if size >= 1024 ** len(UNITS):
        return f"1024 {UNITS[-1]} or more"
    return f"{size / 1024**exponent:.4g} {UNITS[exponent]}"
