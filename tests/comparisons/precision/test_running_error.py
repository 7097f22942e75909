"""The bound: it holds on drawn problems, it is the textbook's, and it is not vacuous."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings

from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.operations import OPERATIONS
from gradtwin.backends.precision import precision_of
from gradtwin.comparisons.drawing.problems import problems
from gradtwin.comparisons.precision.bounded_array import BoundedArray, Format
from gradtwin.comparisons.precision.constants import QUOTIENT_ROUNDINGS, SQRT_ROUNDINGS
from gradtwin.comparisons.precision.running_error import bound_operation, bound_rule
from gradtwin.errors import UnsupportedError

CASES = 160  # for each operation and dtype: more than 10⁴ in all
#: Operations that move numbers and don't compute: nothing is rounded.
MOVES_ALONE = ("prepend-one", "relu", "flatten")
WIDE = {"float32": np.float64, "float64": np.longdouble}
RNG = np.random.default_rng(11)


def evaluate(operation, inputs, y_bar):
    """The rule's value and gradients, or what it leaves in the inputs that it changes, on plain arrays."""
    rule = partial(RULES[operation.name], **operation.keywords)
    with np.errstate(all="ignore"):
        if y_bar is None:
            given = [x.copy() for x in inputs]
            rule(*given)
            return [given[i] for i in operation.changed]
        y, pullbacks = rule(*inputs)
        return [np.asarray(y), *[np.asarray(pullback(y_bar)) for pullback in pullbacks]]


def largest_fraction(operation, dtype, problem):
    """max |narrow − wide| / bound over the elements of which the bound says anything."""
    narrow = evaluate(operation, problem.inputs, problem.y_bar)
    widened = [x.astype(WIDE[dtype]) for x in problem.inputs]
    wide = evaluate(operation, widened, None if problem.y_bar is None else problem.y_bar.astype(WIDE[dtype]))
    largest = 0.0
    for mine, exact, bound in zip(narrow, wide, bound_operation(operation, problem.inputs, problem.y_bar), strict=True):
        known = np.isfinite(bound.error) & np.isfinite(exact)
        error = np.abs(mine.astype(WIDE[dtype]) - exact)[known]
        allowed = bound.error[known]
        assert (error[allowed == 0] == 0).all(), "said to be exact, and is not"
        largest = max(largest, float(np.max(error[allowed > 0] / allowed[allowed > 0], initial=0)))
    return largest


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_results_lie_within_the_bound_of_a_wider_evaluation(operation, dtype):
    seen = []

    @settings(max_examples=CASES)
    @given(problems(operation, np.dtype(dtype), largest=24))
    def run(problem):
        seen.append(largest_fraction(problem.operation, dtype, problem))
        assert seen[-1] <= 1

    run()
    assert len(seen) >= CASES // 2
    if operation.name in MOVES_ALONE:
        assert max(seen) == 0
    else:
        assert max(seen) > 0.1, "a bound that nothing comes near is not this arithmetic's"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matmul_is_the_textbooks_bound(dtype):
    """E = K u |A||B| (Jeannerod & Rump 2013)."""
    a, b = RNG.standard_normal((7, 33)).astype(dtype), RNG.standard_normal((33, 5)).astype(dtype)
    value, (a_error, _) = bound_rule(RULES["matmul"], (a, b), y_bar := np.ones((7, 5), dtype))
    u = Format(precision_of(np.dtype(dtype)), np.dtype(WIDE[np.dtype(dtype).name])).u
    same_bound(value.error, 33 * u * (np.abs(a) @ np.abs(b)).astype(float), u)
    same_bound(a_error.error, 5 * u * (np.abs(y_bar) @ np.abs(b).T).astype(float), u)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_is_the_textbooks_bound(dtype):
    """E_y ≤ (I+1) u (|x||W| + |b|), and at least I u |x||W|."""
    x, w, b = (RNG.standard_normal(shape).astype(dtype) for shape in [(6, 9), (9, 4), (4,)])
    value, _ = bound_rule(RULES["dense"], (x, w, b))
    u = precision_of(np.dtype(dtype)).u
    product = (np.abs(x) @ np.abs(w)).astype(float)
    slack = 1 + 100 * u
    assert (value.error <= 10 * u * (product + np.abs(b)) * slack).all()
    assert (value.error >= 9 * u * product / slack).all()


def test_mean_square_is_the_textbooks_bound():
    """E_L = (1/N) Σ(2|r|E_r + E_r²) + (N+2) u L, with E_r = u|r| for exact inputs."""
    p, t = RNG.standard_normal((2, 50)).astype(np.float32)
    u, n = 2.0**-24, 50
    r = p.astype(float) - t
    value, (p_bound, _) = bound_rule(RULES["mse"], (p, t), np.ones((), np.float32))
    loss = (r * r).mean()
    textbook = (2 * np.abs(r) * u * np.abs(r)).mean() + (n + QUOTIENT_ROUNDINGS) * u * loss
    same_bound(value.error, textbook, u * n)
    gradient = 2 / n * np.abs(r)  # d = 2r/N: the residual, the division, the product
    same_bound(p_bound.error, (1 + QUOTIENT_ROUNDINGS + 1) * u * gradient, u * n)


def same_bound(mine, textbook, u):
    """Equal but for the terms of second order in u, and the room for the bound's own rounding."""
    slack = 1 + 2.0**-20 + 100 * u
    assert (mine <= textbook * slack).all()
    assert (mine >= textbook / slack).all()


def test_the_root_mean_square_knows_nothing_near_zero():
    """E_R ≈ E_L / 2R: meaningless where the squares underflow."""
    p = np.full((4,), 1e-30, np.float32)
    value, _ = bound_rule(RULES["rmse"], (p, np.zeros_like(p)))
    assert value.error >= value.value
    value, _ = bound_rule(RULES["rmse"], (p * 1e30, np.zeros_like(p)))
    assert value.error < 1e-5


def test_exact_arithmetic_has_no_error():
    x, w, b = (RNG.integers(-5, 6, shape).astype(np.float32) for shape in [(8, 16), (16, 4), (4,)])
    value, gradients = bound_rule(RULES["dense"], (x, w, b), np.ones((8, 4), np.float32))
    assert all((bound.error == 0).all() for bound in (value, *gradients))
    value, _ = bound_rule(RULES["half-mse"], (x, x + 1))
    assert value.error == 0, "a mean over a power of two is exact"
    value, _ = bound_rule(RULES["half-mse"], (x[:7], x[:7] + 1))
    assert value.error > 0, "one over 112 is not"
    value, _ = bound_rule(RULES["matmul"], (x * np.float32(2**13), w))
    assert (value.error == 0).all(), "a power of two changes nothing"
    value, _ = bound_rule(RULES["matmul"], (x * np.float32(4097), w * np.float32(4097)))
    assert (value.error > 0).any(), "beyond 2^24 quanta sums round"


def test_nothing_is_exact_near_the_subnormal_range():
    """Another order of the same exact steps may pass through a subnormal number, which is flushed to zero."""
    p, t = np.array([0.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    smallest = np.float32(np.finfo(np.float32).smallest_normal)
    _, (p_bound, _) = bound_rule(RULES["mse"], (p, t), np.asarray(smallest))
    assert p_bound.error[1] >= smallest


def test_scale_is_the_sum_of_absolute_products():
    """A gradient that is zero by cancellation keeps the size of what cancelled."""
    b = np.array([[1.0], [-1.0]])
    _, (a_bound, _) = bound_rule(RULES["matmul"], (np.ones((1, 2)), b), np.array([[0.3]]))
    assert (a_bound.scale > 0.29).all()
    x = np.array([[0.1], [0.1]])
    _, (_, w_bound) = bound_rule(RULES["matmul"], (x, b[:1]), np.array([[0.3], [-0.3]]))
    assert w_bound.value == 0
    assert w_bound.error < 1e-10 * w_bound.scale


FORM = Format(precision_of(np.dtype(np.float32)), np.dtype(np.float64))


def test_a_branch_inside_the_error_covers_both_sides():
    near = BoundedArray(np.array([1e-9, 1.0]), np.array([1e-8, 1e-8]), np.ones(2), FORM)
    chosen = np.where(near > 0, near, 5.0)
    assert chosen.error[0] >= 5
    assert chosen.error[1] < 1e-7
    masked = near * (near > 0)
    assert masked.error[0] >= 1e-9
    with pytest.raises(UnsupportedError, match="undecided"):
        bool((near > 0)[0])
    assert bool((near > 0)[1])


def test_overflow_is_unknown_but_an_infinite_input_is_certain():
    big = np.full((1, 2), 3e38, np.float32)
    value, _ = bound_rule(RULES["matmul"], (big, big.T))
    assert np.isinf(value.error).all()
    value, _ = bound_rule(RULES["matmul"], (np.array([[np.inf, 1]], np.float32), np.ones((2, 1), np.float32)))
    assert value.value == np.inf
    assert value.error == 0


def test_what_has_no_bound_is_refused_by_name():
    with pytest.raises(UnsupportedError, match=r"np\.sinh"):
        np.sinh(BoundedArray.of(np.ones(2), FORM))
    with pytest.raises(UnsupportedError, match=r"np\.median"):
        np.median(BoundedArray.of(np.ones(2), FORM))
    with pytest.raises(UnsupportedError, match="plain one"):
        np.asarray(BoundedArray.of(np.ones(2), FORM))


@pytest.mark.parametrize("mode", ["numpy", "eager", "xla"])
def test_the_square_roots_budget_still_holds(mode):
    import tensorflow as tf

    x = np.concatenate([RNG.uniform(1, 4, 100_000), np.exp2(RNG.uniform(-100, 100, 100_000))]).astype(np.float32)
    root = {"numpy": np.sqrt, "eager": tf.sqrt, "xla": tf.function(tf.sqrt, jit_compile=True)}[mode](x)
    exact = np.sqrt(x.astype(np.float64))
    roundings = np.abs(np.asarray(root, np.float64) - exact) / (exact * 2.0**-24)
    assert roundings.max() <= SQRT_ROUNDINGS
    assert roundings.max() > 0
