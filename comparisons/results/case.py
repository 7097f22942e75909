"""A failing case on disk: a JSON file that describes it, and an `.npz` of its arrays, without pickles."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.backends.precision import find_dtype
from gradtwin.errors import InputFileError, OutputFileError
from gradtwin.files import read_arrays, write_arrays, write_whole

from .json_numbers import spelled

SCHEMA = "gradtwin.case/1"

#: Memory that an array may span by its strides, as a multiple of what its elements take; others become contiguous.
WIDEST = 16


@dataclass(frozen=True)
class Case:
    """A judged point: `fields` as JSON has them, and arrays by name in their memory layouts."""

    name: str
    fields: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def save(self, folder: Path) -> Path:
        """Write `NAME.npz`, then `NAME.json`, whole or not at all, and return the latter: where it is, the case is.

        Raises OutputFileError where they can't be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFileError(
                f"{folder}: the folder can't be made ({error.strerror}). Choose another place."
            ) from error
        layouts = {name: _describe(array) for name, array in self.arrays.items()}
        archive = folder / f"{self.name}.npz"
        write_arrays(archive, self.arrays)
        digest = sha256(archive.read_bytes()).hexdigest()
        content = {"schema": SCHEMA, **self.fields, "arrays": layouts, "arrays_sha256": digest}
        path = folder / f"{self.name}.json"
        write_whole(path, json.dumps(spelled(content), indent=1, allow_nan=False) + "\n")
        return path


def remove_case(folder: Path, name: str) -> None:
    """Delete a case if it exists. The JSON file goes first, because a case without it doesn't count."""
    for kind in ("json", "npz"):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)


def read_case(path: Path) -> Case:
    """Return the case of a JSON file; raise InputFileError for one that is damaged, changed, or lacks its arrays."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: it can't be read as JSON ({error}). Save the case again.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputFileError(f"{path}: it is not a saved case; expected the schema {SCHEMA!r}.")
    archive = path.with_suffix(".npz")
    arrays = read_arrays(archive)
    if sha256(archive.read_bytes()).hexdigest() != content.get("arrays_sha256"):
        raise InputFileError(f"{archive}: it is not the file that {path.name} was saved with. Save the case again.")
    layouts = take(content, "arrays", dict, path)
    if set(layouts) != set(arrays):
        named, found = ", ".join(layouts), ", ".join(arrays)
        raise InputFileError(f"{path}: it names the arrays {named}; {archive.name} has {found}. Save the case again.")
    placed = {name: _place(arrays[name], layouts[name], f"{path}: arrays: {name}") for name in arrays}
    return Case(path.stem, content, placed)


def take(fields: Mapping[str, Any], key: str, kind: type | tuple[type, ...], path: Path | str) -> Any:
    """Return a field of a case's file, or raise InputFileError where it is missing or of another type."""
    if key not in fields:
        raise InputFileError(f"{path}: it has no {key!r}. Save the case again.")
    if not isinstance(fields[key], kind):
        names = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputFileError(f"{path}: {key} is {fields[key]!r}; expected {names}. Save the case again.")
    return fields[key]


def _describe(array: Array) -> dict[str, Any]:
    """Return the properties that an `.npz` does not keep: the dtype's name, the strides in bytes, and writability."""
    return {"dtype": array.dtype.name, "strides": list(array.strides), "writeable": array.flags.writeable}


def _place(array: Array, layout: Any, where: str) -> Array:
    """Return an array's values in the memory layout that was described."""
    if not isinstance(layout, dict):
        raise InputFileError(f"{where}: it is {layout!r}; expected dtype, strides and writeable.")
    dtype, strides = take(layout, "dtype", str, where), take(layout, "strides", list, where)
    writeable = take(layout, "writeable", bool, where)
    if dtype == "bfloat16" and array.dtype.itemsize == 2:  # not NumPy's own, so it is saved as bare bytes
        array = array.view(find_dtype(dtype))
    if array.dtype.name != dtype:
        raise InputFileError(f"{where}: it is of {array.dtype.name}, and was saved as {dtype!r}. Save the case again.")
    if len(strides) != array.ndim or not all(isinstance(s, int) and not isinstance(s, bool) for s in strides):
        raise InputFileError(f"{where}: the strides are {strides}; expected {array.ndim} whole numbers.")
    placed = _with_strides(array, strides)
    placed.setflags(write=writeable and placed.flags.writeable)
    return placed


def _with_strides(array: Array, strides: list[int]) -> Array:
    if array.size == 0:
        return array
    reach = [(n - 1) * s for n, s in zip(array.shape, strides, strict=True)]
    first = -sum(r for r in reach if r < 0)
    span = first + sum(r for r in reach if r > 0) + array.itemsize
    if span > WIDEST * max(array.nbytes, math.prod(array.shape)):
        return array
    placed: Array = np.ndarray(array.shape, array.dtype, np.zeros(span, np.uint8).data, first, tuple(strides))
    placed[...] = array
    # Where elements share memory, as in a broadcast array, its values must be equal there.
    return placed if placed.tobytes() == array.tobytes() else array
