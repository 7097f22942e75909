"""The allowed difference of the catalogue's operations where autodiff overflows on its way."""

import numpy as np
import pytest

from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.comparisons.checks.operation import check_operation


def gradient_of_logits(y_bar, left, right):
    """The check of z's gradient where the terms of y_bar · Σ t add up to more than float64 holds, and it does not."""
    z, t = np.zeros((1, 4)), np.full((1, 4), 0.5)
    checks = check_operation("softmax-cross-entropy", (z, t), np.array(y_bar), left, right)
    return next(check for check in checks if check.stage == "gradient" and "(z)" in check.name)


@pytest.mark.parametrize("y_bar", [1.0, 2.0**1023])
def test_an_overflow_of_autodiff_in_the_widest_format_accuses_nobody(y_bar, tensorflow_backend):
    rule = NumpyBackend().rules["softmax-cross-entropy"]
    right = tensorflow_backend("eager")
    assert gradient_of_logits(y_bar, NumpyBackend(), right).verdict != "mismatch"

    def wrong(z, t):
        value, (of_z, of_t) = rule(z, t)
        return value, (lambda l_bar: of_z(l_bar) + l_bar / 2, of_t)

    left = NumpyBackend(rules={"softmax-cross-entropy": wrong})
    assert gradient_of_logits(y_bar, left, right).verdict == "mismatch"
