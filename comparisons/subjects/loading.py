"""Loads a user's file or module for a check, and leaves no trace of it.

The file runs as in an import, with its folder first on the path and without its `if __name__ == "__main__"` part. Its
output is dropped, its pictures are not drawn, and its questions get no answer.
"""

from __future__ import annotations

import importlib
import io
import linecache
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NoReturn, TextIO
from unittest import mock

import numpy as np

from gradtwin.comparisons.guards.frames import is_installed, is_users
from gradtwin.comparisons.guards.messages import message_of
from gradtwin.comparisons.guards.time_limits import TimeIsUp, describe, time_limit
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, InputFileError, unknown_name

#: Advice for something that takes too long.
UNDER_MAIN = "move training and plotting under `if __name__ == '__main__':`"
SMALLER = "check at smaller inputs"


@dataclass(frozen=True)
class Target:
    """The target of a check: a file or a module, and the name of a function in it, or None for all pairs."""

    place: str
    function: str | None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `FILE.py`, `FILE.py:forward` or `package.module:forward`."""
        if text.endswith(".py"):
            return cls(text, None)
        place, colon, function = text.rpartition(":")
        if not colon:
            raise ArgumentValueError(
                f"target: {text!r} is not a .py file and names no function; "
                f"expected FILE.py, FILE.py:forward or package.module:forward."
            )
        if not place or not all(part.isidentifier() for part in function.split(".")):
            raise ArgumentValueError(
                f"target: got {text!r}; expected the name of a function after ':', as in FILE.py:forward."
            )
        if not place.endswith(".py") and not all(part.isidentifier() for part in place.split(".")):
            raise ArgumentValueError(f"target: {place!r} is neither a .py file nor the name of a module.")
        return cls(place, function)

    @property
    def is_file(self) -> bool:
        """Whether it is given as a file, not as a module."""
        return self.place.endswith(".py")

    def file(self) -> Path:
        """Return the source file, or raise InputFileError if there is none."""
        if not self.is_file:
            stems = [Path(folder or ".").joinpath(*self.place.split(".")) for folder in (os.getcwd(), *sys.path)]
            files = [file for stem in stems for file in (stem / "__init__.py", stem.with_suffix(".py"))]
            found = next((file for file in files if file.is_file()), None)
            if found is None:
                raise InputFileError(
                    f"{self.place}: there is no such module. Run this from the folder that its package lies in, "
                    f"or give the file, as in path/to/file.py:forward."
                )
            return found
        path = Path(self.place)
        if path.is_dir():
            raise InputFileError(f"{path}: it is a folder; expected a Python file.")
        if not path.exists():
            close = get_close_matches(path.stem, [beside.stem for beside in path.parent.glob("*.py")], n=1)
            hint = f"Did you mean {path.with_stem(close[0])}?" if close else "Check the path."
            raise InputFileError(f"{path}: there is no such file. {hint}")
        return path


class TookTooLongError(InputFileError):
    """A user's function that did not return within its limit."""


@contextmanager
def limited(seconds: float, what: str, advice: str) -> Iterator[None]:
    """Raise TookTooLongError if the block takes longer, naming the user's function that did not return."""
    try:
        with time_limit(seconds):
            yield
    except TimeIsUp as error:
        raise TookTooLongError(f"{describe(error, seconds, what)}. Raise --timeout, or {advice}.") from None


@contextmanager
def load(target: Target, timeout: float) -> Iterator[ModuleType]:
    """Load the target's file or module for the length of the block; its output until then is dropped."""
    path = target.file().resolve()
    root = _root(path) if target.is_file else Path.cwd()
    is_script = target.is_file and root == path.parent
    if is_script:
        name = f"gradtwin_user_{path.stem}"
    else:
        name = ".".join(path.relative_to(root).with_suffix("").parts) if target.is_file else target.place
        if target.is_file:
            _check_package_name(path, name, root)
    before = dict(sys.modules)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), ExitStack() as stack:
        _leave_no_traces(stack, path)
        stack.callback(_forget, before, root, name)
        with mock.patch.object(sys, "path", [str(root), *sys.path]), _loading(nowhere, timeout, target.place):
            module = _run(path, name, root) if is_script else _import(path, name, root)
        # Functions may import what lies beside them when they are called; nothing else is to find it first.
        stack.enter_context(mock.patch.object(sys, "path", [*sys.path, str(root)]))
        _name_lambdas(module)
        yield module


@contextmanager
def _loading(nowhere: TextIO, timeout: float, place: str) -> Iterator[None]:
    with redirect_stderr(nowhere), limited(timeout, f"{place}: loading it", UNDER_MAIN):
        yield


def find_function(module: ModuleType, name: str, argument: str, place: str) -> Callable[..., Any]:
    """Return a function of the module, such as `relu` or `Tanh.forward`; the error for another suggests the nearest."""
    found: Any = module
    for part in name.split("."):
        names = getattr(found, "__dict__", {})  # numbers and arrays have none
        known = [key for key, value in names.items() if callable(value) and not key.startswith("__")]
        if part not in names:
            own = [key for key in known if getattr(names[key], "__module__", "") == module.__name__]
            if not known:
                raise InputFileError(f"{place}: it has no functions, and {argument} asks for {part!r}.")
            raise unknown_name(f"{argument} in {place}", part, own or known)
        found = getattr(found, part)
    if not callable(found):
        raise ArgumentTypeError(f"{argument}: {name} in {place} is {type(found).__name__}; expected a function.")
    return found  # type: ignore[no-any-return]


def _root(path: Path) -> Path:
    """Return the folder that a file's imports start from: the one around the outermost package it belongs to."""
    folder = path.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _check_package_name(path: Path, name: str, root: Path) -> None:
    """Raise InputFileError where an import by this name would find a package that is loaded already."""
    package = name.partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    if file and not Path(file).resolve().is_relative_to(root):
        raise InputFileError(
            f"{path}: its package has the name {package!r}, as a package that gradtwin uses. Rename the folder, or "
            f"delete "
            f"its __init__.py."
        )


def _leave_no_traces(stack: ExitStack, path: Path) -> None:
    """Keep the user's questions, warnings, settings and folder changes from reaching anything else."""
    stack.enter_context(mock.patch.object(sys, "stdin", io.StringIO()))
    stack.enter_context(mock.patch.object(sys, "argv", [str(path)]))
    stack.enter_context(mock.patch.object(sys, "dont_write_bytecode", True))
    stack.enter_context(mock.patch.object(os, "_exit", _exit_of_this_process()))
    stack.enter_context(mock.patch.dict(os.environ, {"MPLBACKEND": "Agg"}))
    stack.enter_context(warnings.catch_warnings())
    stack.enter_context(np.errstate())
    stack.enter_context(np.printoptions())
    stack.callback(os.chdir, os.getcwd())
    stack.callback(np.random.set_state, np.random.get_state())


def _exit_of_this_process() -> Callable[[int], NoReturn]:
    """Return an os._exit that can be reported, as sys.exit can; processes that the user's code forks end as usual."""
    really, own = os._exit, os.getpid()

    def end(status: int) -> NoReturn:
        if os.getpid() != own or os._exit is not end:  # a file may keep it for when Python ends
            really(status)
        raise SystemExit(status)

    return end


def _run(path: Path, name: str, root: Path) -> ModuleType:
    """Run a file as a module of this name."""
    module = ModuleType(name)
    module.__file__ = str(path)
    linecache.checkcache(str(path))
    sys.modules[name] = module
    try:
        source = path.read_bytes()
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except OSError as error:
        if error.filename == str(path):
            raise InputFileError(f"{path}: can't be read ({error.strerror}).") from error
        raise _broken(path, root, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(path, root, error) from error
    return module


def _import(path: Path, name: str, root: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _broken(path, root, error) from error


def _broken(path: Path, root: Path, error: BaseException) -> InputFileError:
    """Return the error for a file that can't be loaded: the file and line at fault, and the exception there."""
    if isinstance(error, SyntaxError) and error.filename:
        return InputFileError(f"{error.filename}:{error.lineno}: syntax error: {error.msg}. Nothing was checked.")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename, path, root)]
    where = f"{own[-1].filename}:{own[-1].lineno}" if own else str(path)
    message = message_of(error).strip().splitlines() or [""]
    what = "it ended the program (SystemExit)" if isinstance(error, SystemExit) else f"it raised {type(error).__name__}"
    return InputFileError(f"{where}: {what} while it was loaded: {message[0]}. Nothing was checked.")


def _is_own(file: str, path: Path, root: Path) -> bool:
    """Return whether a file is the one being loaded, or a user's beside it: installed packages may lie there too."""
    found = Path(file)
    if found.resolve() == path:
        return True
    return found.is_relative_to(root) and is_users(file) and not is_installed(file)


def _forget(before: dict[str, ModuleType], root: Path, name: str) -> None:
    """Drop the module and those that were imported from its folder, so that the next load reads the files again."""
    for key, module in list(sys.modules.items()):
        if key in before:
            continue
        stem = root.joinpath(*key.split("."))
        file = getattr(module, "__file__", None)
        if key == name or (file and Path(file) in (stem.with_suffix(".py"), stem / "__init__.py")):
            del sys.modules[key]
    if name in before:
        sys.modules[name] = before[name]


def _name_lambdas(module: ModuleType) -> None:
    """Give a lambda the name that it is bound to, for messages."""
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__name__ == "<lambda>":
            value.__name__ = name
