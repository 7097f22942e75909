"""A failing case on disk: a JSON file that says what it is, and beside it an `.npz` of its arrays, without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.files import write_arrays, write_whole

SCHEMA = "gradtwin.case/1"


def save_case(folder: Path, name: str, fields: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write `NAME.npz`, then `NAME.json`, each whole or not at all: where there is a JSON file, the case is whole."""
    write_arrays(folder / f"{name}.npz", arrays)
    described = {key: {"dtype": np.asarray(array).dtype.name} for key, array in arrays.items()}
    content = {"schema": SCHEMA, **fields, "arrays": described}
    write_whole(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")


def remove_case(folder: Path, name: str) -> None:
    """Delete a case, if it is there."""
    for kind in ("json", "npz"):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)
