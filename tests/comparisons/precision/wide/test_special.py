"""scipy.special's functions and `math`'s against mpmath."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special as special
from wide_accuracy import MP, Points, exact, measure, objects, plant, units_off, widened

from gradtwin.comparisons.precision.wide import NoWideFormError, apply, wide
from gradtwin.comparisons.precision.wide.elementwise import by_mpmath
from gradtwin.comparisons.precision.wide.special import _MPMATH, _SHORT

P = Points(seed=3, count=8)


def joined(*parts):
    return np.concatenate([np.atleast_1d(part) for part in parts])


NORMAL = joined(P.uniform(-3, 3), P.uniform(-8, 8), P.signed(1e-20, 1), [1, -1, 0.5])
TAIL = joined(P.uniform(-3, 3), P.uniform(-5, 25), P.signed(1e-20, 1))
GAMMA = joined(P.uniform(0.1, 5), P.sizes(1e-5, 1e8), 1 + P.signed(1e-12, 0.1), 2 + P.signed(1e-12, 0.1))
ORDERS = np.rint(P.uniform(0, 4)) + 0.5
POSITIVE = P.uniform(0.2, 12)
FEW = POSITIVE[:2]  # mpmath takes its time for these
UNIT = joined(P.uniform(0.01, 0.99), 0.5 + P.signed(1e-12, 0.1), P.sizes(1e-15, 0.01))


def normal_integral(x):
    return MP.erfc(-x / MP.sqrt(2)) / 2


def bessel(function, order):
    return lambda x: function(order, x)


def beta_log(a, b):
    return MP.loggamma(a) + MP.loggamma(b) - MP.loggamma(a + b)


#: name → (exact function at 240 bits, arguments, budget): mpmath itself at another precision where it is the engine.
CASES = {
    "expit": (lambda x: 1 / (1 + MP.exp(-x)), (joined(P.uniform(-3, 3), P.uniform(-600, 600)),), 2),
    "log_expit": (lambda x: -MP.log1p(MP.exp(-x)), (joined(P.uniform(-3, 3), P.uniform(-600, 600)),), 2),
    "logit": (lambda p: MP.log(p) - MP.log1p(-p), (UNIT,), 4),
    "xlogy": (lambda x, y: x * MP.log(y), (P.signed(1e-9, 1e9), P.sizes(1e-9, 1e9)), 3),
    "xlog1py": (lambda x, y: x * MP.log1p(y), (P.signed(1e-9, 1e9), P.sizes(1e-9, 1e9)), 3),
    "entr": (lambda x: -x * MP.log(x), (P.sizes(1e-9, 0.9),), 3),
    "rel_entr": (lambda x, y: x * MP.log(x / y), (P.sizes(1e-9, 1e-3), P.sizes(1e-2, 0.9)), 3),
    "kl_div": (lambda x, y: x * MP.log(x / y) - x + y, (P.sizes(1e-9, 1e-3), P.sizes(1e-2, 0.9)), 4),
    "erf": (MP.erf, (NORMAL,), 4),
    "erfc": (MP.erfc, (TAIL,), 4),
    "erfcx": (lambda x: MP.exp(x * x) * MP.erfc(x), (TAIL[TAIL > -3],), 4),
    "erfinv": (MP.erfinv, (P.uniform(-0.99, 0.99),), 2),
    "erfcinv": (lambda y: MP.erfinv(1 - y), (P.uniform(0.01, 1.99),), 2),
    "ndtr": (normal_integral, (-TAIL,), 4),
    "log_ndtr": (lambda x: MP.log(normal_integral(x)), (joined(P.uniform(-40, 3), P.uniform(3, 8)),), 4),
    "ndtri": (lambda p: MP.sqrt(2) * MP.erfinv(2 * p - 1), (P.uniform(0.01, 0.99),), 2),
    "dawsn": (lambda x: MP.sqrt(MP.pi) / 2 * MP.exp(-x * x) * MP.erfi(x), (P.uniform(-3, 3),), 2),
    "gamma": (MP.gamma, (joined(P.uniform(0.1, 30), P.uniform(-5, -0.1)),), 4),
    "rgamma": (MP.rgamma, (P.uniform(0.1, 30),), 4),
    "gammaln": (lambda x: MP.loggamma(x).real, (GAMMA,), 4),
    "loggamma": (MP.loggamma, (GAMMA,), 4),
    "psi": (MP.digamma, (joined(P.uniform(0.1, 5), P.sizes(1e-5, 1e8), P.uniform(-4, -0.1)),), 4),
    "polygamma": (lambda n, x: MP.polygamma(int(n), x), (np.rint(P.uniform(1, 3)), P.uniform(0.2, 9)), 2),
    "beta": (MP.beta, (P.uniform(0.2, 9), P.uniform(0.2, 9)), 2),
    "betaln": (beta_log, (joined(P.uniform(2, 9), 1e7), joined(P.uniform(2, 9), 0.5)), 2),
    "poch": (MP.rf, (P.uniform(0.2, 9), P.uniform(0.2, 5)), 2),
    "binom": (MP.binomial, (P.uniform(5, 9), P.uniform(0.2, 5)), 2),
    "gammainc": (lambda a, x: MP.gammainc(a, 0, x, regularized=True), (P.uniform(0.3, 8), P.uniform(0.2, 9)), 2),
    "gammaincc": (lambda a, x: MP.gammainc(a, x, regularized=True), (P.uniform(0.3, 8), P.uniform(0.2, 9)), 2),
    "betainc": (
        lambda a, b, x: MP.betainc(a, b, 0, x, regularized=True),
        (P.uniform(0.3, 4), P.uniform(0.3, 4), P.uniform(0.1, 0.9)),
        2,
    ),
    "zeta": (MP.zeta, (P.uniform(1.1, 9), P.uniform(0.3, 4)), 2),
    "i0": (bessel(MP.besseli, 0), (POSITIVE,), 2),
    "i1": (bessel(MP.besseli, 1), (POSITIVE,), 2),
    "i0e": (lambda x: MP.besseli(0, x) * MP.exp(-abs(x)), (-POSITIVE,), 2),
    "i1e": (lambda x: MP.besseli(1, x) * MP.exp(-abs(x)), (-POSITIVE,), 2),
    "iv": (MP.besseli, (ORDERS, POSITIVE), 2),
    "ive": (lambda n, x: MP.besseli(n, x) * MP.exp(-abs(x)), (ORDERS, POSITIVE), 2),
    "j0": (bessel(MP.besselj, 0), (POSITIVE,), 2),
    "j1": (bessel(MP.besselj, 1), (POSITIVE,), 2),
    "jv": (MP.besselj, (ORDERS, POSITIVE), 2),
    "y0": (bessel(MP.bessely, 0), (FEW,), 2),
    "y1": (bessel(MP.bessely, 1), (FEW,), 2),
    "yv": (MP.bessely, (ORDERS[:2], FEW), 2),
    "yn": (lambda n, x: MP.bessely(int(n), x), (np.rint(ORDERS[:2]), FEW), 2),
    "k0": (bessel(MP.besselk, 0), (FEW,), 2),
    "k1": (bessel(MP.besselk, 1), (FEW,), 2),
    "kv": (MP.besselk, (ORDERS[:2], FEW), 2),
    "kn": (lambda n, x: MP.besselk(int(n), x), (np.rint(ORDERS[:2]), FEW), 2),
    "k0e": (lambda x: MP.besselk(0, x) * MP.exp(x), (FEW,), 2),
    "k1e": (lambda x: MP.besselk(1, x) * MP.exp(x), (FEW,), 2),
    "kve": (lambda n, x: MP.besselk(n, x) * MP.exp(x), (ORDERS[:2], FEW), 2),
    "expi": (MP.ei, (POSITIVE,), 2),
    "exp1": (MP.e1, (POSITIVE,), 2),
    "expn": (lambda n, x: MP.expint(int(n), x), (np.rint(P.uniform(1, 4)[:2]), FEW), 2),
    "ellipk": (MP.ellipk, (P.uniform(0.1, 0.9),), 2),
    "ellipe": (MP.ellipe, (P.uniform(0.1, 0.9),), 2),
    "hyp1f1": (MP.hyp1f1, (P.uniform(1, 2), P.uniform(2, 3), P.uniform(-2, 2)), 2),
    "hyp2f1": (MP.hyp2f1, (P.uniform(1, 2), P.uniform(1, 2), P.uniform(2, 3), P.uniform(-0.9, 0.9)), 2),
    "exprel": (lambda x: MP.expm1(x) / x, (P.signed(1e-9, 9),), 2),
    "cosm1": (lambda x: -2 * MP.sin(x / 2) ** 2, (P.signed(1e-9, 9),), 2),
    "exp10": (lambda x: MP.mpf(10) ** x, (P.uniform(-9, 9),), 2),
}
#: Arguments that are orders, which have no low half.
EXACT_FIRST = {"polygamma", "yn", "kn", "expn", "jv", "iv", "ive", "yv", "kv", "kve"}
SYNONYMS = {"digamma": "psi", "jn": "jv"}


def arguments(name):
    points = CASES[name][1]
    return tuple(
        wide(x) if name in EXACT_FIRST and i == 0 else widened(x, i) for i, x in enumerate(np.broadcast_arrays(*points))
    )


def off(name):
    return measure(getattr(special, name), CASES[name][0], arguments(name))


def test_every_function_is_measured():
    assert set(_SHORT) | set(_MPMATH) == set(CASES) | set(SYNONYMS)
    assert all(getattr(special, name) is getattr(special, other) for name, other in SYNONYMS.items())


@pytest.mark.parametrize("name", CASES)
def test_errors_keep_to_the_budget(name):
    if not hasattr(special, name):
        pytest.skip("this SciPy has no such function")
    assert off(name) <= CASES[name][-1] <= 4


@pytest.mark.parametrize("where", ["arguments", "result"])
@pytest.mark.parametrize("name", CASES)
def test_a_lost_low_half_is_caught(monkeypatch, name, where):
    """The negative control."""
    if not hasattr(special, name):
        pytest.skip("this SciPy has no such function")
    plant(monkeypatch, getattr(special, name), where)
    assert off(name) > CASES[name][-1]


def test_maths_functions():
    x = widened(1.25)
    for name in ("erf", "erfc", "gamma", "lgamma", "exp", "log", "sqrt", "sin", "log1p"):
        theirs = {"lgamma": MP.loggamma, "log1p": MP.log1p}.get(name) or getattr(MP, name)
        assert units_off(apply(getattr(math, name), (x,)), objects([theirs(exact(x).item())]).reshape(())) <= 4, name
    assert units_off(apply(math.log, (x, 2)), objects([MP.log(exact(x).item(), 2)]).reshape(())) <= 4
    assert units_off(apply(math.pow, (x, 2.5)), objects([exact(x).item() ** 2.5]).reshape(())) <= 4
    assert apply(math.fsum, ([x, x, 1.0],)).high == math.fsum([x.high, x.high, 1.0])


def test_sums_of_exponentials():
    x = widened(P.uniform(-300, 300).reshape(2, 4))
    e = np.vectorize(MP.exp, otypes=[object])(exact(x))
    log = np.vectorize(MP.log, otypes=[object])
    total = np.sum(e, axis=1, keepdims=True)
    assert units_off(apply(special.logsumexp, (x,), {"axis": 1}), log(total)[:, 0]) <= 4
    assert units_off(apply(special.logsumexp, (x,)), log(np.sum(e))) <= 4
    assert units_off(apply(special.softmax, (x, 1)), e / total, 600 * (e / total)) <= 4
    assert units_off(apply(special.log_softmax, (x,), {"axis": 1}), log(e / total), objects([MP.mpf(600)])) <= 4
    weights = widened(P.uniform(1, 2).reshape(2, 4))
    assert units_off(apply(special.logsumexp, (x, 1, weights)), log(np.sum(e * exact(weights), axis=1))) <= 4


ENDS = np.array([-np.inf, np.inf, np.nan, 0.0, -1.0, -2.0, 1.0])
WITH_ENDS = ["erf", "erfc", "gammaln", "gamma", "psi", "expit", "log_expit", "logit", "entr", "ndtr", "log_ndtr"]


def off_beside_poles(name):
    """Compare infinite values and zeros with SciPy's; return the error of the others."""
    with np.errstate(all="ignore"):
        theirs = getattr(special, name)(ENDS)
    ours = getattr(special, name)(wide(ENDS))
    decided = ~np.isfinite(ENDS) | ~np.isfinite(theirs) | (theirs == 0)
    assert np.array_equal(ours.high[decided], theirs[decided], equal_nan=True)
    assert not ours.low[decided].any()
    rest = objects([MP.mpf(x) for x in ENDS[~decided]])
    return units_off(ours[~decided], objects([MP.mpf(CASES[name][0](x)) for x in rest]))


@pytest.mark.parametrize("name", WITH_ENDS)
def test_infinite_values_are_scipys(name):
    assert off_beside_poles(name) <= CASES[name][-1]


@pytest.mark.parametrize("name", ["erf", "erfc", "psi", "expit", "log_expit", "ndtr", "log_ndtr"])
def test_a_low_half_lost_beside_poles_is_caught(monkeypatch, name):
    """The negative control."""
    plant(monkeypatch, getattr(special, name), "result")
    assert off_beside_poles(name) > CASES[name][-1]


def test_zero_times_a_pole():
    assert special.xlogy(wide(0.0), wide(0.0)).high == special.xlog1py(wide(0.0), wide(-1.0)).high == 0


def test_a_function_without_a_wide_form_is_refused():
    with pytest.raises(NoWideFormError, match=r"np\.airy: got a wide array; expected a function with a wide form"):
        special.airy(wide([1.0]))
    pole = by_mpmath(lambda x: 1 / (x - 1), lambda x: x, "pole")
    with pytest.raises(NoWideFormError, match=r"pole: mpmath has no value at \(1.0\)"):
        pole((np.array([1.0]), np.array([0.0])))


def test_the_users_precision_of_mpmath_stays():
    special.erf(wide([0.5]))
    np.sin(wide([1e20]))
    assert mpmath.mp.prec == 53
