"""Optimizer steps in NumPy as Keras takes them, and as they are taken by mistake.

A slip is a change of one step of a rule; a wrong step is explained by the slip whose weights are those of the user's at
every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array


@dataclass(frozen=True)
class Hyper:
    """A rule and its numbers, under Keras's names."""

    rule: str
    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    rho: float = 0.9
    initial_accumulator_value: float = 0.1
    weight_decay: float = 0.0
    #: Whether neither the step nor the caller sets the start of AdaGrad's accumulator.
    is_start_open: bool = False


@dataclass(frozen=True)
class Slip:
    """One way to take a step wrongly: its flag, the cause and a sentence; `rules` are those that it is possible in."""

    flag: str
    cause: str
    text: str
    rules: tuple[str, ...]


@dataclass
class Path:
    """Where a rule goes: the weights after each step, and the state variables, by name."""

    weights: list[Array] = field(default_factory=list)
    states: list[dict[str, Array]] = field(default_factory=list)


_ADAM = ("adam", "adamw")
_ROOTED = (*_ADAM, "rmsprop", "adagrad")
_ALL = ("sgd", *_ROOTED)
_KEEPING = ("momentum", "nesterov", *_ROOTED)

#: Changes of a rule that are other published forms of it, not slips, and the note that each is judged with.
PAPER, OUTSIDE, FROM_ZERO = "paper", "outside", "accumulator"
PUBLISHED_NOTES = {
    PAPER: "ε is added after the bias correction, as in the paper (Kingma & Ba, algorithm 1), and Keras adds it "
    "before: judged in the paper's form",
    OUTSIDE: "ε is outside the root, √v + ε, as in PyTorch and most texts, and Keras has it inside, √(v + ε): "
    "judged with it outside",
    FROM_ZERO: "the accumulator starts at 0, as in the paper (Duchi et al.), and Keras's at "
    "initial_accumulator_value: judged from 0",
}

# fmt: off
SLIPS: tuple[Slip, ...] = (
    Slip("no decay", "missing-term", "the weight decay is left out", _ALL),
    Slip("coupled decay", "missing-term", "the weight decay is coupled: added to the gradient, where Keras "
         "subtracts it from the weights (w −= learning rate · decay · w)", _ALL),
    Slip("decay without rate", "factor", "the weight decay is subtracted without the learning rate", _ALL),
    Slip("decay last", "stale-value", "the weight decay is subtracted after the step, where Keras subtracts it before",
         _ALL),
    Slip("no nesterov", "missing-term", "it is plain momentum, without Nesterov's look ahead", ("nesterov",)),
    Slip("nesterov", "missing-term", "it is Nesterov's momentum, where plain momentum is expected", ("momentum",)),
    Slip("dampened", "factor", "the velocity gets (1 − momentum) · gradient, where Keras adds the whole gradient",
         ("momentum", "nesterov")),
    Slip("stale velocity", "stale-value", "the weights are moved by the velocity from before the step: it must be "
         "updated first", ("momentum", "nesterov")),
    Slip("velocity sign", "sign", "the momentum term has the wrong sign", ("momentum", "nesterov")),
    Slip("reset", "not-accumulated", "the state is not kept from step to step", _KEEPING),
    Slip("no momentum", "missing-term", "there is no momentum", ("momentum", "nesterov")),
    Slip("t stuck", "stale-value", "the bias correction never advances: the step counter t stays at 1", _ADAM),
    Slip("t late", "stale-value", "the step counter t of the bias correction is one too high", _ADAM),
    Slip("t per parameter", "stale-value", "the step counter t of the bias correction advances once for every "
         "parameter, not once for every step", _ADAM),
    Slip("no correction", "factor", "the bias correction is left out", _ADAM),
    Slip("no first correction", "factor", "the bias correction of the first moment is left out", _ADAM),
    Slip("no second correction", "factor", "the bias correction of the second moment is left out", _ADAM),
    Slip("corrected state", "stale-value", "the bias-corrected moments are kept as the state, and corrected again in "
         "the next step", _ADAM),
    Slip("inside", "missing-term", "ε is inside the root, √(v + ε), where Keras has it outside, √v + ε", _ADAM),
    Slip("no epsilon", "missing-term", "ε is left out", _ROOTED),
    Slip("no root", "elementwise-factor", "the square root is left out: divided by v, not by √v", _ROOTED),
    Slip("unsquared", "elementwise-factor", "v is the mean of the gradient, which is not squared", _ROOTED),
    Slip("swapped", "swapped", "the two betas are swapped", _ADAM),
    Slip("complement", "swapped", "the decay and its complement are swapped: (1 − ρ) v + ρ g²", ("rmsprop",)),
    Slip("no complement", "factor", "the new gradient is added without the factor (1 − β)", (*_ADAM, "rmsprop")),
    Slip("stale second", "stale-value", "the weights are divided by the root of v from before the step", _ROOTED),
    Slip("stale first", "stale-value", "the weights are moved by m from before the step", _ADAM),
    Slip(FROM_ZERO, "missing-term", "the accumulator starts at 0; Keras's starts at initial_accumulator_value",
         ("adagrad",)),
    Slip("gradient for m", "stale-value", "the weights are moved by the gradient, not by its first moment m", _ADAM),
)
# fmt: on

#: The numbers on which a rule depends, beside its learning rate.
NUMBERS: dict[str, tuple[str, ...]] = {
    "momentum": ("momentum",),
    "nesterov": ("momentum",),
    "rmsprop": ("rho", "epsilon"),
    "adagrad": ("epsilon",),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "adamw": ("beta_1", "beta_2", "epsilon", "weight_decay"),
}

#: The result for a rule in another published form.
PUBLISHED = Slip("", "", "", _ALL)


#: Whether the user's weights are those of a rule with these flags, its rate times a factor, at every step.
Agrees = Callable[[frozenset[str], float], bool]

#: What multiple of a form's first step the user's may be.
Fitted = Callable[[frozenset[str]], list[float]]


def explain(hyper: Hyper, agrees: Agrees, fitted: Fitted) -> tuple[Slip, frozenset[str]] | None:
    """Return the simplest change of the rule that agrees, and the form of the rule that it is a change of.

    Tried are the published forms, every slip in each of them, then a constant factor. A rule in another published form
    is returned as the slip PUBLISHED.
    """
    for form in forms_of(hyper):
        if agrees(form, 1.0):
            return PUBLISHED, form
    for form in forms_of(hyper):
        for slip in SLIPS:
            possible = _kind(hyper) in slip.rules or hyper.rule in slip.rules
            if possible and slip.flag not in form and agrees(form | {slip.flag}, 1.0):
                return slip, form
    for form in forms_of(hyper):
        for factor in (-1.0, *fitted(form)):
            if agrees(form, factor):
                return _factor_slip(factor), form
    return None


def forms_of(hyper: Hyper) -> list[frozenset[str]]:
    """Return the forms in which a rule is written: as Keras does, with ε elsewhere, and from another start."""
    other = {"adam": PAPER, "adamw": PAPER, "rmsprop": OUTSIDE, "adagrad": OUTSIDE}.get(hyper.rule)
    forms = [frozenset(), *([frozenset({other})] if other else [])]
    return forms + [form | {FROM_ZERO} for form in forms] if hyper.is_start_open else forms


def numbers_of(hyper: Hyper) -> tuple[str, ...]:
    """Return the names of the numbers on which a rule depends, under Keras's names."""
    return ("learning_rate", *NUMBERS.get(_kind(hyper), ()))


def _factor_slip(factor: float) -> Slip:
    if factor == -1:
        return Slip("-1", "sign", "the step goes uphill: its sign is wrong", _ALL)
    return Slip(f"{factor:.6g}", "factor", f"the step is {factor:.6g} times as long as it should be", _ALL)


def _kind(hyper: Hyper) -> str:
    if hyper.rule != "sgd" or not hyper.momentum:
        return hyper.rule
    return "nesterov" if hyper.nesterov else "momentum"


def follow(
    hyper: Hyper,
    start: Array,
    gradients: Sequence[Array],
    parts: Array,
    flags: frozenset[str] = frozenset(),
    factor: float = 1.0,
) -> Path:
    """Return the path of a rule from `start`; `parts` has the parameter of each element."""
    path, w = Path(), start.copy()
    state: dict[str, Array] = _initial(hyper, w, flags)
    rate = hyper.learning_rate * factor
    decay = 0.0 if "no decay" in flags else hyper.weight_decay
    for t, g in enumerate(gradients, 1):
        if "reset" in flags:
            state = _initial(hyper, w, flags)
        taken_off = decay * (1.0 if "decay without rate" in flags else rate)
        if "coupled decay" in flags:
            g, taken_off = g + decay * w, 0.0
        if "decay last" not in flags:
            w = w - w * taken_off
        with np.errstate(all="ignore"):
            w = w - _RULES[hyper.rule](hyper, state, g, _clock(t, parts, flags), rate, flags)
        if "decay last" in flags:
            w = w - w * taken_off
        path.weights.append(w)
        path.states.append({name: array.copy() for name, array in state.items()})
    return path


def _initial(hyper: Hyper, w: Array, flags: frozenset[str]) -> dict[str, Array]:
    names: dict[str, tuple[str, ...]] = {
        "sgd": ("momentum",) if hyper.momentum else (),
        "rmsprop": ("velocity",),
        "adagrad": ("accumulator",),
    }
    if hyper.rule == "rmsprop" and hyper.momentum:
        names["rmsprop"] = ("velocity", "momentum")
    state = {name: np.zeros_like(w) for name in names.get(hyper.rule, ("momentum", "velocity"))}
    if hyper.rule == "adagrad" and FROM_ZERO not in flags:
        state["accumulator"] += hyper.initial_accumulator_value
    return state


def _clock(t: int, parts: Array, flags: frozenset[str]) -> Any:
    if "t stuck" in flags:
        return 1
    if "t late" in flags:
        return t + 1
    return (parts.max() + 1) * (t - 1) + parts + 1 if "t per parameter" in flags else t


def _sgd(h: Hyper, state: dict[str, Array], g: Array, _t: Any, rate: float, flags: frozenset[str]) -> Array:
    if not h.momentum or "no momentum" in flags:
        return rate * g
    before, mu = state["momentum"], -h.momentum if "velocity sign" in flags else h.momentum
    after = mu * before - rate * g * (1 - h.momentum if "dampened" in flags else 1.0)
    state["momentum"] = after
    used = before if "stale velocity" in flags else after
    nesterov = (h.nesterov or "nesterov" in flags) and "no nesterov" not in flags
    return rate * g - mu * used if nesterov else -used


def _rmsprop(h: Hyper, state: dict[str, Array], g: Array, _t: Any, rate: float, flags: frozenset[str]) -> Array:
    rho, rest = (1 - h.rho, h.rho) if "complement" in flags else (h.rho, 1 - h.rho)
    before = state["velocity"]
    state["velocity"] = rho * before + (1.0 if "no complement" in flags else rest) * _second(g, flags)
    step = rate * g / _root(before if "stale second" in flags else state["velocity"], h.epsilon, "inside", flags)
    if not h.momentum:
        return step
    state["momentum"] = h.momentum * state["momentum"] + step
    return state["momentum"]


def _adagrad(h: Hyper, state: dict[str, Array], g: Array, _t: Any, rate: float, flags: frozenset[str]) -> Array:
    before = state["accumulator"]
    state["accumulator"] = before + _second(g, flags)
    return rate * g / _root(before if "stale second" in flags else state["accumulator"], h.epsilon, "inside", flags)


def _adam(h: Hyper, state: dict[str, Array], g: Array, t: Any, rate: float, flags: frozenset[str]) -> Array:
    b1, b2 = (h.beta_2, h.beta_1) if "swapped" in flags else (h.beta_1, h.beta_2)
    whole = "no complement" in flags
    m_before, v_before = state["momentum"], state["velocity"]
    state["momentum"] = m = b1 * m_before + (1.0 if whole else 1 - b1) * g
    state["velocity"] = v = b2 * v_before + (1.0 if whole else 1 - b2) * _second(g, flags)
    none = "no correction" in flags
    c1 = 1.0 if none or "no first correction" in flags else 1 - b1**t
    c2 = 1.0 if none or "no second correction" in flags else 1 - b2**t
    if "corrected state" in flags:
        state["momentum"], state["velocity"] = m / c1, v / c2
    used = g if "gradient for m" in flags else m_before if "stale first" in flags else m
    second = v_before if "stale second" in flags else v
    if PAPER in flags or "inside" in flags or "no root" in flags:
        return np.asarray(rate * used / c1 / _root(second / c2, h.epsilon, "outside", flags))
    return np.asarray(rate * np.sqrt(c2) / c1 * used / _root(second, h.epsilon, "outside", flags))


def _second(g: Array, flags: frozenset[str]) -> Array:
    return g if "unsquared" in flags else g * g


def _root(v: Array, epsilon: float, usual: str, flags: frozenset[str]) -> Array:
    """Return √v with ε where the rule, or the slip, has it."""
    if "no epsilon" in flags:
        epsilon = 0.0
    if "no root" in flags:
        return v + epsilon
    inside = (usual == "inside" or "inside" in flags) and OUTSIDE not in flags
    return np.asarray(np.sqrt(v + epsilon) if inside else np.sqrt(v) + epsilon)


_RULES: dict[str, Callable[..., Array]] = {
    "sgd": _sgd, "rmsprop": _rmsprop, "adagrad": _adagrad, "adam": _adam, "adamw": _adam,
}  # fmt: skip
