"""Drawn expressions against mpmath: no error exceeds what the budgets of their functions add up to.

Run as a script it takes the number of expressions and a seed, and prints the largest errors.
"""

import sys

import numpy as np
import pytest
from wide_accuracy import MP, UNIT, Points, binary_cases, cancelling_cases, exact, plant, unary_cases, widened

from gradtwin.comparisons.precision.wide import apply

#: Where a function's value and slope are neither huge nor tiny; it is not used elsewhere.
DOMAINS = {
    np.exp: lambda x: abs(x) < 20, np.exp2: lambda x: abs(x) < 30, np.expm1: lambda x: abs(x) < 20,
    np.log: lambda x: x > 1e-6, np.log2: lambda x: x > 1e-6, np.log10: lambda x: x > 1e-6,
    np.log1p: lambda x: x > -0.999,
    np.sin: lambda x: abs(x) < 1e4, np.cos: lambda x: abs(x) < 1e4, np.tan: lambda x: abs(x) < 1e4,
    np.arcsin: lambda x: abs(x) < 0.999, np.arccos: lambda x: abs(x) < 0.999, np.arctan: lambda x: True,
    np.sinh: lambda x: abs(x) < 20, np.cosh: lambda x: abs(x) < 20, np.tanh: lambda x: abs(x) < 30,
    np.arcsinh: lambda x: True, np.arccosh: lambda x: x > 1.001, np.arctanh: lambda x: abs(x) < 0.999,
    np.sqrt: lambda x: x > 1e-6, np.cbrt: lambda x: abs(x) > 1e-6, np.square: lambda x: abs(x) < 1e6,
    np.reciprocal: lambda x: abs(x) > 1e-6, np.absolute: lambda x: True, np.negative: lambda x: True,
    np.add: lambda x, y: True, np.subtract: lambda x, y: True, np.multiply: lambda x, y: True,
    np.divide: lambda x, y: abs(y) > 1e-6, np.hypot: lambda x, y: abs(x) > 1e-6, np.maximum: lambda x, y: True,
    np.minimum: lambda x, y: True, np.arctan2: lambda x, y: x > 1e-6,
    np.power: lambda x, y: x > 1e-3 and abs(y) < 20, np.logaddexp: lambda x, y: True,
}  # fmt: skip

POINTS = Points(count=1)
BUDGETS = {
    **{ufunc: (case[0], case[-1]) for ufunc, case in unary_cases(POINTS).items()},
    **{ufunc: (case[0], case[-1]) for ufunc, case in binary_cases(POINTS).items()},
    **{ufunc: (case[0], case[-1]) for ufunc, case in cancelling_cases(POINTS).items()},
}
SCALES = {ufunc: case[2] for ufunc, case in cancelling_cases(POINTS).items()}
FUNCTIONS = list(DOMAINS)
LEAVES, OPERATIONS = 3, 6
SIZE = 1e12


def draw(rng):
    """Yield the nodes of one expression, from its leaves up: text, wide value, exact value, allowed error."""
    nodes = []
    for number, value in enumerate(rng.uniform(-3, 3, LEAVES)):
        leaf = widened(value, int(rng.integers(2**31)))
        nodes.append((f"x{number}", leaf, exact(leaf).item(), MP.mpf(0)))
    while len(nodes) < LEAVES + OPERATIONS:
        ufunc = FUNCTIONS[rng.integers(len(FUNCTIONS))]
        chosen = [nodes[i] for i in rng.integers(0, len(nodes), ufunc.nin)]
        values = [node[2] for node in chosen]
        if not DOMAINS[ufunc](*values):
            continue
        function, budget = BUDGETS[ufunc]
        value = function(*values)
        if not abs(value) < SIZE:
            continue
        size = SCALES[ufunc](*values) if ufunc in SCALES else abs(value)
        allowed = MP.mpf(budget) * UNIT * size + moved(function, values, [node[3] for node in chosen], value)
        text = f"{ufunc.__name__}({', '.join(node[0] for node in chosen)})"
        nodes.append((text, apply(ufunc, tuple(node[1] for node in chosen)), value, allowed))
    return nodes


def moved(function, values, errors, value):
    """How far the arguments' errors move a function: each by itself, to either side; twice that covers curvature."""
    total = MP.mpf(0)
    for i, error in enumerate(errors):
        if error:
            ends = [function(*values[:i], values[i] + step, *values[i + 1 :]) for step in (error, -error)]
            total += max(abs(end - value) for end in ends)
    return 2 * total


def judge(count, seed):
    """Return the largest error over the allowed one, and the largest in units of 2⁻¹⁰⁴, of well-conditioned nodes."""
    rng = np.random.default_rng(seed)
    worst, units, failed = 0.0, 0.0, []
    for _ in range(count):
        for text, result, value, allowed in draw(rng)[LEAVES:]:
            error = abs(exact(result).item() - value)
            worst = max(worst, float(error / allowed) if allowed else np.inf if error else 0.0)
            if error > allowed:
                failed.append(text)
            if value and allowed <= 16 * UNIT * abs(value):
                units = max(units, float(error / abs(value) / UNIT))
    return worst, units, failed


def test_drawn_expressions():
    worst, units, failed = judge(400, 0)
    assert not failed, failed[:3]
    assert worst <= 1
    assert 0 < units <= 16


@pytest.mark.parametrize("ufunc", FUNCTIONS, ids=lambda ufunc: ufunc.__name__)
def test_a_lost_low_half_is_caught(monkeypatch, ufunc):
    """The negative control."""
    plant(monkeypatch, ufunc, "result")
    assert any(judge(20, seed)[0] > 1 for seed in range(20))


if __name__ == "__main__":
    worst, units, failed = judge(int(sys.argv[1]), int(sys.argv[2]))
    print(
        f"{sys.argv[1]} expressions of {OPERATIONS} functions: error/allowed ≤ {worst:.3f}, {units:.2f} × 2⁻¹⁰⁴", failed
    )
