"""`check_layer`: an object with forward and backward methods against autodiff."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.doubt import doubtful, without_gradients
from gradtwin.comparisons.judging.gradient_judge import GradientJudge, Judgement
from gradtwin.comparisons.judging.reuse import find_stale, with_effect
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.constants import SMALL_UPSTREAM
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.subjects.discovery import required
from gradtwin.comparisons.subjects.gradient_rules import Choices
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.comparisons.subjects.layer_object import UserObject
from gradtwin.comparisons.subjects.layer_recipe import LayerRecipe, Settings
from gradtwin.comparisons.subjects.names import BACKWARD_NAMES
from gradtwin.comparisons.subjects.raising import raised
from gradtwin.comparisons.subjects.reading import is_floating
from gradtwin.comparisons.subjects.seeding import seeded
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .explaining import explain
from .findings import Finding, broken_finding, make_finding, make_report, suffix_of
from .strict import AccuracyRule, check_rule, judge_accuracy


@isolated
def check_layer(
    layer: Any,
    x: Any,
    *,
    forward: str | Callable[..., Any] | None = None,
    backward: str | Callable[..., Any] | None = None,
    output: str | int | Callable[..., Any] | None = None,
    forward_args: Mapping[str, Any] | None = None,
    backward_args: Mapping[str, Any] | None = None,
    params: Sequence[str] | None = None,
    grads: Mapping[str, Any] | None = None,
    learning_rate: float = 1.0,
    optimizer_step: str | Callable[..., Any] | None = None,
    batch_axis: int | None = 0,
    param_scale: str | float | None = None,
    target: Any = None,
    variants: Sequence[Mapping[str, Any]] = (),
    seed: int = 0,
    accuracy: AccuracyRule = "note",
) -> Report:
    """x_bar = y_bar · ∂y/∂x and p_bar = y_bar · ∂y/∂p of a layer object, for every parameter p that it holds.

    Parameters and gradients are found by their names and by what a run changes. The notes of the report name the place
    of each. Every floating input needs a gradient. The object is the same after the check.

    Parameters
    ----------
    layer : object or callable
        An object with forward and backward methods, its class, or a function that makes one.
    x : ndarray or tuple of ndarray
        The inputs of forward, of any shape and a floating dtype. Others in the tuple may have other dtypes.
    forward, backward : str or callable, optional
        The name of a method, or a function of the object. By default found by their usual names.
    output : str, int or callable, optional
        Where the output is: an attribute, a position in the results of forward, or a function of (object, results).
    forward_args, backward_args : mapping, optional
        More arguments of the methods, by name.
    params : sequence of str, optional
        The names of the trained parameters.
    grads : mapping, optional
        Where a gradient is, by the name of its parameter or input: an attribute, a position in the results of
        backward, or a function of (object, results). None states that there is none, as for x of a first layer.
    learning_rate : float, default 1.0
        The rate of a backward that updates the parameters itself. The gradient is then (before − after) / rate.
    optimizer_step : str or callable, optional
        A method, or a function of the object, that updates the parameters after backward.
    batch_axis : int or None, default 0
        The axis of x along which the samples lie; None if x is one sample.
    param_scale : str or float, optional
        The factor that parameters' gradients have on purpose: "1/batch", "batch" or a number.
    target : object, optional
        The second argument of a loss. With it the object is a loss, and its backward gets no upstream gradient.
    variants : sequence of mapping, default ()
        Hyperparameters to make further objects with; `layer` is then a class or a function.
    seed : int, default 0
        The seed of everything random.
    accuracy : {"note", "strict"}, default "note"
        Whether a gradient that has the right formula, and loses many digits, is a note or a mismatch; see
        `check_gradient`.

    Returns
    -------
    Report
        One check for each input and each parameter. A fault of the layer is in the report, and so is an exception that
        it raises.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument makes no sense, or a part of the layer can't be found; the message names the argument to pass.

    Notes
    -----
    The allowed error is measured as by `check_gradient`. A layer is judged fresh, and again after an earlier run on
    another input, because a backward that keeps the first input is right only the first time.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> class Scale:
    ...     def __init__(self):
    ...         self.a = np.array([1.5, -0.5])
    ...     def forward(self, x):
    ...         self.x = x
    ...         return self.a * x
    ...     def backward(self, y_bar):
    ...         self.da = (y_bar * self.x).sum(axis=0)
    ...         return y_bar * self.a
    >>> gt.check_layer(Scale(), np.array([[1.0, 2.0], [3.0, 4.0]])).verdict
    'match'
    """
    check_rule(accuracy)
    inputs = read_inputs(x, batch_axis)
    for variant in variants:
        if not isinstance(variant, Mapping):
            raise ArgumentTypeError(f"variants: got {type(variant).__name__}; expected dicts of hyperparameters.")
    if not learning_rate > 0:
        raise ArgumentValueError(f"learning_rate: got {learning_rate}; expected a number above 0.")
    settings = Settings(
        forward, backward, output, optimizer_step, dict(forward_args or {}), dict(backward_args or {}), target,
        learning_rate,
    )  # fmt: skip
    scale = read_scale(param_scale, inputs[0], batch_axis)
    is_loss = target is not None
    choices = Choices(params, grads, learning_rate, scale, scale if is_loss else 1.0, is_loss=is_loss)
    factory = _factory_of(layer, forward, backward)
    if variants and factory is None:
        raise ArgumentValueError(
            f"variants: layer is an object of {type(layer).__name__}, which can't take them; expected its "
            f"class, or a function that makes one."
        )
    findings: list[Finding] = []
    for variant in ({}, *variants):
        label = ", ".join(f"{key}={value!r}" for key, value in variant.items())
        try:
            made = _make(factory, variant) if factory is not None else copied(layer)
        except ContractError as error:
            findings.append(broken_finding(getattr(layer, "__name__", type(layer).__name__), error, label))
            continue
        findings.append(judge_object(made, settings, inputs, choices, batch_axis, seed, label))
    return judge_accuracy(make_report("gt.check_layer", findings, seed), accuracy)


def judge_object(
    made: Any,
    settings: Settings,
    inputs: tuple[Any, ...],
    choices: Choices,
    batch_axis: int | None,
    seed: int,
    label: str = "",
    upstream: Any = None,
) -> Finding:
    """Judge one layer object at its inputs; where a batch raises, at one sample of it."""
    first: ContractError | None = None
    found: list[Finding] = []
    for note, xs in _batch_or_samples(inputs, batch_axis if settings.target is None else None):
        recipe = LayerRecipe(made, settings, len(xs))
        chosen = replace(choices, learning_rate=recipe.learning_rate)
        try:
            user = UserObject.discover(made, recipe, xs, recipe.names, chosen, seed)
        except ContractError as error:
            first = first or error
            continue
        for line in (note, recipe.note, _equal_sizes(xs)):
            if line:
                user.notes.add(line)
        judged = judge_user_object(user, xs, type(made).__name__, seed, upstream, label)
        found.append(make_finding(_judge_reuse(user, xs, judged, seed), user, xs, label))
        if not note or not found[-1].failed:
            return found[-1]
    if found:  # a sample as a batch of one and a sample alone: the layer may take only one of them
        return found[0]
    assert first is not None
    return broken_finding(type(made).__name__, first, label)


def _judge_reuse(user: UserObject, inputs: Sequence[Any], judged: Judgement, seed: int) -> Judgement:
    """Put it on the check of side effects where an object that is right when fresh is not once it has run before."""
    if judged.point is None or judged.failed:
        return judged
    with np.errstate(all="ignore"):
        stale = find_stale(user, inputs, judged.point.y_bar if user.has_upstream else None, seed)
    return judged if stale is None else with_effect(judged, stale)


def judge_user_object(
    user: UserObject,
    inputs: Sequence[Any],
    operation: str,
    seed: int,
    upstream: Any = None,
    label: str = "",
) -> Judgement:
    """Judge an object's gradients, and name the causes and the parts that can't be judged.

    `upstream` is the upstream gradient to judge with, drawn by default.
    """
    judge = GradientJudge(user, None, None, operation, upstream=upstream, suffix=suffix_of(label))
    found = explain(judge, _judge_at_places(judge, user, inputs, seed))
    return replace(found, checks=[*found.checks, *_undecided(user, found, label)])


def judge_without_causes(user: UserObject, inputs: Sequence[Any], operation: str, seed: int) -> Judgement:
    """Judge an object's gradients, and leave open why one is wrong."""
    return _judge_at_places(GradientJudge(user, None, None, operation), user, inputs, seed)


def _judge_at_places(judge: GradientJudge, user: UserObject, inputs: Sequence[Any], seed: int) -> Judgement:
    """Judge an object's gradients; those at a guessed place that are wrong are left open, the others judged alone."""
    found = _judge_unclipped(judge, user, inputs, seed)
    doubted = doubtful(found, user.guesses, user.count)
    if not doubted:
        return found
    return _judge_unclipped(judge, user, inputs, seed) if user.leave_open(doubted) else without_gradients(found)


def _judge_unclipped(judge: GradientJudge, user: UserObject, inputs: Sequence[Any], seed: int) -> Judgement:
    """Judge an object's gradients.

    Where they are wrong and a small upstream gradient gives right ones, the object clips them, and is judged by that.
    """
    found = judge.judge(user.arguments(inputs), seed)
    wrong = any(check.stage == "gradient" and check.verdict == "mismatch" for check in found.checks)
    if not wrong or not user.has_upstream:
        return found
    again = judge.of(user.with_upstream_scaled(SMALL_UPSTREAM)).judge(user.arguments(inputs), seed)
    if any(check.verdict != "match" for check in again.checks):
        return found
    user.notes.add("backward cuts large gradients (clipping); it is right for a small upstream gradient")
    return again


def _undecided(user: UserObject, judged: Judgement, label: str) -> list[Check]:
    """Return a check for each thing that ought to be judged, and can't be."""
    titles = Titles(judged.checks[0].operation, judged.checks[0].dtype, suffix=suffix_of(label))
    return [
        titles.undecided(name, "gradient", Cause("unknown", False, name, text)) for name, text in user.unjudged.items()
    ]


def read_inputs(x: Any, batch_axis: int | None) -> tuple[Any, ...]:
    """Return the inputs of forward: x, or the arrays of a tuple, the first of which must have the batch axis."""
    inputs = tuple(x) if isinstance(x, tuple) else (x,)
    for item in inputs:
        if not isinstance(item, np.ndarray | np.generic | float | int) or np.asarray(item).dtype == object:
            raise ArgumentTypeError(
                f"x: got {type(item).__name__}; expected an array of numbers, or a tuple of the inputs of forward."
            )
        if not np.size(item):
            raise ArgumentValueError(f"x: got shape {np.shape(item)}, which has no elements; expected at least one.")
    if not inputs:
        raise ArgumentValueError("x: got an empty tuple; expected at least one array.")
    ndim = np.ndim(inputs[0])
    if ndim and batch_axis is not None and not -ndim <= batch_axis < ndim:
        raise ArgumentValueError(
            f"batch_axis: got {batch_axis}, and x has shape {np.shape(inputs[0])}; expected the axis of x along which "
            f"the samples lie, or None for one sample."
        )
    return inputs


def read_scale(param_scale: str | float | None, x: Any, batch_axis: int | None) -> float:
    """Return the factor from the layer's gradients to those of y_bar · y."""
    if param_scale is None:
        return 1.0
    if isinstance(param_scale, str):
        shape = np.shape(x)
        if param_scale not in ("1/batch", "batch"):
            raise ArgumentValueError(f'param_scale: got {param_scale!r}; expected "1/batch", "batch" or a number.')
        if batch_axis is None or not -len(shape) <= batch_axis < len(shape):
            raise ArgumentValueError(
                f"batch_axis: got {batch_axis}, and x has shape {shape}; param_scale={param_scale!r} needs the "
                f"axis of x along which the samples lie."
            )
        batch = float(shape[batch_axis])
        return batch if param_scale == "1/batch" else 1 / batch
    if not param_scale:
        raise ArgumentValueError(f"param_scale: got {param_scale}; expected a number other than 0.")
    return 1 / float(param_scale)


def _factory_of(layer: Any, forward: Any, backward: Any) -> Callable[..., Any] | None:
    """Return layer if it is a factory: a class, a function, or another callable without arguments or a backward."""
    if isinstance(layer, type) or inspect.isroutine(layer):
        return layer
    has_backward = any(callable(getattr(layer, name, None)) for name in BACKWARD_NAMES)
    if callable(layer) and not has_backward and forward is None and backward is None and not required(layer):
        return layer  # type: ignore[no-any-return]
    return None


def _make(factory: Callable[..., Any], variant: Mapping[str, Any]) -> Any:
    try:
        with seeded(0):
            made = factory(**variant)
    except TypeError as error:
        what = f" with {dict(variant)}" if variant else " without arguments"
        raise ArgumentValueError(
            f"layer: the factory can't be called{what} ({error}). Expected a function that makes the object, for "
            f"example lambda **kw: Dense(4, 3, **kw)."
        ) from error
    except Exception as error:  # an exception of a user's constructor is judged, and not passed on
        raise ContractError(raised("the factory", error)) from error
    return copied(made)


def copied(layer: Any) -> Any:
    """Return a copy that shares nothing with the user's object."""
    try:
        return copy.deepcopy(layer)
    except Exception as error:
        raise ArgumentTypeError(
            f"layer: {type(layer).__name__} can't be copied ({type(error).__name__}: {error}); expected a factory, "
            f"such as its class."
        ) from error


def _batch_or_samples(inputs: tuple[Any, ...], axis: int | None) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the inputs, then one sample of them, as a batch of one and alone."""
    tries = [("", inputs)]
    if axis is not None and all(isinstance(x, np.ndarray) and -x.ndim <= axis < x.ndim for x in inputs):
        note = "forward raises for a batch; judged at the first sample alone"
        tries.append((note, tuple(np.take(x, [0], axis) for x in inputs)))
        tries.append((note, tuple(np.asarray(np.take(x, 0, axis)) for x in inputs)))
    return tries


def _equal_sizes(inputs: Sequence[Any]) -> str:
    for x in inputs:
        shape: tuple[int, ...] = np.shape(x) if is_floating(x) else ()
        if len(shape) == 2 and len(set(shape)) == 1 and shape[0] > 1:
            return f"x has equal sizes {shape}: faults that swap axes don't show; use unequal ones"
    return ""
