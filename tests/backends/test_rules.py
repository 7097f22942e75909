"""Corners of the rules by hand that drawn problems seldom reach, each compared where the arithmetic is exact."""

import numpy as np
import pytest

from gradtwin.backends import get_backend

STACKS = [(), (1,), (5,), (1, 1), (4, 1), (1, 5), (4, 5)]


@pytest.mark.parametrize("left", STACKS)
@pytest.mark.parametrize("right", STACKS)
def test_stacks_of_matrices_broadcast_and_gradients_are_summed_over_the_copies(left, right, tensorflow_backend):
    rng = np.random.default_rng(0)
    a, b = rng.integers(-3, 4, (*left, 2, 3)) * 1.0, rng.integers(-3, 4, (*right, 3, 2)) * 1.0
    y_bar = rng.integers(-3, 4, (a @ b).shape) * 1.0
    mine, theirs = (
        backend.value_and_gradients("matmul", a, b, y_bar=y_bar)
        for backend in (get_backend("numpy"), tensorflow_backend("eager"))
    )
    for one, other in zip((mine[0], *mine[1]), (theirs[0], *theirs[1]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("residual", [0.0, 1e-200])
def test_rmse_has_no_gradient_where_it_is_zero(residual):
    """By convention, and without a warning; the square of a small residual is zero too."""
    t = np.zeros((2, 3))
    loss, gradients = get_backend("numpy").value_and_gradients("rmse", t + residual, t, y_bar=np.ones(()))
    assert loss == 0
    assert not any(g.any() for g in gradients)
