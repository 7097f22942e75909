"""The bootstrap's interval holds what it says, decides what is clear, and leaves open what is not."""

import numpy as np
import pytest

from gradtwin.benchmarks.statistics import Ratio, bootstrap_ratio, quartiles


def draw_samples(rng, median, processes=5, values=5, noise=0.05, process_noise=0.02):
    """Timings as they are: rows scattered by process, skewed to the slow side."""
    rows = median * np.exp(process_noise * rng.standard_normal((processes, 1)))
    return rows * np.exp(noise * np.abs(rng.standard_normal((processes, values))))


def test_quartiles():
    assert quartiles([[1.0, 2.0], [3.0, 4.0, 5.0]]) == (2.0, 3.0, 4.0)


@pytest.mark.parametrize("true", [0.9, 1.0, 3.0])
def test_the_interval_covers_the_true_ratio(true):
    rng = np.random.default_rng(7)
    runs = 200
    covered = 0
    for seed in range(runs):
        ratio = bootstrap_ratio(draw_samples(rng, true), "numpy", draw_samples(rng, 1.0), seed)
        assert ratio.low <= ratio.median <= ratio.high
        covered += ratio.low <= true <= ratio.high
    # Nominally 95 %; five processes are few, and the bootstrap of so few is known to fall some percent short.
    assert covered >= 0.85 * runs


def test_a_clear_difference_is_decided():
    rng = np.random.default_rng(1)
    ratio = bootstrap_ratio(draw_samples(rng, 1.5), "numpy", draw_samples(rng, 1.0), 0)
    assert ratio.decided
    assert ratio.low > 1
    assert bootstrap_ratio(draw_samples(rng, 0.5), "numpy", draw_samples(rng, 1.0), 0).high < 1


def test_equal_distributions_are_rarely_decided():
    rng = np.random.default_rng(2)
    runs = 200
    pairs = [(draw_samples(rng, 1.0), draw_samples(rng, 1.0)) for _ in range(runs)]
    decided = sum(bootstrap_ratio(a, "numpy", b, seed).decided for seed, (a, b) in enumerate(pairs))
    assert decided <= 0.15 * runs


def test_values_of_one_process_are_not_taken_for_independent():
    """Two processes that differ by half leave a ratio of 1.2 open, however many values each took."""
    base = np.tile([[1.0], [1.5]], 50)
    assert not bootstrap_ratio(1.2 * base[::-1], "numpy", base, 0).decided


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(3)
    a, b = draw_samples(rng, 1.0), draw_samples(rng, 1.0)
    assert bootstrap_ratio(a, "numpy", b, 4) == bootstrap_ratio(a, "numpy", b, 4)
    assert bootstrap_ratio(a, "numpy", b, 4) != bootstrap_ratio(a, "numpy", b, 5)


def test_an_interval_that_touches_one_is_undecided():
    assert not Ratio("numpy", 1.1, 1.0, 1.2).decided
    assert Ratio("numpy", 1.1, 1.01, 1.2).to_dict()["decided"]
