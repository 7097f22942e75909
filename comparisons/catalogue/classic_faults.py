"""Classic mistakes of one operation each, to plant in its rule; `faults.py` has those that fit every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array, Pullback, Rule

#: Takes a rule and returns one that is wrong.
Plant = Callable[[Rule], Rule]
#: (the rule's right gradient, its inputs, its value, y_bar, its options) → a wrong gradient
Mistake = Callable[[Array, tuple[Array, ...], Array, Array, dict[str, Any]], Array]


def _in_gradient(i: int, mistake: Mistake) -> Plant:
    def plant(rule: Rule) -> Rule:
        def faulty(*inputs: Array, **options: Any) -> tuple[Array, tuple[Pullback, ...]]:
            y, pullbacks = rule(*inputs, **options)
            wrong = list(pullbacks)
            wrong[i] = lambda y_bar: mistake(pullbacks[i](y_bar), inputs, y, y_bar, options)
            return y, tuple(wrong)

        return faulty

    return plant


def _in_value(mistake: Callable[..., Array]) -> Plant:
    """Replace the value by `mistake(right value, *inputs)`."""

    def plant(rule: Rule) -> Rule:
        def faulty(*inputs: Array, **options: Any) -> tuple[Array, tuple[Pullback, ...]]:
            y, pullbacks = rule(*inputs, **options)
            return mistake(y, *inputs), pullbacks

        return faulty

    return plant


def _with_options(**changed: Any) -> Plant:
    """Run the rule with other options than the given ones."""
    return lambda rule: lambda *inputs, **options: rule(*inputs, **{**options, **changed})


def _with_inputs(change: Callable[..., tuple[Array, ...]]) -> Plant:
    """Run the rule on changed inputs."""
    return lambda rule: lambda *inputs, **options: rule(*change(*inputs), **options)


# Linear, losses and SGD, each of its own shape.


def _dense_without_bias(rule: Rule) -> Rule:
    return lambda x, w, b: (x @ w, rule(x, w, b)[1])


def _dense_bias_unsummed(rule: Rule) -> Rule:
    def faulty(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Pullback, ...]]:
        y, (x_bar, w_bar, _) = rule(x, w, b)
        return y, (x_bar, w_bar, lambda y_bar: y_bar[0].copy())

    return faulty


def _dense_bias_averaged(rule: Rule) -> Rule:
    def faulty(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Pullback, ...]]:
        y, (x_bar, w_bar, _) = rule(x, w, b)
        return y, (x_bar, w_bar, lambda y_bar: y_bar.mean(axis=0))

    return faulty


def _rmse_gradient_of_mse(rule: Rule) -> Rule:
    def faulty(p: Array, t: Array) -> tuple[Array, tuple[Pullback, ...]]:
        r = p - t
        return rule(p, t)[0], (lambda b: r * (2 * b / r.size), lambda b: r * (-2 * b / r.size))

    return faulty


def _root_of_sum(rule: Rule) -> Rule:
    return lambda p, t: (np.sqrt(np.sum((p - t) ** 2)), rule(p, t)[1])


def _half_forgotten(rule: Rule) -> Rule:
    return lambda p, t: (np.mean((p - t) ** 2), rule(p, t)[1])


def _mean_over_rows_only(rule: Rule) -> Rule:
    return lambda p, t: (np.sum((p - t) ** 2) / len(p), rule(p, t)[1])


def _sgd_out_of_place(_: Rule) -> Rule:
    def faulty(w: Array, dw: Array, learning_rate: Array) -> None:
        w = w - learning_rate * dw  # a new array, which the caller never sees

    return faulty


def _sgd_damages_gradient(_: Rule) -> Rule:
    def faulty(w: Array, dw: Array, learning_rate: Array) -> None:
        dw *= learning_rate
        w -= dw

    return faulty


# Normalization: what flows through the mean or the deviation is forgotten.


def _norm_without(axis: int, mean: bool, deviation: bool) -> Mistake:
    def mistake(_: Array, inputs: tuple[Array, ...], __: Array, y_bar: Array, options: dict[str, Any]) -> Array:
        x, scale, _shift = inputs
        centred = x - x.mean(axis=axis, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + options.get("epsilon", 1e-3))
        normalized, normalized_bar = centred / spread, y_bar * scale
        x_bar = normalized_bar
        if mean:
            x_bar = x_bar - normalized_bar.mean(axis=axis, keepdims=True)
        if deviation:
            x_bar = x_bar - normalized * (normalized_bar * normalized).mean(axis=axis, keepdims=True)
        return np.asarray(x_bar / spread)

    return mistake


# Optimizers.


def _adam_uncorrected(rule: Rule) -> Rule:
    def faulty(w: Array, mean: Array, square: Array, steps: Array, dw: Array, rate: Array, **options: Any) -> None:
        before = w.copy()
        rule(w, mean, square, steps, dw, rate, **options)
        w[...] = before - rate * mean / (np.sqrt(square) + options.get("epsilon", 1e-7))

    return faulty


def _adam_never_advancing(rule: Rule) -> Rule:
    def faulty(w: Array, mean: Array, square: Array, steps: Array, dw: Array, rate: Array, **options: Any) -> None:
        before = steps.copy()
        rule(w, mean, square, steps, dw, rate, **options)
        steps[...] = before

    return faulty


def _velocity_forgotten(rule: Rule) -> Rule:
    def faulty(w: Array, velocity: Array, dw: Array, rate: Array, **options: Any) -> None:
        velocity[...] = 0
        rule(w, velocity, dw, rate, **options)

    return faulty


def _root_forgotten(rule: Rule) -> Rule:
    def faulty(w: Array, square: Array, dw: Array, rate: Array, **options: Any) -> None:
        before = w.copy()
        rule(w, square, dw, rate, **options)
        w[...] = before - rate * dw / (square + options.get("epsilon", 1e-7))

    return faulty


# fmt: off
CLASSICS: tuple[tuple[str, Plant], ...] = (
    ("dense: bias left out", _dense_without_bias),
    ("dense: b_bar of the first row alone", _dense_bias_unsummed),
    ("dense: b_bar averaged over the batch", _dense_bias_averaged),
    ("rmse: gradient of the mean square", _rmse_gradient_of_mse),
    ("rmse: root of the sum, not the mean", _root_of_sum),
    ("half-mse: 1/2 forgotten in the value", _half_forgotten),
    ("mse: mean over the rows alone", _mean_over_rows_only),
    ("sgd: a new array, not in place", _sgd_out_of_place),
    ("sgd: damages the gradient", _sgd_damages_gradient),
    ("dense-columns: b_bar of the first sample alone", _in_gradient(2, lambda g, xs, y, yb, o: yb[:, :1].copy())),
    ("linear: weights not transposed back", _in_gradient(1, lambda g, xs, y, yb, o: g.T.copy().reshape(g.shape))),
    ("prepend-one: the last column dropped, not the first", _in_gradient(0, lambda g, xs, y, yb, o: yb[:, :-1].copy())),
    ("relu: y_bar passed through", _in_gradient(0, lambda g, xs, y, yb, o: yb.copy())),
    ("relu: derivative of the sign", _in_gradient(0, lambda g, xs, y, yb, o: yb * np.sign(xs[0]))),
    ("leaky-relu: slope forgotten in x_bar", _in_gradient(0, lambda g, xs, y, yb, o: np.where(xs[0] > 0, yb, 0))),
    ("leaky-relu: slope ignored", _with_options(slope=0.5)),
    ("sigmoid: 1 − Y forgotten", _in_gradient(0, lambda g, xs, y, yb, o: yb * y)),
    ("sigmoid: derivative taken at the output", _in_gradient(0, lambda g, xs, y, yb, o: yb / (2 + 2 * np.cosh(y)))),
    ("tanh: square forgotten", _in_gradient(0, lambda g, xs, y, yb, o: yb * (1 - y))),
    ("tanh: derivative taken at the input", _in_gradient(0, lambda g, xs, y, yb, o: yb * (1 - xs[0] ** 2))),
    ("softplus: gradient of tanh", _in_gradient(0, lambda g, xs, y, yb, o: yb * np.tanh(xs[0]))),
    ("softplus: a step for the gradient", _in_gradient(0, lambda g, xs, y, yb, o: yb * (xs[0] > 0))),
    ("softmax: diagonal of the Jacobian alone", _in_gradient(0, lambda g, xs, y, yb, o: yb * y * (1 - y))),
    ("softmax: over the other axis", _in_value(lambda y, x: np.exp(x) / np.exp(x).sum(axis=0))),
    ("conv2d: kernel flipped", _with_inputs(lambda x, w, b: (x, w[::-1, ::-1].copy(), b))),
    ("conv2d: bias added once per input channel", _with_inputs(lambda x, w, b: (x, w, b * x.shape[3] * 2))),
    ("conv2d: b_bar times the outputs", _in_gradient(2, lambda g, xs, y, yb, o: g * (1 + len(g)))),
    ("conv2d: w_bar of the first sample alone", _in_gradient(1, lambda g, xs, y, yb, o: g / (1 + len(yb)))),
    ("conv2d: stride ignored", _with_options(stride=1)),
    ("conv2d: padding ignored", _with_options(padding="valid")),
    ("max-pool: y_bar to the whole window", _in_gradient(0, lambda g, xs, y, yb, o: np.where(g == 0, 0.5, g))),
    ("max-pool: stride ignored", _with_options(stride=2)),
    ("average-pool: not divided", _in_gradient(0, lambda g, xs, y, yb, o: g * o.get("size", 2) ** 2)),
    ("average-pool: size ignored", _with_options(size=2)),
    ("flatten: columns before rows", _in_gradient(0, lambda g, xs, y, yb, o: g.swapaxes(1, 2).reshape(g.shape).copy())),
    ("dropout: scale forgotten", _in_gradient(0, lambda g, xs, y, yb, o: yb * xs[1])),
    ("dropout: mask forgotten", _in_gradient(0, lambda g, xs, y, yb, o: yb / (1 - o.get("rate", 0.5)))),
    ("dropout: rate taken for what is kept", _in_value(lambda y, x, mask: x * mask / 0.25)),
    ("batch-norm: mean's gradient forgotten", _in_gradient(0, _norm_without(0, mean=False, deviation=True))),
    ("batch-norm: deviation's gradient forgotten", _in_gradient(0, _norm_without(0, mean=True, deviation=False))),
    ("batch-norm: over the channels", _in_gradient(0, _norm_without(1, mean=True, deviation=True))),
    ("batch-norm: epsilon ignored", _with_options(epsilon=0.1)),
    ("layer-norm: mean's gradient forgotten", _in_gradient(0, _norm_without(1, mean=False, deviation=True))),
    ("layer-norm: deviation's gradient forgotten", _in_gradient(0, _norm_without(1, mean=True, deviation=False))),
    ("layer-norm: over the samples", _in_gradient(0, _norm_without(0, mean=True, deviation=True))),
    ("layer-norm: epsilon ignored", _with_options(epsilon=0.1)),
    ("half-sse-per-sample: gradient with the factor 2", _in_gradient(0, lambda g, xs, y, yb, o: 2 * g)),
    ("mse-per-output: mean over all", _in_gradient(0, lambda g, xs, y, yb, o: g / (1 + len(xs[0])))),
    ("huber: gradient not clipped", _in_gradient(0, lambda g, xs, y, yb, o: (xs[0] - xs[1]) * (yb / xs[0].size) * 1.5)),
    ("huber: δ ignored", _with_options(delta=2.0)),
    ("log-loss: gradient as from logits", _in_gradient(0, lambda g, xs, y, yb, o: (xs[0] - xs[1]) * (yb / xs[0].size))),
    ("log-loss: second term forgotten", _in_value(lambda y, p, t: -(t * np.log(p)).sum() / p.size)),
    ("log-loss-logits: sigmoid forgotten", _in_gradient(0, lambda g, xs, y, yb, o: (xs[0] - xs[1]) * (yb / g.size))),
    ("softmax-cross-entropy: target forgotten", _in_gradient(0, lambda g, xs, y, yb, o: g + xs[1] * (yb / len(g)))),
    ("softmax-cross-entropy: mean over all", _in_value(lambda y, z, t: y / z.shape[1])),
    ("momentum: velocity forgotten", _velocity_forgotten),
    ("momentum: Nesterov ignored", _with_options(nesterov=False)),
    ("momentum: weight decay ignored", _with_options(weight_decay=0.0)),
    ("rmsprop: root forgotten", _root_forgotten),
    ("rmsprop: ρ ignored", _with_options(rho=0.7)),
    ("adagrad: root forgotten", _root_forgotten),
    ("adam: bias not corrected", _adam_uncorrected),
    ("adam: steps never advance", _adam_never_advancing),
    ("adam: β₁ and β₂ swapped", _with_options(beta_1=0.999, beta_2=0.9)),
    ("adamw: no weight decay", _with_options(weight_decay=0.0)),
    ("adamw: steps never advance", _adam_never_advancing),
)
# fmt: on
