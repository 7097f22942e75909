"""Planted faults, each with the causes that must be found, confirmed, in this order."""

# ruff: noqa: E501  (a table)

import numpy as np

from .planting import (
    ABSOLUTE,
    BIAS,
    CENTRED,
    CHANNELS,
    CUBE,
    DENSE,
    EMBEDDING,
    EXP,
    IMAGE,
    LABELLED,
    MAXIMA,
    MSE,
    NORM,
    NORMALISED,
    PRODUCT,
    QUADRATIC,
    RELU,
    SIN,
    SOFTMAX,
    SQUARE,
    TANH,
    UNIT,
    WEIGHTED,
    WINDOWS,
    at,
)  # fmt: skip


def _last_row(table, index, y_bar):
    kept = np.zeros_like(table)
    kept[index] = y_bar
    return kept


def overwritten(x, k, y_bar):
    kept = np.zeros_like(x)
    for i, upstream in enumerate(y_bar):
        kept[i : i + len(k)] = upstream * k
    return kept


def _except(region, g, value):
    wrong = g.copy()
    wrong[region] = value(g[region]) if callable(value) else value
    return wrong


def _border(g):
    mask = np.ones(g.shape, bool)
    mask[:, 1:-1, 1:-1] = False
    return mask


# fmt: off
#: name → (problem, fault, expected causes)
GALLERY = {
    "zeroed":                 (DENSE, at(1, lambda g, xs, yb, y: 0 * g), ["zeroed"]),
    "detour through float32": (DENSE, at(1, lambda g, xs, yb, y: g.astype(np.float32).astype(float)), ["dtype"]),
    "cut to integers":        (DENSE, at(1, lambda g, xs, yb, y: g.astype(int)), ["dtype"]),
    "detour through float16": (TANH, at(0, lambda g, xs, yb, y: g.astype(np.float16).astype(float)), ["dtype"]),
    "flattened":              (DENSE, at(1, lambda g, xs, yb, y: g.ravel()), ["shape"]),
    "squeezed":               (BIAS, at(1, lambda g, xs, yb, y: g[0]), ["shape"]),
    "summed too much":        (TANH, at(0, lambda g, xs, yb, y: g.sum(0)), ["shape"]),
    "sign of x":              (DENSE, at(0, lambda g, xs, yb, y: -g), ["sign"]),
    "sign of exp":            (EXP, at(0, lambda g, xs, yb, y: -g), ["sign"]),
    "transposed shape":       (DENSE, at(1, lambda g, xs, yb, y: g.T), ["transpose"]),
    "transposed square":      (SQUARE, at(1, lambda g, xs, yb, y: g.T), ["transpose"]),
    "reshaped transpose":     (DENSE, at(1, lambda g, xs, yb, y: g.T.reshape(g.shape)), ["transpose"]),
    "swapped":                (PRODUCT, lambda gs, xs, yb, y: [gs[1], gs[0], gs[2]], ["swapped"]),
    "swapped shapes":         (DENSE, lambda gs, xs, yb, y: [gs[1], gs[0], gs[2]], ["swapped"]),
    "rotated":                (PRODUCT, lambda gs, xs, yb, y: [gs[1], gs[2], gs[0]], ["swapped"]),
    "factor 2":               (TANH, at(0, lambda g, xs, yb, y: 2 * g), ["factor"]),
    "factor 1/2":             (DENSE, at(0, lambda g, xs, yb, y: g / 2), ["factor"]),
    "lost 1/N":               (MSE, at(0, lambda g, xs, yb, y: g * 15), ["mean-for-sum"]),
    "odd factor":             (RELU, at(0, lambda g, xs, yb, y: g * 3.7), ["factor"]),
    "weights by batch":       (DENSE, at(1, lambda g, xs, yb, y: g / 5), ["mean-for-sum"]),
    "bias averaged":          (BIAS, at(1, lambda g, xs, yb, y: yb.mean(0, keepdims=True)), ["mean-for-sum"]),
    "sign and factor":        (SIN, at(0, lambda g, xs, yb, y: -2 * g), ["sign", "factor"]),
    "transpose and factor":   (DENSE, at(1, lambda g, xs, yb, y: 2 * g.T), ["transpose", "factor"]),
    "transpose and sign":     (SQUARE, at(1, lambda g, xs, yb, y: -g.T), ["transpose", "sign"]),
    "reversed":               (SIN, at(0, lambda g, xs, yb, y: g[::-1]), ["permuted"]),
    "kernel flipped":         (IMAGE, at(0, lambda g, xs, yb, y: g[:, ::-1, ::-1]), ["permuted"]),
    "rolled":                 (TANH, at(0, lambda g, xs, yb, y: np.roll(g, 1, 0)), ["permuted"]),
    "axes permuted":          (IMAGE, at(0, lambda g, xs, yb, y: g.transpose(0, 2, 1)), ["transpose"]),
    "rows shuffled":          (TANH, at(0, lambda g, xs, yb, y: g[[2, 0, 3, 1]]), ["permuted"]),
    "y_bar unused":           (TANH, at(0, lambda g, xs, yb, y: 1 - y * y), ["elementwise-factor"]),
    "tanh' missing":          (TANH, at(0, lambda g, xs, yb, y: yb), ["elementwise-factor"]),
    "tanh' twice":            (TANH, at(0, lambda g, xs, yb, y: g * (1 - y * y)), ["elementwise-factor"]),
    "relu mask missing":      (RELU, at(0, lambda g, xs, yb, y: yb), ["elementwise-factor"]),
    "an input missing":       (PRODUCT, at(0, lambda g, xs, yb, y: yb * xs[1]), ["elementwise-factor"]),
    "y for y squared":        (EXP, at(0, lambda g, xs, yb, y: g * y), ["elementwise-factor"]),
    "power lost":             (CUBE, at(0, lambda g, xs, yb, y: 2 * yb * xs[0]), ["elementwise-factor"]),
    "y_bar unused, dense":    (DENSE, at(1, lambda g, xs, yb, y: xs[0].T @ np.ones_like(yb)), ["elementwise-factor"]),
    "bias unsummed":          (DENSE, at(2, lambda g, xs, yb, y: yb), ["missing-sum"]),
    "bias of first row":      (DENSE, at(2, lambda g, xs, yb, y: yb[0]), ["missing-sum"]),
    "bias over features":     (QUADRATIC, at(2, lambda g, xs, yb, y: yb.sum(1)), ["missing-sum"]),
    "weights of first row":   (DENSE, at(1, lambda g, xs, yb, y: np.outer(xs[0][0], yb[0])), ["missing-sum"]),
    "softmax diagonal":       (SOFTMAX, at(0, lambda g, xs, yb, y: yb * y * (1 - y)), ["jacobian-diagonal"]),
    "tanh' of the output":    (TANH, at(0, lambda g, xs, yb, y: yb / np.cosh(y) ** 2), ["stale-value"]),
    "output's rule at input": (TANH, at(0, lambda g, xs, yb, y: yb * (1 - xs[0] ** 2)), ["stale-value"]),
    "cos of the output":      (SIN, at(0, lambda g, xs, yb, y: yb * np.cos(y)), ["stale-value"]),
    "rows overwritten":       (EMBEDDING, at(0, lambda g, xs, yb, y: _last_row(g, xs[1], yb)), ["not-accumulated"]),
    "windows overwritten":    (WINDOWS, at(0, lambda g, xs, yb, y: overwritten(xs[0], xs[1], yb)), ["not-accumulated"]),
    "last example only":      (DENSE, at(1, lambda g, xs, yb, y: np.outer(xs[0][-1], yb[-1])), ["not-accumulated"]),
    "regulariser lost":       (WEIGHTED, at(1, lambda g, xs, yb, y: yb * xs[0]), ["missing-term"]),
    "weight decay extra":     (DENSE, at(1, lambda g, xs, yb, y: g + 0.3 * xs[1]), ["missing-term"]),
    "constant extra":         (TANH, at(0, lambda g, xs, yb, y: g + 0.25), ["missing-term"]),
    "mean not subtracted":    (CENTRED, at(0, lambda g, xs, yb, y: yb), ["missing-term"]),
    "softmax sum lost":       (SOFTMAX, at(0, lambda g, xs, yb, y: yb * y), ["missing-term"]),
    "variance's part lost":   (NORMALISED, at(0, lambda g, xs, yb, y: (yb - yb.mean(0)) / xs[0].std(0)), ["missing-term"]),
    "statistics constant":    (NORMALISED, at(0, lambda g, xs, yb, y: yb / xs[0].std(0)), ["missing-term"]),
    "norm's part lost":       (UNIT, at(0, lambda g, xs, yb, y: yb / np.sqrt(np.sum(xs[0] ** 2, 1, keepdims=True))), ["missing-term"]),
    "first row zero":         (DENSE, at(0, lambda g, xs, yb, y: _except(0, g, 0)), ["partial"]),
    "border doubled":         (IMAGE, at(0, lambda g, xs, yb, y: _except(_border(g), g, lambda part: 2 * part)), ["partial"]),
    "one entry":              (DENSE, at(1, lambda g, xs, yb, y: _except((2, 1), g, lambda part: part * 1.001)), ["partial"]),
    "wrong where negative":   (TANH, at(0, lambda g, xs, yb, y: _except(xs[0] < 0, g, lambda part: -part)), ["partial"]),
    "zero where negative":    (TANH, at(0, lambda g, xs, yb, y: g * (xs[0] > 0)), ["partial", "elementwise-factor"]),
    "maximum ignored":        (MAXIMA, at(0, lambda g, xs, yb, y: np.repeat(yb, 2, 1)), ["partial"]),
    "label forgotten":        (LABELLED, at(0, lambda g, xs, yb, y: yb * y), ["partial"]),
    "smaller side forgotten": (ABSOLUTE, at(0, lambda g, xs, yb, y: yb * (xs[0] > xs[1])), ["partial"]),
    "counts divided by":      (EMBEDDING, at(0, lambda g, xs, yb, y: g / np.maximum(np.bincount(xs[1], minlength=5), 1)[:, None]), ["elementwise-factor"]),
    "channels' factor":       (CHANNELS, at(0, lambda g, xs, yb, y: yb), ["elementwise-factor"]),
    "detour of all steps":    (EXP, at(0, lambda g, xs, yb, y: (yb.astype("f4") * np.exp(xs[0].astype("f4"))).astype(float)), ["dtype"]),
    "a factor y":             (NORM, at(0, lambda g, xs, yb, y: g * y), ["factor"]),
    "mean of all":            (CENTRED, at(0, lambda g, xs, yb, y: g * 6), ["mean-for-sum"]),
    "clipped beyond 0.5":     (TANH, at(0, lambda g, xs, yb, y: _except(np.abs(xs[0]) > 0.5, g, 0)), ["partial"]),
}
# fmt: on
