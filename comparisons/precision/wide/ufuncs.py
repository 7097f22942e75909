"""Ufuncs on wide arrays: which formula computes each, in blocks that stay in the cache; and the ufuncs' methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import arithmetic, exponentials, logarithms, powers, steps, tables, trigonometry
from .array import WideArray
from .conversion import from_pair, store, to_full_pair, to_pair
from .dispatch import METHODS, RULES, apply, name_of, no_wide_form
from .words import Pair

#: Larger operands are computed in blocks of so many elements: what is in between then stays in the cache.
BLOCK = 8192


def _scaled(degrees: bool) -> Callable[[Pair], Pair]:
    def formula(x: Pair) -> Pair:
        pi = tables.constant("pi")
        turn = arithmetic.number(180)
        return arithmetic.multiply(x, arithmetic.divide(turn, pi) if degrees else arithmetic.divide(pi, turn))

    return formula


# fmt: off
#: Formulas on pairs, by ufunc.
FORMULAS: dict[np.ufunc, Callable[..., Pair]] = {
    np.add:         arithmetic.add,
    np.subtract:    arithmetic.subtract,
    np.multiply:    arithmetic.multiply,
    np.divide:      arithmetic.divide,
    np.negative:    arithmetic.negative,
    np.positive:    lambda x: (x[0] * 1.0, x[1] * 1.0),
    np.conjugate:   lambda x: (x[0] * 1.0, x[1] * 1.0),
    np.square:      arithmetic.square,
    np.reciprocal:  arithmetic.reciprocal,
    np.sqrt:        arithmetic.sqrt,
    np.cbrt:        powers.cbrt,
    np.power:       powers.power,
    np.float_power: powers.power,
    np.hypot:       powers.hypot,
    np.exp:         exponentials.exp,
    np.exp2:        exponentials.exp2,
    np.expm1:       exponentials.expm1,
    np.log:         logarithms.log,
    np.log1p:       logarithms.log1p,
    np.log2:        logarithms.log2,
    np.log10:       logarithms.log10,
    np.logaddexp:   powers.logaddexp,
    np.logaddexp2:  powers.logaddexp2,
    np.sin:         trigonometry.sin,
    np.cos:         trigonometry.cos,
    np.tan:         trigonometry.tan,
    np.arcsin:      trigonometry.arcsin,
    np.arccos:      trigonometry.arccos,
    np.arctan:      trigonometry.arctan,
    np.arctan2:     trigonometry.arctan2,
    np.sinh:        exponentials.sinh,
    np.cosh:        exponentials.cosh,
    np.tanh:        exponentials.tanh,
    np.arcsinh:     logarithms.arcsinh,
    np.arccosh:     logarithms.arccosh,
    np.arctanh:     logarithms.arctanh,
    np.degrees:     _scaled(degrees=True),
    np.rad2deg:     _scaled(degrees=True),
    np.radians:     _scaled(degrees=False),
    np.deg2rad:     _scaled(degrees=False),
    np.maximum:     steps.maximum,
    np.minimum:     steps.minimum,
    np.fmax:        steps.fmax,
    np.fmin:        steps.fmin,
    np.absolute:    steps.absolute,
    np.fabs:        steps.absolute,
    np.sign:        steps.sign,
    np.copysign:    steps.copysign,
    np.heaviside:   steps.heaviside,
    np.floor:       steps.floor,
    np.ceil:        steps.ceil,
    np.trunc:       steps.trunc,
    np.rint:        steps.rint,
    np.remainder:   steps.remainder,
    np.fmod:        steps.fmod,
    np.floor_divide: steps.floor_divide,
}
#: Decisions on pairs, which give truth values or what only the high half knows.
DECISIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.less:          steps.less,
    np.less_equal:    steps.less_equal,
    np.greater:       lambda x, y: steps.less(y, x),
    np.greater_equal: lambda x, y: steps.less_equal(y, x),
    np.equal:         steps.equal,
    np.not_equal:     lambda x, y: ~steps.equal(x, y),
    np.isnan:         lambda x: np.isnan(x[0]),
    np.isinf:         lambda x: np.isinf(x[0]),
    np.isfinite:      lambda x: np.isfinite(x[0]),
    np.signbit:       lambda x: np.signbit(x[0]),
    np.spacing:       lambda x: np.spacing(x[0]),
    np.logical_not:   lambda x: x[0] == 0,
    np.logical_and:   lambda x, y: (x[0] != 0) & (y[0] != 0),
    np.logical_or:    lambda x, y: (x[0] != 0) | (y[0] != 0),
    np.logical_xor:   lambda x, y: (x[0] != 0) ^ (y[0] != 0),
}
# fmt: on


def evaluate(formula: Callable[..., Pair], *pairs: Pair) -> Pair:
    """Return a formula's value on pairs of any shapes that broadcast, in blocks."""
    shape = np.broadcast_shapes(*[np.shape(pair[0]) for pair in pairs])
    if not shape:
        high, low = formula(*[(np.reshape(high, 1), np.reshape(low, 1)) for high, low in pairs])
        return high.reshape(()), np.reshape(low, ())
    size = int(np.prod(shape))
    if size <= BLOCK:
        high, low = formula(*pairs)
        return high, low if np.shape(low) == np.shape(high) else np.broadcast_to(low, np.shape(high))
    return _in_blocks(formula, pairs)


def _in_blocks(formula: Callable[..., Pair], pairs: tuple[Pair, ...]) -> Pair:
    halves = [half for pair in pairs for half in pair]
    operands: list[Any] = [*halves, None, None]
    flags = [["readonly"]] * len(halves) + [["writeonly", "allocate"]] * 2
    iterator = np.nditer(
        operands,
        ["external_loop", "buffered", "delay_bufalloc"],
        flags,  # type: ignore[arg-type]
        [np.float64] * len(operands),
        buffersize=BLOCK,
    )
    with iterator:
        iterator.reset()
        for chunk in iterator:
            *inputs, high, low = chunk
            high[...], low[...] = formula(*zip(inputs[::2], inputs[1::2], strict=True))
        return iterator.operands[-2], iterator.operands[-1]


def call(ufunc: np.ufunc, *args: Any, out: Any = None, where: Any = True, **kwargs: Any) -> Any:
    """Return a ufunc of wide and plain operands."""
    if len(args) > ufunc.nin:
        args, out = args[: ufunc.nin], args[ufunc.nin]
    if set(kwargs) - {"dtype", "casting", "order", "subok"}:
        raise no_wide_form(f"{name_of(ufunc)} with {', '.join(sorted(kwargs))}")
    if where is not True:
        return _masked(ufunc, args, out, where)
    if ufunc in DECISIONS:
        return store(out, DECISIONS[ufunc](*[to_pair(x) for x in args])[()])
    if ufunc not in FORMULAS:
        raise no_wide_form(name_of(ufunc))
    return store(out, from_pair(evaluate(FORMULAS[ufunc], *[to_pair(x) for x in args])))


def _masked(ufunc: np.ufunc, args: tuple[Any, ...], out: Any, mask: Any) -> Any:
    """Y = f(X) where the mask says so, and `out` elsewhere; NumPy leaves it undefined without, here it is 0."""
    pairs = [to_full_pair(x) for x in args]
    shape = np.broadcast_shapes(np.shape(mask), *[np.shape(pair[0]) for pair in pairs])
    mask = np.broadcast_to(mask, shape)
    picked = [WideArray(*[np.broadcast_to(half, shape)[mask] for half in pair]) for pair in pairs]
    result = call(ufunc, *picked)
    out = out[0] if isinstance(out, tuple) else out
    if out is None:
        is_truth = not isinstance(result, WideArray)
        out = np.zeros(shape, bool) if is_truth else WideArray(np.zeros(shape), np.zeros(shape))
    out[mask] = result
    return out


def _divmod(x: Any, y: Any, **_: Any) -> Any:
    return apply(np.floor_divide, (x, y)), apply(np.remainder, (x, y))


def _modf(x: Any, **_: Any) -> Any:
    return tuple(from_pair(pair) for pair in steps.modf(to_full_pair(x)))


def _ldexp(x: Any, exponent: Any, **_: Any) -> Any:
    return from_pair(steps.ldexp(to_full_pair(x), exponent))


def _frexp(x: Any, **_: Any) -> Any:
    mantissa, exponent = np.frexp(x.high)
    return from_pair((mantissa, np.ldexp(x.low, -exponent))), exponent


def _outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    """f(aᵢ, bⱼ) for all i and j."""
    left = apply(np.reshape, (a, np.shape(to_pair(a)[0]) + (1,) * np.ndim(to_pair(b)[0])))
    return call(ufunc, left, b, **kwargs)


METHODS["__call__"] = call
METHODS["outer"] = _outer
RULES.update({np.divmod: _divmod, np.modf: _modf, np.ldexp: _ldexp, np.frexp: _frexp})
