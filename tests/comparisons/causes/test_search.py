"""How long repairs are tried: so many runs and elements, whatever the machine."""

import time
from dataclasses import replace

import pytest

from gradtwin.comparisons.causes import trial

from .gallery import overwritten
from .planting import WINDOWS, at, confirmed, explain, normal

LONG_LOOP = replace(WINDOWS, draw=normal((42,), (3,)))


def search():
    """The causes of a loop that overwrites, for which the oracle is asked many times."""
    fault = at(0, lambda g, xs, yb, y: overwritten(xs[0], xs[1], yb))
    return explain(LONG_LOOP, fault, 0)


@pytest.fixture
def work(monkeypatch):
    """The work that each search has done."""
    done = []

    class Counted(trial.Work):
        def __init__(self):
            super().__init__()
            done.append(self)

    monkeypatch.setattr("gradtwin.comparisons.causes.Work", Counted)
    return done


def test_the_work_of_a_search_is_the_same_each_time(work):
    assert search() == search()
    [one, two] = work
    assert (one.runs, one.elements) == (two.runs, two.elements)
    assert 50 < one.runs < trial.SEARCH_RUNS
    assert 50 * 40 < one.elements < trial.SEARCH_ELEMENTS


@pytest.mark.parametrize("limit", ["SEARCH_RUNS", "SEARCH_ELEMENTS"])
def test_a_search_ends_where_its_work_is_spent(monkeypatch, limit):
    assert confirmed(search()) == ["not-accumulated"]
    monkeypatch.setattr(trial, limit, 3)
    assert confirmed(search()) == []


def test_a_slow_machine_finds_the_same_cause(monkeypatch):
    now = iter(range(0, 10**9, 1000))
    for clock in ("thread_time", "process_time", "monotonic", "perf_counter", "time"):
        monkeypatch.setattr(time, clock, lambda: next(now))
    causes = search()
    monkeypatch.undo()
    assert confirmed(causes) == ["not-accumulated"]
