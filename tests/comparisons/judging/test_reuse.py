"""A layer that has run before: stale values are a fault, a state kept on purpose is not."""

import numpy as np
import pytest

from gradtwin.comparisons.judging.reuse import find_stale


class Layer:
    """y = x², whose gradient may be of the first input that it saw."""

    first = None
    seen = 0


class User:
    """The methods of a user's object that the check of reuse calls."""

    count = 1

    def __init__(self, stale=False, counting=False, growing=False, narrow=False):
        self.stale, self.counting, self.growing, self.narrow = stale, counting, growing, narrow
        self.forwards = self.both = 0

    def arguments(self, inputs):
        return list(inputs)

    def names(self):
        return ["x"]

    def fresh(self, parameters):
        return Layer()

    def put_parameters(self, owner, parameters):
        pass

    def clear_gradients(self, owner):
        pass

    def run_forward_of(self, owner, inputs):
        [x] = inputs
        self.forwards += 1
        owner.first = x if owner.first is None else owner.first
        y = x**2 + (owner.seen if self.counting else 0)
        owner.seen += 1
        return np.append(y, 0) if self.growing and owner.seen > 1 else y

    def run_owner(self, owner, inputs, y_bar):
        self.both += 1
        y = self.run_forward_of(owner, inputs)
        at = owner.first if self.stale else inputs[0]
        if self.narrow:  # float32 inside: the value's later digits are another run's
            return y * (1 + 1e-6 * self.both), [(2 * at * y_bar).astype(np.float32)]
        return y, [2 * at * y_bar]


X = np.array([0.3, -0.7, 1.1])


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (User(), False),
        (User(stale=True), True),
        (User(stale=True, narrow=True), True),
        (User(narrow=True), False),
        (User(stale=True, counting=True), False),
        (User(stale=True, growing=True), False),
    ],
    ids=["fresh", "stale", "stale in float32", "fresh in float32", "a state", "another shape"],
)
def test_a_stale_value_is_a_fault_where_the_value_is_the_same(user, found):
    cause = find_stale(user, [X], np.ones(3), 0)
    assert (cause is not None) is found
    if cause:
        assert (cause.cause, cause.detail) == ("stale-value", "x")
        assert "the gradient of x" in cause.text
