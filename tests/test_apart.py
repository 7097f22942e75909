"""The status of a command that runs a user's file is its own, whatever the file does to the process."""

import os
import signal
import subprocess
import sys
import time

import commands
import pytest
from json_report import read_report

WRONG = "def f(x): return x\ndef f_prime(x): return 3 + 0 * x\n"
ENDING = {
    "posix": "import posix\ndef f(x): return x\ndef f_prime(x): posix._exit(0)\n",
    "another program": "import os\ndef f(x): return x\ndef f_prime(x): os.execv('/bin/true', ['true'])\n",
    "a thread": (
        "import posix, threading, time\n"
        "def f(x): return x\n"
        "def f_prime(x):\n"
        "    threading.Thread(target=posix._exit, args=(0,)).start()\n"
        "    time.sleep(60)\n"
    ),
    "a signal's handler": (
        "import os, posix, signal\n"
        "signal.signal(signal.SIGUSR1, lambda *_: posix._exit(0))\n"
        "def f(x): return x\n"
        "def f_prime(x): os.kill(os.getpid(), signal.SIGUSR1)\n"
    ),
    "closed files": "import os, posix\ndef f(x): return x\ndef f_prime(x): os.closerange(3, 256); posix._exit(0)\n",
    "a process that lives on": (
        "import os, posix\n"
        "def f(x): return x\n"
        "def f_prime(x):\n"
        "    if os.fork(): posix._exit(0)\n"
        "    return 1 + 0 * x\n"
    ),
}


@pytest.mark.parametrize("source", ENDING.values(), ids=ENDING)
def test_a_file_that_ends_the_process_is_status_4(tmp_path, source):
    (tmp_path / "user.py").write_text(source)
    done = commands.gradtwin("check", "user.py", "--json", "r.json", cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "the process ended (exit status 0) while f was checked" in done.stdout
    assert "os._exit" in done.stdout
    report = read_report((tmp_path / "r.json").read_text())
    assert report["verdict"] == "inconclusive"
    assert [cause["cause"] for check in report["checks"] for cause in check["causes"]] == ["crash"]


def test_a_file_that_ends_the_process_while_it_is_loaded_or_alone_is_status_4(tmp_path):
    (tmp_path / "user.py").write_text("import posix\nposix._exit(0)")
    done = commands.gradtwin("check", "user.py", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (4, "inconclusive\n", "")
    (tmp_path / "user.py").write_text(ENDING["posix"])
    done = commands.gradtwin("check", "user.py:f", "--derivative", "f_prime", "--signature", "(n)->(n)", cwd=tmp_path)
    assert done.returncode == 4
    assert "(exit status 0) while f was checked" in done.stdout


@pytest.mark.parametrize("module", ["os", "posix"])
def test_an_exit_at_the_end_hides_no_mismatch(tmp_path, module):
    (tmp_path / "user.py").write_text(f"import atexit, {module}\natexit.register({module}._exit, 0)\n{WRONG}")
    done = commands.gradtwin("check", "user.py", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "mismatch\n", "")


def test_replay_of_a_file_that_ends_the_process_is_status_4(tmp_path):
    (tmp_path / "user.py").write_text(WRONG)
    assert commands.gradtwin("check", "user.py", "--save", "saved", "--quiet", cwd=tmp_path).returncode == 1
    (tmp_path / "user.py").write_text(ENDING["posix"])
    done = commands.gradtwin("replay", "saved", cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "gradtwin: saved: the process ended (exit status 0)" in done.stderr


def started(folder, source, **options):
    """Start a check of a file whose second function says that it runs, in a file, and never returns."""
    (folder / "user.py").write_text(source)
    command = [sys.executable, "-m", "gradtwin", "check", "user.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=folder, text=True, **pipes, **options)
    for _ in range(600):
        if (folder / "runs").exists():
            return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError(process.communicate())


SPINNING = """
from os import getpid
def f(x): return x
def f_prime(x):
    open("runs", "w").write(str(getpid()))
    while True: pass
"""


def is_gone(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
@pytest.mark.parametrize("to_group", [False, True], ids=["to the command", "to both processes"])
def test_a_signal_ends_both_processes(tmp_path, number, status, to_group):
    process = started(tmp_path, SPINNING, start_new_session=True)
    (os.killpg if to_group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "")
    assert err == ("gradtwin: interrupted; no file was written.\n" if number == signal.SIGINT else "")
    assert is_gone(int((tmp_path / "runs").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed command leaves its work running")
def test_a_killed_command_leaves_no_work_running(tmp_path):
    process = started(tmp_path, SPINNING)
    process.kill()
    process.communicate(timeout=30)
    assert is_gone(int((tmp_path / "runs").read_text()))
