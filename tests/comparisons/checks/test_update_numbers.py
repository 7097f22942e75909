"""A step whose numbers are written in its code, and a Keras optimizer that has others: nothing is known about it."""

import numpy as np
import pytest

import gradtwin as gt


def sgd(w, g):
    return w - 0.05 * g


def momentum(w, g, v):
    v = 0.8 * v - 0.05 * g
    return w + v, v


def rmsprop(w, g, v, lr=0.01):
    v = 0.99 * v + 0.01 * g**2
    return w - lr * g / (np.sqrt(v) + 1e-8), v


def adam(w, g, m, v, t):
    m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
    return w - 0.002 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8), m, v


CONFIGS = {
    sgd: ("sgd", {"learning_rate": 0.05}),
    momentum: ("momentum", {"learning_rate": 0.05, "momentum": 0.8}),
    rmsprop: ("rmsprop", {"rho": 0.99, "epsilon": 1e-8}),
    adam: ("adam", {"learning_rate": 0.002, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-8}),
}


@pytest.mark.parametrize("step", CONFIGS, ids=lambda step: step.__name__)
def test_numbers_in_the_code_are_asked_for(step):
    name, config = CONFIGS[step]
    report = gt.check_update(step, name)
    assert report.verdict == "inconclusive"
    text = " ".join(str(report).split())
    assert f"of {step.__name__} can't be read, and Keras has " in text
    assert f"Pass config={{{', '.join(f'{key!r}: ...' for key in config)}}} with yours." in text
    assert gt.check_update(step, name, config=config).verdict == "match"
    other = {**config, next(iter(config)): 0.6}
    assert gt.check_update(step, name, config=other).verdict == "mismatch"


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (lambda w, g: w + 0.05 * g, "sgd"),
        (lambda w, g: w + 0.01 * g, "sgd"),
        (lambda w, g, lr=0.05: w - 2 * lr * g, "sgd"),
        (lambda w, g, lr: w - 2 * lr * g, "sgd"),
        (lambda w, g, v, lr=0.1: (w - lr * g / (v + g * g + 1e-7), v + g * g), "adagrad"),
    ],
)
def test_a_wrong_step_stays_one(step, name):
    assert gt.check_update(step, name).verdict == "mismatch"


def test_numbers_that_are_given_as_arguments_are_read():
    def step(w, g, speed, lr):
        return w - speed * lr * g

    assert gt.check_update(step, "sgd", arguments={"speed": 1.0, "lr": 0.3}).verdict == "match"
    assert gt.check_update(step, "sgd", arguments={"speed": 2.0, "lr": 0.3}).verdict == "mismatch"
