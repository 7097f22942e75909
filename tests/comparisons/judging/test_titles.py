"""The checks that compare no numbers count as one example each."""

import pytest

from gradtwin.comparisons.judging.titles import Titles

TITLES = Titles("f", "float64")


@pytest.mark.parametrize(
    ("check", "undecided"),
    [
        (TITLES.contract(), 0),
        (TITLES.side_effects(), 0),
        (TITLES.failed("value", "value"), 0),
        (TITLES.undecided("value", "value"), 1),
    ],
)
def test_a_check_without_numbers_is_one_example(check, undecided):
    assert (check.examples, check.undecided_examples) == (1, undecided)
