"""Work in a process of its own, which may end in any way and with any status: it runs a user's file.

A file can end its process with status 0 by `os._exit`, in a thread or when Python ends, or by becoming another program.
So the status of a command is what its work reports in memory that both processes share. A process that ends without a
report is reported itself.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

#: What waits while the work is done passes these on to it.
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP")

#: Bytes of the shared memory: whether the work is done, its status, and what it is doing.
_SIZE = 4096
_HEAD = struct.Struct("?q")

#: prctl's option on Linux: the signal that a process gets when its parent ends.
_PDEATHSIG = 1

#: Seconds in which a second SIGINT is the same one: a terminal sends it to both processes, and one passes it on.
_SAME = 1.0


class _Board:
    """Memory that the process of the work writes, and the one that waits reads; the work's own children don't."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._writer = 0

    def claim(self) -> None:
        """Let this process write."""
        self._writer = os.getpid()

    @property
    def is_writer(self) -> bool:
        """Whether this process may write."""
        return os.getpid() == self._writer

    def report(self, status: int) -> None:
        """Report that the work is done, and its status."""
        if self.is_writer:
            _HEAD.pack_into(self._memory, 0, True, status)

    def note(self, doing: str) -> None:
        """Write what the work is doing."""
        if self.is_writer:
            text = doing.encode(errors="replace")[: _SIZE - _HEAD.size]
            self._memory[_HEAD.size :] = text.ljust(_SIZE - _HEAD.size, b"\0")

    def read(self) -> tuple[int | None, str]:
        """Return the status, None if the work was not done, and what it was doing."""
        done, status = _HEAD.unpack_from(self._memory)
        return status if done else None, self._memory[_HEAD.size :].rstrip(b"\0").decode(errors="ignore")


_board: _Board | None = None


def note(doing: str) -> None:
    """Note what the work is doing, for the report of a process that ends there."""
    if _board is not None:
        _board.note(doing)


def end_copy() -> None:
    """End this process if it is a copy of the one that works, which the user's code has forked and let go on."""
    if _board is not None and not _board.is_writer:
        os._exit(0)


def run_apart(work: Callable[[], int], report_end: Callable[[str, str], int]) -> int:
    """Return the status of work that is done in a forked process, or that of the report if the process ended before.

    `report_end` is called with words for how it ended, and with what it was doing. The forked process returns from here
    too, with the work's status, and ends as usual. Where a process can't be forked, the work is done in this one.
    """
    global _board
    if not _can_fork():
        return work()
    sys.stdout.flush()
    sys.stderr.flush()
    board, parent = _Board(), os.getpid()
    numbers = [getattr(signal, name) for name in _PASSED_ON]
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    child = os.fork()
    if not child:
        _end_with(parent)
        _board = board
        board.claim()
        _take_interrupts_once()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        try:
            status = work()
        except Exception:  # gradtwin's own
            board.report(1)
            raise
        board.report(status)
        return status
    passed_on: list[int] = []

    def pass_on(number: int, _: object) -> None:
        passed_on.append(number)
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, number)

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for number in numbers:
        signal.signal(number, before[number])
    reported, doing = board.read()
    if reported is not None:
        return reported
    if -ended in passed_on:
        signal.signal(-ended, signal.SIG_DFL)
        os.kill(parent, -ended)
    return report_end(f"exit status {ended}" if ended >= 0 else signal.Signals(-ended).name, doing)


def _can_fork() -> bool:
    """Return whether this process can be forked: another thread's locks would stay locked in the forked one."""
    if not hasattr(os, "fork"):
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # no Linux; NumPy and TensorFlow have threads
        return "numpy" not in sys.modules


def _end_with(parent: int) -> None:
    """End when the parent does, where the system can."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _take_interrupts_once() -> None:
    """Raise KeyboardInterrupt once for a SIGINT that comes twice."""
    import time

    last = -_SAME

    def interrupt(*_: object) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _SAME:
            last = now
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
