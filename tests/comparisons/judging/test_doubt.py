"""What is left of a judgement whose gradients were guessed: forward's value, and inputs that were changed."""

from gradtwin.comparisons.judging.doubt import without_gradients
from gradtwin.comparisons.judging.gradient_judge import Judgement
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause

TITLES = Titles("f", "float64")


def test_only_changed_inputs_are_left_of_side_effects():
    names = ("aliasing", "mutated-input", "nondeterministic")
    effects = TITLES.side_effects([Cause(name, True, "", name) for name in names])
    value = TITLES.failed("value", "value", Cause("forward", True, "", "wrong"))
    gradient = TITLES.failed("gradient of x", "gradient", Cause("sign", True, "", "wrong"))
    left = without_gradients(Judgement([value, gradient, effects])).checks
    assert [check.stage for check in left] == ["value", "side-effect"]
    assert [cause.cause for check in left for cause in check.causes] == ["forward", "mutated-input"]
    assert [check.verdict for check in left] == ["mismatch", "mismatch"]


def test_other_side_effects_are_left_open():
    [check] = without_gradients(Judgement([TITLES.side_effects([Cause("aliasing", True, "", "")])])).checks
    assert (check.verdict, check.causes) == ("match", ())
