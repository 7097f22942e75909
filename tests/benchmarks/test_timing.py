"""The timed loop, on a clock of its own."""

import gradtwin.benchmarks.timing as timing
from gradtwin.benchmarks.timing import Task, measure


class Clock:
    """Time that passes only where a task spends it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.log = []
        monkeypatch.setattr(timing, "perf_counter", lambda: self.now)

    def task(self, name, seconds, first=0.0):
        def call():
            self.now += seconds + (first if name not in self.log else 0.0)
            self.log.append(name)

        return Task(call, lambda: self.log.append(f"{name} settled"))


def test_values_are_seconds_per_call_and_the_first_call_is_apart(monkeypatch):
    clock = Clock(monkeypatch)
    [measured] = measure([clock.task("a", 0.0009765625, first=2.0)], values=3, seconds=0.1)
    assert measured.first_call == 2.0009765625
    assert len(measured.samples) == 3
    assert measured.samples == [0.0009765625] * 3  # a power of two: sums of it are exact


def test_every_value_lasts_long_enough(monkeypatch):
    clock = Clock(monkeypatch)
    lengths = []
    take_value = timing._take_value

    def timed(*arguments):
        start = clock.now
        value = take_value(*arguments)
        lengths.append(clock.now - start)
        return value

    monkeypatch.setattr(timing, "_take_value", timed)
    measure([clock.task("a", 0.0007), clock.task("b", 0.3)], values=4, seconds=0.1)
    assert len(lengths) == 8
    assert min(lengths) >= 0.1


def test_tasks_take_turns_in_alternating_order(monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(timing, "_calibrate", lambda *_: 1)
    measure([clock.task("a", 1.0), clock.task("b", 1.0)], values=3, seconds=0.1)
    calls = [entry for entry in clock.log if "settled" not in entry]
    assert calls == ["a", "b", *"ab", *"ba", *"ab"]
    assert clock.log.count("a settled") == calls.count("a"), "completion was not waited for"
