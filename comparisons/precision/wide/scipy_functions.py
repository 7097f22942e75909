"""scipy.signal's convolutions and scipy.linalg's counterparts of numpy.linalg, where SciPy is loaded."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .contractions import correlate_windows
from .conversion import wide
from .dispatch import FINDERS, Rule, apply, no_wide_form
from .linear_algebra import substitute


def _signal(flip: bool, centre: int = 0) -> Callable[..., Any]:
    """Return convolution or correlation in any number of dimensions, with zeros around."""

    def rule(in1: Any, in2: Any, mode: str = "full", *others: Any, **options: Any) -> Any:
        sizes = np.array(np.shape(in2))
        fits = mode != "valid" or (np.array(np.shape(in1)) >= sizes).all()
        if set(options) - {"method"} or any(others) or not fits:
            raise no_wide_form(f"a convolution with {mode!r} and {options}")
        low = {"full": sizes - 1, "valid": 0 * sizes, "same": (sizes - centre) // 2}[mode]
        high = {"full": sizes - 1, "valid": 0 * sizes, "same": sizes - 1 - low}[mode]
        return correlate_windows(in1, apply(np.flip, (wide(in2),)) if flip else in2, low, high)

    return rule


def _like_numpy(function: Any) -> Rule:
    def rule(*args: Any, **kwargs: Any) -> Any:
        if set(kwargs) - {"axis", "ord", "keepdims"}:
            raise no_wide_form(f"scipy.linalg.{function.__name__} with {', '.join(sorted(kwargs))}")
        return apply(function, args, kwargs)

    return rule


def _cholesky(a: Any, lower: bool = False, **_: Any) -> Any:
    factor = apply(np.linalg.cholesky, (wide(a) if lower else wide(a).mT,))
    return factor if lower else factor.T


def _cho_factor(a: Any, lower: bool = False, **_: Any) -> Any:
    return _cholesky(a, lower), lower


def _cho_solve(factor: Any, b: Any, **_: Any) -> Any:
    c, lower = factor
    if lower:
        return _solve_triangular(c, _solve_triangular(c, b, lower=True), trans=1, lower=True)
    return _solve_triangular(c, _solve_triangular(c, b, trans=1))


def _solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Any:  # fmt: skip
    a, b = wide(a), wide(b)
    if trans in (1, "T", 2, "C"):
        a, lower = a.T, not lower
    x = substitute(a[None], (b[:, None] if b.ndim == 1 else b)[None], lower, unit_diagonal)[0]
    return x[:, 0] if b.ndim == 1 else x


# fmt: off
_SIGNAL: dict[str, Rule] = {
    "convolve": _signal(flip=True), "convolve2d": _signal(flip=True), "fftconvolve": _signal(flip=True),
    "correlate": _signal(flip=False), "correlate2d": _signal(flip=False, centre=1),
}
_LINALG: dict[str, Rule] = {
    **{name: _like_numpy(getattr(np.linalg, name)) for name in ("inv", "det", "solve", "norm", "pinv")},
    "cholesky": _cholesky, "cho_factor": _cho_factor, "cho_solve": _cho_solve, "solve_triangular": _solve_triangular,
}
# fmt: on


def _find(function: Any) -> Rule | None:
    return _rules(sys.modules.get("scipy.signal"), sys.modules.get("scipy.linalg")).get(function)


@functools.cache
def _rules(signal: Any, linalg: Any) -> dict[Any, Rule]:
    found = {} if signal is None else {getattr(signal, name): rule for name, rule in _SIGNAL.items()}
    return found | ({} if linalg is None else {getattr(linalg, name): rule for name, rule in _LINALG.items()})


FINDERS.insert(0, _find)
