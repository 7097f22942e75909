"""`check_update`: a hand-written optimizer step against a Keras optimizer, over several steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.interface import Array
from gradtwin.backends.precision import find_dtype
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.judge import Title, judge
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.interface import ContractError, Subject
from gradtwin.comparisons.subjects.keras_optimizer import find_optimizer, hyper_of, rate_of
from gradtwin.comparisons.subjects.update_rules import Hyper, numbers_of
from gradtwin.comparisons.subjects.update_step import SHAPES, UserStep
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .update_causes import UNKNOWN, Explained, UpdateCauses, weights_part
from .update_sides import KerasSteps, RuleSteps, Spread, Starts, UserSteps


@isolated
def check_update(
    step: Any,
    optimizer: Any,
    *,
    method: str | Callable[..., Any] | None = None,
    weights: Any = None,
    gradients: Sequence[Any] | None = None,
    config: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
    steps: int = 6,
    dtype: str = "float64",
    seed: int = 0,
) -> Report:
    """W' = step(W, g): check a hand-written optimizer step against a Keras optimizer, over several steps.

    Both sides start from the same weights and get the same gradients. The step's object is the same after the check.

    Parameters
    ----------
    step : callable or object
        A function such as ``w = f(w, g)``, ``w, config = f(w, g, config)`` or ``w, m, v = f(w, g, m, v, t)``; one that
        changes its arrays, dicts or lists in place; or an object with a method `update`, `step` or `apply`.
    optimizer : str or keras.optimizers.Optimizer
        An optimizer of Keras, or its name. If you pass a name, the optimizer gets the numbers of the step's
        attributes, defaults and `config`.
    method : str or callable, optional
        The method of an object, if it has another name.
    weights : ndarray or sequence of ndarray, optional
        The weights before the first step, of any shape. By default drawn.
    gradients : sequence of ndarray, optional
        One gradient for each step, with the shape of the weights. By default drawn.
    config : mapping, optional
        The step's first config.
    arguments : mapping, optional
        More arguments of the step, by name.
    steps : int, default 6
        The number of steps.
    dtype : str, default "float64"
        The dtype of drawn weights and gradients.
    seed : int, default 0
        The seed of everything random.

    Returns
    -------
    Report
        One check for each step, "weights after step 1" and so on. Another published form of the rule is a note. If the
        weights differ, the cause names a variant of the rule that explains it, the state variable and the step.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument makes no sense, or Keras has no optimizer of this name.

    Notes
    -----
    Published forms: Kingma & Ba, *Adam* (2015), algorithm 1; Loshchilov & Hutter, *Decoupled weight decay
    regularization* (2019); Duchi, Hazan & Singer, *Adaptive subgradient methods* (2011). The allowed error is measured
    at starts that are moved by a few units in the last place.

    Examples
    --------
    >>> import gradtwin as gt
    >>> def sgd(w, g, lr=0.1):
    ...     return w - lr * g
    >>> gt.check_update(sgd, "sgd").verdict
    'match'
    """
    _check_numbers(steps, seed)
    user = UserStep(_checked(step), method, dict(arguments or {}), config)
    notes: dict[str, None] = {}
    start, flow = _draw(weights, gradients, int(steps), find_dtype(dtype), seed)
    user.read_state(start, flow)
    keras_optimizer = find_optimizer(optimizer, user, notes)
    hyper = hyper_of(keras_optimizer)
    if hyper is not None and hyper.rule == "adagrad" and isinstance(optimizer, str):
        said = user.hyperparameters("adagrad")
        hyper = replace(hyper, is_start_open="initial_accumulator_value" not in said)
    user.give_numbers(vars(hyper) if hyper is not None else {"learning_rate": rate_of(keras_optimizer)})
    titles = Titles(user.name, str(start[0].dtype))
    try:
        user.choose_form(start, flow)
        by_name = hyper is not None and not isinstance(optimizer, type(keras_optimizer))
        unread = user.unread(hyper.rule, numbers_of(hyper)) if hyper is not None and by_name else []
        checks = _judge(titles, user, keras_optimizer, hyper, Starts(user, start, flow, seed), notes, unread)
    except ContractError as error:
        checks = [titles.contract(error.causes)]
    reproduce = f"gt.check_update({user.name}, {type(keras_optimizer).__name__}(...), steps={steps}, seed={seed})"
    extra = {"oracle": "reference", "notes": list(notes)}
    return Report("check", tuple(checks), seed, reproduce, describe_environment(), extra)


def _judge(
    titles: Titles,
    user: UserStep,
    optimizer: Any,
    hyper: Hyper | None,
    starts: Starts,
    notes: dict[str, None],
    unread: Sequence[str],
) -> list[Check]:
    """Return the checks, the first wrong one with its causes; undecided where the `unread` numbers may explain it."""
    mine = UserSteps(user, starts)

    def judge_by(right: Subject[int]) -> list[Check]:
        steps = len(starts.arrays[0][1])
        results: list[Title] = [(f"weights after step {t}", "update") for t in range(1, steps + 1)]
        return judge(titles, results, mine, right, Spread(mine, right, starts), 0)

    found = judge_by(KerasSteps(optimizer, starts))
    if all(check.verdict == "match" for check in found if check.stage == "update"):
        return found
    causes = None if hyper is None else UpdateCauses(user, mine, starts, hyper)
    explained = Explained()
    if causes is not None and hyper is not None:
        explained = causes.explain()
        notes |= dict.fromkeys(explained.notes)
        if explained.form:
            found = judge_by(RuleSteps(hyper, starts, explained.form))
    wrong = next((k for k, check in enumerate(found) if check.verdict == "mismatch" and check.stage == "update"), None)
    if wrong is not None:
        cause = explained.cause or UNKNOWN
        parting = weights_part(wrong) if causes is None else causes.parting(explained.form, wrong)
        if unread and hyper is not None and explained.may_be_of_numbers():
            return _undecided(titles, user, found, parting, hyper, unread)
        found[wrong] = replace(found[wrong], causes=(replace(cause, text=f"{cause.text}.{parting}"),))
    return found


def _undecided(
    titles: Titles, user: UserStep, found: list[Check], parting: str, hyper: Hyper, unread: Sequence[str]
) -> list[Check]:
    """Return the checks with the wrong ones undecided: the step has numbers in its code, and Keras has its own."""
    names = f"the {' and '.join(name.replace('_', ' ') for name in unread)} of {user.name}"
    theirs = ", ".join(f"{name}={getattr(hyper, name)!r}" for name in unread)
    numbers = ", ".join(f"{name!r}: ..." for name in unread)
    text = f"{names} can't be read, and Keras has {theirs}. Pass config={{{numbers}}} with yours.{parting}"
    causes = [Cause("unknown", False, "numbers", text)]
    checks = []
    for check in found:
        if check.stage == "update" and check.verdict == "mismatch":
            check = titles.undecided(check.name, check.stage, *causes)
            causes = [Cause("unknown", False, "numbers", "The numbers of the step can't be read.")]
        checks.append(check)
    return checks


def _draw(
    weights: Any, gradients: Sequence[Any] | None, steps: int, dtype: np.dtype[Any], seed: int
) -> tuple[list[Array], list[list[Array]]]:
    """Return the start and the gradients of every step: those given, or drawn for a matrix and a vector."""
    rng = np.random.default_rng([seed, 0x5EED])
    pulls = None if gradients is None else [_read("gradients", g) for g in gradients]
    if pulls is not None and not pulls:
        raise ArgumentValueError("gradients: got none; expected one array for each step.")
    if weights is None and pulls is None:
        start = [np.asarray(rng.normal(size=shape), dtype=dtype) for shape in SHAPES.values()]
    else:
        first = pulls[0] if weights is None and pulls is not None else _read("weights", weights)
        start = [first if weights is not None else np.asarray(rng.normal(size=first.shape), dtype=first.dtype)]
        start.append(np.asarray(rng.normal(size=(3,)), dtype=first.dtype))
    if start[0].dtype.kind != "f":
        raise ArgumentTypeError(f"weights: got dtype {start[0].dtype}; expected floating numbers.")
    flow = [[np.asarray(rng.normal(size=w.shape), dtype=w.dtype) for w in start] for _ in range(steps)]
    if pulls is not None:
        flow = [[np.asarray(g, dtype=start[0].dtype), np.ones_like(start[1])] for g in pulls]
        if any(g.shape != start[0].shape for g, _ in flow):
            raise ArgumentValueError(f"gradients: expected arrays of the weights' shape, {start[0].shape}.")
    return start, flow


def _read(argument: str, given: Any) -> Array:
    """Return an array that was given, or raise where it can't be taken as finite numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{argument}: got dtype {array.dtype}; expected floating numbers.")
    if not np.all(np.isfinite(array)):
        raise ArgumentValueError(f"{argument}: got NaN or infinity; expected finite numbers.")
    return array


def _check_numbers(steps: Any, seed: Any) -> None:
    if not isinstance(steps, Integral) or isinstance(steps, bool) or steps < 1:
        raise ArgumentValueError(f"steps: got {steps!r}; expected a whole number, at least 1.")
    check_seed(seed)


def _checked(step: Any) -> Any:
    if isinstance(step, type) or callable(step) or hasattr(step, "__dict__"):
        return step
    raise ArgumentTypeError(
        f"step: got {type(step).__name__}; expected a function, or an object with an update method."
    )
