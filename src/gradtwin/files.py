"""Writing files whole or not at all, and reading and writing the arrays of an `.npz`."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradtwin.errors import InputFileError, OutputFileError


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file by writing another beside it and renaming it, so that no half-written one can be left."""
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def check_writable(path: str | Path) -> None:
    """Raise OutputFileError unless a file can be written there; asked before long work, not after it."""
    path = Path(path)
    if path.is_dir():
        raise OutputFileError(f"{path}: it is a folder; expected a file's name.")
    if not path.parent.is_dir():
        raise OutputFileError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputFileError(f"{path}: no permission to write there. Choose another place.")


def _is_npy(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def read_arrays(path: str | Path) -> dict[str, Any]:
    """Return the arrays of an `.npz` file; pickled objects are refused."""
    try:
        if not zipfile.is_zipfile(path) and Path(path).is_file() and not _is_npy(path):
            raise InputFileError(f"{path}: it is not a readable .npz archive. Save it again with np.savez.")
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise InputFileError(f"{path}: it holds a single array; expected an .npz archive of named arrays.")
        with loaded as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: there is no such file. Check the path.") from error
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, InputFileError):
            raise
        if "pickle" in str(error).lower():
            detail = "it holds pickled objects, which could run code; expected plain numeric arrays"
        else:
            detail = f"it is not a readable .npz archive ({error})"
        raise InputFileError(f"{path}: {detail}. Save it again with np.savez.") from error


def write_arrays(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write an `.npz` file of named arrays, in their order, whole or not at all; any name will do.

    Raises OutputFileError where it can't be written.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # np.savez refuses the name "file"
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    write_whole(path, content.getvalue())


def _unwritable(path: Path, error: OSError) -> OutputFileError:
    return OutputFileError(f"{path}: can't be written ({error.strerror or error}). Choose another place.")
