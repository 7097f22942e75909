"""Small inputs to try a function of unknown shapes at: what its name and its parameters' names suggest comes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import ORDINARY, PROBABLE

from .names import BIASES, DICTS, LOGITS, NUMBERS, PROBABILITIES, TARGETS

#: Shapes by the number of arrays: elementwise ones, then layers with samples in rows, then in columns, then images.
SHAPES: dict[int, tuple[tuple[tuple[int, ...], ...], ...]] = {
    1: (((3, 4),), ((5,),), ((1, 5),), ((5, 1),), ((2, 3, 4, 4),), ((2, 4, 4, 3),), ((),)),
    2: (
        ((3, 4), (3, 4)), ((3, 4), (4, 5)), ((5,), (5,)), ((1, 5), (1, 5)), ((5, 1), (5, 1)), ((5, 4), (4,)),
        ((3, 4), (4,)), ((4,), (5, 4)), ((4, 3), (5, 4)), ((), ()), ((6, 6), (3, 3)), ((), (5,)),
    ),
    3: (
        ((3, 4), (4, 5), (5,)), ((3, 4), (4, 5), (1, 5)), ((4, 3), (5, 4), (5, 1)), ((5, 4), (4, 3), (5, 1)),
        ((4,), (5, 4), (5,)), ((5, 4), (4,), (5,)), ((4,), (4, 5), (5,)), ((4, 1), (5, 4), (5, 1)),
        ((3, 4), (4,), (4,)), ((3, 4), (3, 4), (3, 4)), ((3, 4), (3, 4), (3,)), ((5,), (5,), (5,)), ((6, 4), (4,), ()),
        ((2, 3, 5, 5), (4, 3, 3, 3), (4,)), ((2, 5, 5, 3), (2, 2, 3, 4), (1, 1, 1, 4)), ((), (), ()), ((6,), (), ()),
    ),
    4: (((5, 5), (5, 4), (4,), (5,)), ((3, 4), (3, 4), (4,), (4,)), ((3, 4), (3, 4), (3, 4), (3, 4)), ((), (), (), ())),
    5: (
        ((3, 4), (3, 5), (4, 5), (5, 5), (5,)), ((6, 4), (4, 5), (5,), (5, 3), (3,)),
        ((4, 6), (5, 4), (5, 1), (3, 5), (3, 1)),
    ),
}  # fmt: skip
#: If the last one is not a bias: a term of the output's shape.
TERM_SHAPES = (((3, 4), (4, 5), (3, 5)), ((4, 3), (5, 4), (5, 3)))
#: The same where one of three or more is a target: weights, samples and targets, in the usual orders.
LOSS_SHAPES: dict[int, tuple[tuple[tuple[int, ...], ...], ...]] = {
    3: (
        ((4,), (6, 4), (6,)), ((6, 4), (6,), (4,)), ((6, 4), (4,), (6,)), ((4, 1), (6, 4), (6, 1)),
        ((6, 4), (6, 1), (4, 1)), ((6, 4), (4, 1), (6, 1)), ((4, 5), (6, 4), (6, 5)), ((6, 4), (6, 5), (4, 5)),
        ((6, 4), (4, 5), (6, 5)), ((5, 4), (4, 6), (5, 6)), ((5, 4), (4, 6), (6,)), ((), (6,), (6,)), ((6,), (6,), ()),
    ),
    4: (
        ((4,), (), (6, 4), (6,)), ((6, 4), (6,), (4,), ()), ((6, 4), (4,), (), (6,)), ((), (), (6,), (6,)),
        ((6,), (6,), (), ()), ((6, 4), (4, 5), (5,), (6, 5)), ((4, 5), (5,), (6, 4), (6, 5)),
        ((4, 1), (), (4, 6), (1, 6)),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class TrialPoint:
    """Inputs for every required parameter; `drawable` where others may be drawn like them, from `domain`."""

    inputs: tuple[Any, ...]
    drawable: bool
    domain: tuple[float, float]


def is_target(name: str) -> bool:
    """Return whether a parameter's name is that of labels or targets, which are not differentiated."""
    return TARGETS.match(name) is not None


def is_bias(name: str) -> bool:
    """Return whether a parameter's name is that of a bias, which is added to every row."""
    return BIASES.match(name) is not None


def trial_points(
    functions: Sequence[str], names: Sequence[str], dtype: np.dtype[Any], domain: tuple[float, float] | None, seed: int
) -> Iterator[TrialPoint]:
    """Yield inputs to try, likeliest first, for the names of a function and its gradient, and of the parameters."""
    arrays = [i for i, name in enumerate(names) if name not in NUMBERS and name not in DICTS]
    of_probabilities, of_logits = (any(map(of.match, functions)) for of in (PROBABILITIES, LOGITS))
    ranges = [PROBABLE, ORDINARY] if of_probabilities and not of_logits else [ORDINARY, PROBABLE]
    targets = [i for i in arrays if is_target(names[i])] if len(arrays) > 1 else []
    shapes_to_try = (LOSS_SHAPES.get(len(arrays), ()) if targets else ()) + SHAPES.get(len(arrays), ())
    if len(arrays) == 2 and is_bias(names[arrays[1]]) and "a" not in names:  # a bias is not as long as the samples
        shapes_to_try = tuple(shapes for shapes in shapes_to_try if shapes[0] != shapes[1])
    if len(arrays) == 3 and not any(is_bias(name) for name in names):
        shapes_to_try += TERM_SHAPES
    only_rows = of_logits or of_probabilities
    for low_high in [domain] if domain else ranges:
        for shapes in shapes_to_try:
            rng = np.random.default_rng([seed, 2])
            drawn: list[Any] = [NUMBERS.get(name, DICTS.get(name)) for name in names]
            for i, shape in zip(arrays, shapes, strict=True):
                low, high = low_high
                drawn[i] = np.asarray(low + (high - low) * rng.random(shape), dtype)
            plain = len(arrays) == len(names) and not (targets and only_rows)
            if targets and only_rows:
                for i in targets:
                    drawn[i] = _one_hot(drawn[i].shape, dtype, rng)
            yield TrialPoint(tuple(drawn), plain, low_high)
            for i in targets:
                labelled = list(drawn)
                others = [drawn[j] for j in arrays if j != i and drawn[j].ndim == 2]
                if others and drawn[i].ndim <= 2:
                    classes, count = min(other.shape[-1] for other in others), others[0].shape[0]
                    count = drawn[i].shape[0] if len(arrays) > 2 and drawn[i].ndim else count
                    labelled[i] = rng.integers(0, classes, count)
                    yield TrialPoint(tuple(labelled), False, low_high)


def _one_hot(shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator) -> Array:
    """Return rows with a single one in each; where there is but one column, that column."""
    if not shape:
        return np.ones(shape, dtype)
    if shape[-1] == 1 and len(shape) > 1:
        return np.swapaxes(_one_hot((*shape[:-2], 1, shape[-2]), dtype, rng), -1, -2)
    return np.eye(shape[-1], dtype=dtype)[rng.integers(0, shape[-1], shape[:-1])]
