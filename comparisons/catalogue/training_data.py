"""The data of a training run: read, checked, and converted to the wanted dtype."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.network import Network
from gradtwin.comparisons.catalogue.scenarios.digits import load_mnist
from gradtwin.comparisons.catalogue.scenarios.interface import ScenarioData
from gradtwin.errors import InputFileError, ShapeError
from gradtwin.files import read_arrays

NAMES = ("x_train", "y_train", "x_test", "y_test")


def read_data(data: str | Path | Mapping[str, Array] | None) -> Mapping[str, Array] | None:
    """Return the arrays of an `.npz` file or a mapping, or MNIST's; raise InputFileError where one is missing."""
    if data is None:
        return None
    if data == "mnist":
        return load_mnist()
    arrays = read_arrays(data) if isinstance(data, str | Path) else data
    for name in NAMES:
        if name not in arrays:
            raise InputFileError(
                f"data: there is no array {name!r} among {', '.join(sorted(arrays)) or 'none'}; "
                f"expected x_train, y_train, x_test and y_test."
            )
    return arrays


def start_from(arrays: Mapping[str, Array] | None, network: Network, drawn: Mapping[str, Array]) -> dict[str, Array]:
    """Return the start weights: those that the data have, under their parameters' names, and for others the drawn ones.

    Raises InputFileError for an array that is neither data nor a parameter, ShapeError for one of another shape.
    """
    weights = dict(drawn)
    for name, array in (arrays or {}).items():
        if name in NAMES:
            continue
        if name not in network.shapes:
            raise InputFileError(
                f"data: the array {name!r} is unknown; expected {', '.join(NAMES)}, and start weights under the names "
                f"{', '.join(network.shapes)}."
            )
        if array.shape != network.shapes[name]:
            raise ShapeError(
                f"data: the start weights {name} have shape {array.shape}; expected {network.shapes[name]}."
            )
        weights[name] = array
    return weights


def prepare_data(data: ScenarioData, dtype: np.dtype[Any], network: Network) -> ScenarioData:
    """Return the data in the wanted dtype; raise InputFileError or ShapeError for unusable data."""
    axis = network.sample_axis
    for part in ("train", "test"):
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        if x.shape[axis] != y.shape[axis] or x.shape[axis] == 0:
            raise InputFileError(
                f"data: x_{part} has shape {x.shape} and y_{part} {y.shape}; expected as many samples, at least one."
            )
    arrays = {name: _convert(name, getattr(data, name), dtype) for name in NAMES}
    weights = {name: _convert(name, array, dtype) for name, array in data.weights.items()}
    true = None if data.true_weights is None else {n: _convert(n, a, dtype) for n, a in data.true_weights.items()}
    for part in ("train", "test"):
        network.validate(arrays[f"x_{part}"], arrays[f"y_{part}"])
    return ScenarioData(**arrays, weights=weights, true_weights=true)


def _convert(name: str, array: Array, dtype: np.dtype[Any]) -> Array:
    if array.dtype.kind != "f":
        raise InputFileError(
            f"data: {name} has dtype {array.dtype}; expected floating numbers. Convert it with .astype(np.float64)."
        )
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise InputFileError(f"data: {name} has {bad} NaN or infinite elements; expected finite numbers. Remove them.")
    return np.ascontiguousarray(array, dtype=dtype)
