"""Functions of one array that a gradient may have as a factor, or an input as its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradtwin.backends.interface import Array


@dataclass(frozen=True)
class Function:
    """A function of one array, such as an activation's derivative; `two_valued` if it shows little of its argument."""

    words: str
    of: Callable[[Array], Array]
    two_valued: bool = False
    #: Where it is 0, and so is any gradient that has it as a factor.
    root: float | None = None


def _sigmoid(s: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0, -s)))


def _softmax(s: Array) -> Array:
    if not s.ndim or s.shape[-1] < 2:  # of one number it is 1
        return np.full_like(s, np.nan)
    shifted = np.exp(s - s.max(-1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


# fmt: off
FUNCTIONS = (
    Function("{}",                       lambda s: s, root=0.0),
    Function("the relu mask of {}",      lambda s: (s > 0) * 1.0, two_valued=True),
    Function("tanh' of {}",              lambda s: 1 / np.cosh(s) ** 2),
    Function("1 − {}²",                  lambda s: 1 - s * s, root=1.0),
    Function("1 − {}",                   lambda s: 1 - s, root=1.0),
    Function("1 + {}",                   lambda s: 1 + s, root=-1.0),
    Function("sigmoid' of {}",           lambda s: _sigmoid(s) * _sigmoid(-s)),
    Function("{0}(1 − {0})",             lambda s: s * (1 - s), root=0.0),
    Function("sigmoid of {}",            _sigmoid),
    Function("tanh of {}",               np.tanh, root=0.0),
    Function("{}²",                      lambda s: s * s, root=0.0),
    Function("exp of {}",                np.exp),
    Function("log of {}",                np.log, root=1.0),
    Function("cos of {}",                np.cos),
    Function("sin of {}",                np.sin, root=0.0),
    Function("1 + |{}|",                 lambda s: 1 + np.abs(s)),
    Function("1/(1 + {}²)",              lambda s: 1 / (1 + s * s)),
    Function("√{}",                      np.sqrt, root=0.0),
)
# fmt: on

#: Possible replacements of an input: functions of it that forward may compute.
REPLACEMENTS = (
    Function("relu of {}", lambda s: np.maximum(s, 0)),
    Function("tanh of {}", np.tanh),
    Function("sigmoid of {}", _sigmoid),
    Function("exp of {}", np.exp),
    Function("softmax of {}", _softmax),
)
