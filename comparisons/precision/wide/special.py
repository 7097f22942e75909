"""scipy.special's functions, where SciPy is loaded, and `math`'s: short wide forms, else mpmath element by element."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .arithmetic import add, divide, multiply, number, plus, subtract
from .conversion import from_pair, to_full_pair, to_pair
from .dispatch import FINDERS, RULES, Rule, apply
from .elementwise import by_mpmath
from .exponentials import exp
from .guarded import choose
from .logarithms import arctanh, log, log1p
from .tables import MP
from .ufuncs import evaluate
from .words import Pair

# Short wide forms.


def _negative_size(x: Pair) -> Pair:
    sign = np.where(np.signbit(x[0]), 1.0, -1.0)
    return x[0] * sign, x[1] * sign


def _expit(x: Pair) -> Pair:
    """1/(1 + e⁻ˣ) = eˣ/(1 + eˣ)."""
    e = exp(_negative_size(x))
    return divide(choose(x[0] < 0, e, number(1)), add(number(1), e))


def _log_expit(x: Pair) -> Pair:
    """−log(1 + e⁻ˣ) = x − log(1 + eˣ)."""
    return subtract(choose(x[0] < 0, x, number(0)), log1p(exp(_negative_size(x))))


def _logit(p: Pair) -> Pair:
    """Return log p − log(1 − p); near ½ it is 2 atanh(2 p − 1)."""
    near = arctanh(plus((2 * p[0], 2 * p[1]), number(-1)))
    far = subtract(log(p), log(plus(number(1), (-p[0], -p[1]))))
    return choose(np.abs(p[0] - 0.5) < 0.25, (2 * near[0], 2 * near[1]), far)


def _xlogy(x: Pair, y: Pair) -> Pair:
    """Return x log y, 0 at x = 0."""
    return choose((x[0] == 0) & ~np.isnan(y[0]), number(0), multiply(x, log(y)))


def _xlog1py(x: Pair, y: Pair) -> Pair:
    """Return x log(1 + y), 0 at x = 0."""
    return choose((x[0] == 0) & ~np.isnan(y[0]), number(0), multiply(x, log1p(y)))


def _entr(x: Pair) -> Pair:
    """−x log x."""
    y = _xlogy(x, x)
    return choose(x[0] < 0, number(-np.inf), (-y[0], -y[1]))


def _rel_entr(x: Pair, y: Pair) -> Pair:
    """Return x log(x/y)."""
    plain = np.where((x[0] == 0) & (y[0] >= 0), 0.0, np.where(np.isnan(x[0]) | np.isnan(y[0]), np.nan, np.inf))
    return choose((x[0] > 0) & (y[0] > 0), multiply(x, log(divide(x, y))), (plain, 0 * plain))


def _kl_div(x: Pair, y: Pair) -> Pair:
    """Return x log(x/y) − x + y."""
    return add(subtract(_rel_entr(x, y), x), y)


# fmt: off
_SHORT: dict[str, Callable[..., Pair]] = {
    "expit": _expit, "log_expit": _log_expit, "logit": _logit, "xlogy": _xlogy, "xlog1py": _xlog1py, "entr": _entr,
    "rel_entr": _rel_entr, "kl_div": _kl_div,
}
# fmt: on

# Through mpmath.


def _log_ndtr(x: Any) -> Any:
    return MP.log(MP.ncdf(x)) if x < 0 else MP.log1p(-MP.ncdf(-x))


def _upper(a: Any, x: Any) -> Any:
    return MP.gammainc(a, x, MP.inf, regularized=True)


def _lower(a: Any, x: Any) -> Any:
    return MP.gammainc(a, 0, x, regularized=True)


def _log_gamma(x: Any) -> Any:
    return MP.loggamma(x).real if x > 0 else MP.log(abs(MP.gamma(x)))


def _beta_log(a: Any, b: Any) -> Any:
    """With digits to spare for what cancels."""
    with MP.extradps(15 + int(max(0, MP.mag(a), MP.mag(b)))):
        return MP.loggamma(a) + MP.loggamma(b) - MP.loggamma(a + b)


def _inverse_normal(p: Any) -> Any:
    """Newton's steps for Φ(x) = p from float64's start, doubling the digits."""
    x = MP.mpf(float(sys.modules["scipy.special"].ndtri(float(p))))
    for _ in range(3):
        x -= (MP.ncdf(x) - p) / MP.npdf(x)
    return x


def _inverse_erf(y: Any) -> Any:
    x = MP.mpf(float(sys.modules["scipy.special"].erfinv(float(y))))
    for _ in range(3):
        x -= (MP.erf(x) - y) * MP.sqrt(MP.pi) / 2 * MP.exp(x * x)
    return x


def _inverse_erfc(y: Any) -> Any:
    x = MP.mpf(float(sys.modules["scipy.special"].erfcinv(float(y))))
    for _ in range(3):
        x += (MP.erfc(x) - y) * MP.sqrt(MP.pi) / 2 * MP.exp(x * x)
    return x


def _scaled_bessel(function: Any, sign: int) -> Callable[..., Any]:
    return lambda order, x: function(order, x) * MP.exp(sign * (abs(x) if sign < 0 else x))


# fmt: off
_MPMATH: dict[str, Callable[..., Any]] = {
    "erf": MP.erf, "erfc": MP.erfc, "erfcx": lambda x: MP.exp(x * x) * MP.erfc(x), "erfinv": _inverse_erf,
    "erfcinv": _inverse_erfc, "ndtr": MP.ncdf, "ndtri": _inverse_normal, "log_ndtr": _log_ndtr,
    "dawsn": lambda x: MP.sqrt(MP.pi) / 2 * MP.exp(-x * x) * MP.erfi(x),
    "gamma": MP.gamma, "rgamma": MP.rgamma, "gammaln": _log_gamma, "loggamma": _log_gamma,
    "psi": MP.digamma, "digamma": MP.digamma, "polygamma": lambda n, x: MP.polygamma(int(n), x),
    "beta": MP.beta, "betaln": _beta_log, "poch": MP.rf, "binom": MP.binomial,
    "gammainc": _lower, "gammaincc": _upper,
    "betainc": lambda a, b, x: MP.betainc(a, b, 0, x, regularized=True),
    "zeta": lambda s, a=1: MP.zeta(s, a),
    "i0": lambda x: MP.besseli(0, x), "i1": lambda x: MP.besseli(1, x), "iv": MP.besseli,
    "i0e": lambda x: _scaled_bessel(MP.besseli, -1)(0, x), "i1e": lambda x: _scaled_bessel(MP.besseli, -1)(1, x),
    "ive": _scaled_bessel(MP.besseli, -1),
    "j0": lambda x: MP.besselj(0, x), "j1": lambda x: MP.besselj(1, x), "jv": MP.besselj, "jn": MP.besselj,
    "y0": lambda x: MP.bessely(0, x), "y1": lambda x: MP.bessely(1, x), "yv": MP.bessely, "yn": MP.bessely,
    "k0": lambda x: MP.besselk(0, x), "k1": lambda x: MP.besselk(1, x), "kv": MP.besselk, "kn": MP.besselk,
    "k0e": lambda x: _scaled_bessel(MP.besselk, 1)(0, x), "k1e": lambda x: _scaled_bessel(MP.besselk, 1)(1, x),
    "kve": _scaled_bessel(MP.besselk, 1),
    "expi": MP.ei, "exp1": MP.e1, "expn": lambda n, x: MP.expint(n, x), "ellipk": MP.ellipk, "ellipe": MP.ellipe,
    "hyp1f1": MP.hyp1f1, "hyp2f1": MP.hyp2f1, "exprel": lambda x: MP.expm1(x) / x if x else MP.one,
    "cosm1": lambda x: -2 * MP.sin(x / 2) ** 2, "exp10": lambda x: MP.mpf(10) ** x,
}
_UFUNCS: dict[str, np.ufunc] = {"expm1": np.expm1, "log1p": np.log1p, "exp2": np.exp2, "cbrt": np.cbrt}
# fmt: on


def _find(function: Any) -> Rule | None:
    module = sys.modules.get("scipy.special")
    return None if module is None else _rules(module).get(function)


@functools.cache
def _rules(module: Any) -> dict[Any, Rule]:
    found: dict[Any, Rule] = {}
    for name, formula in _SHORT.items():
        if hasattr(module, name):
            found[getattr(module, name)] = _rule(formula)
    for name, function in _MPMATH.items():
        if hasattr(module, name):
            found[getattr(module, name)] = _rule(by_mpmath(function, getattr(module, name), name))
    found.update({getattr(module, name): functools.partial(_as_ufunc, ufunc) for name, ufunc in _UFUNCS.items()})
    found.update({module.logsumexp: _logsumexp, module.softmax: _softmax, module.log_softmax: _log_softmax})
    return found


def _rule(formula: Callable[..., Pair]) -> Rule:
    return lambda *args, **_: from_pair(evaluate(formula, *[to_pair(x) for x in args]))


def _as_ufunc(ufunc: np.ufunc, *args: Any, **kwargs: Any) -> Any:
    return apply(ufunc, args, kwargs)


# Sums of exponentials.


def _peak(a: Any, axis: Any) -> Any:
    """Return the largest value along an axis, which only keeps exp from overflowing."""
    peak = np.max(to_full_pair(a)[0], axis=axis, keepdims=True)
    return np.where(np.isfinite(peak), peak, 0)


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """Return log Σ b eᵃ."""
    peak = _peak(a, axis)
    terms = apply(np.exp, (apply(np.subtract, (a, peak)),))
    total = apply(np.sum, (terms if b is None else terms * b, axis), {"keepdims": keepdims})
    sign = np.sign(total.high)
    y = apply(np.log, (abs(total) if return_sign else total,)) + (peak if keepdims else peak.reshape(total.shape))
    return (y, sign) if return_sign else y


def _softmax(x: Any, axis: Any = None) -> Any:
    e = apply(np.exp, (x - _peak(x, axis),))
    return e / apply(np.sum, (e, axis), {"keepdims": True})


def _log_softmax(x: Any, axis: Any = None) -> Any:
    moved = x - _peak(x, axis)
    return moved - apply(np.log, (apply(np.sum, (apply(np.exp, (moved,)), axis), {"keepdims": True}),))


# math's functions.


def _log_to_base(x: Any, *base: Any) -> Any:
    y = apply(np.log, (x,))
    return y / apply(np.log, (to_wide(base[0]),)) if base else y


def to_wide(x: Any) -> Any:
    """Return a number as a wide scalar."""
    return from_pair(to_full_pair(x))


# fmt: off
_MATH: dict[str, np.ufunc] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "pow": np.power, "hypot": np.hypot, "fabs": np.fabs, "fmod": np.fmod,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "degrees": np.degrees, "radians": np.radians, "copysign": np.copysign,
}
_MATH_ONLY = {"erf": math.erf, "erfc": math.erfc, "lgamma": math.lgamma, "gamma": math.gamma}
# fmt: on
RULES.update(
    {getattr(math, name): functools.partial(_as_ufunc, ufunc) for name, ufunc in _MATH.items() if hasattr(math, name)}
)
RULES.update(
    {
        function: _rule(
            by_mpmath(_MPMATH["gammaln" if name == "lgamma" else name], np.vectorize(function, otypes=[float]), name)
        )
        for name, function in _MATH_ONLY.items()
    }
)
RULES[np.i0] = _rule(by_mpmath(_MPMATH["i0"], np.i0, "np.i0"))
RULES[math.log] = _log_to_base
RULES[math.fsum] = lambda items: apply(np.sum, (apply(np.array, (list(items),)),))
FINDERS.insert(0, _find)
