"""One run of user code on tracing arrays: what is put in place for it, and put back after it."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

from gradtwin.comparisons.guards.messages import message_of
from gradtwin.errors import GradTwinError

from . import composites, writing  # noqa: F401  (their rules)
from .dispatch import call
from .engine import Engine
from .holding import Holder
from .recorder import RUNNING, Recorder, UntraceableError, is_library_file
from .scipy_rules import load_scipy
from .swapping import Swap


class Run:
    """A run of user code, with stand-ins in the user's modules between `enter` and `finish`.

    If the code raises, everything is restored, and UntraceableError names the line.
    """

    def __init__(self, engine: Engine, forward: Any, parameters: set[int]) -> None:
        load_scipy()
        self.recorder = Recorder(call, engine)
        self.holder = Holder(self.recorder, parameters)
        self._swap = Swap(forward, self.holder.wrap)

    def __enter__(self) -> Run:
        RUNNING.append(self.recorder)
        return self

    def enter(self, *values: Any) -> list[Any]:
        """Put stand-ins into everything that these functions and arguments reach; return their replacements."""
        return self._swap.enter(*values)

    def finish(self, result: Any) -> Any:
        """Put plain arrays in the place of tracing ones everywhere; return the result with plain arrays."""
        self.recorder.recording = False
        self._swap.settle(self.holder.plain)
        cleaned = self._swap.clean(result, self.holder.plain)
        self.holder.release()
        return cleaned

    def restore(self) -> None:
        """Put the attributes that the code changed, and names that it made global, back as they were before."""
        self._swap.restore()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        RUNNING.remove(self.recorder)
        if error is None:
            return
        self.recorder.recording = False
        self._swap.restore()
        if isinstance(error, Exception) and not isinstance(error, GradTwinError):
            raise UntraceableError(_located(error)) from error


def _located(error: Exception) -> str:
    """Return an exception's type, message, and the innermost line of the user's code."""
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if not is_library_file(frame.filename)]
    frame = (users or frames)[-1]
    where = f"{frame.name} ({frame.filename}:{frame.lineno})"
    return (
        f"the traced run raised {type(error).__name__}: {message_of(error)} in {where}. "
        f"If the plain run doesn't, use finite differences."
    )
