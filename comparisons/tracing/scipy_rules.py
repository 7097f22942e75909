"""Functions of scipy.special, scipy.signal, scipy.linalg and scipy.stats, where SciPy is loaded, and of `math`."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .conversion import is_tracing, plain, to_tensor
from .dispatch import RULES, Call, Rule, call, numeric, valued
from .elementwise import elementwise
from .framework import tf
from .functions import correlate_windows
from .recorder import RUNNING
from .structure import item


def _ndtr(x: Any) -> Any:
    """Φ(x) = erfc(−x/√2)/2."""
    return tf.math.erfc(-x / tf.sqrt(tf.constant(2, x.dtype))) / 2


def _logit(x: Any) -> Any:
    return tf.math.log(x) - tf.math.log1p(-x)


def _gamma(operands: list[Any], x: Any) -> Any:
    """Γ(x) = ±exp(log |Γ(x)|)."""
    negative = (np.less(operands[0], 0)) & (np.floor(operands[0]) % 2 != 0)
    return tf.where(negative, -tf.exp(tf.math.lgamma(x)), tf.exp(tf.math.lgamma(x)))


def _entropy(x: Any) -> Any:
    return -tf.math.xlogy(x, x)


def _relative_entropy(x: Any, y: Any) -> Any:
    return tf.math.xlogy(x, x / y)


def _beta_log(a: Any, b: Any) -> Any:
    return tf.math.lgamma(a) + tf.math.lgamma(b) - tf.math.lgamma(a + b)


# fmt: off
_SPECIAL: dict[str, Rule] = {
    "erf":       elementwise(tf.math.erf),
    "erfc":      elementwise(tf.math.erfc),
    "erfinv":    elementwise(tf.math.erfinv),
    "expit":     elementwise(tf.sigmoid),
    "log_expit": elementwise(tf.math.log_sigmoid),
    "logit":     elementwise(_logit),
    "ndtr":      elementwise(_ndtr),
    "ndtri":     elementwise(tf.math.ndtri),
    "gammaln":   elementwise(tf.math.lgamma),
    "gamma":     elementwise(_gamma, values=True),
    "psi":       elementwise(tf.math.digamma),
    "digamma":   elementwise(tf.math.digamma),
    "betaln":    elementwise(_beta_log),
    "xlogy":     elementwise(tf.math.xlogy),
    "xlog1py":   elementwise(tf.math.xlog1py),
    "entr":      elementwise(_entropy),
    "rel_entr":  elementwise(_relative_entropy),
    "expm1":     RULES[np.expm1],
    "log1p":     RULES[np.log1p],
    "exp2":      RULES[np.exp2],
    "cbrt":      RULES[np.cbrt],
}
# fmt: on


def _peak(a: Any, axis: Any) -> Any:
    """Return the largest value along an axis, a constant that only keeps exp from overflowing."""
    peak = np.max(plain(a), axis=axis, keepdims=True)
    return np.where(np.isfinite(peak), peak, 0)


def _logsumexp(kind: Any, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """Log Σ b·exp(a)."""
    x, peak = to_tensor(a, kind), tf.constant(_peak(a, axis), kind)
    terms = tf.exp(x - peak) if b is None else tf.exp(x - peak) * to_tensor(b, kind)
    axes = list(axis) if isinstance(axis, tuple) else axis
    y = tf.math.log(tf.reduce_sum(terms, axes, keepdims))
    return y + (peak if keepdims else tf.reshape(peak, y.shape))


def _softmax(kind: Any, x: Any, axis: Any = None) -> Any:
    t = to_tensor(x, kind)
    if isinstance(axis, tuple):
        return NotImplemented
    return tf.reshape(tf.nn.softmax(tf.reshape(t, [-1])), t.shape) if axis is None else tf.nn.softmax(t, axis)


def _log_softmax(kind: Any, x: Any, axis: Any = None) -> Any:
    t = to_tensor(x, kind)
    if isinstance(axis, tuple):
        return NotImplemented
    return tf.reshape(tf.nn.log_softmax(tf.reshape(t, [-1])), t.shape) if axis is None else tf.nn.log_softmax(t, axis)


def _signal(flip: bool, centre: int = 0) -> Callable[..., Any]:
    """Return convolution or correlation in any number of dimensions, with zeros around; computed directly."""

    def operation(in1: Any, in2: Any, mode: str = "full", *_: Any, **options: Any) -> Any:
        if set(options) - {"method"} or any(_):
            return NotImplemented
        a, v = (x if is_tracing(x) else np.asarray(x) for x in (in1, in2))
        sizes = np.array(np.shape(v))
        if mode == "valid" and (np.array(np.shape(a)) < sizes).any():
            return NotImplemented
        low = {"full": sizes - 1, "valid": 0 * sizes, "same": (sizes - centre) // 2}[mode]
        high = {"full": sizes - 1, "valid": 0 * sizes, "same": sizes - 1 - low}[mode]
        return correlate_windows(a, call(np.flip, (v,), {}) if flip else v, low, high)

    return operation


# scipy.stats.norm.

_NORMAL: dict[str, Callable[[Any], Any]] = {
    "pdf": lambda z: call(np.exp, (-(z**2) / 2,), {}) / np.sqrt(2 * np.pi),
    "logpdf": lambda z: -(z**2) / 2 - np.log(2 * np.pi) / 2,
    "cdf": lambda z: call(sys.modules["scipy.special"].ndtr, (z,), {}),
    "sf": lambda z: call(sys.modules["scipy.special"].ndtr, (-z,), {}),
}


class Distribution:
    """scipy.stats.norm: density and distribution function of (x − loc)/scale."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.original, name)
        if name not in _NORMAL or not RUNNING:
            return method

        def traced(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
            y = _NORMAL[name]((x - loc) / scale)
            return y / scale if name == "pdf" else y - call(np.log, (scale,), {}) if name == "logpdf" else y

        return traced


#: Stand-ins of distribution objects, by id.
DISTRIBUTIONS: dict[int, Any] = {}


def load_scipy() -> None:
    """Add the rules of those parts of SciPy that the user's code has loaded."""
    _add_rules(*[sys.modules.get(f"scipy.{part}") for part in ("special", "signal", "stats", "linalg")])


@functools.cache
def _add_rules(special: Any, signal: Any, stats: Any, linalg: Any) -> None:
    if special is not None:
        RULES.update({getattr(special, name): rule for name, rule in _SPECIAL.items()})
        RULES[special.logsumexp] = numeric(_logsumexp)
        RULES[special.softmax] = numeric(_softmax)
        RULES[special.log_softmax] = numeric(_log_softmax)
    if signal is not None:
        for name in ("convolve", "convolve2d", "fftconvolve"):
            RULES[getattr(signal, name)] = valued(_signal(flip=True))
        RULES[signal.correlate] = valued(_signal(flip=False))
        RULES[signal.correlate2d] = valued(_signal(flip=False, centre=1))  # it centres an even size otherwise
    if stats is not None:
        DISTRIBUTIONS.setdefault(id(stats.norm), Distribution(stats.norm))
    if linalg is not None:
        for name in ("inv", "det", "solve", "norm"):
            RULES[getattr(linalg, name)] = _like_numpy(getattr(np.linalg, name))


def _like_numpy(function: Any) -> Rule:
    return lambda this: (
        call(function, this.args, this.kwargs) if not set(this.kwargs) - {"axis", "ord"} else NotImplemented
    )


# math: the value is math's own Python float, the tensor that of the ufunc.


def _as_ufunc(rule_of: Any) -> Callable[..., Any]:
    def run(function: Any, *args: Any) -> Any:
        args = tuple(item(x) if is_tracing(x) else x for x in args)
        return RULES[rule_of](Call(RUNNING[-1], function, args, {}, function))

    return run


def _sum_of(_: Any, items: Any) -> Any:
    return sum(items)


def _log(function: Any, x: Any, *base: Any) -> Any:
    natural = _as_ufunc(np.log)
    return natural(math.log, x) / natural(math.log, *base) if base else natural(function, x)


# fmt: off
MATH: dict[str, Callable[..., Any]] = {
    "log": _log, "fsum": _sum_of,
    **{name: _as_ufunc(ufunc) for name, ufunc in {
        "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
        "sqrt": np.sqrt, "cbrt": np.cbrt, "pow": np.power, "hypot": np.hypot, "fabs": np.fabs, "fmod": np.fmod,
        "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
        "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh,
        "acosh": np.arccosh, "atanh": np.arctanh, "degrees": np.degrees, "radians": np.radians,
        "copysign": np.copysign,
    }.items()},
    **{name: _as_ufunc(name) for name in ("erf", "erfc", "lgamma", "gamma")},
}
RULES.update({name: _SPECIAL[name] for name in ("erf", "erfc", "gamma")} | {"lgamma": _SPECIAL["gammaln"]})
# fmt: on
