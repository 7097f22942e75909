"""What must not be confirmed: noise, chance, and numbers that agree at one point only."""

import numpy as np
import pytest

from gradtwin.comparisons.causes import diagnose
from gradtwin.comparisons.judging.point import Point

from . import planting
from .planting import SINGLE, TANH, Problem, at, confirmed, dense, explain, normal

PROBLEMS = {name: value for name, value in vars(planting).items() if isinstance(value, Problem)}

#: What messages call the input of a planted fault.
WORDS = ("input 0 (x)",)


def from_y_bar(draw):
    """Return a fault whose every gradient is draw(generator, gradient), another one at each point."""

    def fault(right, inputs, y_bar, y):
        rng = np.random.default_rng(np.ravel(y_bar)[:1].astype(np.float64).view(np.uint64))
        return [draw(rng, g) for g in right]

    return fault


def noise(level, two_sided):
    unit = planting.ROUNDINGS * float(np.finfo(np.float64).eps) / 2

    def draw(rng, g):
        sign = rng.choice([-1.0, 1.0], size=g.shape) if two_sided else 1.0
        return g + level * unit * np.maximum(np.abs(g), 1) * rng.uniform(1, 2, size=g.shape) * sign

    return from_y_bar(draw)


#: Level, whether it is two-sided, and the seeds: every search for a cause that is not there tries all that it knows.
NOISES = [(1, True, (0,)), (3, True, (1,)), (1e3, True, (2,)), (1, False, (3,)), (3, False, (0,)), (1e3, False, (1, 2))]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("level", "two_sided", "seeds"), NOISES)
def test_noise_has_no_cause(name, level, two_sided, seeds):
    for seed in seeds:
        assert confirmed(explain(PROBLEMS[name], noise(level, two_sided), seed)) == []


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_has_no_cause_is_unknown(name):
    fault = from_y_bar(lambda rng, g: rng.normal(size=g.shape))
    for seed in range(2):
        causes = explain(PROBLEMS[name], fault, seed)
        assert causes
        assert confirmed(causes) == []


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_factor_that_varies_from_point_to_point_is_none(name):
    fault = from_y_bar(lambda rng, g: g * rng.uniform(2, 3))
    for seed in range(2):
        assert confirmed(explain(PROBLEMS[name], fault, seed)) == []


@pytest.mark.parametrize("name", PROBLEMS)
def test_right_gradients_have_no_cause(name):
    assert explain(PROBLEMS[name], lambda right, *_: right, 0) == ()


@pytest.mark.parametrize("spoil", [lambda g: -g, lambda g: 2 * g, lambda g: g + 1, lambda g: g * 0.3])
def test_one_element_at_one_point_proves_nothing(spoil):
    causes = explain(SINGLE, at(0, lambda g, xs, yb, y: spoil(g)), 0, alone=True)
    assert causes
    assert confirmed(causes) == []


def test_one_element_at_several_points_proves_a_sign():
    assert confirmed(explain(SINGLE, at(0, lambda g, xs, yb, y: -g), 0)) == ["sign"]


def test_equal_elements_at_one_point_prove_no_factor():
    ones = Problem(("x",), lambda rng: (np.ones(4),), np.square, lambda b, x: ((2 * x, 2 * x),), (0,))
    assert confirmed(explain(ones, at(0, lambda g, xs, yb, y: g / 2), 0, alone=True)) == []


def test_a_fitted_factor_at_one_point_is_a_guess():
    cause, *_ = explain(TANH, at(0, lambda g, xs, yb, y: 3.7 * g), 0, alone=True)
    assert (cause.cause, cause.confirmed, cause.detail) == ("factor", False, "3.7")
    assert cause.text.startswith("perhaps the gradient of input 0 (x) is 3.7 times too large")


def test_two_names_of_one_number_are_both_said():
    (cause,) = explain(dense(2, 3, 5), at(0, lambda g, xs, yb, y: 2 * g), 0)
    assert cause.detail == "2 = batch"
    (cause,) = explain(dense(5, 3, 4), at(1, lambda g, xs, yb, y: 4 * g), 0)
    assert "axis 1 of w" in cause.detail
    assert "N" in cause.detail


def test_a_scalar_input_names_a_factor():
    def gradients(y_bar, x, rate):
        g = y_bar * rate * np.cos(x)
        return ((g, np.abs(y_bar * rate) + np.abs(g)),)

    problem = Problem(
        ("x", "rate"),
        lambda rng: (rng.normal(size=6), rng.uniform(0.1, 0.9)),
        lambda x, r: r * np.sin(x),
        gradients,
        (0,),
    )
    (cause,) = explain(problem, at(0, lambda g, xs, yb, y: g / xs[1]), 0)
    assert (cause.cause, cause.confirmed) == ("factor", True)
    assert cause.detail.endswith("= 1/rate")


def test_a_zero_gradient_is_judged_against_what_is_allowed():
    flat = Problem(("x",), normal(5), lambda x: 0 * x, lambda b, x: ((0 * x, np.abs(b)),), (0,))
    (cause,) = explain(flat, at(0, lambda g, xs, yb, y: yb), 0)
    assert (cause.cause, cause.confirmed, cause.detail) == ("missing-term", True, "-1 · y_bar")
    assert confirmed(explain(flat, from_y_bar(lambda rng, g: rng.normal(size=g.shape)), 0)) == []


SHAPES = [(), (0,), (0, 3), (1,), (1, 1), (3,), (3, 3), (2, 3, 4), (1, 3, 1), (2, 1, 2, 1, 2)]


@pytest.mark.parametrize("left", SHAPES)
@pytest.mark.parametrize("right", SHAPES)
def test_any_shapes_can_be_asked_about(left, right):
    for y, has_y_bar in [((), True), ((3,), False), ((2, 3, 4), True), ((0,), True)]:

        def point(seed, y=y, has_y_bar=has_y_bar):
            rng = np.random.default_rng(seed)
            g = rng.normal(size=right)
            y_bar = rng.normal(size=y) if has_y_bar else None
            x, value, wrong = rng.normal(size=right), rng.normal(size=y), rng.normal(size=left)
            return Point(
                "vjp",
                (x,),
                (0,),
                ("x",),
                ("input 0 (x)",),
                value,
                y_bar,
                (wrong,),
                (g,),
                (1e-15 * np.abs(g),),
                (np.abs(g),),
            )

        causes = diagnose(
            point(0), point, oracle_vjp=lambda xs, b: (np.zeros(right),), rerun=lambda xs, b: (np.ones(left),)
        )
        assert confirmed(causes) == []


# Patterns of two values, which many a repair fits by coincidence.


def derivative_of(f, right, wrong, shape=(5, 4)):
    """Diagnose a derivative, without y_bar, whose wrong version may be run again anywhere."""

    def point(seed):
        rng = np.random.default_rng((seed, 91))
        size, sign = rng.uniform(0.2, 8, size=shape), np.tile([-1.0, 1.0], int(np.prod(shape)) // 2)
        x = rng.permutation(sign).reshape(shape) * size  # as many of either sign
        g, given = right(x), wrong(x)
        return Point(
            "derivative",
            (x,),
            (0,),
            ("x",),
            ("input 0 (x)",),
            f(x),
            None,
            (given,),
            (g,),
            (1e-15 * (1 + np.abs(g)),),
            (1 + g,),
        )

    return diagnose(point(0), point, oracle_vjp=lambda xs, b: (right(xs[0]),), rerun=lambda xs, b: (wrong(xs[0]),))


def relu(x):
    return np.maximum(x, 0)


def step(x):
    return (x > 0) * 1.0


def test_a_mask_of_the_other_side_has_its_elements_nowhere_else():
    assert confirmed(derivative_of(relu, step, lambda x: (x < 0) * 1.0)) == []


@pytest.mark.parametrize(
    ("f", "right", "wrong"),
    [
        (relu, step, lambda x: (x > 1) * 1.0),
        (lambda x: np.minimum(relu(x), 6), lambda x: step(x) * (x < 6), step),
        (lambda x: np.clip(x, -1, 1), lambda x: (np.abs(x) < 1) * 1.0, np.ones_like),
        (lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1, 0.1), lambda x: np.where(x > 1, 1, 0.1)),
    ],
)
def test_a_wrong_threshold_is_no_stale_value(f, right, wrong):
    assert confirmed(derivative_of(f, right, wrong)) == ["partial"]


def test_two_slopes_exchanged_lack_no_constant():
    causes = derivative_of(np.abs, lambda x: np.where(x > 0, 0.7, -0.3), lambda x: np.where(x > 0, 0.3, -0.7))
    assert "missing-term" not in {cause.cause for cause in causes}


def test_a_factor_of_one_number_is_no_stale_value():
    def gradients(y_bar, x):
        n = np.sqrt(np.sum(x * x))
        inner = np.sum(x * y_bar) * x / n**3
        return ((y_bar / n - inner, np.abs(y_bar / n) + np.abs(inner)),)

    unit = Problem(("x",), normal(6), lambda x: x / np.sqrt(np.sum(x * x)), gradients, (0,))
    fault = at(0, lambda g, xs, yb, y: g / np.sqrt(np.sum(xs[0] ** 2)))
    for seed in range(4):
        (cause,) = explain(unit, fault, seed)
        assert (cause.cause, cause.confirmed) == ("factor", True)
        assert "norm of x" in cause.text


def test_one_element_that_is_right_makes_no_threshold():
    def spoil(g, xs, yb, y):
        return np.where(
            xs[0] == xs[0].max(), g, from_y_bar(lambda rng, part: rng.normal(size=part.shape))([g], xs, yb, y)[0]
        )

    for seed in range(4):
        assert confirmed(explain(TANH, at(0, spoil), seed)) == []


def test_a_small_constant_is_not_confirmed_to_be_float32():
    causes = explain(TANH, at(0, lambda g, xs, yb, y: g * (1 + 1e-8 * xs[0])), 0)
    assert (causes[0].cause, confirmed(causes)) == ("dtype", [])


def test_forward_that_broadcasts_a_column_with_a_row():
    def gradients(y_bar, p, t):
        difference = np.add.outer(p.reshape(-1), -np.ravel(t)) if p.shape != t.shape else (p - t)[..., None]
        g = 2 * y_bar * difference.reshape(len(p), -1).mean(1, keepdims=True) / len(p)
        size = 2 * np.abs(difference).reshape(len(p), -1).mean(1, keepdims=True) * np.abs(y_bar) / len(p)
        return ((g, size),)

    problem = Problem(("p", "t"), normal((6, 1), (6,)), lambda p, t: np.mean((p - t) ** 2), gradients, (0,))
    fault = at(0, lambda g, xs, yb, y: 2 * yb * (xs[0] - xs[1][:, None]) / 6)
    assert confirmed(explain(problem, fault, 0)) == ["forward-broadcast"]
