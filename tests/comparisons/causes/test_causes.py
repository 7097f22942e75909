"""Causes: the right one is found and confirmed, and nothing is ever confirmed that is not the cause."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gradtwin.comparisons.causes import diagnose

from .gallery import GALLERY, overwritten
from .planting import (
    BIAS,
    CUBE,
    DENSE,
    MSE,
    PRODUCT,
    RELU,
    SIN,
    TANH,
    WINDOWS,
    Problem,
    at,
    confirmed,
    dense,
    elementwise,
    explain,
    make_point,
    normal,
)

SEEDS = range(20)
#: Faults of which a part can be told without the oracle or another point: a weaker statement, true all the same.
WEAKER = {"windows overwritten": {"partial"}, "mean of all": {"factor"}}


@pytest.mark.parametrize("name", GALLERY)
def test_the_confusion_matrix_is_diagonal(name):
    problem, fault, expected = GALLERY[name]
    for seed in SEEDS:
        causes = explain(problem, fault, seed)
        assert [cause.cause for cause in causes] == expected, causes
        assert confirmed(causes) == expected


@pytest.mark.parametrize("name", [name for name in GALLERY if "detour" not in name])
def test_in_float32_nothing_else_is_confirmed(name):
    problem, fault, expected = GALLERY[name]
    for seed in range(3):
        assert confirmed(explain(problem, fault, seed, dtype=np.float32)) == expected


@pytest.mark.parametrize("name", GALLERY)
def test_with_less_to_go_by_nothing_else_is_confirmed(name):
    problem, fault, expected = GALLERY[name]
    for seed in range(3):
        alone = explain(problem, fault, seed, alone=True)
        start = 1000 * seed
        blind = diagnose(
            make_point(problem, fault, start), lambda s, start=start: make_point(problem, fault, start + s)
        )
        for causes in (alone, blind):
            assert set(confirmed(causes)) <= {*expected, *WEAKER.get(name, ())}, causes
            assert causes


# Several inputs, several findings.


def test_each_input_has_its_own_cause():
    def fault(right, inputs, y_bar, y):
        return [-right[0], right[1].T, right[2]]

    causes = explain(DENSE, fault, 0)
    assert [cause.cause for cause in causes] == ["sign", "transpose"]
    assert [("input 0 (x)" in c.text, "input 1 (w)" in c.text) for c in causes] == [(True, False), (False, True)]


def test_a_cause_that_all_share_is_said_once():
    (cause,) = explain(PRODUCT, lambda right, *_: [-g for g in right], 0)
    assert cause.text == "every gradient has the wrong sign: negate it."
    (cause,) = explain(DENSE, lambda right, *_: [2 * right[0], 2 * right[1], right[2]], 0)
    assert cause.text == ("each of the gradients of input 0 (x) and input 1 (w) is 2 times too large: divide by 2.")


def test_confirmed_causes_stand_before_guesses():
    def fault(right, inputs, y_bar, y):
        rng = np.random.default_rng(np.ravel(y_bar)[:1].view(np.uint64))
        return [rng.normal(size=right[0].shape), -right[1], right[2]]

    causes = explain(DENSE, fault, 0)
    assert [cause.confirmed for cause in causes] == sorted((c.confirmed for c in causes), reverse=True)
    assert causes[0].cause == "sign"


def test_shape_and_sign_are_two_causes():
    assert confirmed(explain(BIAS, at(1, lambda g, xs, yb, y: -g[0]), 0)) == ["shape", "sign"]


# NaN, kinks, stale values.


def with_nan(mask, spoil):
    def wrong(g, xs, yb, y):
        return np.where(mask(xs[0]), np.nan, spoil(g))

    return at(0, wrong)


def test_nan_is_a_fact_and_its_place_is_said():
    (cause,) = explain(SIN, with_nan(lambda x: x > 0.5, lambda g: g), 3)
    assert (cause.cause, cause.confirmed) == ("nan", True)
    assert cause.detail.startswith("where x is above 0.")


def test_nan_does_not_hide_another_cause():
    assert confirmed(explain(TANH, with_nan(lambda x: x > 1, lambda g: -g), 1)) == ["nan", "sign"]


def test_overflow_is_found_as_nan_is():
    (cause,) = explain(TANH, at(0, lambda g, xs, yb, y: np.where(xs[0] > 1, np.inf, g)), 1)
    assert cause.cause == "nan"
    assert "infinite" in cause.text


def test_a_kink_is_guessed_where_an_input_is_zero():
    point = make_point(RELU, lambda right, *_: right, 0)
    x, left = point.inputs[0].copy(), point.left[0].copy()
    x[1, 2] = 0
    left[1, 2] = point.right[0][1, 2] + 1
    causes = diagnose(replace(point, inputs=(x,), left=(left,)), lambda seed: None)
    assert (causes[0].cause, causes[0].confirmed) == ("kink", False)


def test_a_stale_value_is_found_by_asking_the_oracle_and_the_user():
    def forward(x, w):
        return np.tanh(x @ w) * w.sum()

    def gradients(y_bar, x, w):
        slope = y_bar * w.sum() / np.cosh(x @ w) ** 2
        return ((slope @ w.T, np.abs(slope) @ np.abs(w).T + np.abs(y_bar) @ np.abs(w).T),)

    problem = Problem(("x", "w"), normal((4, 3), (3, 2)), forward, gradients, (0,))

    def at_relu(g, xs, yb, y):
        return gradients(yb, np.maximum(xs[0], 0), xs[1])[0][0]

    (cause,) = explain(problem, at(0, at_relu), 0)
    assert (cause.cause, cause.detail) == ("stale-value", "relu of x for x")

    def expecting_tanh(inputs, y_bar):
        x, w = inputs
        return (gradients(y_bar, np.arctanh(np.clip(x, -0.999, 0.999)), w)[0][0],)

    def fault(right, inputs, y_bar, y):
        return list(expecting_tanh(inputs, y_bar))

    small = replace(problem, draw=lambda rng: (rng.uniform(-0.9, 0.9, size=(4, 3)), rng.normal(size=(3, 2))))
    causes = explain(small, fault, 0, rerun=expecting_tanh)
    assert [(cause.cause, cause.detail) for cause in causes] == [("stale-value", "x for tanh of x")]


def test_a_function_that_can_not_be_asked_is_no_obstacle():
    def refuse(inputs, y_bar):
        raise ValueError("not with these")

    point = partial(make_point, DENSE, at(1, lambda g, xs, yb, y: np.outer(xs[0][0], yb[0])))
    causes = diagnose(point(0), point, oracle_vjp=refuse, rerun=refuse)
    assert confirmed(causes) == []


def test_intermediates_are_candidates():
    def gradients(y_bar, x):
        g = y_bar * 2 * x / np.cosh(x * x) ** 2
        return ((g, np.abs(g) + np.abs(y_bar * x)),)

    problem = Problem(("x",), normal((4, 5)), lambda x: np.tanh(x * x), gradients, (0,))
    fault = at(0, lambda g, xs, yb, y: yb * 2 * xs[0])
    z = make_point(problem, fault, 0).inputs[0] ** 2
    more = {"intermediates": {"z": z}}
    causes = explain(problem, fault, 0, **more)
    assert causes[0].cause == "elementwise-factor"
    assert causes[0].confirmed


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4), (6, 6)])
@pytest.mark.parametrize(
    ("expected", "spoil"),
    [
        ("sign", lambda g: -g),
        ("factor", lambda g: 2 * g),
        ("permuted", lambda g: g[::-1].copy()),
        ("shape", lambda g: g.reshape(1, -1, 1)),
        ("zeroed", np.zeros_like),
        ("dtype", lambda g: g.astype(np.float32)),
    ],
)
def test_shapes(shape, expected, spoil):
    problem = elementwise(np.sin, np.cos, *shape)
    for seed in range(5):
        assert confirmed(explain(problem, at(0, lambda g, xs, yb, y: spoil(g)), seed)) == [expected]


def test_square_and_equal_sizes():
    for seed in SEEDS:
        causes = explain(dense(4, 4, 4), at(1, lambda g, xs, yb, y: g / 4), seed)
        assert confirmed(causes) == ["mean-for-sum"]
        assert confirmed(explain(dense(4, 4, 4), at(1, lambda g, xs, yb, y: g.T), seed)) == ["transpose"]


def test_losses_without_y_bar():
    point = make_point(MSE, at(0, lambda g, xs, yb, y: -g), 0)
    other = partial(make_point, MSE, at(0, lambda g, xs, yb, y: -g))
    causes = diagnose(replace(point, y_bar=None), lambda seed: replace(other(seed), y_bar=None))
    assert confirmed(causes) == ["sign"]


def test_texts_name_the_input_and_what_to_do():
    (cause,) = explain(CUBE, at(0, lambda g, xs, yb, y: g / 12), 0)
    assert cause.text == (
        "the gradient of input 0 (x) is 12 times too small (12 is N, the number of elements of x): multiply by 12."
    )


def test_a_difference_that_grows_from_zero_has_no_threshold():
    problem = elementwise(lambda x: x**3 / 3 + x, lambda x: x**2 + 1, 40)
    for seed in range(10):
        fault = at(0, lambda g, xs, yb, y: g - yb * 1e-3 * np.abs(xs[0]) ** 3)
        assert "partial" not in confirmed(explain(problem, fault, seed, dtype=np.float32))


def test_a_ratio_upside_down_is_no_stale_value():
    def gradients(y_bar, p, q):
        g = (y_bar * (np.log(p / q) + 1), -y_bar * p / q)
        return tuple((part, np.abs(part) + np.abs(y_bar)) for part in g)

    def positive(rng):
        return rng.uniform(0.5, 2, 12), rng.uniform(0.5, 2, 12)

    problem = Problem(("p", "q"), positive, lambda p, q: p * np.log(p / q), gradients, (0, 1))
    for seed in range(5):
        causes = explain(problem, at(1, lambda g, xs, yb, y: -yb * xs[1] / xs[0]), seed)
        assert "stale-value" not in confirmed(causes)


def test_the_complement_of_the_output_is_a_factor():
    problem = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2, 3, 4)
    causes = explain(problem, at(0, lambda g, xs, yb, y: yb * (1 - y)), 0)
    assert confirmed(causes) == ["elementwise-factor"]
    assert "1 + the output y" in causes[0].text


def test_a_mean_over_all_axes_but_the_channels():
    def gradients(y_bar, x, b):
        return ((y_bar, np.abs(y_bar)), (y_bar.sum((0, 2, 3)), np.abs(y_bar).sum((0, 2, 3))))

    for size in (5, 4):  # another axis is as long as the channels, or none is
        problem = Problem(
            ("x", "b"),
            normal((2, 4, size, 3), (4,)),
            lambda x, b: x + b[:, np.newaxis, np.newaxis],
            gradients,
            (0, 1),
        )
        causes = explain(problem, at(1, lambda g, xs, yb, y: yb.mean((0, 2, 3))), 0)
        assert confirmed(causes) == ["mean-for-sum"]


def test_a_factor_of_two_is_no_mean_over_two_columns():
    fault = at(0, lambda g, xs, yb, y: g / 2)
    causes = explain(dense(5, 4, 2), fault, 0)
    assert confirmed(causes) == ["factor"]
    two_items = Problem(("p",), normal((2, 3)), lambda p: np.sum(p**2), lambda b, p: ((2 * b * p, np.abs(p)),), (0,))
    assert confirmed(explain(two_items, fault, 0)) == ["factor"]


def test_a_missing_logarithm_is_a_factor():
    def positive(rng):
        return (rng.uniform(0.5, 2, 12),)

    problem = Problem(("x",), positive, lambda x: x * (np.log(x) - 1), _times_log, (0,))
    causes = explain(problem, at(0, lambda g, xs, yb, y: yb), 0)
    assert confirmed(causes) == ["elementwise-factor"]


def _times_log(y_bar, x):
    g = y_bar * np.log(x)
    return ((g, np.abs(g)),)


def test_a_long_loop_that_overwrites_is_found():
    fault = at(0, lambda g, xs, yb, y: overwritten(xs[0], xs[1], yb))
    causes = explain(replace(WINDOWS, draw=normal((42,), (3,))), fault, 0)
    assert confirmed(causes) == ["not-accumulated"]


def test_a_factor_next_to_one_is_told_from_one():
    [cause] = explain(CUBE, at(0, lambda g, *_: g * (1 + 1e-9)), 0)
    assert (cause.cause, cause.confirmed) == ("factor", True)
    assert "is 1 + 1e-09 times too large" in cause.text


def test_a_norm_is_part_of_a_factor_by_its_name():
    def gradients(y_bar, x):
        g = 3 * y_bar * np.sqrt(np.sum(x * x)) * x
        return ((g, np.abs(g)),)

    problem = Problem(("x",), normal(6), lambda x: np.sum(x * x) ** 1.5, gradients, (0,))
    (cause,) = explain(problem, at(0, lambda g, xs, yb, y: np.full_like(g, 3 * yb)), 0)
    assert (cause.cause, cause.confirmed, cause.detail) == ("elementwise-factor", True, "‖x‖ · x")
