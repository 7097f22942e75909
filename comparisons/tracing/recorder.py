"""The records of one traced run: its tape, the escapes, and the notes."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

from gradtwin.errors import GradTwinError

from .buffers import Buffer, Pool
from .engine import Engine

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_FOUND = [spec.origin for spec in map(find_spec, ("numpy", "scipy")) if spec and spec.origin]
_LIBRARIES = (_HERE, *(os.path.dirname(file) + os.sep for file in _FOUND))


#: As many equal decisions in one line are those of a loop.
LOOPS = 3


@dataclass(frozen=True)
class Escape:
    """A value that depends on the differentiated inputs left the trace: `what` took it out, in `function`."""

    what: str
    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.what} in {self.function} ({self.file}:{self.line})"


class UntraceableError(GradTwinError):
    """A function that can't be run, or differentiated, under the tape."""


class Place(NamedTuple):
    """A line of the user's code."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})"


def user_place() -> Place:
    """Return the innermost line that is running outside this package, NumPy and SciPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_library_file(frame.f_code.co_filename):
        frame = frame.f_back
    return Place(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno)


def is_library_file(file: str) -> bool:
    """Return whether a source file is of this package, NumPy or SciPy, or no file at all."""
    return file.startswith(_LIBRARIES) or file.startswith("<")


class Recorder:
    """The state of one traced run; `call` runs a NumPy function on tracing arrays."""

    def __init__(self, call: Callable[..., Any], engine: Engine) -> None:
        self.call = call
        self.engine = engine
        self.pool = Pool(engine)
        #: Buffers by the id of the array that owns their memory, which each buffer keeps alive.
        self.buffers: weakref.WeakValueDictionary[int, Buffer] = weakref.WeakValueDictionary()
        self.recording = True
        self._thread = threading.get_ident()
        self._escapes: dict[Escape, None] = {}
        self._notes: dict[str, None] = {}
        self._branches: dict[Place, None] = {}
        #: The truth values decided at each line, in order. `extended` of them were turned, to go on with loops.
        self._decided: dict[Place, list[bool]] = {}
        self.extended = 0

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is another thread than the run's: its tape doesn't see the work of other threads."""
        return threading.get_ident() != self._thread

    def escape(self, what: str) -> None:
        """Log that a traced value was taken out of the trace, and where."""
        if self.recording:
            self._escapes[Escape(what, *user_place())] = None

    def note(self, text: str) -> None:
        """Log an observation once for each line of the user's code."""
        if self.recording:
            self._notes[f"{text} in {user_place()}"] = None

    def branch(self) -> None:
        """Log that the values, and not only the shapes, decided something."""
        if self.recording:
            self._branches[user_place()] = None

    def decide(self, value: bool, more: int) -> bool:
        """Log a truth value, and return it; one that ends a loop is turned up to `more` times."""
        if not self.recording:
            return value
        seen = self._decided.setdefault(user_place(), [])
        is_end = len(seen) >= LOOPS and all(item == seen[0] for item in seen) and value != seen[0]
        if is_end and self.extended < more:
            self.extended += 1
            return seen[0]
        seen.append(value)
        return value

    @property
    def loops(self) -> bool:
        """Whether the values decided when a loop ended."""
        return any(len(seen) > LOOPS and seen[-1] != seen[0] for seen in self._decided.values())

    @property
    def escapes(self) -> tuple[Escape, ...]:
        """What escaped, in order."""
        return tuple(self._escapes)

    @property
    def notes(self) -> tuple[str, ...]:
        """The observations, with one for all the branches."""
        if not self._branches:
            return tuple(self._notes)
        places = [str(place) for place in self._branches]
        shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        return (
            *self._notes,
            f"branch: values were compared in {shown}; only the branch taken there was traced",
        )


class _Running(threading.local):
    """The traced runs that are under way in this thread, innermost last; of another thread's it knows nothing."""

    def __init__(self) -> None:
        self._recorders: list[Recorder] = []

    def __bool__(self) -> bool:
        return bool(self._recorders)

    def __getitem__(self, number: int) -> Recorder:
        return self._recorders[number]

    def append(self, recorder: Recorder) -> None:
        """Enter a run."""
        self._recorders.append(recorder)

    def remove(self, recorder: Recorder) -> None:
        """Leave a run."""
        self._recorders.remove(recorder)


#: In every thread but the one under the tape, stand-ins in the user's modules behave as their originals.
RUNNING = _Running()
