"""Central differences, extrapolated, with an error estimate that comes out of the table itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = 9


def differentiate(
    forward: Callable[..., Any], inputs: tuple[Any, ...], position: int, y_bar: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Σ y_bar·∂y/∂x by Richardson extrapolation, its error, and the size of what was added up for it.

    Of all the entries of the table with step h halved from row to row, the one is taken that differs least from its
    neighbours; the error is that difference, added to the rounding of the two function values divided by the step.
    The rounding is the largest fourth difference of values so close that a smooth function has none (Hamming;
    Moré & Wild, *Estimating computational noise*, 2011), and at least that of the sum.
    """
    x = np.asarray(inputs[position])
    resolution = max(np.finfo(np.result_type(item)).eps for item in (x, y_bar))
    results = np.empty(x.shape), np.empty(x.shape), np.empty(x.shape)
    weights = np.asarray(y_bar, np.float64)
    noise = max((_noise(forward, inputs, position, index, weights) for index in np.ndindex(x.shape)), default=0.0)
    for index in np.ndindex(x.shape):
        start = float(max(abs(x[index]), 1)) * resolution ** (1 / 7)
        rows: list[tuple[list[float], list[float]]] = []  # of estimates, and of the rounding in them
        best, error, scale = np.nan, np.inf, 0.0
        for row in range(ROWS):
            step = start / 2**row
            above, below = (_moved(forward, inputs, position, index, sign * step) for sign in (1, -1))
            used = above[1] - below[1]
            terms = weights * (above[0] - below[0]) / used
            size = np.sum(np.abs(weights) * (np.abs(above[0]) + np.abs(below[0])))
            rounding = (noise + resolution * size) / used
            values, roundings = [float(np.sum(terms))], [rounding]
            for order in range(row):
                power = 4.0 ** (order + 1)
                before, before_rounding = rows[-1][0][order], rows[-1][1][order]
                values.append((power * values[order] - before) / (power - 1))
                roundings.append((power * roundings[order] + before_rounding) / (power - 1))
                estimate = max(abs(values[-1] - values[-2]), abs(values[-1] - before)) + roundings[-1]
                if estimate < error:
                    best, error, scale = values[-1], estimate, np.sum(np.abs(terms))
            rows.append((values, roundings))
        for result, number in zip(results, (best, error, max(scale, size)), strict=True):
            result[index] = number
    return results


def _noise(
    forward: Callable[..., Any], inputs: tuple[Any, ...], position: int, index: tuple[int, ...], weights: np.ndarray
) -> float:
    x = np.asarray(inputs[position])
    step = float(max(abs(x[index]), 1)) * np.finfo(x.dtype).eps ** 0.6
    near = [_moved(forward, inputs, position, index, k * step)[0] for k in range(-5, 6)]
    return float(np.max(np.abs(np.diff([np.sum(weights * values) for values in near], 4))))


def _moved(
    forward: Callable[..., Any], inputs: tuple[Any, ...], position: int, index: tuple[int, ...], step: float
) -> tuple[np.ndarray, float]:
    """Return the function's value with one entry moved, and the entry as it was rounded."""
    moved = list(copy.deepcopy(inputs))
    if np.ndim(moved[position]):
        moved[position][index] += step
        place = float(moved[position][index])
    else:
        moved[position] = type(moved[position])(moved[position] + step)
        place = float(moved[position])
    with np.errstate(all="ignore"):
        return np.asarray(forward(*moved), np.float64), place
