"""Optimizer steps as people write them against Keras's: right ones match, and what is wrong is named."""

import keras
import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.update import check_update
from gradtwin.comparisons.subjects.update_rules import Hyper, follow

# --- Functions.


def sgd(w, dw, config=None):
    config = config or {"learning_rate": 1e-2}
    return w - config["learning_rate"] * dw, config


def sgd_in_place(params, grads, lr):
    for key in params:
        params[key] -= lr * grads[key]


def sgd_lists(weights, gradients, eta=0.05):
    return [w - eta * g for w, g in zip(weights, gradients, strict=True)]


def sgd_gradient_first(grads, params, learning_rate=0.1):
    for g, p in zip(grads, params, strict=True):
        p -= learning_rate * g


def momentum(w, dw, config=None):
    config = {"learning_rate": 1e-2, "momentum": 0.9} if config is None else config
    v = config["momentum"] * config.get("velocity", np.zeros_like(w)) - config["learning_rate"] * dw
    return w + v, {**config, "velocity": v}


def nesterov(w, g, v, lr=0.01, mu=0.9):
    old = v
    v = mu * v - lr * g
    return w - mu * old + (1 + mu) * v, v


def rmsprop(w, g, cache, lr=0.01, decay_rate=0.9, eps=1e-7):
    s = decay_rate * cache.get("s", 0.0) + (1 - decay_rate) * g**2
    return w - lr * g / np.sqrt(s + eps), {"s": s}


def adagrad(w, g, G, lr=0.1, eps=1e-7):
    G = G + g * g
    return w - lr * g / np.sqrt(G + eps), G


def adam(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return w - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + eps), m, v


def rmsprop_of_config(w, dw, config=None):
    config = {} if config is None else config
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("decay_rate", 0.99)
    config.setdefault("epsilon", 1e-8)
    config.setdefault("cache", np.zeros_like(w))
    rho = config["decay_rate"]
    config["cache"] = rho * config["cache"] + (1 - rho) * dw**2
    return w - config["learning_rate"] * dw / (np.sqrt(config["cache"]) + config["epsilon"]), config


def adam_of_config(w, dw, config=None, last=0):
    config = {} if config is None else config
    numbers = {"learning_rate": 2e-3, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6, "t": 0}
    for name, value in {**numbers, "m": np.zeros_like(w), "v": np.zeros_like(w)}.items():
        config.setdefault(name, value)
    config["t"] += 1
    m, v = ("beta1", dw), ("beta2", dw**2)
    for key, (beta, new) in {"m": m, "v": v}.items():
        config[key] = config[beta] * config[key] + (1 - config[beta]) * new
    corrected = [
        config[key] / (1 - config[beta] ** (config["t"] + last)) for key, beta in (("m", "beta1"), ("v", "beta2"))
    ]
    return w - config["learning_rate"] * corrected[0] / (np.sqrt(corrected[1]) + config["epsilon"]), config


# --- Objects. `Adam` can be changed at every place that people get wrong.


class Momentum:
    """Velocities in a dict, made in the first step."""

    nesterov = False

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        for key in params:
            self.v[key] = self.velocity(self.v[key], grads[key])
            params[key] += self.move(self.v[key], grads[key])

    def velocity(self, v, g):
        return self.momentum * v - self.lr * g

    def move(self, v, g):
        return v


class Adam:
    """The paper's algorithm, on lists."""

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        self.lr, self.beta1, self.beta2, self.eps, self.weight_decay = lr, beta1, beta2, eps, weight_decay
        self.t, self.m, self.v = 0, None, None

    def step(self, params, grads):
        if self.m is None:
            self.m, self.v = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
        self.tick()
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            self.tick_each()
            g = self.gradient(g, p)
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * self.square(g)
            self.decay(p)
            p -= self.lr * self.corrected(self.m[i], self.beta1) / self.root(self.corrected(self.v[i], self.beta2))

    def tick(self):
        self.t += 1

    def tick_each(self):
        pass

    def gradient(self, g, p):
        return g

    def square(self, g):
        return g**2

    def decay(self, p):
        p -= self.lr * self.weight_decay * p

    def corrected(self, moment, beta):
        return moment / (1 - beta**self.t)

    def root(self, v):
        return np.sqrt(v) + self.eps


class RMSprop:
    """For layers with weights, biases, dweights and dbiases."""

    def __init__(self, learning_rate=0.001, rho=0.9, epsilon=1e-7):
        self.learning_rate, self.rho, self.epsilon = learning_rate, rho, epsilon
        self.caches = [0.0, 0.0]

    def update_params(self, layer):
        for i, (name, slope) in enumerate((("weights", layer.dweights), ("biases", layer.dbiases))):
            self.caches[i] = self.rho * self.caches[i] + (1 - self.rho) * slope**2
            getattr(layer, name)[...] -= self.learning_rate * slope / self.root(self.caches[i])

    def root(self, cache):
        return np.sqrt(cache + self.epsilon)


RIGHT = {
    "sgd": (sgd, "sgd"),
    "sgd against an object": (sgd, keras.optimizers.SGD(0.01)),
    "sgd in place": (sgd_in_place, keras.optimizers.SGD(0.3)),
    "sgd on lists": (sgd_lists, "SGD"),
    "sgd, gradients first": (sgd_gradient_first, "sgd"),
    "momentum": (momentum, keras.optimizers.SGD(0.01, momentum=0.9)),
    "momentum object": (Momentum(), "momentum"),
    "momentum class": (Momentum, "sgd"),
    "nesterov": (nesterov, keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)),
    "rmsprop": (rmsprop, "rmsprop"),
    "rmsprop on layers": (RMSprop(), "rmsprop"),
    "adagrad": (adagrad, keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0)),
    "adam as in Keras": (adam, "adam"),
    "adam of the paper": (Adam(), keras.optimizers.Adam(epsilon=1e-8)),
    "adamw": (Adam(weight_decay=0.01), keras.optimizers.AdamW(weight_decay=0.01, epsilon=1e-8)),
}


def wrong(base, *arguments, **methods):
    """Return an object with methods of its class replaced."""
    return type(base.__name__, (base,), {"__module__": base.__module__, **methods})(*arguments)


class RestartsState(Momentum):
    """Forgets its velocities."""

    def update(self, params, grads):
        self.v = None
        super().update(params, grads)


class UsesOldVelocity(Momentum):
    """Moves before the velocity is new."""

    def update(self, params, grads):
        old = self.v
        self.v = old or {key: np.zeros_like(params[key]) for key in params}
        for key in params:
            params[key] += self.v[key]
            self.v[key] = self.velocity(self.v[key], grads[key])


class ChangesGradients(Momentum):
    """Scales what it was given."""

    def update(self, params, grads):
        for key in grads:
            grads[key] *= 1.0 + self.lr
        super().update(params, grads)


class Stuck(Adam):
    """Sets the counter anew in every step."""

    def tick(self):
        self.t = 1


class PerParameter(Adam):
    """Counts inside the loop."""

    def tick(self):
        pass

    def tick_each(self):
        self.t += 1


def adagrad_from_half(w, g, G=None, lr=0.1, eps=1e-7):
    G = (np.full_like(w, 0.5) if G is None else G) + g * g
    return w - lr * g / np.sqrt(G + eps), G


def adagrad_plain_root(w, g, G, lr=0.1, eps=1e-7):
    G = G + g * g
    return w - lr * g / (np.sqrt(G) + eps), G


def doubled(w, g, lr=0.01):
    return w - 2 * lr * g


def uphill(w, g, lr=0.01):
    return w + lr * g


def breaks(w, g, lr=0.01):
    raise RuntimeError("no")


def ends(w, g, lr=0.01):
    raise SystemExit(0)


def idle(params, grads):
    pass


ADAM, ADAMW = keras.optimizers.Adam(epsilon=1e-8), keras.optimizers.AdamW(weight_decay=0.01, epsilon=1e-8)

#: step, optimizer, the cause and what its text says.
WRONG = {
    "uphill": (uphill, "sgd", "sign", "uphill"),
    "doubled": (doubled, "sgd", "factor", "2 times"),
    "restarts": (RestartsState(), "momentum", "not-accumulated", "not kept"),
    "old velocity": (UsesOldVelocity(), "momentum", "stale-value", "before the step"),
    "dampened": (
        wrong(Momentum, velocity=lambda self, v, g: self.momentum * v - (1 - self.momentum) * self.lr * g),
        "momentum",
        "factor",
        "1 − momentum",
    ),
    "momentum sign": (
        wrong(Momentum, velocity=lambda self, v, g: -self.momentum * v - self.lr * g),
        "momentum",
        "sign",
        "wrong sign",
    ),
    "no nesterov": (Momentum(), "nesterov", "missing-term", "look ahead"),
    "another momentum": (Momentum(0.01, 0.8), keras.optimizers.SGD(0.01, momentum=0.9), "factor", "momentum is 0.8"),
    "stuck": (Stuck(), ADAM, "stale-value", "never advances"),
    "per parameter": (PerParameter(), ADAM, "stale-value", "once for every parameter"),
    "uncorrected": (wrong(Adam, corrected=lambda self, moment, beta: moment), ADAM, "factor", "left out"),
    "inside": (wrong(Adam, root=lambda self, v: np.sqrt(v + self.eps)), ADAM, "missing-term", "inside the root"),
    "no root": (wrong(Adam, root=lambda self, v: v + self.eps), ADAM, "elementwise-factor", "square root"),
    "unsquared": (
        wrong(Adam, square=lambda self, g: g, root=lambda self, v: np.sqrt(np.abs(v)) + self.eps),
        ADAM,
        "unknown",
        "no alternative",
    ),
    "swapped betas": (Adam(0.001, 0.999, 0.9), ADAM, "swapped", "betas"),
    "coupled decay": (
        wrong(Adam, gradient=lambda self, g, p: g + 0.01 * p, decay=lambda self, p: None),
        ADAMW,
        "missing-term",
        "coupled",
    ),
    "no decay": (Adam(), ADAMW, "missing-term", "left out"),
    "outside and no root": (
        wrong(RMSprop, root=lambda self, v: v + self.epsilon),
        "rmsprop",
        "elementwise-factor",
        "square root",
    ),
    "outside and another ε": (
        wrong(RMSprop, root=lambda self, v: np.sqrt(v) + 2 * self.epsilon),
        "rmsprop",
        "unknown",
        "no alternative",
    ),
    "outside and twice as long": (
        wrong(RMSprop, root=lambda self, v: (np.sqrt(v) + self.epsilon) / 2),
        "rmsprop",
        "factor",
        "2 times",
    ),
    "accumulator": (adagrad, keras.optimizers.Adagrad(0.1), "missing-term", "starts at 0"),
    "adagrad outside from 0, where another start is asked for": (
        adagrad_plain_root,
        keras.optimizers.Adagrad(0.1),
        "missing-term",
        "starts at 0",
    ),
    "adagrad from another start": (adagrad_from_half, "adagrad", "unknown", "no alternative"),
    "config of its own, another rho": (
        rmsprop_of_config,
        keras.optimizers.RMSprop(1e-2, rho=0.9, epsilon=1e-8),
        "factor",
        "rho is 0.99",
    ),
    "shape": (lambda w, g: np.ones(2), "sgd", "shape", "(2,); expected (4, 3)"),
    "rate": (sgd_lists, keras.optimizers.SGD(0.01), "factor", "5 times"),
    "raises": (breaks, "sgd", "raises", "RuntimeError"),
    "ends the program": (ends, "sgd", "raises", "SystemExit"),
    "idle": (idle, "sgd", "zeroed", "neither returned"),
}


def snapshot(value):
    return {key: repr(item) for key, item in vars(value).items()} if hasattr(value, "__dict__") else None


@pytest.mark.parametrize("name", RIGHT)
def test_right_steps_match(name):
    step, optimizer = RIGHT[name]
    before, floatx = snapshot(step), keras.config.floatx()
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    updates = [check for check in report.checks if check.stage == "update"]
    assert [check.name for check in updates] == [f"weights after step {t}" for t in range(1, len(updates) + 1)]
    assert len(updates) > 1
    assert snapshot(step) == before
    assert keras.config.floatx() == floatx


@pytest.mark.parametrize("name", WRONG)
def test_wrong_steps_are_named(name):
    step, optimizer, cause, text = WRONG[name]
    before = snapshot(step)
    report = check_update(step, optimizer)
    assert report.verdict == "mismatch", str(report)
    failed = next(check for check in report.checks if check.verdict == "mismatch")
    assert failed.causes[0].cause == cause, failed.causes
    assert text in failed.causes[0].text
    assert snapshot(step) == before


def test_a_changed_gradient_is_a_side_effect():
    report = check_update(ChangesGradients(), "momentum")
    causes = [cause.cause for check in report.checks if check.stage == "side-effect" for cause in check.causes]
    assert causes == ["mutated-input"]


def test_what_parts_first_is_named():
    report = check_update(Stuck(), ADAM)
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert failed[0].name == "weights after step 2"  # the first is right: t is 1
    report = check_update(RestartsState(), "momentum")
    failed = [check for check in report.checks if check.verdict == "mismatch"]
    assert "state variable v first differs from Keras's at step 2" in failed[0].causes[0].text


def test_the_papers_form_of_adam_is_a_note():
    assert any("Kingma" in note for note in check_update(Adam(), ADAM).extra["notes"])
    assert not any("Kingma" in note for note in check_update(adam, "adam").extra["notes"])


#: Another published form, the optimizer that it is given, and what the note says.
FORMS = {
    "rmsprop": (wrong(RMSprop, root=lambda self, v: np.sqrt(v) + self.epsilon), "rmsprop", "outside the root"),
    "adagrad": (
        adagrad_plain_root,
        keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.0),
        "outside the root",
    ),
    "adagrad from 0": (adagrad, "adagrad", "starts at 0"),
    "adagrad from 0, outside": (adagrad_plain_root, "adagrad", "starts at 0"),
}


@pytest.mark.parametrize("name", FORMS)
def test_another_published_form_is_a_note(name):
    step, optimizer, words = FORMS[name]
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    assert any(words in note for note in report.extra["notes"])


def test_a_form_that_is_kerass_has_no_note():
    assert not any("judged" in note for note in check_update(RMSprop(), "rmsprop").extra["notes"])


def test_names_take_the_steps_own_numbers():
    report = check_update(Adam(0.02, 0.8), "adam")
    assert report.ok, str(report)
    assert any("learning_rate=0.02, beta_1=0.8" in note for note in report.extra["notes"])


@pytest.mark.parametrize(
    ("step", "optimizer", "numbers"),
    [
        (rmsprop_of_config, "rmsprop", "learning_rate=0.01, epsilon=1e-08, rho=0.99"),
        (adam_of_config, "adam", "learning_rate=0.002, beta_1=0.8, beta_2=0.99, epsilon=1e-06"),
    ],
)
def test_numbers_that_the_step_puts_into_its_config_are_taken(step, optimizer, numbers):
    report = check_update(step, optimizer)
    assert report.ok, str(report)
    assert any(numbers in note for note in report.extra["notes"])


def test_a_config_that_is_given_goes_before_what_the_step_puts_into_it():
    report = check_update(adam_of_config, "adam", config={"learning_rate": 0.5})
    assert report.ok, str(report)
    assert any("learning_rate=0.5, beta_1=0.8" in note for note in report.extra["notes"])


def test_a_late_counter_is_found_with_the_numbers_of_the_config():
    def late(w, dw, config=None):
        return adam_of_config(w, dw, config, last=1)

    report = check_update(late, "adam")
    failed = next(check for check in report.checks if check.verdict == "mismatch")
    assert failed.causes[0].cause == "stale-value"
    assert "one too high" in failed.causes[0].text


def test_the_state_that_parts_has_a_name_whatever_it_is_kept_under():
    def without_rho(w, dw, config=None):
        config = {"learning_rate": 0.01, "cache": np.zeros_like(w)} if config is None else config
        config["cache"] = 0.5 * config["cache"] + 0.1 * dw**2
        return w - config["learning_rate"] * dw / (np.sqrt(config["cache"]) + 1e-7), config

    assert "state variable cache first differs from Keras's at step 2" in str(check_update(without_rho, "rmsprop"))


def test_what_is_nan_on_both_sides_decides_nothing():
    zeros = [np.zeros(3)] * 2
    optimizer = keras.optimizers.RMSprop(0.01, epsilon=0.0)
    report = check_update(
        lambda w, g, s: (w - 0.01 * g / np.sqrt(s), s), optimizer, weights=np.ones(3), gradients=zeros
    )
    assert report.verdict == "inconclusive", str(report)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(dtype):
    assert check_update(Momentum(), "momentum", dtype=dtype).ok
    assert not check_update(wrong(Momentum, 0.011), keras.optimizers.SGD(0.01, momentum=0.9), dtype=dtype).ok


def test_given_weights_and_gradients():
    rng = np.random.default_rng(1)
    report = check_update(sgd, "sgd", weights=rng.normal(size=(2, 2)), gradients=rng.normal(size=(3, 2, 2)))
    assert report.ok
    assert sum(check.stage == "update" for check in report.checks) == 3


RULES = {
    "sgd": {"learning_rate": 0.1},
    "SGD": {"learning_rate": 0.1, "momentum": 0.9},
    "Sgd": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "rmsprop": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.1, "momentum": 0.5},
    "adagrad": {"learning_rate": 0.1},
    "adam": {"learning_rate": 0.1, "epsilon": 1e-3},
    "adamw": {"learning_rate": 0.1, "weight_decay": 0.1},
}


@pytest.mark.parametrize("name", RULES)
def test_the_rules_are_keras_s(name):
    """A user's step that is the re-implementation itself must match Keras."""
    hyper = Hyper(name.lower(), **RULES[name])
    seen = []

    def step(w, g):
        if len(seen) and seen[-1][2].shape == w.shape and np.array_equal(seen[-1][2], w):
            start, pulls = seen[-1][0], [*seen[-1][1], g]
        else:
            start, pulls = w, [g]
        after = follow(hyper, start.ravel(), [p.ravel() for p in pulls], np.zeros(w.size)).weights[-1].reshape(w.shape)
        seen.append((start, pulls, after))
        return after

    kinds = {kind.lower(): getattr(keras.optimizers, kind) for kind in ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")}
    assert check_update(step, kinds[name.lower()](**RULES[name])).ok


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((sgd, "adamm"), gt.ArgumentValueError, "adam"),
        ((sgd, 3), gt.ArgumentTypeError, "optimizer"),
        ((3, "sgd"), gt.ArgumentTypeError, "step"),
        ((lambda w, g, wobble: w - g, "sgd"), gt.ArgumentValueError, "'wobble'"),
        ((object(), "sgd"), gt.ArgumentTypeError, "step"),
    ],
)
def test_impossible_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        check_update(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": "a"}, "steps: got 'a'; expected a whole number"),
        ({"steps": 1.5}, "steps: got 1.5"),
        ({"steps": 0}, "steps: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"dtype": "float12"}, "dtype: 'float12' is not known"),
        ({"gradients": []}, "gradients: got none; expected one array for each step"),
        ({"gradients": [np.array(["a"])]}, "gradients: got dtype <U1"),
        ({"gradients": [np.array([np.inf])]}, "gradients: they hold NaN or infinity"),
        ({"weights": np.array([np.nan]), "gradients": [np.ones(1)]}, "weights: they hold NaN or infinity"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(gt.GradTwinError, match=message):
        check_update(sgd, "sgd", **options)


def decayed(w, g, m, v, t, lr=1e-3):
    after, m, v = adam(w, g, m, v, t, lr)
    return after - lr * 0.05 * w, m, v


def with_l2(w, g, m, v, t, lr=1e-3, weight_decay=0.02):
    return adam(w, g + weight_decay * w, m, v, t, lr)


@pytest.mark.parametrize(("step", "number"), [(decayed, "0.05"), (with_l2, "0.02")])
def test_weight_decay_of_the_steps_own_is_named(step, number):
    report = check_update(step, keras.optimizers.Adam(1e-3, epsilon=1e-8))
    (cause,) = [cause for check in report.checks for cause in check.causes]
    assert (cause.cause, cause.confirmed) == ("missing-term", True)
    assert number in cause.text


def rmsprop_begun(w, g, c=None):
    c = c or {"learning_rate": 1e-2, "rho": 0.9, "epsilon": 1e-7, "mean": np.zeros_like(w)}
    c["mean"] = c["rho"] * c["mean"] + (1 - c["rho"]) * g * g
    return w - c["learning_rate"] * g / np.sqrt(c["mean"] + c["epsilon"]), c


def momentum_begun(w, g, lr=None, v=None, t=None):
    v = 0.9 * (np.zeros_like(w) if v is None else v) - (lr or 0.1) * g
    return w + v, v


@pytest.mark.parametrize(
    ("step", "optimizer"),
    [
        (rmsprop_begun, keras.optimizers.RMSprop(1e-2, rho=0.9)),
        (momentum_begun, keras.optimizers.SGD(0.1, momentum=0.9)),
    ],
)
def test_a_state_that_begins_as_none_is_kept_whatever_its_name(step, optimizer):
    assert check_update(step, optimizer).ok


def test_a_state_that_begins_as_none_and_is_not_kept_is_wrong():
    def forgets(w, g, c=None):
        return rmsprop_begun(w, g)

    assert not check_update(forgets, keras.optimizers.RMSprop(1e-2, rho=0.9)).ok
