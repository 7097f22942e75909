"""Writing files whole or not at all, and reading and writing the arrays of an `.npz`."""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentValueError, InputFileError, OutputFileError
from .memory import check_fits, readable

#: An archive that unpacks to more bytes than LARGE, and to more than LARGEST_RATIO times its size, is taken for an
#: attack.
LARGE, LARGEST_RATIO = 2**30, 100


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file whole or not at all: write another file beside it, and rename that."""
    path = Path(path)
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content  # halves of pairs
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
    """Raise OutputFileError unless a file can be written there; called before long work."""
    path = Path(path)
    try:
        is_name = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_name = False
    if not is_name:
        raise OutputFileError(f"{str(path)!r}: no file can have this name. Choose another.")
    if path.is_dir():
        raise OutputFileError(f"{path}: it is a folder; expected a file's name.")
    if not path.parent.is_dir():
        raise OutputFileError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputFileError(f"{path}: no permission to write there. Choose another place.")


def check_folder(path: str | Path) -> None:
    """Raise OutputFileError unless the folder is writable or can be made; called before long work."""
    path = Path(path)
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise OutputFileError(f"{path}: {there} is a file; expected a folder.")
    if not os.access(there, os.W_OK):
        raise OutputFileError(f"{path}: no permission to write there. Choose another place.")


def read_arrays(path: str | Path) -> dict[str, Any]:
    """Return the arrays of an `.npz` file.

    Raises InputFileError for any other file, for pickled objects, which could run code, and for two arrays of one name.
    It also raises, before it unpacks anything, for arrays that can't fit in memory and for an archive that unpacks to a
    vast multiple of its size.
    """
    try:
        with Path(path).open("rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise InputFileError(f"{path}: it holds a single array; expected an .npz archive of named arrays.")
            if not zipfile.is_zipfile(file):
                raise InputFileError(f"{path}: it is not a readable .npz archive. Save it again with np.savez.")
            size = file.seek(0, os.SEEK_END)
            with zipfile.ZipFile(file) as archive:
                _check_unpacked_size(path, size, archive)
                members = _name_members(path, archive)
                return {name: _read_array(path, archive, member) for name, member in members.items()}
    except InputFileError:
        raise
    except FileNotFoundError as error:
        raise InputFileError(f"{path}: there is no such file. Check the path.") from error
    except Exception as error:  # zipfile, its decompressors and NumPy raise many kinds for damaged content
        if "pickle" in str(error).lower() or "Object arrays" in str(error):
            detail = "it holds pickled objects, which could run code; expected plain numeric arrays"
        else:
            detail = f"it is not a readable .npz archive ({str(error) or type(error).__name__})"
        raise InputFileError(f"{path}: {detail}. Save it again with np.savez.") from error


def _name_members(path: str | Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by the names of their arrays; of two with one name, readers may take either."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members:
            raise InputFileError(
                f"{path}: it holds two arrays named {name!r}; expected a name for each. Save it again with np.savez."
            )
        members[name] = member
    return members


def _check_unpacked_size(path: str | Path, size: int, archive: zipfile.ZipFile) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(LARGE, LARGEST_RATIO * size):
        raise InputFileError(
            f"{path}: it is {readable(size)} and would unpack to {readable(unpacked)}, as archives made to fill "
            f"memory do. If it is right, save it again with np.savez, which does not compress."
        )
    try:
        check_fits(f"{path}: reading it", unpacked, "Save fewer or smaller arrays.")
    except ArgumentValueError as error:
        raise InputFileError(str(error)) from None


def _read_array(path: str | Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    """Return a member's array; raise InputFileError first if its size is not the one that its header claims."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise ValueError(f"{member.filename} has format {version}, which plain numeric arrays don't need")
        shape, _, dtype = read_header[version](file)
        claimed, held = math.prod(shape) * dtype.itemsize, member.file_size - file.tell()
    if not dtype.hasobject and claimed != held:
        raise InputFileError(
            f"{path}: {member.filename} claims to be an array {shape} of {dtype}, "
            f"{readable(claimed)}, and holds {readable(held)}. Save it again with np.savez."
        )
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def write_arrays(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write an `.npz` file of named arrays, in their order, whole or not at all; any name is allowed.

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
