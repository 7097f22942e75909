"""Runs commands in processes of their own, without the seconds that importing TensorFlow takes each of them.

`fresh` starts a new interpreter. `gradtwin` and `python` have one process, which has imported everything, fork for each
command: arguments, folder, streams, exit status and signals are the command's own, as in a new interpreter; the imports
alone are not. So these two are for what a command does, and `fresh` is for how it starts: a missing TensorFlow, its
chatter, another `PYTHONPATH`.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import types
import warnings
from pathlib import Path
from typing import Any, NoReturn

#: Seconds after which a command is killed.
TIMEOUT = 300


def fresh(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `gradtwin ARGUMENTS` in a new interpreter."""
    command = [sys.executable, "-m", "gradtwin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT, **options)


def gradtwin(*arguments: object, cwd: str | Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `gradtwin ARGUMENTS` in a forked process."""
    return python("-m", "gradtwin", *arguments, cwd=cwd)


def python(*words: object, cwd: str | Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` in a forked process: `-m MODULE`, `-c CODE` or a script, and arguments."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    asked = [str(word) for word in words]
    with tempfile.TemporaryDirectory() as folder:
        streams = [str(Path(folder, name)) for name in ("stdout", "stderr")]
        request = {"words": asked, "cwd": str(Path(cwd or "").resolve()), "streams": streams}
        print(json.dumps(request), file=server.stdin, flush=True)
        status = json.loads(server.stdout.readline())
        out, err = (Path(stream).read_text() for stream in streams)
    if status is None:
        raise subprocess.TimeoutExpired(asked, TIMEOUT, out, err)
    return subprocess.CompletedProcess(asked, status, out, err)


@functools.cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)  # the end of its input ends it
    return server


def _serve() -> None:
    """Answer each request on standard input by a command's exit status, or by null if it had to be killed."""
    from gradtwin.backends.quiet_import import import_tensorflow

    import_tensorflow()
    from gradtwin import cli  # noqa: F401
    from gradtwin.comparisons.catalogue import suite, training  # noqa: F401
    from gradtwin.comparisons.checks import file  # noqa: F401

    gc.freeze()  # a collection in a forked process would copy all of these modules' memory
    while line := sys.stdin.readline():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the threads that a fork is warned of are the BLAS's, which stops them
            child = os.fork()
        if not child:
            _become(json.loads(line))
        ended, _, _ = select.select([os.pidfd_open(child)], [], [], TIMEOUT)
        if not ended:
            os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps(status if ended else None), flush=True)
    os._exit(0)


def _become(request: dict[str, Any]) -> NoReturn:
    """Be `python WORDS`, but for the half second in which Python takes its modules down."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, stream in enumerate(request["streams"], start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(request["cwd"])
    status: object = 0
    try:
        _run(*request["words"], folder=request["cwd"])
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        status = 1
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def _run(first: str, *rest: str, folder: str) -> None:
    sys.path[0] = folder
    if first == "-m":
        sys.argv[1:] = rest[1:]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    _serve()
