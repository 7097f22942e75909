"""Constants of the elementary functions, each computed by mpmath when it is first used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import mpmath
import numpy as np

from .words import Array, Pair

#: A context of mpmath's that belongs to this package: the user's own precision stays what it is.
MP = mpmath.mp.clone()
MP.prec = 300


def to_words(value: Any, count: int) -> list[float]:
    """Return a number as that many doubles, the largest first."""
    found = []
    for _ in range(count):
        found.append(float(value))
        value = value - found[-1]
    return found


def to_columns(values: Iterable[Any], count: int = 2) -> tuple[Array, ...]:
    """Return numbers as that many columns of doubles."""
    return tuple(np.array([to_words(value, count) for value in values]).T)


def as_pair(value: Any) -> Pair:
    """Return a number as a pair."""
    high, low = to_words(value, 2)
    return np.float64(high), np.float64(low)  # type: ignore[return-value]


@functools.cache
def constant(name: str) -> Pair:
    """Return one of mpmath's constants, such as `pi`, or the logarithm `ln2`."""
    return as_pair(+getattr(MP, name))


def pieces(value: Any, bits: int, count: int) -> list[float]:
    """Return a number as doubles of few bits each, so that their products with integers are exact."""
    found = []
    for _ in range(count):
        exponent = MP.frexp(value)[1] - bits
        found.append(float(MP.ldexp(MP.floor(MP.ldexp(value, -exponent)), exponent)))
        value = value - found[-1]
    return found


@functools.cache
def ln2_pieces() -> list[float]:
    """Return log 2 in three doubles; the first two times an exponent are exact."""
    first = pieces(+MP.ln2, 41, 2)
    return [*first, float(MP.ln2 - first[0] - first[1])]


@functools.cache
def half_pi_pieces() -> list[float]:
    """Return π/2 in seven doubles of 32 bits."""
    return pieces(MP.pi / 2, 32, 7)


@functools.cache
def coefficients(name: str) -> list[Pair]:
    """Return a power series' coefficients, from that of the lowest power on."""
    return [as_pair(_SERIES[name](n)) for n in range(_TERMS)]


_TERMS = 16
_SERIES: dict[str, Callable[[int], Any]] = {
    "exp": lambda n: 1 / MP.factorial(n),
    "sin": lambda n: MP.mpf(-1) ** n / MP.factorial(2 * n + 1),
    "cos": lambda n: MP.mpf(-1) ** n / MP.factorial(2 * n),
    "atanh": lambda n: MP.mpf(1) / (2 * n + 1),
}


# Tables: a function at points of a grid, from which Taylor's series goes the rest of the way.

EXP_STEPS = 256
_EXP_LAST = 90


@functools.cache
def expm1_table() -> tuple[Array, ...]:
    """e^(j/256) − 1 for |j| ≤ 90; the row of j is 90 + j."""
    return to_columns(MP.expm1(MP.mpf(j) / EXP_STEPS) for j in range(-_EXP_LAST, _EXP_LAST + 1))


def take(table: tuple[Array, ...], rows: Any) -> Pair:
    """Return rows of a table as a pair."""
    return table[0][rows], table[1][rows]


def exp_row(j: Any) -> Any:
    """Return the row of e^(j/256) − 1."""
    return (j + _EXP_LAST).astype(np.intp)


LOG_STEPS = 256
_LOG_FIRST = 180


@functools.cache
def log_table() -> tuple[Array, ...]:
    """Return c of 12 bits near 256/j, and −log c in three doubles, for j from 180 on."""
    factors = [round(4096 * LOG_STEPS / j) / 4096 for j in range(_LOG_FIRST, 2 * _LOG_FIRST + 8)]
    return (np.array(factors), *to_columns((-MP.log(c) for c in factors), 3))


def log_row(mantissa: Any) -> Any:
    """Return the row for a number between √½ and √2."""
    return (np.rint(mantissa * LOG_STEPS) - _LOG_FIRST).astype(np.intp)


ANGLE_STEPS = 128
_ANGLE_LAST = 405


@functools.cache
def angle_table() -> tuple[Array, ...]:
    """Return sin(j/128) and cos(j/128), two columns each, for j up to 405."""
    angles = [MP.mpf(j) / ANGLE_STEPS for j in range(_ANGLE_LAST)]
    return (*to_columns(map(MP.sin, angles)), *to_columns(map(MP.cos, angles)))
