"""Small inputs to try a function of unknown shapes at: what its name and its parameters' names suggest comes first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array

TARGETS = re.compile(
    r"y|t|ys|ts|y_?true|y_?real|y_?actual|true\w*|target\w*|labels?|y_?labels?|actual\w*|real\w*|expected\w*|desired\w*|"
    r"ground_?truth|gt|correct\w*|d(?:esired)?_?out",
    re.IGNORECASE,
)
BIASES = re.compile(r"b_?\w?|bias\w*|beta|shift|offset", re.IGNORECASE)
#: Probabilities, for which ordinary numbers would be out of the domain.
PROBABILITIES = re.compile(r"log(?!it)|entropy|bce|nll|kl_?div|likelihood", re.IGNORECASE)
LOGITS = re.compile(r"softmax|logit|logistic|sigmoid", re.IGNORECASE)

#: Numbers that parameters of these names take.
NUMBERS = {
    "alpha": 0.1, "slope": 0.1, "negative_slope": 0.1, "leak": 0.1, "a_leak": 0.1, "beta_": 0.9, "reg": 0.1, "lam": 0.1,
    "lambd": 0.1, "lambda_": 0.1, "l2": 0.1, "eps": 1e-5, "epsilon": 1e-5, "delta": 1.0, "threshold": 0.5, "scale": 1.5,
    "temperature": 1.5, "temp": 1.5, "lr": 0.1, "learning_rate": 0.1, "keep_prob": 0.8,
}  # fmt: skip
#: Parameter dicts of well-known courses.
DICTS: dict[str, dict[str, Any]] = {
    "conv_param": {"stride": 1, "pad": 1},
    "pool_param": {"pool_height": 2, "pool_width": 2, "stride": 2},
    "bn_param": {"mode": "train"},
    "ln_param": {},
    "gn_param": {},
    "dropout_param": {"p": 0.5, "mode": "train", "seed": 123},
    "hparameters": {"stride": 1, "pad": 1, "f": 2},
}

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
#: Where the last is no bias: a term of the output's own shape.
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
    """Return whether a parameter's name says that it is not differentiated: labels, targets."""
    return TARGETS.fullmatch(name) is not None


def is_bias(name: str) -> bool:
    """Return whether a parameter's name says that it is added to every row."""
    return BIASES.fullmatch(name) is not None


def trial_points(
    function: str, names: Sequence[str], dtype: np.dtype[Any], domain: tuple[float, float] | None, seed: int
) -> Iterator[TrialPoint]:
    """Yield inputs to try, likeliest first, for a function and its required parameters."""
    arrays = [i for i, name in enumerate(names) if name not in NUMBERS and name not in DICTS]
    needs_probabilities = bool(PROBABILITIES.search(function)) and not LOGITS.search(function)
    ranges = [(0.1, 0.9), (-3.0, 3.0)] if needs_probabilities else [(-3.0, 3.0), (0.1, 0.9)]
    targets = [i for i in arrays if is_target(names[i])] if len(arrays) > 1 else []
    shapes_to_try = (LOSS_SHAPES.get(len(arrays), ()) if targets else ()) + SHAPES.get(len(arrays), ())
    if len(arrays) == 2 and is_bias(names[arrays[1]]) and "a" not in names:  # as large as the samples it is no bias
        shapes_to_try = tuple(shapes for shapes in shapes_to_try if shapes[0] != shapes[1])
    if len(arrays) == 3 and not any(is_bias(name) for name in names):
        shapes_to_try += TERM_SHAPES
    only_rows = bool(LOGITS.search(function) or PROBABILITIES.search(function))
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
