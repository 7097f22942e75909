"""Functions that move elements do to both halves what NumPy does to one array; and NumPy's own Python functions run."""

import operator

import numpy as np
import pytest
from wide_accuracy import exact, plant, widened

from gradtwin.comparisons.precision.wide import NoWideFormError, WideArray, apply, wide

RNG = np.random.default_rng(2)
X, Y = widened(RNG.standard_normal((4, 6)), 1), widened(RNG.standard_normal((4, 6)), 2)
V, S = widened(RNG.standard_normal(5), 3), widened(RNG.standard_normal((4, 4)), 4)
MASK = RNG.random((4, 6)) > 0.5
ROWS = np.array([[0, 1, 2, 3, 0, 1]])

#: name → what is done to arrays; it must be the same for wide ones as for arrays of objects.
MOVES = {
    "getitem": lambda x, y, v, s: x[1:, ::2],
    "fancy": lambda x, y, v, s: x[[0, 2], [1, 3]],
    "mask": lambda x, y, v, s: x[MASK],
    "newaxis": lambda x, y, v, s: x[:, None, ..., 1],
    "reshape": lambda x, y, v, s: x.reshape(3, 8),
    "reshape to one": lambda x, y, v, s: np.reshape(x, -1),
    "transpose": lambda x, y, v, s: x.transpose(1, 0),
    "T": lambda x, y, v, s: x.T,
    "ravel": lambda x, y, v, s: x.ravel(order="F"),
    "flatten": lambda x, y, v, s: x.flatten(),
    "swapaxes": lambda x, y, v, s: np.swapaxes(x, 0, 1),
    "moveaxis": lambda x, y, v, s: np.moveaxis(x, 0, 1),
    "expand_dims": lambda x, y, v, s: np.expand_dims(x, 1),
    "squeeze": lambda x, y, v, s: np.squeeze(x[:1]),
    "concatenate": lambda x, y, v, s: np.concatenate([x, y], axis=1),
    "concatenate with plain": lambda x, y, v, s: np.concatenate([x, np.zeros((4, 1)), y], axis=-1),
    "stack": lambda x, y, v, s: np.stack([x, y], axis=1),
    "vstack": lambda x, y, v, s: np.vstack((x, y)),
    "hstack": lambda x, y, v, s: np.hstack((x, y)),
    "dstack": lambda x, y, v, s: np.dstack((x, y)),
    "column_stack": lambda x, y, v, s: np.column_stack((x, y)),
    "block": lambda x, y, v, s: np.block([[x, y], [y, x]]),
    "where": lambda x, y, v, s: np.where(MASK, x, y),
    "where with a number": lambda x, y, v, s: np.where(MASK, x, 0),
    "select": lambda x, y, v, s: np.select([MASK, ~MASK], [x, y], 0.0),
    "pad": lambda x, y, v, s: np.pad(x, ((1, 2), (0, 1))),
    "pad with a number": lambda x, y, v, s: np.pad(x, 1, constant_values=7.0),
    "pad by reflection": lambda x, y, v, s: np.pad(x, 2, mode="reflect"),
    "pad with the edge": lambda x, y, v, s: np.pad(x, 1, "edge"),
    "repeat": lambda x, y, v, s: np.repeat(x, 2, axis=0),
    "tile": lambda x, y, v, s: np.tile(x, (2, 1)),
    "take": lambda x, y, v, s: np.take(x, [0, 2], axis=1),
    "take_along_axis": lambda x, y, v, s: np.take_along_axis(x, ROWS, axis=0),
    "compress": lambda x, y, v, s: np.compress([True, False, True], x, axis=0),
    "extract": lambda x, y, v, s: np.extract(MASK, x),
    "choose": lambda x, y, v, s: np.choose(MASK.astype(int), [x, y]),
    "roll": lambda x, y, v, s: np.roll(x, 1, axis=1),
    "flip": lambda x, y, v, s: np.flip(x, axis=0),
    "fliplr": lambda x, y, v, s: np.fliplr(x),
    "flipud": lambda x, y, v, s: np.flipud(x),
    "rot90": lambda x, y, v, s: np.rot90(x),
    "diag": lambda x, y, v, s: np.diag(s),
    "diag of a vector": lambda x, y, v, s: np.diag(v, 1),
    "diagonal": lambda x, y, v, s: s.diagonal(1),
    "triu": lambda x, y, v, s: np.triu(s, 1),
    "tril": lambda x, y, v, s: np.tril(s),
    "insert": lambda x, y, v, s: np.insert(x, 1, y[0], axis=0),
    "delete": lambda x, y, v, s: np.delete(x, 1, axis=0),
    "append": lambda x, y, v, s: np.append(x, y, axis=0),
    "resize": lambda x, y, v, s: np.resize(x, (3, 5)),
    "broadcast_to": lambda x, y, v, s: np.broadcast_to(v, (3, 5)),
    "split": lambda x, y, v, s: np.split(x, [1, 3])[1],
    "array_split": lambda x, y, v, s: np.array_split(x, 3, axis=1)[2],
    "atleast_2d": lambda x, y, v, s: np.atleast_2d(v),
    "broadcast_arrays": lambda x, y, v, s: np.broadcast_arrays(x, x[0])[1],
    "meshgrid": lambda x, y, v, s: np.meshgrid(v, v[:2])[1],
    "windows": lambda x, y, v, s: np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
    "copy": lambda x, y, v, s: np.copy(x),
    "full_like": lambda x, y, v, s: np.full_like(x, v[0]),
    "sort": lambda x, y, v, s: np.sort(x, axis=0),
    "partition": lambda x, y, v, s: np.sort(np.partition(v, 2)),
    "item": lambda x, y, v, s: x[:1, 3],
    "unique": lambda x, y, v, s: np.unique(x),
    "apply_along_axis": lambda x, y, v, s: np.apply_along_axis(lambda row: row[::-1], 1, x),
}


def changed(x, y, change):
    x = x.copy()
    change(x, y)
    return x


#: Functions that write into their first argument.
WRITES = {
    "setitem": lambda x, y: operator.setitem(x, (slice(None), 1), y[:, 2]),
    "setitem by mask": lambda x, y: operator.setitem(x, MASK, y[0, 0]),
    "setitem of a number": lambda x, y: operator.setitem(x, ([0, 1], 2), 7.0),
    "through a view": lambda x, y: operator.setitem(x.T[1:3], ..., y.T[:2]),
    "copyto": lambda x, y: np.copyto(x, y, where=MASK),
    "putmask": lambda x, y: np.putmask(x, MASK, y),
    "put": lambda x, y: np.put(x, [0, 5], y[0, :2]),
    "place": lambda x, y: np.place(x, MASK, y[0]),
    "put_along_axis": lambda x, y: np.put_along_axis(x, ROWS, y[:1], axis=0),
    "fill_diagonal": lambda x, y: np.fill_diagonal(x, y[0, 0]),
    "fill": lambda x, y: x.fill(y[0, 0]),
    "sort": lambda x, y: x.sort(axis=0),
}


def same(result, expected):
    return np.shape(result) == np.shape(expected) and bool(np.all(exact(result) == np.asarray(expected, object)))


@pytest.mark.parametrize("name", MOVES)
def test_both_halves_move(name):
    assert same(MOVES[name](X, Y, V, S), MOVES[name](*map(exact, (X, Y, V, S))))


@pytest.mark.parametrize("name", WRITES)
def test_both_halves_are_written(name):
    result = changed(X, Y, WRITES[name])
    assert same(result, changed(exact(X), exact(Y), WRITES[name]))
    assert not same(result, exact(X))


@pytest.mark.parametrize(
    "function",
    [np.reshape, np.concatenate, np.where, np.pad, np.take, np.stack, np.diag, np.sort, np.insert, np.repeat],
)
def test_a_lost_low_half_is_caught(monkeypatch, function):
    """The negative control."""
    name = {np.reshape: "reshape to one"}.get(function, function.__name__)
    expected = MOVES[name](*map(exact, (X, Y, V, S)))
    plant(monkeypatch, function, "result")
    assert not same(MOVES[name](X, Y, V, S), expected)


def test_views_share_memory():
    x = X.copy()
    row = x[1]
    row[:] = 7.0
    assert (x.high[1] == 7).all()
    assert not x.low[1].any()
    strided = apply(np.lib.stride_tricks.as_strided, (x, (2, 6), x.strides))
    assert np.shares_memory(strided.high, x.high)
    assert np.shares_memory(strided.low, x.low)
    with pytest.raises(NoWideFormError, match="lie differently"):
        apply(np.lib.stride_tricks.as_strided, (WideArray(x.high, np.asfortranarray(x.low)), (2,), (8,)))


def test_decisions_are_plain():
    assert np.argmax(X) == np.argmax(X.high)
    assert np.array_equal(np.argmin(X, axis=0), np.argmin(X.high, axis=0))
    assert np.array_equal(np.argsort(X, axis=1), np.argsort(X.high, axis=1))
    assert np.array_equal(np.searchsorted(np.sort(V), X), np.searchsorted(np.sort(V.high), X.high))
    assert np.array_equal(np.nonzero(X)[0], np.nonzero(X.high)[0])
    assert (np.any(X), np.all(X), np.count_nonzero(X)) == (True, True, 24)
    assert np.array_equal(X > Y, X.high > Y.high)
    close = wide(np.ones(4), np.array([0, 2e-20, 1e-20, -1e-20]))
    assert (np.argmax(close), np.argmin(close), np.argsort(close).tolist()) == (1, 3, [3, 0, 2, 1])
    assert np.searchsorted(np.sort(close), 1.0, side="right") == 2
    assert np.max(close).low == 2e-20
    assert np.min(close).low == -1e-20


def test_coverage_is_at_least_the_tapes():
    """Every function that tracing has a rule for has a wide form."""
    from gradtwin.comparisons.precision.wide.dispatch import METHODS, RULES, _rule
    from gradtwin.comparisons.precision.wide.ufuncs import DECISIONS, FORMULAS
    from gradtwin.comparisons.tracing import dispatch, namespaces, scipy_rules

    scipy_rules.load_scipy()
    #: `math`'s names, which have rules under their functions; and tracing's own joining of arrays by np.r_.
    own = {"erf", "erfc", "gamma", "lgamma", namespaces._join}
    for function in set(dispatch.RULES) - own:
        if isinstance(function, np.ufunc):
            assert function in FORMULAS or function in DECISIONS or function in RULES or _rule(function), function
        elif isinstance(getattr(function, "__self__", None), np.ufunc):
            assert function.__name__ in METHODS
        else:
            assert _rule(function), function


def test_apply_without_a_wide_form():
    with pytest.raises(NoWideFormError, match="expected a function with a wide form"):
        apply(len, (X,))
