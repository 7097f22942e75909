"""Functions of scipy.signal, scipy.linalg and scipy.stats, where SciPy is loaded, and of `math`."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .composites import correlate_windows
from .conversion import is_tracing
from .dispatch import RULES, Rule, call, valued
from .recorder import RUNNING
from .structure import item


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
    _add_rules(*[sys.modules.get(f"scipy.{part}") for part in ("signal", "stats", "linalg")])


@functools.cache
def _add_rules(signal: Any, stats: Any, linalg: Any) -> None:
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


# math: the value is math's own Python float, the shadow that of the ufunc.


def _as_ufunc(rule_of: Any) -> Callable[..., Any]:
    def run(function: Any, *args: Any) -> Any:
        args = tuple(item(x) if is_tracing(x) else x for x in args)
        return call(rule_of, args, {}, function)

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
    **{function.__name__: _as_ufunc(function) for function in (math.erf, math.erfc, math.lgamma, math.gamma)},
}
# fmt: on
