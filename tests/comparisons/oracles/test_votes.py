"""The third vote: right to within its own error estimate, and not fooled by what cheats differences."""

import numpy as np
import pytest

from gradtwin.comparisons.oracles.votes import differences_gradient, directional, vote


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "sigmoid": (_sigmoid, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "softplus": (lambda x: np.log1p(np.exp(x)), _sigmoid),
    "fast": (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x)),
    "relu": (lambda x: x * (x > 0), lambda x: 1.0 * (x > 0)),
    "log of square": (lambda x: np.log(x * x), lambda x: 2 / x),
    "abs": (np.abs, np.sign),
    "large": (lambda x: np.sin(x) + 1e10, np.cos),
    "cancelling": (lambda x: (x + 1e8) - 1e8, np.ones_like),
    "constant": (lambda x: 0 * x + 3, np.zeros_like),
    "via float32": (lambda x: np.sin(x).astype(np.float32).astype(np.float64), np.cos),
    "in float32": (lambda x: np.sin(x).astype(np.float32), np.cos),
}


def refusing_complex(f):
    def forward(x):
        if x.dtype.kind == "c":
            raise TypeError("no complex numbers here")
        return f(x)

    return forward


def in_float64(f):
    return refusing_complex(lambda x: f(x.astype(np.float64)))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrap", [lambda f: f, refusing_complex, in_float64])
@pytest.mark.filterwarnings("error")
def test_the_truth_lies_within_the_estimate(name, wrap):
    function, derivative = FUNCTIONS[name]
    for seed in range(25):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(2, 3)) * 10.0 ** rng.integers(-3, 2)
        y_bar = rng.normal(size=x.shape)
        exact = (y_bar.astype(np.longdouble) * derivative(x.astype(np.longdouble)))[0, 1]
        found = vote(wrap(function), (x,), 0, (0, 1), y_bar, seed=seed)
        assert found.one_sided is None, (name, seed)
        assert abs(found.value - exact) <= found.error, (name, seed, found)


def test_complex_step_is_exact_to_rounding():
    rng = np.random.default_rng(1)
    a, b, y_bar = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    found = vote(np.matmul, (a, b), 0, (1, 2), y_bar, seed=0)
    assert found.method == "complex-step"
    assert found.error < 1e-14
    assert abs(found.value - (y_bar @ b.T)[1, 2]) <= found.error


@pytest.mark.parametrize(
    "dishonest",
    [
        np.abs,
        lambda x: np.sqrt((x * np.conj(x)).real),
        lambda x: np.where(x.real > 0, x.real, -x.real) + 0 * x,
        lambda x: np.abs(x) + 0 * x,
        lambda x: np.float64(1) * np.asarray([abs(v) for v in x.ravel()]).reshape(x.shape),
    ],
)
def test_a_forward_that_loses_the_imaginary_part_is_not_believed(dishonest):
    x = np.array([1.5, -0.7, 0.3])
    found = vote(dishonest, (x,), 0, (1,), np.array([1.0, 2.0, 3.0]), seed=0)
    assert found.method == "differences"
    assert abs(found.value - -2) <= found.error


def test_both_sides_of_a_kink_are_told():
    x, y_bar = np.array([[0.0, 1.0], [2.0, -1.0]]), np.array([[3.0, 1.0], [1.0, 1.0]])
    found = vote(lambda x: np.maximum(x, 0), (x,), 0, (0, 0), y_bar, seed=0)
    assert sides_are(found, 0, 3)
    assert not sides_are(found, 0, 3.001)
    assert sides_are(vote(np.abs, (x,), 0, (0, 0), y_bar, seed=0), -3, 3)
    tied = vote(np.max, (np.array([1.0, 1.0, 0.5]),), 0, (1,), None, seed=0)
    assert sides_are(tied, 0, 1)


def sides_are(found, left, right):
    """Whether both one-sided derivatives are these, to the coarsest rounding of a difference: half the digits."""
    half = float(np.sqrt(np.finfo(float).eps))
    pairs = zip(found.one_sided, (left, right), strict=True)
    return all(abs(side - exact) <= half * max(1, abs(exact)) for side, exact in pairs)


def test_the_domain_may_end_nearby():
    def root(x):
        with np.errstate(invalid="raise"):
            return np.sqrt(x)

    found = vote(in_float64(root), (np.array([1e-3, 1.0, 50.0]),), 0, (0,), np.ones(3), seed=0)
    assert abs(found.value - 0.5 / np.sqrt(1e-3)) <= found.error
    assert found.error < 1e-3


def test_what_can_not_be_differentiated_says_so():
    found = vote(lambda x: np.full(3, np.nan), (np.ones(3),), 0, (0,), np.ones(3), seed=0)
    assert np.isnan(found.value)
    assert found.error == np.inf


def test_inputs_are_left_alone_and_integers_stay():
    x, index = np.arange(6.0).reshape(3, 2) + 1, np.array([0, 2, 2])
    seen = []

    def forward(x, index, power):
        seen.append((index.dtype, type(power)))
        y = x[index] ** power
        x *= 0
        return y

    before = x.copy()
    found = vote(forward, (x, index, 2), 0, (2, 1), np.ones((3, 2)), seed=0)
    assert np.array_equal(x, before)
    assert set(seen) == {(index.dtype, int)}
    assert abs(found.value - 4 * x[2, 1]) <= found.error


def test_a_direction_gathers_all_gradients():
    rng = np.random.default_rng(2)
    a, b, y_bar = rng.normal(size=(4, 3)), rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    da, db = rng.normal(size=a.shape), rng.normal(size=b.shape)
    found = directional(np.matmul, (a, b), (0, 1), (da, db), y_bar)
    assert abs(found.value - (y_bar * (da @ b + a @ db)).sum()) <= found.error


def test_the_whole_gradient():
    rng = np.random.default_rng(3)
    x, w, y_bar = rng.normal(size=(3, 2)), rng.normal(size=(2, 2)), rng.normal(size=(3, 2))

    def forward(x, w):
        return np.array([[float(v) for v in row] for row in np.tanh(x @ w)])

    slope = y_bar / np.cosh(x @ w) ** 2
    for found, exact in zip(
        differences_gradient(forward, (x, w), (0, 1), y_bar), (slope @ w.T, x.T @ slope), strict=True
    ):
        assert found.value.shape == exact.shape
        assert (np.abs(found.value - exact) <= found.error).all()
        assert (found.error < 1e-9).all()


def test_the_gradient_of_a_kink_reaches_both_sides():
    (found,) = differences_gradient(np.abs, (np.array([0.0, 2.0]),), (0,), np.ones(2))
    assert (np.abs(found.value - [0, 1]) <= found.error).all()
    assert found.error[0] >= 1 > found.error[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_a_scalar_loss_in_any_dtype(dtype):
    x = np.array([0.5, -1.25, 2.0], dtype)
    found = vote(lambda x: np.sum(x**2) / 2, (x,), 0, (1,), None, seed=0)
    assert abs(found.value - -1.25) <= found.error
