"""Limits of time for code that may never return, in any thread."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gradtwin.errors import ArgumentValueError

from .frames import is_installed, is_users

#: Seconds after which the limit is raised again, if the user's code has caught it.
AGAIN = 1.0

#: Seconds after which it is raised again, if it could not be raised.
SOON = 0.001

#: A call of NumPy takes some thousand times as long under the tape.
TRACED_SLOWDOWN = 10_000

#: Seconds that every system's timers take.
LONGEST = 1e8


class TimeIsUp(BaseException):
    """The limit has passed; no `except Exception` of the user's may stop it."""


def check_limit(seconds: Any) -> None:
    """Raise ArgumentValueError unless a limit is a number of seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise ArgumentValueError(f"timeout: got {seconds!r}; expected a number of seconds above 0.")


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeIsUp inside the block once it has run for so many seconds; None sets no limit.

    In the main thread of a Unix process an alarm interrupts even what waits, again and again should it be swallowed.
    Elsewhere the exception comes once, between two lines of Python: a call that waits, or computes in C, ends first.
    """
    if seconds is None:
        yield
        return
    check_limit(seconds)
    has_alarm = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    with (_alarm if has_alarm else _tracing)(min(seconds, LONGEST)):
        yield


class CallLimit:
    """The time that each call of a user's function may take, and a run of it under the tape, which is slower by far."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._longest = 0.0

    @contextmanager
    def plain(self) -> Iterator[None]:
        """Limit one call."""
        started = time.monotonic()
        with time_limit(self.seconds):
            yield
        self._longest = max(self._longest, time.monotonic() - started)

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Limit a run under the tape: to the same, or to so many times the longest call if that is more."""
        with time_limit(None if self.seconds is None else max(self.seconds, TRACED_SLOWDOWN * self._longest)):
            yield


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Set the alarm, and afterwards whichever was set before."""

    def expire(_: int, frame: FrameType | None) -> None:
        if frame is not None and any(frame.f_code is getattr(each, "__code__", None) for each in gc.callbacks):
            signal.setitimer(signal.ITIMER_REAL, SOON, AGAIN)  # what a callback of the collector raises is lost
        else:
            raise TimeIsUp

    started = time.monotonic()
    handler = signal.signal(signal.SIGALRM, expire)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        while True:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, handler)
                break
            except TimeIsUp:  # just now, too late
                continue
        if remaining:
            left = remaining - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6), interval)


@contextmanager
def _tracing(seconds: float) -> Iterator[None]:
    """Look at the clock at every line of Python that this thread runs; then restore the earlier trace function."""
    ends = time.monotonic() + seconds
    before = sys.gettrace()

    def look(*_: object) -> Any:
        if time.monotonic() > ends:
            raise TimeIsUp  # which ends the tracing too
        return look

    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


def describe(error: TimeIsUp, seconds: float, otherwise: str) -> str:
    """Return the user's function that did not return, and its line; `otherwise` if none was running.

    A file that is being loaded doesn't count as a function.
    """
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if _is_users(frame.filename)]
    if not users or users[0].name == "<module>":
        return f"{otherwise} did not end within {seconds:g} s"
    last = users[-1]
    return f"{users[0].name} did not return within {seconds:g} s (in {last.name}, {last.filename}:{last.lineno})"


def _is_users(file: str) -> bool:
    return file.endswith(".py") and is_users(file) and not is_installed(file)
