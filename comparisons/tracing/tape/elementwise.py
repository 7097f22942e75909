"""Elementwise functions: each ufunc and the TensorFlow primitives that it is made of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.comparisons.tracing.conversion import has_tracing, is_differentiable, is_tracing, plain, wrap
from gradtwin.comparisons.tracing.dispatch import Call, Rule, call, store
from gradtwin.comparisons.tracing.lints import lint_operands

from .engine import to_tensor
from .framework import tf
from .rules import RULES

#: Whether TensorFlow's derivative is infinite or NaN somewhere although the function's value is finite; None for a
#: function whose derivative is a constant.
Singular = Callable[..., Any] | None


def _nowhere(*_: Any) -> bool:
    return False


def _at_zero(x: Any, *_: Any) -> Any:
    return np.equal(x, 0).any()


def _at_one(x: Any) -> Any:
    return np.equal(np.abs(x), 1).any()


def _at_origin(x: Any, y: Any) -> Any:
    return (np.equal(x, 0) & np.equal(y, 0)).any()


def _at_low_power_of_zero(x: Any, y: Any) -> Any:
    return (np.equal(x, 0) & np.less(y, 1)).any()


def elementwise(operation: Callable[..., Any], singular: Singular = _nowhere, values: bool = False) -> Rule:
    """Return the rule of a ufunc: operation(*tensors) -> tensor, or operation(values, *tensors) if `values`.

    `values` are NumPy's operands, for an operation that must decide as NumPy did.
    """

    def rule(this: Call) -> Any:
        recorder, kwargs = this.recorder, {key: x for key, x in this.kwargs.items() if x is not np._NoValue}
        count = getattr(this.function, "nin", len(this.args))
        inputs = [call(np.array, (x,), {}) if isinstance(x, list | tuple) and has_tracing(x) else x for x in this.args]
        inputs, out = inputs[:count], inputs[count:]
        target = kwargs.pop("out", None)
        target = out[0] if out else target[0] if isinstance(target, tuple) else target
        if target is ...:  # an array is wanted in place of a scalar
            target, kwargs["out"] = None, ...
        mask = kwargs.pop("where", True)
        if mask is not True:
            return _masked(this, inputs, plain(mask), target)
        operands = [plain(x) for x in inputs]
        value = this.evaluate(*operands, **kwargs)
        if not is_differentiable(value):
            return NotImplemented
        lint_operands(recorder, operands, value)
        dtype = np.result_type(value).newbyteorder("=")
        tensors = [to_tensor(x, dtype) for x in inputs]
        run = functools.partial(operation, operands) if values else operation
        if _is_regular(value, operands, singular):
            tensor = run(*tensors)
        else:
            tensor = _guarded(run, [tf.broadcast_to(x, np.shape(value)) for x in tensors])
        return store(recorder, target, value, tensor)

    return rule


def _is_regular(value: Any, operands: list[Any], singular: Singular) -> bool:
    """Return whether all derivatives are finite, as far as the values show."""
    if singular is None:
        return True
    if not np.isfinite(value).all():
        return False
    return all(np.isfinite(x).all() for x in operands) and not singular(*operands)


def _guarded(run: Callable[..., Any], tensors: list[Any]) -> Any:
    """Return run(*tensors) with 0·∞ = 0 in its gradient.

    An element that is computed and then not used (the other branch of np.where) has an upstream gradient of exactly
    zero, and an infinite derivative there must not make it NaN. The derivative itself is TensorFlow's.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def guarded(*xs: Any) -> Any:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(xs)
            y = run(*xs)

        def gradient(y_bar: Any) -> Any:
            bars = tape.gradient(y, xs, y_bar, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            found = [tf.where(tf.equal(y_bar, 0), tf.zeros_like(bar), bar) for bar in bars]
            return found if len(found) > 1 else found[0]

        return y, gradient

    return guarded(*tensors)


def _masked(this: Call, inputs: list[Any], mask: Any, target: Any) -> Any:
    """Y = f(X) where the mask is true, and `out` elsewhere: only the used elements are computed."""
    shapes = [np.shape(plain(x)) for x in inputs] + [np.shape(mask)] + ([] if target is None else [target.shape])
    shape = np.broadcast_shapes(*shapes)
    mask = np.broadcast_to(mask, shape)
    picked = [call(np.broadcast_to, (x, shape), {})[mask] for x in inputs]
    result = call(this.function, tuple(picked), {})
    if target is None:
        target = wrap(this.recorder, np.zeros(shape, result.dtype))
    elif not is_tracing(target):
        return NotImplemented
    target[mask] = result
    return target


def _maximum(operands: list[Any], a: Any, b: Any) -> Any:
    return tf.where((operands[0] >= np.asarray(operands[1])) | np.isnan(operands[0]), a, b)


def _minimum(operands: list[Any], a: Any, b: Any) -> Any:
    return tf.where((operands[0] <= np.asarray(operands[1])) | np.isnan(operands[0]), a, b)


def _fmax(operands: list[Any], a: Any, b: Any) -> Any:
    return tf.where((operands[0] >= np.asarray(operands[1])) | np.isnan(operands[1]), a, b)


def _fmin(operands: list[Any], a: Any, b: Any) -> Any:
    return tf.where((operands[0] <= np.asarray(operands[1])) | np.isnan(operands[1]), a, b)


def _logaddexp(operands: list[Any], a: Any, b: Any) -> Any:
    """log(eᵃ + eᵇ) = h + softplus(l − h), with h the larger and l the smaller."""
    first = np.greater_equal(*operands)
    high = tf.where(first, a, b)
    return high + tf.nn.softplus(tf.where(first, b, a) - high)


def _power(operands: list[Any], base: Any, exponent: Any) -> Any:
    """x^y, but 1 where x = y = 0: there the factor y·x^(y−1) of TensorFlow's gradient would be 0·∞."""
    if isinstance(operands[1], int | float) and operands[1] == 2:
        return tf.square(base)  # as NumPy does
    flat = np.equal(operands[0], 0) & np.equal(operands[1], 0)
    return tf.pow(tf.where(flat, tf.ones_like(base), base) if flat.any() else base, exponent)


def _absolute(operands: list[Any], x: Any) -> Any:
    return x * constant_sign(operands[0], x)


def constant_sign(value: Any, like: Any) -> Any:
    """Return the sign of NumPy's value as constants of a tensor's dtype."""
    return tf.constant(np.sign(value), like.dtype)


def _remainder(operands: list[Any], a: Any, b: Any) -> Any:
    """Return a mod b = a − ⌊a/b⌋·b, the step being a constant."""
    return a - b * tf.constant(np.floor_divide(*operands), a.dtype)


def _fmod(operands: list[Any], a: Any, b: Any) -> Any:
    return a - b * tf.constant(np.trunc(np.divide(*operands)), a.dtype)


def _copysign(operands: list[Any], a: Any, b: Any) -> Any:
    return a * tf.constant(np.where(np.signbit(operands[0]) == np.signbit(operands[1]), 1, -1), a.dtype) + 0 * b


def _scaled(scale: float) -> Callable[[Any], Any]:
    return lambda x: x * tf.constant(scale, x.dtype)


def _log_of_base(base: float) -> Callable[[Any], Any]:
    return lambda x: tf.math.log(x) / tf.constant(np.log(base), x.dtype)


def _exp2(x: Any) -> Any:
    return tf.pow(tf.constant(2, x.dtype), x)


def _cbrt(operands: list[Any], x: Any) -> Any:
    sign = constant_sign(operands[0], x)
    return sign * tf.pow(sign * x, tf.constant(1 / 3, x.dtype))


def _logaddexp2(operands: list[Any], a: Any, b: Any) -> Any:
    two = tf.constant(np.log(2.0), a.dtype)
    return _logaddexp(operands, a * two, b * two) / two


def _raw(name: str) -> Callable[..., Any]:
    """Return one of TensorFlow's operations as it is; what tf.add does around it takes as long as the operation."""
    operation = getattr(tf.raw_ops, name)
    return lambda *tensors: operation(**dict(zip("xy", tensors, strict=False)))


# fmt: off
RULES.update({
    np.add:        elementwise(_raw("AddV2"), None),
    np.subtract:   elementwise(_raw("Sub"), None),
    np.multiply:   elementwise(_raw("Mul")),
    np.divide:     elementwise(_raw("RealDiv")),
    np.power:      elementwise(_power, _at_low_power_of_zero, values=True),
    np.float_power: elementwise(_power, _at_low_power_of_zero, values=True),
    np.negative:   elementwise(_raw("Neg"), None),
    np.positive:   elementwise(tf.identity, None),
    np.conjugate:  elementwise(tf.identity, None),
    np.absolute:   elementwise(_absolute, values=True),
    np.fabs:       elementwise(_absolute, values=True),
    np.reciprocal: elementwise(_raw("Reciprocal")),
    np.square:     elementwise(_raw("Square")),
    np.sqrt:       elementwise(_raw("Sqrt"), _at_zero),
    np.cbrt:       elementwise(_cbrt, _at_zero, values=True),
    np.exp:        elementwise(_raw("Exp")),
    np.exp2:       elementwise(_exp2),
    np.expm1:      elementwise(_raw("Expm1")),
    np.log:        elementwise(_raw("Log")),
    np.log2:       elementwise(_log_of_base(2.0)),
    np.log10:      elementwise(_log_of_base(10.0)),
    np.log1p:      elementwise(_raw("Log1p")),
    np.logaddexp:  elementwise(_logaddexp, values=True),
    np.logaddexp2: elementwise(_logaddexp2, values=True),
    np.sin:        elementwise(_raw("Sin")),
    np.cos:        elementwise(_raw("Cos")),
    np.tan:        elementwise(_raw("Tan")),
    np.arcsin:     elementwise(_raw("Asin"), _at_one),
    np.arccos:     elementwise(_raw("Acos"), _at_one),
    np.arctan:     elementwise(_raw("Atan")),
    np.sinh:       elementwise(_raw("Sinh")),
    np.cosh:       elementwise(_raw("Cosh")),
    np.tanh:       elementwise(_raw("Tanh")),
    np.arcsinh:    elementwise(_raw("Asinh")),
    np.arccosh:    elementwise(_raw("Acosh"), _at_one),
    np.arctanh:    elementwise(_raw("Atanh")),
    np.arctan2:    elementwise(tf.atan2, _at_origin),
    np.hypot:      elementwise(lambda a, b: tf.sqrt(a * a + b * b), _at_origin),
    np.degrees:    elementwise(_scaled(180 / np.pi)),
    np.rad2deg:    elementwise(_scaled(180 / np.pi)),
    np.radians:    elementwise(_scaled(np.pi / 180)),
    np.deg2rad:    elementwise(_scaled(np.pi / 180)),
    np.maximum:    elementwise(_maximum, values=True),
    np.minimum:    elementwise(_minimum, values=True),
    np.fmax:       elementwise(_fmax, values=True),
    np.fmin:       elementwise(_fmin, values=True),
    np.remainder:  elementwise(_remainder, values=True),
    np.fmod:       elementwise(_fmod, values=True),
    np.copysign:   elementwise(_copysign, values=True),
})
# fmt: on
