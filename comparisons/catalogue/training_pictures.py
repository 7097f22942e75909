"""The data of a picture of two trained networks: their outputs where the scenario shows best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradtwin.backends.backend import Trainer
from gradtwin.backends.interface import Array
from gradtwin.backends.network import Network
from gradtwin.comparisons.catalogue.scenarios.interface import Picture, ScenarioData

#: Points along each side of the surface over the unit square, with a margin around it.
GRID, MARGIN = 41, 0.25

#: Held-back digits that are shown.
DIGITS_SHOWN = 15


def make_picture(
    kind: Picture, network: Network, data: ScenarioData, trainers: Mapping[str, Trainer]
) -> dict[str, Any] | None:
    """Return the numbers of a picture as plain lists, None where there is nothing to show."""
    if kind == "none":
        return None
    x, target = data.x_test, data.y_test
    if kind == "surface":
        sides = np.linspace(-MARGIN, 1 + MARGIN, GRID)
        square = np.stack(np.meshgrid(sides, sides), axis=-1).reshape(-1, 2).astype(x.dtype)
        x = square if network.samples == "rows" else np.ascontiguousarray(square.T)
        outputs = {side: t.predict(x).reshape(GRID, GRID).tolist() for side, t in trainers.items()}
        return {"kind": kind, "sides": sides.tolist(), "outputs": outputs}
    if kind == "digits":
        x, target = x[:DIGITS_SHOWN], target[:DIGITS_SHOWN]
    outputs = {side: t.predict(x).tolist() for side, t in trainers.items()}
    inputs = _as_pictures(x) if kind == "digits" else x
    return {"kind": kind, "inputs": inputs.tolist(), "targets": target.tolist(), "outputs": outputs}


def _as_pictures(x: Array) -> Array:
    """Return digits as (n, height, width), also where they are flat or have a channel."""
    if x.ndim == 4:
        return x[..., 0]
    side = round(x.shape[1] ** 0.5)
    return x.reshape(-1, side, side) if side * side == x.shape[1] else x[:, np.newaxis]
