"""How far wide results are from mpmath's at 240 bits, in units of 2⁻¹⁰⁴: points, exact values, planted losses."""

from __future__ import annotations

import mpmath
import numpy as np

from gradtwin.comparisons.precision.wide import WideArray, apply, dispatch, wide

MP = mpmath.mp.clone()
MP.prec = 240
UNIT = MP.mpf(2) ** -104


def widened(x, seed=0):
    """Numbers with a random low half: none of their 106 bits is the same for all."""
    x = np.asarray(x, np.float64)
    low = np.spacing(np.abs(x)) * np.random.default_rng(seed).uniform(-0.5, 0.5, x.shape)
    return wide(x, np.where(np.isfinite(low), low, 0))


def exact(x):
    """The elements as mpmath's numbers, in an array of objects."""
    if isinstance(x, WideArray):
        high, low = np.asarray(x.high), np.asarray(x.low)
        items = [MP.mpf(h) + MP.mpf(r) for h, r in zip(high.ravel().tolist(), low.ravel().tolist(), strict=True)]
        return objects(items).reshape(high.shape)
    return objects([MP.mpf(v) for v in np.ravel(x).tolist()]).reshape(np.shape(x))


def objects(items):
    found = np.empty(len(items), object)
    found[:] = items
    return found


def units_off(result, expected, scale=None):
    """The largest error in units of 2⁻¹⁰⁴ of the expected value, or of a scale."""
    expected = np.asarray(expected, object)
    assert np.shape(result) == expected.shape, (np.shape(result), expected.shape)
    scale = np.broadcast_to(np.asarray(expected if scale is None else scale, object), expected.shape)
    worst = 0.0
    for got, right, size in zip(exact(result).ravel(), expected.ravel(), scale.ravel(), strict=True):
        if got != right:
            worst = max(worst, float(abs(got - right) / abs(size) / UNIT) if size else np.inf)
    return worst


def is_pair(x):
    """Whether the low half is at most half a unit in the last place of the high one."""
    return bool(np.all(x.high + x.low == x.high))


def without_low(x):
    """A result whose low half is lost."""
    if isinstance(x, WideArray):
        return WideArray(x.high, x.low * 0)
    if isinstance(x, tuple | list):
        items = [without_low(item) for item in x]
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    return x


def plant(monkeypatch, function, where):
    """Let one function lose the low half of its arguments or of its result."""
    rule = dispatch._rule(function)
    if where == "result":
        monkeypatch.setitem(dispatch.RULES, function, lambda *args, **kwargs: without_low(rule(*args, **kwargs)))
    else:
        monkeypatch.setitem(
            dispatch.RULES, function, lambda *args, **kwargs: rule(*[without_low(x) for x in args], **kwargs)
        )


# Points.

COUNT = 300


class Points:
    """Draws of one kind after another, always the same ones."""

    def __init__(self, seed=5, count=COUNT):
        self.rng, self.count = np.random.default_rng(seed), count

    def uniform(self, low, high):
        return self.rng.uniform(low, high, self.count)

    def sizes(self, low, high):
        """Positive numbers of all magnitudes."""
        return np.exp(self.rng.uniform(np.log(low), np.log(high), self.count))

    def signed(self, low, high):
        return self.sizes(low, high) * self.rng.choice([-1.0, 1.0], self.count)


def _joined(*parts):
    return np.concatenate([np.atleast_1d(part) for part in parts])


# Functions, with budgets in units of 2⁻¹⁰⁴: the largest errors that were seen at 4,000 points of each kind from each of
# three seeds, rounded up.


def _power_of_two(x):
    return MP.mpf(2) ** x


def _cbrt(x):
    return MP.sign(x) * MP.cbrt(abs(x))


def unary_cases(p):
    """Return the functions of one argument."""
    small = p.signed(1e-30, 1)
    turns = np.rint(p.uniform(-200, 200)) * (np.pi / 2)
    return {
        np.exp: (MP.exp, _joined(p.uniform(-1, 1), p.uniform(-600, 700), small, [0.5, -0.5, 1, 709.78]), 0.5),
        np.exp2: (_power_of_two, _joined(p.uniform(-1, 1), p.uniform(-800, 1000), [3, -7]), 0.5),
        np.expm1: (MP.expm1, _joined(p.uniform(-1, 1), p.uniform(-300, 700), small), 0.75),
        np.log: (MP.log, _joined(p.uniform(0.5, 2), p.sizes(1e-300, 1e300), 1 + p.signed(1e-15, 0.1)), 1.5),
        np.log1p: (MP.log1p, _joined(p.uniform(-0.9, 1), p.sizes(1e-30, 1e30), p.signed(1e-30, 0.9)), 1.5),
        np.log2: (lambda x: MP.log(x, 2), _joined(p.uniform(0.5, 2), p.sizes(1e-300, 1e300)), 0.75),
        np.log10: (MP.log10, _joined(p.uniform(0.5, 2), p.sizes(1e-300, 1e300)), 1),
        np.sin: (MP.sin, _joined(p.uniform(-10, 10), p.uniform(-1e6, 1e6), small, turns, [1e15, 1e22]), 0.75),
        np.cos: (MP.cos, _joined(p.uniform(-10, 10), p.uniform(-1e6, 1e6), small, turns, [1e15, 1e22]), 0.75),
        np.tan: (MP.tan, _joined(p.uniform(-10, 10), p.uniform(-1e6, 1e6), small, turns, [1e15, 1e22]), 1.5),
        np.arcsin: (MP.asin, _joined(p.uniform(-1, 1), small, 1 - p.sizes(1e-15, 0.1)), 1.75),
        np.arccos: (MP.acos, _joined(p.uniform(-1, 1), small, 1 - p.sizes(1e-15, 0.1), p.sizes(1e-15, 0.1) - 1), 1.5),
        np.arctan: (MP.atan, _joined(p.uniform(-10, 10), p.signed(1e-30, 1e300)), 1),
        np.sinh: (MP.sinh, _joined(p.uniform(-2, 2), p.uniform(-700, 700), small), 1.25),
        np.cosh: (MP.cosh, _joined(p.uniform(-2, 2), p.uniform(-700, 700), small), 0.75),
        np.tanh: (MP.tanh, _joined(p.uniform(-2, 2), p.uniform(-60, 60), small), 1.5),
        np.arcsinh: (MP.asinh, _joined(p.uniform(-3, 3), p.signed(1e-30, 1e300)), 1.25),
        np.arccosh: (MP.acosh, _joined(p.uniform(1.001, 3), 1 + p.sizes(1e-14, 1e300)), 1.25),
        np.arctanh: (MP.atanh, _joined(p.uniform(-0.99, 0.99), p.signed(1e-30, 0.9), 1 - p.sizes(1e-15, 0.1)), 1.75),
        np.sqrt: (MP.sqrt, _joined(p.uniform(0.1, 10), p.sizes(1e-280, 1e300)), 0.75),
        np.cbrt: (_cbrt, _joined(p.uniform(-10, 10), p.signed(1e-280, 1e300)), 0.75),
        np.square: (lambda x: x * x, _joined(p.uniform(0.1, 10), p.signed(1e-130, 1e150)), 1),
        np.reciprocal: (lambda x: 1 / x, _joined(p.uniform(0.1, 10), p.signed(1e-270, 1e270)), 1),
        np.negative: (lambda x: -x, p.signed(1e-300, 1e300), 0),
        np.positive: (lambda x: x, p.signed(1e-300, 1e300), 0),
        np.conjugate: (lambda x: x, p.signed(1e-300, 1e300), 0),
        np.absolute: (abs, p.signed(1e-300, 1e300), 0),
        np.fabs: (abs, p.signed(1e-300, 1e300), 0),
        np.degrees: (MP.degrees, p.signed(1e-100, 1e100), 1),
        np.rad2deg: (MP.degrees, p.signed(1e-100, 1e100), 1),
        np.radians: (MP.radians, p.signed(1e-100, 1e100), 1),
        np.deg2rad: (MP.radians, p.signed(1e-100, 1e100), 1),
        np.floor: (MP.floor, _joined(p.signed(1e-3, 1e6), np.rint(p.signed(1, 1e6)), p.signed(1e15, 1e25)), 0),
        np.ceil: (MP.ceil, _joined(p.signed(1e-3, 1e6), np.rint(p.signed(1, 1e6)), p.signed(1e15, 1e25)), 0),
        np.trunc: (_trunc, _joined(p.signed(1e-3, 1e6), np.rint(p.signed(1, 1e6)), p.signed(1e15, 1e25)), 0),
        np.rint: (MP.nint, _joined(p.signed(1e-3, 1e6), np.rint(p.signed(1, 1e6)) + 0.5, p.signed(1e15, 1e25)), 0),
    }


def _trunc(x):
    return MP.floor(x) if x > 0 else MP.ceil(x)


def binary_cases(p):
    """Return the functions of two arguments."""
    ones = p.uniform(-1, 1), p.uniform(-1, 1)
    all_sizes = p.signed(1e-120, 1e130), p.signed(1e-120, 1e130)
    near = p.uniform(1, 2)
    pairs = tuple(_joined(*parts) for parts in zip(ones, all_sizes, strict=True))
    cancelling = tuple(_joined(*parts) for parts in zip(ones, all_sizes, (near, -near), strict=True))
    halves = np.rint(p.uniform(-9, 9))
    powers = zip((p.sizes(1e-3, 1e3), p.uniform(-5, 5)), (1 + p.signed(1e-6, 0.1), p.signed(1, 6000)), strict=True)
    powers = tuple(_joined(*parts) for parts in powers)
    equal = _joined(p.uniform(-3, 3), near), _joined(p.uniform(-3, 3), near)
    quotients = (
        _joined(p.signed(1e-3, 1e3), halves * 0.75, p.signed(1e20, 1e25)),
        _joined(p.signed(0.1, 10), np.full(p.count, 0.75), p.uniform(0.1, 1)),
    )
    return {
        np.add: (lambda x, y: x + y, cancelling, 0.5),
        np.subtract: (lambda x, y: x - y, (cancelling[0], -cancelling[1]), 0.5),
        np.multiply: (lambda x, y: x * y, pairs, 1),
        np.divide: (lambda x, y: x / y, pairs, 1.25),
        np.power: (lambda x, y: x**y, powers, 1.25),
        np.float_power: (lambda x, y: x**y, powers, 1.25),
        np.hypot: (MP.hypot, pairs, 0.75),
        np.arctan2: (MP.atan2, pairs, 1.5),
        np.maximum: (max, equal, 0),
        np.minimum: (min, equal, 0),
        np.fmax: (max, equal, 0),
        np.fmin: (min, equal, 0),
        np.copysign: (lambda x, y: abs(x) * (1 if y >= 0 else -1), pairs, 0),
        np.heaviside: (lambda x, y: MP.mpf(x > 0) if x else y, (np.sign(halves), p.uniform(1, 9)), 0),
        np.floor_divide: (lambda x, y: MP.floor(x / y), quotients, 0),
    }


#: Functions that cancel by nature, with the size of what cancels.
def cancelling_cases(p):
    """Return functions of two arguments whose errors are relative to a scale of their own."""
    logs = _joined(p.uniform(-3, 3), p.uniform(-700, 700)), _joined(p.uniform(-3, 3), p.uniform(-700, 700))
    quotients = p.signed(1e-3, 1e3), p.signed(0.1, 10)
    return {
        np.logaddexp: (_logaddexp, logs, lambda x, y: max(abs(x), abs(y), 1), 0.75),
        np.logaddexp2: (_logaddexp2, logs, lambda x, y: max(abs(x), abs(y), 1), 0.75),
        np.remainder: (lambda x, y: x - y * MP.floor(x / y), quotients, lambda x, y: max(abs(x), abs(y)), 0.5),
        np.fmod: (lambda x, y: x - y * _trunc(x / y), quotients, lambda x, y: max(abs(x), abs(y)), 0.5),
    }


def _logaddexp(x, y):
    return max(x, y) + MP.log1p(MP.exp(-abs(x - y)))


def _logaddexp2(x, y):
    return max(x, y) + MP.log1p(MP.mpf(2) ** -abs(x - y)) / MP.ln2


def elementwise_cases(p):
    """Yield each ufunc with its exact function, its wide arguments, the scale of its error and its budget."""
    for ufunc, (function, points, budget) in unary_cases(p).items():
        yield ufunc, function, (widened(points),), None, budget
    for ufunc, (function, points, budget) in binary_cases(p).items():
        yield ufunc, function, (widened(points[0]), widened(points[1], 1)), None, budget
    for ufunc, (function, points, scale, budget) in cancelling_cases(p).items():
        yield ufunc, function, (widened(points[0]), widened(points[1], 1)), scale, budget


def measure(ufunc, function, arguments, scale=None):
    """Return a function's largest error on its points, in units of 2⁻¹⁰⁴."""
    columns = [exact(x).tolist() for x in arguments]
    expected = objects([function(*row) for row in zip(*columns, strict=True)])
    sizes = None if scale is None else objects([scale(*row) for row in zip(*columns, strict=True)])
    return units_off(apply(ufunc, arguments), expected, sizes)
