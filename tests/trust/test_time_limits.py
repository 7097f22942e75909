"""Functions that never return are stopped and named, in the main thread and in others, and leave nothing behind."""

import gc
import itertools
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from user_files import check

import gradtwin as gt
from gradtwin.comparisons.guards.time_limits import TimeIsUp, describe, time_limit

X = np.linspace(-1, 1, 6).reshape(2, 3)


def right(x):
    return 1 - np.tanh(x) ** 2


def spin(*_):
    for _ in itertools.count():
        pass


def stubborn(*_):
    while True:
        try:
            spin()
        except BaseException:
            if stubborn.caught > 1:
                raise
            stubborn.caught += 1


def here(function):
    return function()


def in_a_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.parametrize("place", [here, in_a_thread])
def test_what_never_returns_is_stopped_and_named(place):
    report = place(lambda: gt.check_gradient(np.tanh, derivative=spin, inputs=(X,), timeout=0.5))
    (check,) = report.checks
    assert (report.verdict, check.stage, check.causes[0].cause) == ("inconclusive", "contract", "timeout")
    assert check.causes[0].text.startswith(f"spin did not return within 0.5 s (in spin, {__file__}:")
    assert place(lambda: gt.check_gradient(np.tanh, derivative=right, inputs=(X,), timeout=60)).ok


def test_what_swallows_the_limit_is_told_again():
    stubborn.caught = 0
    report = gt.check_gradient(np.tanh, derivative=stubborn, inputs=(X,), timeout=0.3)
    assert "stubborn did not return within 0.3 s" in str(report)
    assert stubborn.caught == 2


def test_a_drawn_point_that_does_not_return_ends_the_check():
    seen = []

    def slow_where_large(x):
        seen.append(x.size)
        return right(x) if x.size <= 36 and len(seen) < 30 else spin()

    report = gt.check_gradient(np.tanh, derivative=slow_where_large, signature="(n,3)->(n,3)", timeout=0.5)
    assert "slow_where_large did not return within 0.5 s" in str(report)
    assert "repeat with" in str(report)


def test_the_forward_is_put_back_where_it_never_returns_under_the_tape():
    def forward(x):
        forward.runs += 1
        return np.tanh(x) if forward.runs == 1 else spin()

    forward.runs = 0
    report = gt.check_gradient(forward, derivative=right, inputs=(X,), timeout=0.5)
    assert "forward did not return" in str(report)
    assert type(forward.__globals__["np"]).__name__ == "module"
    assert type(spin.__globals__["np"].tanh) is np.ufunc


@pytest.mark.parametrize("place", [here, in_a_thread])
def test_no_limit_outlives_its_block(place):
    def many():
        for _ in range(50):
            try:
                with time_limit(0.001):
                    sum(range(20000))
            except TimeIsUp:
                continue
        time.sleep(1.5)  # as long as it takes to be told again
        return "done"

    assert place(many) == "done"


def test_who_traced_a_thread_before_does_so_again():
    def traced():
        sys.settrace(before)
        with time_limit(60):
            inside = sys.gettrace()
        after = sys.gettrace()
        sys.settrace(None)
        return inside, after

    def before(*_):
        return None

    inside, after = in_a_thread(traced)
    assert after is before
    assert inside is not before


def test_the_users_own_alarm_rings_after_the_block():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("rung"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with time_limit(60):
            time.sleep(0.4)
            rung_inside = list(rung)
        time.sleep(0.1)
        assert not rung_inside
        assert rung == ["rung"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_limit_of_a_whole_check_names_the_users_function(tmp_path):
    report = check(tmp_path, "calls = []\n"
        "def slow(x):\n    calls.append(1)\n    while len(calls) > 60: pass\n    return x\n"
        "def slow_prime(x): return 1 + 0 * x", timeout=2)  # fmt: skip
    assert "slow did not return within 2 s (in slow, " in " ".join(str(report).split())


def test_the_script_of_a_timeout_repeats_the_limit():
    report = gt.check_gradient(np.tanh, derivative=spin, inputs=(X,), timeout=0.5)
    assert "timeout=0.5, inputs=inputs, seed=0)" in report.reproduce


def test_a_limit_that_passes_in_a_callback_of_the_collector_is_raised_after_it(capfd):
    def collect_and_sleep():
        gc.collect()
        time.sleep(5)

    def wait(phase, _):
        while phase == "start" and time.monotonic() < ends:
            pass

    gc.callbacks.append(wait)
    try:
        ends = time.monotonic() + 0.3
        with pytest.raises(TimeIsUp), time_limit(0.1):
            collect_and_sleep()
    finally:
        gc.callbacks.remove(wait)
    assert time.monotonic() < ends + 4, "less than the sleep"
    assert capfd.readouterr().err == ""


def test_where_no_function_of_the_users_is_running():
    with pytest.raises(TimeIsUp) as told, time_limit(0.1):
        spin()
    assert describe(told.value, 0.1, "it").startswith("test_where_no_function")
    assert describe(told.value.with_traceback(None), 0.1, "it") == "it did not end within 0.1 s"


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "3", True])
def test_a_limit_is_a_number_of_seconds(seconds):
    with pytest.raises(gt.ArgumentValueError, match="timeout: got"), time_limit(seconds):
        raise AssertionError


def test_a_very_long_limit_is_one():
    with time_limit(1e300):
        assert 1e6 < signal.getitimer(signal.ITIMER_REAL)[0] < 1e300
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
