"""Functions that lose digits, each beside one of the same value that keeps them."""

import numpy as np


def softplus(x):
    return np.log(1 + np.exp(x))


def softplus_stable(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def half_versine(x):
    return (1 - np.cos(x)) / x**2


def half_versine_stable(x):
    return (np.sin(x / 2) / (x / 2)) ** 2 / 2


def variance(x):
    return np.mean(x**2) - np.mean(x) ** 2


def variance_stable(x):
    return np.mean((x - np.mean(x)) ** 2)


def log_sum_exp(x):
    return np.log(np.sum(np.exp(x)))


def log_sum_exp_stable(x):
    highest = np.max(x)
    return highest + np.log(np.sum(np.exp(x - highest)))


def beside_harmless(x):
    """The difference cancels more digits than the logarithm loses, and adds next to nothing to the value."""
    tiny = (x + 1e-12) - x
    return np.log(1 + np.exp(x)) * (1 + tiny)


def in_steps(x):
    total = np.zeros_like(x)
    for k in range(1, 40):
        total = total + (x + k)
        total = total - k
    return total


def through_text(x):
    return np.array([float(str(item)) for item in x])


def raising(x):
    if np.any(x > 1):
        raise ValueError("too large")
    return np.tanh(x)


#: Functions that lose digits: signature, domain, the text of the operation that is at fault there, and its kind.
UNSTABLE = {
    "softplus": ("(...)->(...)", (1, 1e4), "np.exp(x)", "overflow"),
    "half_versine": ("(...)->(...)", None, "1 - np.cos(x)", "cancellation"),
    "log_sum_exp": ("(n)->()", None, "np.exp(x)", "overflow"),
    "variance": ("(n)->()", None, "np.mean(x**2) - np.mean(x) ** 2", "cancellation"),
}
