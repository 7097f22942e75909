"""Arrays that carry a proven bound of their rounding error: run a rule on them, and the bound of its result comes out.

Running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., §3.3). Each element is a
pair: `value`, computed in a wider format, and `error`, such that every correct evaluation in the judged format, with
sums in any order, with or without fused multiply-add, lies within `error` of `value`. The model, for one operation:

    fl(a ∘ b) = (a ∘ b)(1 + δ),  |δ| ≤ u,  plus at most the smallest normal number where the result is subnormal

(TensorFlow flushes subnormals to zero), and for a sum of K terms in any order |error| ≤ K u Σ|terms| (Jeannerod & Rump
2013).
`value`'s own rounding is counted too, so `u` below is the sum of both formats' unit roundoffs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradtwin.backends.interface import Array, Rule
from gradtwin.backends.precision import Precision, precision_of
from gradtwin.errors import UnsupportedError

Reals = npt.NDArray[Any]

#: Below so many elements in all, values of float64 rules are held in longdouble, whose products are not BLAS.
LONGDOUBLE_ELEMENTS = 4096

#: Roundings a quotient may take: compilers turn x / c into x · (1/c), which rounds twice.
QUOTIENT_ROUNDINGS = 2

#: Half-ulps a square root may be off: correctly rounded in IEEE 754 (one), approximated by reciprocal root and a Newton
#: step in vectorised kernels. Largest seen on 200,000 points: 1.0 in NumPy, TensorFlow eager and XLA (re-measured by
#: a test).
SQRT_ROUNDINGS = 2


@dataclass(frozen=True)
class Format:
    """The judged format, and the wider one that holds `value`."""

    judged: Precision
    wide: np.dtype[Any]

    @property
    def u(self) -> float:
        """Unit roundoff of the judged format and of the wide one together."""
        return self.judged.u + float(np.finfo(self.wide).eps) / 2


@dataclass(frozen=True)
class Bound:
    """What is allowed of a result: `value ± error`, elementwise; `scale` is the sum of absolute products behind it."""

    value: Reals
    error: Reals
    scale: Reals


class BoundedArray(NDArrayOperatorsMixin):
    """An array of `value ± error` that passes through NumPy's functions.

    `scale` is the sum of the absolute terms that formed each element. For a `cotangent`, what a pullback makes of
    y_bar, it is handed on through linear operations, so that cancellation does not hide how large the terms were.
    `quantum` is a power of two of which all elements are multiples, 0 where none is known: sums and products of
    multiples that stay below 2^p quanta are exact, and their error is 0.
    """

    __slots__ = ("cotangent", "error", "format", "quantum", "scale", "value")

    def __init__(
        self,
        value: Reals,
        error: Reals,
        scale: Reals,
        form: Format,
        quantum: float = 0.0,
        cotangent: bool = False,
    ) -> None:
        self.value = np.asarray(value)
        self.error = np.asarray(error)
        self.scale = np.asarray(scale)
        self.format = form
        self.quantum = quantum
        self.cotangent = cotangent

    @classmethod
    def of(cls, array: npt.ArrayLike, form: Format, cotangent: bool = False) -> BoundedArray:
        """Wrap what is given exactly, but for rounding to the judged format and for subnormals that may be flushed."""
        given = np.asarray(array)
        if given.dtype == bool:
            given = given.astype(form.wide)
        value = given.astype(form.wide)
        magnitude = np.abs(value).astype(np.float64)
        judged = given.astype(form.judged.dtype).astype(form.wide)
        error = np.where(np.isfinite(value), np.abs(judged - value), 0).astype(np.float64)
        error += np.where(magnitude < form.judged.smallest_normal, magnitude, 0)
        return cls(value, error, magnitude, form, _quantum(value, form.judged), cotangent)

    # What NumPy code asks of an array.

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The judged dtype."""
        return self.format.judged.dtype

    @property
    def T(self) -> BoundedArray:
        """The transpose."""
        return self._structure(np.transpose)

    def reshape(self, *shape: Any) -> BoundedArray:
        """Reshape, as an array does."""
        return self._structure(lambda part: part.reshape(*shape))

    def swapaxes(self, first: int, second: int) -> BoundedArray:
        """Swap two axes."""
        return self._structure(lambda part: part.swapaxes(first, second))

    def sum(self, axis: Any = None, keepdims: bool = False) -> BoundedArray:
        """Sum over axes."""
        return _sum(self, axis, keepdims)

    def __getitem__(self, index: Any) -> BoundedArray:
        return self._structure(lambda part: part[index])

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        if np.any(self.error > 0):
            raise UnsupportedError("running error: a branch on an undecided comparison; use np.where in the rule.")
        return bool(self.value)

    def __array__(self, *_: Any, **__: Any) -> Reals:
        raise UnsupportedError(
            "running error: an error-carrying array was turned into a plain one; its error would be lost."
        )

    def _structure(self, move: Callable[[Reals], Reals]) -> BoundedArray:
        """Apply a function that only moves elements."""
        value, error, scale = (np.asarray(move(part)) for part in (self.value, self.error, self.scale))
        return BoundedArray(value, error, scale, self.format, self.quantum, self.cotangent)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method == "reduce" and ufunc is np.add:
            result = _sum(inputs[0], kwargs.pop("axis", 0), kwargs.pop("keepdims", False))
        elif method == "__call__" and ufunc in _UFUNCS:
            result = _UFUNCS[ufunc](*[_bounded(x, self.format) for x in inputs])
        else:
            raise UnsupportedError(f"running error: no bound is known for np.{ufunc.__name__} ({method}).")
        if kwargs:
            raise UnsupportedError(f"running error: np.{ufunc.__name__} with {', '.join(kwargs)} is not supported.")
        if out is None:
            return result
        return out[0].assign(result)

    def __array_function__(self, function: Callable[..., Any], _: Any, args: Any, kwargs: Any) -> Any:
        if function in _STRUCTURAL:
            return args[0]._structure(lambda part: function(part, *args[1:], **kwargs))
        if function not in _FUNCTIONS:
            raise UnsupportedError(f"running error: no bound is known for np.{function.__name__}.")
        return _FUNCTIONS[function](*args, **kwargs)

    def assign(self, result: BoundedArray) -> BoundedArray:
        """Write a result in place, as `out=` and `+=` do."""
        for name in ("value", "error", "scale"):
            getattr(self, name)[...] = getattr(result, name)
        self.quantum = result.quantum
        self.cotangent = result.cotangent
        return self


def bound_rule(rule: Rule, inputs: Sequence[Array], y_bar: Array | None = None) -> tuple[Bound, tuple[Bound, ...]]:
    """Return the bounds of a rule's value and, with y_bar, of each of its gradients."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        y, pullbacks = rule(*[BoundedArray.of(x, form) for x in inputs])
        if y_bar is None:
            return _as_bound(y, form), ()
        upstream = BoundedArray.of(y_bar, form, cotangent=True)
        return _as_bound(y, form), tuple(_as_bound(pullback(upstream), form) for pullback in pullbacks)


def bound_update(rule: Rule, inputs: Sequence[Array]) -> Bound:
    """Return the bound of the weights that an optimizer's rule leaves in its first input."""
    form = _format_for(inputs)
    with np.errstate(all="ignore"):
        weights, *others = [BoundedArray.of(x, form) for x in inputs]
        rule(weights, *others)
        return _as_bound(weights, form)


def _format_for(inputs: Sequence[Array]) -> Format:
    judged = precision_of(inputs[0].dtype)
    small = sum(x.size for x in inputs) <= LONGDOUBLE_ELEMENTS
    wide = np.longdouble if judged.dtype == np.float64 and small else np.float64
    return Format(judged, np.dtype(wide))


def _as_bound(result: Any, form: Format) -> Bound:
    result = _bounded(result, form)
    # The bound is itself computed in float64: a relative 2^-30 covers its own rounding for sums of up to 2^22 terms.
    return Bound(result.value, result.error * (1 + 2.0**-30), result.scale)


def _bounded(x: Any, form: Format) -> BoundedArray:
    return x if isinstance(x, BoundedArray) else BoundedArray.of(x, form)


def _quantum(value: Reals, judged: Precision) -> float:
    """Return the largest power of two of which all elements are multiples, if products of it could be exact, else 0."""
    magnitudes = np.abs(value[value != 0]).astype(np.float64)
    if magnitudes.size == 0:
        return 1.0
    if not np.isfinite(magnitudes).all():
        return 0.0
    for part in (magnitudes[:8], magnitudes):  # most arrays are told apart by a few elements
        mantissa, exponent = np.frexp(part)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        quantum = float(np.ldexp((whole & -whole).astype(np.float64), exponent - 53).min())
        if quantum * (0.5 / judged.u) < float(part.max()) or quantum < _safe_from_underflow(judged):
            return 0.0
    return quantum


def _safe_from_underflow(judged: Precision) -> float:
    """Return how large quanta must be for the steps of any evaluation, not only this one's, to stay normal numbers."""
    return judged.smallest_normal / judged.u


def _result(
    value: Reals,
    carried: Reals | float,
    terms: Reals,
    roundings: Reals | float,
    operands: tuple[BoundedArray, ...],
    *,
    quantum: float = 0.0,
    scale: Reals | None = None,
    underflow: Reals | float | bool = True,
    infinite: Reals | None = None,
) -> BoundedArray:
    """Return `value` with the error carried from the operands and `roundings · u · (terms + carried)` of its own.

    `underflow` says where, or how often, a rounding may end below the normal range; True asks the value itself.
    """
    form = operands[0].format
    judged = form.judged
    magnitude = np.abs(value).astype(np.float64)
    exact = (
        quantum > 0 and bool(np.all(terms <= quantum * (0.5 / judged.u))) and quantum >= _safe_from_underflow(judged)
    )
    if exact:
        error = carried + np.zeros_like(magnitude)
    else:
        error = carried + roundings * form.u * (terms + carried)
        if underflow is True:
            near_zero = (magnitude - error < judged.smallest_normal / judged.u) & ((value != 0) | (error > 0))
            error = error + np.where(near_zero, judged.smallest_normal * np.maximum(roundings, 1), 0)
        else:
            error = error + underflow * judged.smallest_normal
    error = np.where(np.isnan(error), np.inf, error)
    error = np.where(magnitude + error >= judged.largest, np.inf, error)  # may overflow, or not: nothing is known
    if not np.isfinite(value).all():
        error = np.where(_certainly_not_finite(value, operands, infinite), 0.0, error)
    cotangent = any(x.cotangent for x in operands)
    return BoundedArray(
        value,
        error,
        np.asarray(terms if scale is None else scale, dtype=np.float64),
        form,
        quantum if exact else 0.0,
        cotangent,
    )


def _certainly_not_finite(value: Reals, operands: tuple[BoundedArray, ...], infinite: Reals | None) -> Reals:
    """Return where a value is infinite or NaN because a known operand was, not because the result overflowed.

    `infinite` says where operands take part that are not finite; by default they broadcast with the value.
    """
    if infinite is None:
        infinite = np.zeros(value.shape, bool)
        for x in operands:
            infinite = infinite | ~np.isfinite(x.value)
    # What may be flushed to zero makes inf · 0 = NaN of an infinity.
    known = not any(((x.error > 0) & (x.error >= np.abs(x.value))).any() for x in operands)
    return np.asarray(~np.isfinite(value) & infinite & known)


def _magnitude(x: BoundedArray) -> Reals:
    magnitude: Reals = np.abs(x.value).astype(np.float64)
    return magnitude


def _scale(x: BoundedArray) -> Reals:
    """Return the terms' size as a factor's operand sees it: handed on by a cotangent, else the value itself."""
    return x.scale if x.cotangent else _magnitude(x)


def _product_scale(a: BoundedArray, b: BoundedArray, terms: Reals, product: Callable[[Reals, Reals], Reals]) -> Reals:
    return product(_scale(a), _scale(b)) if a.cotangent or b.cotangent else terms


def _add(a: BoundedArray, b: BoundedArray, sign: int = 1) -> BoundedArray:
    value = a.value + sign * b.value
    terms = _scale(a) + _scale(b)
    carried = a.error + b.error
    magnitude = np.abs(value).astype(np.float64)
    return _result(value, carried, magnitude, 1, (a, b), quantum=min(a.quantum, b.quantum), scale=terms)


def _subtract(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    return _add(a, b, -1)


def _multiply(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = a.value * b.value
    am, bm = _magnitude(a), _magnitude(b)
    terms = am * bm
    carried = am * b.error + a.error * (bm + b.error)
    # 0 · x is exactly 0 even where the product of the magnitudes underflows in the wide format.
    hidden = (terms == 0) & (am > 0) & (bm > 0)
    carried = carried + np.where(hidden, a.format.judged.smallest_normal, 0)
    scale = _product_scale(a, b, terms, np.multiply)
    return _result(value, carried, terms, 1, (a, b), quantum=a.quantum * b.quantum, scale=scale)


def _divide(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = a.value / b.value
    magnitude = np.abs(value).astype(np.float64)
    bm = _magnitude(b)
    decided = bm > b.error
    carried = np.where(decided, (a.error + magnitude * b.error) / np.where(decided, bm - b.error, 1), np.inf)
    carried = np.where((a.value == 0) & (a.error == 0) & decided, 0, carried)
    carried = carried + np.where((value == 0) & (a.value != 0), a.format.judged.smallest_normal, 0)
    # Dividing by a power of two is exact, but for underflow.
    mantissa = np.frexp(bm)[0]
    exact_divisor = bool(np.all(mantissa == 0.5)) and not b.error.any() and b.size == 1
    quantum = a.quantum / float(bm.max()) if exact_divisor else 0.0
    roundings = 0 if exact_divisor else QUOTIENT_ROUNDINGS
    scale = _scale(a) / bm if a.cotangent else magnitude
    return _result(value, carried, magnitude, roundings, (a, b), quantum=quantum, scale=scale)


def _sqrt(x: BoundedArray) -> BoundedArray:
    value = np.sqrt(x.value)
    low = x.value - x.error
    spread = np.where(low > 0, x.error / np.sqrt(np.abs(low)), np.sqrt(np.abs(x.value) + x.error)).astype(np.float64)
    carried = np.where(x.error == 0, 0, np.where(low < 0, np.inf, spread))
    magnitude = np.abs(value).astype(np.float64)
    return _result(value, carried, magnitude, SQRT_ROUNDINGS, (x,))


def _matmul(a: BoundedArray, b: BoundedArray) -> BoundedArray:
    value = np.asarray(np.matmul(a.value, b.value))
    am, bm = _magnitude(a), _magnitude(b)
    terms = np.asarray(np.matmul(am, bm))
    carried = np.zeros_like(terms)
    if b.error.any():
        carried = carried + np.matmul(am, b.error)
    if a.error.any():
        carried = carried + np.matmul(a.error, bm + b.error)
    length = a.shape[-1]
    scale = _product_scale(a, b, terms, np.matmul)
    underflow = _underflows(_smallest(am) * _smallest(bm), length, a.format.judged)
    infinite = None
    if not np.isfinite(value).all():
        rows, columns = (~np.isfinite(x.value) * 1.0 for x in (a, b))
        infinite = np.matmul(rows, np.ones(b.shape)) + np.matmul(np.ones(a.shape), columns) > 0
        infinite &= np.matmul(_finite(am), _finite(bm)) < a.format.judged.largest
    return _result(
        value,
        carried,
        terms,
        length,
        (a, b),
        quantum=a.quantum * b.quantum,
        scale=np.asarray(scale),
        underflow=underflow,
        infinite=infinite,
    )


def _sum(x: BoundedArray, axis: Any, keepdims: bool) -> BoundedArray:
    value = np.asarray(np.sum(x.value, axis=axis, keepdims=keepdims))
    magnitude = _magnitude(x)
    terms = np.asarray(np.sum(magnitude, axis=axis, keepdims=keepdims))
    carried = np.asarray(np.sum(x.error, axis=axis, keepdims=keepdims))
    length = x.size // value.size if value.size else 0
    scale = np.asarray(np.sum(x.scale, axis=axis, keepdims=keepdims)) if x.cotangent else terms
    underflow = _underflows(_smallest(magnitude), length, x.format.judged)
    roundings = max(length - 1, 0)  # the terms are there already: K − 1 additions
    infinite = np.any(~np.isfinite(x.value), axis=axis, keepdims=keepdims)
    infinite &= np.sum(_finite(magnitude), axis=axis, keepdims=keepdims) < x.format.judged.largest
    return _result(
        value,
        carried,
        terms,
        roundings,
        (x,),
        quantum=x.quantum,
        scale=scale,
        underflow=underflow,
        infinite=infinite,
    )


def _finite(magnitude: Reals) -> Reals:
    """Return the finite elements, which must not overflow among themselves beside an infinite one; 0 for the others."""
    return np.where(np.isfinite(magnitude), magnitude, 0.0)


def _smallest(magnitude: Reals) -> float:
    nonzero = magnitude[magnitude > 0]
    return float(nonzero.min()) if nonzero.size else math.inf


def _underflows(smallest_term: float, length: int, judged: Precision) -> int:
    """Return how often a sum's terms or partial sums can end below the normal range.

    Sums of terms that are at least tiny/u are multiples of tiny, so none of them is subnormal.
    """
    return 2 * length if smallest_term < judged.smallest_normal / judged.u else 0


def _mean(x: BoundedArray, axis: Any = None, keepdims: bool = False) -> BoundedArray:
    total = _sum(x, axis, keepdims)
    count = x.size // total.size if total.size else 0
    return _divide(total, BoundedArray.of(count, x.format))


def _compare(test: Callable[[Reals, Reals], Reals]) -> Callable[[BoundedArray, BoundedArray], BoundedArray]:
    """Return a comparison whose result is 0 or 1, with error 1 where the operands' errors leave it undecided."""

    def compare(a: BoundedArray, b: BoundedArray) -> BoundedArray:
        value = np.asarray(test(a.value, b.value)).astype(a.format.wide)
        slack = a.error + b.error
        undecided = (slack > 0) & ~(np.abs(a.value - b.value) > slack)
        return BoundedArray(value, undecided.astype(np.float64), np.abs(value).astype(np.float64), a.format, 1.0)

    return compare


def _where(condition: Any, chosen: Any, other: Any) -> BoundedArray:
    form = next(x.format for x in (condition, chosen, other) if isinstance(x, BoundedArray))
    condition, chosen, other = (_bounded(x, form) for x in (condition, chosen, other))
    taken = condition.value != 0
    value = np.where(taken, chosen.value, other.value)
    gap = np.abs(chosen.value - other.value).astype(np.float64)
    either = gap + chosen.error + other.error
    error = np.where(condition.error > 0, either, np.where(taken, chosen.error, other.error))
    scale = np.where(taken, _scale(chosen), _scale(other))
    cotangent = chosen.cotangent or other.cotangent
    return BoundedArray(value, error, scale, form, min(chosen.quantum, other.quantum), cotangent)


def _negative(x: BoundedArray) -> BoundedArray:
    return BoundedArray(-x.value, x.error.copy(), x.scale.copy(), x.format, x.quantum, x.cotangent)


# fmt: off
_UFUNCS: dict[np.ufunc, Callable[..., BoundedArray]] = {
    np.add:           _add,
    np.subtract:      _subtract,
    np.multiply:      _multiply,
    np.divide:        _divide,
    np.negative:      _negative,
    np.square:        lambda x: _multiply(x, x),
    np.sqrt:          _sqrt,
    np.matmul:        _matmul,
    np.greater:       _compare(np.greater),
    np.greater_equal: _compare(np.greater_equal),
    np.less:          _compare(np.less),
    np.less_equal:    _compare(np.less_equal),
    np.equal:         _compare(np.equal),
    np.not_equal:     _compare(np.not_equal),
}
_FUNCTIONS: dict[Callable[..., Any], Callable[..., BoundedArray]] = {
    np.sum:   lambda x, axis=None, keepdims=False: _sum(x, axis, keepdims),
    np.mean:  _mean,
    np.where: _where,
}
_STRUCTURAL = {np.reshape, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, np.broadcast_to, np.ravel}
# fmt: on
