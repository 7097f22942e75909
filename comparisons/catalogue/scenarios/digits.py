"""Handwritten digits: the real 8 × 8 scans that scikit-learn ships, MNIST through Keras, or a file's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.errors import InputFileError

CLASSES = 10
HELD_BACK = 360


@dataclass(frozen=True)
class Digits:
    """Pictures in [0, 1] of shape (n, height, width) and their targets, one-hot rows."""

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array


def read_digits(arrays: Mapping[str, Array] | None, seed: int) -> Digits:
    """Return the digits of a file's arrays, or scikit-learn's, split by the seed.

    A file's pictures may be flat, of any numeric type, 0 to 255 if whole; its targets labels or one-hot rows.
    """
    if arrays is None:
        return _scikit_learns(seed)
    return Digits(
        _pictures("x_train", arrays["x_train"]),
        _one_hot("y_train", arrays["y_train"]),
        _pictures("x_test", arrays["x_test"]),
        _one_hot("y_test", arrays["y_test"]),
    )


def load_mnist() -> dict[str, Array]:
    """Return MNIST's arrays through Keras's own loader; raise InputFileError where it can't be had."""
    from gradtwin.backends.quiet_import import import_tensorflow

    keras = import_tensorflow().keras
    try:
        (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    except Exception as error:  # the network, or a cached file, raises many kinds
        raise InputFileError(
            f"data: MNIST can't be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). It needs a network "
            f"the first time; or give an .npz file with x_train, y_train, x_test and y_test."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _scikit_learns(seed: int) -> Digits:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(seed).permutation(len(bundle.images))
    pictures, targets = bundle.images[order] / 16, np.eye(CLASSES)[bundle.target[order]]
    return Digits(pictures[:-HELD_BACK], targets[:-HELD_BACK], pictures[-HELD_BACK:], targets[-HELD_BACK:])


def _pictures(name: str, x: Array) -> Array:
    if x.dtype.kind not in "fiu":
        raise InputFileError(f"data: {name} has dtype {x.dtype}; expected numbers.")
    if x.ndim == 4 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim == 2:
        side = round(x.shape[1] ** 0.5)
        if side * side == x.shape[1]:
            x = x.reshape(-1, side, side)
    if x.ndim != 3:
        raise InputFileError(
            f"data: {name} has shape {x.shape}; expected pictures, (samples, height, width), or squares as flat rows."
        )
    if x.size == 0:
        raise InputFileError(f"data: {name} has shape {x.shape}, no pictures; expected at least one.")
    return x / 255 if x.dtype.kind in "iu" else x.astype(np.float64)


def _one_hot(name: str, y: Array) -> Array:
    if y.ndim == 2 and y.shape[1] == CLASSES and y.dtype.kind == "f":
        return y.astype(np.float64)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise InputFileError(
            f"data: {name} has shape {y.shape} and dtype {y.dtype}; expected whole labels, (samples,), or one-hot "
            f"rows of floating numbers, (samples, {CLASSES})."
        )
    outside = y[(y < 0) | (y >= CLASSES)]
    if outside.size:
        raise InputFileError(
            f"data: {name} has the label {outside[0]}; expected labels from 0 to {CLASSES - 1}. Renumber the classes."
        )
    return np.asarray(np.eye(CLASSES)[y])
