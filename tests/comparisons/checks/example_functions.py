"""Functions and their gradients, right ones and wrong ones, for the tests of check_gradient."""

import numpy as np

RNG = np.random.default_rng(23)

X, W, B, T = (RNG.standard_normal(shape) for shape in [(5, 4), (4, 3), (3,), (5, 3)])


def affine(x, w, b):
    return x @ w + b


def affine_vjp(y_bar, x, w, b):
    return y_bar @ w.T, x.T @ y_bar, y_bar.sum(axis=0)


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(y_bar, cache):
    return affine_vjp(y_bar, *cache)


def loss(x, w, b, t):
    r = x @ w + b - t
    return (r * r).mean()


def loss_grad(x, w, b, t):
    d = 2 * (x @ w + b - t) / t.size
    return affine_vjp(d, x, w, b)


def relu(x):
    return np.maximum(0, x)


def causes(report):
    return [cause.cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes]


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def slope(x):
    return np.where(x > 0, 1, 0.2)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_prime(x):
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x * x)


def centred(x):
    return x - x.mean(axis=0)
