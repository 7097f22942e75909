"""scipy.special and `math`, by TensorFlow's own functions."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.conversion import plain
from gradtwin.comparisons.tracing.dispatch import Rule, numeric

from .elementwise import elementwise
from .engine import to_tensor
from .framework import tf
from .rules import RULES


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


@functools.cache
def load_special(special: Any) -> None:
    """Add the rules of scipy.special."""
    RULES.update({getattr(special, name): rule for name, rule in _SPECIAL.items()})
    RULES[special.logsumexp] = numeric(_logsumexp)
    RULES[special.softmax] = numeric(_softmax)
    RULES[special.log_softmax] = numeric(_log_softmax)


RULES.update({math.erf: _SPECIAL["erf"], math.erfc: _SPECIAL["erfc"], math.gamma: _SPECIAL["gamma"]})
RULES[math.lgamma] = _SPECIAL["gammaln"]
