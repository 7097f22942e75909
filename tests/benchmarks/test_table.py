"""The report's words: units, ratios, crossovers, outcomes."""

import pytest

from gradtwin.benchmarks.cases import Work
from gradtwin.benchmarks.figures import TARGETS, judge
from gradtwin.benchmarks.results import Timing, find_crossover
from gradtwin.benchmarks.statistics import Ratio
from gradtwin.benchmarks.table import NOT_DISTINGUISHABLE, show_ratio, show_seconds


def timing_at(size, low, high):
    work = Work("matmul", "forward", (size, size, size), "float64", 0)
    return Timing(work, "tensorflow", "graph", 1, [[1.0]], ratio=Ratio("numpy", (low + high) / 2, low, high))


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.01234, "12.3 ms"), (1.5e-6, "1.5 µs"), (3.21e-8, "32.1 ns")]
)
def test_seconds(seconds, text):
    assert show_seconds(seconds) == text


def test_a_range_shares_the_unit_of_its_end():
    assert show_seconds(9.5e-4, 1.25e-3) == "0.95–1.25 ms"


def test_an_interval_that_spans_one_is_not_shown_as_a_ratio():
    assert show_ratio(Ratio("numpy", 1.1, 0.9, 1.2)) == NOT_DISTINGUISHABLE == "not distinguishable"
    assert show_ratio(Ratio("numpy", 34.56, 30.0, 40.0)) == "34.6× [30, 40]"


def test_the_crossover_is_the_size_from_which_on_tensorflow_is_decidedly_faster():
    slower, open_, faster = (2.0, 3.0), (0.9, 1.1), (0.7, 0.8)

    def crossover(*intervals):
        return find_crossover(
            [timing_at(size, *interval) for size, interval in zip((4, 64, 512), intervals, strict=True)]
        )

    assert crossover(slower, open_, faster) == 512
    assert crossover(faster, faster, faster) == 4
    assert crossover(faster, slower, faster) == 512
    assert crossover(slower, faster, open_) is None


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(1.0, 1.3, "reached"), (1.31, 1.4, "not reached"), (1.2, 1.4, "not distinguishable")],
)
def test_a_figure_is_reached_when_its_whole_interval_is(low, high, outcome):
    target = TARGETS[0]
    work = target.work("float64", 0)
    by_hand = Timing(work, target.backend, "by hand", 1, [[1.0]])
    timing = Timing(work, target.backend, target.mode, 1, [[1.0]], ratio=Ratio("by hand", (low + high) / 2, low, high))
    figure = judge(work, by_hand, timing)
    assert figure.limit == 1.3
    assert figure.outcome == outcome
