"""Optimizer steps as people write them, right and wrong."""

import keras
import numpy as np


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
