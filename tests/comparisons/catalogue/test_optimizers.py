"""The catalogue's optimizers are Keras's own: each step, from Keras's own state, within the derived bound."""

from functools import partial

import keras
import numpy as np
import pytest

from gradtwin.backends import get_backend
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.operations import find_operation
from gradtwin.comparisons.judging.comparator import compare_arrays
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.running_error import bound_operation, bound_update
from gradtwin.comparisons.results.data import worst_verdict

RATE = 0.01
optimizers = keras.optimizers

#: The catalogue's operation and options, and Keras's optimizer of the same definition.
CASES = {
    "sgd": ("sgd", {}, optimizers.SGD, {}),
    "momentum": ("momentum", {}, optimizers.SGD, {"momentum": 0.9}),
    "momentum 0.5": ("momentum", {"momentum": 0.5}, optimizers.SGD, {"momentum": 0.5}),
    "nesterov": ("momentum", {"nesterov": True}, optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "weight decay": ("momentum", {"weight_decay": 0.01}, optimizers.SGD, {"momentum": 0.9, "weight_decay": 0.01}),
    "nesterov, weight decay": (
        "momentum",
        {"nesterov": True, "weight_decay": 0.01},
        optimizers.SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "rmsprop": ("rmsprop", {}, optimizers.RMSprop, {}),
    "rmsprop, large epsilon": (
        "rmsprop",
        {"rho": 0.5, "epsilon": 1e-3},
        optimizers.RMSprop,
        {"rho": 0.5, "epsilon": 1e-3},
    ),
    "adagrad": ("adagrad", {}, optimizers.Adagrad, {}),
    "adagrad, large epsilon": ("adagrad", {"epsilon": 1e-3}, optimizers.Adagrad, {"epsilon": 1e-3}),
    "adam": ("adam", {}, optimizers.Adam, {}),
    "adam, other numbers": (
        "adam",
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.01},
        optimizers.Adam,
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.01},
    ),
    "adamw": ("adamw", {}, optimizers.AdamW, {}),
    "adamw, large epsilon": ("adamw", {"epsilon": 1e-3}, optimizers.AdamW, {"epsilon": 1e-3}),
}

#: Where Keras has what the catalogue calls the state, by a part of the variable's path.
STATE = {"velocity": "momentum", "mean_square": "velocity", "accumulator": "accumulator", "mean": "momentum",
         "square": "velocity", "steps": "iteration"}  # fmt: skip


@pytest.fixture
def floatx():
    """Sets the dtype that Keras holds the learning rate in, and sets it back."""
    before = keras.config.floatx()
    yield keras.config.set_floatx
    keras.config.set_floatx(before)


def operation_of(case):
    name, options, *_ = CASES[case]
    return find_operation(name).bind(**options)


def keras_steps(case, dtype, exact, steps=4):
    """Keras's steps: each the operation's inputs before it, and what it changes after it.

    `exact` gives Keras its numbers as NumPy's float64 ones: it rounds Python's to float32 on the way into some
    tensors, even where all else is float64.
    """
    operation = operation_of(case)
    *_, kind, settings = CASES[case]
    optimizer = kind(RATE, **settings)
    if exact and dtype == "float64":
        for name, value in list(vars(optimizer).items()):
            if type(value) is float:
                setattr(optimizer, name, np.float64(value))
    rng = np.random.default_rng(3)
    variable = keras.Variable(rng.normal(size=(3, 5)), dtype=dtype)
    optimizer.build([variable])
    held = [next(v for v in optimizer.variables if STATE[name] in v.path) for name in operation.state]

    def read():
        return [np.array(v.numpy()).astype(dtype) for v in (variable, *held)]

    for _ in range(steps):
        g = rng.normal(size=(3, 5)).astype(dtype)
        before = [*read(), g, np.asarray(RATE, dtype)]
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype=dtype)], [variable])
        yield before, read()


def judge(case, dtype, backend, exact=True, bound=bound_operation):
    """Return the verdict of a backend's steps against Keras's."""
    operation = operation_of(case)
    verdicts = []
    for before, expected in keras_steps(case, dtype, exact):
        bounds = bound(operation, [x.copy() for x in before])
        given = [x.copy() for x in before]
        backend.update(operation, *given)
        changed = [given[i] for i in operation.changed]
        for mine, theirs, allowed in zip(changed, expected, bounds, strict=True):
            titles = Titles(case, dtype, backend.mode)
            verdicts.append(compare_arrays(titles, "update", "update", mine, theirs, allowed.of_two()).verdict)
    return worst_verdict(verdicts)


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_catalogues_optimizers_are_keras_s(case, dtype, backend, floatx):
    floatx(dtype)
    assert judge(case, dtype, get_backend(backend)) == "match"


# --- Negative controls: definitions that are not Keras's.


def double(w, dw, rate):
    w -= 2 * rate * dw


def stale_velocity(w, v, dw, rate, momentum=0.9, **_):
    w += v
    v *= momentum
    v -= rate * dw


def plain(w, v, dw, rate, momentum=0.9, **_):
    RULES["momentum"](w, v, dw, rate, momentum)


def coupled(w, v, dw, rate, momentum=0.9, nesterov=False, weight_decay=0.0):
    RULES["momentum"](w, v, dw + weight_decay * w, rate, momentum, nesterov)


def rmsprop_outside(w, s, dw, rate, rho=0.9, epsilon=1e-7):
    s *= rho
    s += (1 - rho) * dw * dw
    w -= rate * dw / (np.sqrt(s) + epsilon)


def adagrad_outside(w, s, dw, rate, epsilon=1e-7):
    s += dw * dw
    w -= rate * dw / (np.sqrt(s) + epsilon)


def adam_slip(w, m, s, t, dw, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0, slip=""):
    if weight_decay and slip != "no decay":
        w -= w * weight_decay * rate
    t += 1
    m += (dw - m) * (1 - beta_1)
    s += (dw * dw - s) * (1 - beta_2)
    corrected = slip != "uncorrected"
    alpha = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) if corrected else rate
    w -= m * alpha / (np.sqrt(s + epsilon) if slip == "inside" else np.sqrt(s) + epsilon)


WRONG = {
    "sgd, doubled": ("sgd", double),
    "momentum, velocity from before": ("momentum", stale_velocity),
    "nesterov, left out": ("nesterov", plain),
    "weight decay, left out": ("weight decay", plain),
    "weight decay, coupled": ("weight decay", coupled),
    "rmsprop, epsilon outside": ("rmsprop, large epsilon", rmsprop_outside),
    "adagrad, epsilon outside": ("adagrad, large epsilon", adagrad_outside),
    "adam, epsilon inside": ("adam, other numbers", partial(adam_slip, slip="inside")),
    "adam, no bias correction": ("adam", partial(adam_slip, slip="uncorrected")),
    "adamw, epsilon inside": ("adamw, large epsilon", partial(adam_slip, slip="inside")),
    "adamw, no decay": ("adamw", partial(adam_slip, weight_decay=0.004, slip="no decay")),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("wrong", WRONG)
def test_other_definitions_are_told_apart(wrong, dtype, floatx):
    floatx(dtype)
    case, rule = WRONG[wrong]
    backend = NumpyBackend(rules={operation_of(case).name: rule})
    assert judge(case, dtype, backend) == "mismatch"


# --- Known disagreement: Keras's float64 optimizers are only float32-accurate in some of their numbers.

ROUNDED = {"momentum", "nesterov", "weight decay", "nesterov, weight decay", "adam", "adam, other numbers", "adamw",
           "adamw, large epsilon"}  # fmt: skip


def rounded(number):
    return float(np.float32(number))


def as_keras_holds_it(name):
    """The catalogue's rule with the numbers that Keras casts rounded to float32: μ, λ and the correction's β."""

    def momentum(w, v, dw, rate, momentum=0.9, nesterov=False, weight_decay=0.0):
        RULES["momentum"](w, v, dw, rate, rounded(momentum), nesterov, rounded(weight_decay))

    def adam(w, m, s, t, dw, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0):
        if weight_decay:
            w -= w * rounded(weight_decay) * rate
        t += 1
        alpha = rate * np.sqrt(1 - np.power(rounded(beta_2), t)) / (1 - np.power(rounded(beta_1), t))
        m += (dw - m) * (1 - beta_1)
        s += (dw * dw - s) * (1 - beta_2)
        w -= m * alpha / (np.sqrt(s) + epsilon)

    return {"momentum": momentum, "adam": adam, "adamw": partial(adam, weight_decay=0.004)}.get(name, RULES[name])


@pytest.mark.parametrize("case", CASES)
def test_keras_rounds_some_numbers_to_float32_in_float64(case, floatx):
    """Keras's float64 step with Python's numbers is not the float64 one, and is the one with rounded numbers."""
    floatx("float64")
    verdict = judge(case, "float64", get_backend("numpy"), exact=False)
    assert verdict == ("mismatch" if case in ROUNDED else "match")  # 0.5 is a float32 number
    rule = as_keras_holds_it(operation_of(case).name)

    def bound(operation, inputs):
        return bound_update(partial(rule, **operation.keywords), inputs, operation.changed)

    backend = NumpyBackend(rules={operation_of(case).name: rule})
    assert judge(case, "float64", backend, exact=False, bound=bound) == "match"


def test_keras_holds_the_learning_rate_in_its_own_default_dtype(floatx):
    floatx("float32")
    assert judge("sgd", "float64", get_backend("numpy")) == "mismatch"
    backend = NumpyBackend(rules={"sgd": lambda w, dw, rate: RULES["sgd"](w, dw, rounded(rate))})

    def bound(operation, inputs):
        return bound_operation(operation, [*inputs[:-1], np.asarray(rounded(inputs[-1]))])

    assert judge("sgd", "float64", backend, bound=bound) == "match"
