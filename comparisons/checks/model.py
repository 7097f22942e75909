"""`check_model`: a whole network with its own loss and backpropagation, and the first layer whose rule is wrong."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.oracles.interface import UntrustedError
from gradtwin.comparisons.results.data import Report
from gradtwin.comparisons.subjects.gradient_rules import Choices
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.comparisons.subjects.layer_object import UserObject
from gradtwin.comparisons.subjects.layer_recipe import Settings
from gradtwin.comparisons.subjects.model_loss import ModelSettings, find_prediction_loss, has_loss_gradient
from gradtwin.comparisons.subjects.model_recipe import (
    LayerPlace,
    ModelRecipe,
    TailRecipe,
    compose,
    layer_places,
    settle_loss,
)
from gradtwin.comparisons.subjects.raising import raised
from gradtwin.comparisons.subjects.seeding import seeded
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .findings import Finding, broken_finding, make_finding, make_report
from .layer import copied, judge_object, judge_user_object, judge_without_causes, read_inputs, read_scale
from .strict import AccuracyRule, check_rule, judge_accuracy


@isolated
def check_model(
    model: Any,
    x: Any,
    target: Any,
    *,
    loss: Any = None,
    backprop: str | Callable[..., Any] | None = None,
    forward: str | Callable[..., Any] | None = None,
    layers: Sequence[Any] | None = None,
    loss_args: Mapping[str, Any] | None = None,
    backprop_args: Mapping[str, Any] | None = None,
    params: Sequence[str] | None = None,
    grads: Mapping[str, Any] | None = None,
    learning_rate: float = 1.0,
    batch_axis: int | None = 0,
    param_scale: str | float | None = None,
    seed: int = 0,
    accuracy: AccuracyRule = "note",
) -> Report:
    """p_bar = ∂L/∂p of a whole model's loss L, for every parameter p that it holds, by its own backpropagation.

    If a gradient is wrong and the model has layers, the first wrong layer is found, from the loss backwards. Each
    layer gets the right upstream gradient. The model is the same after the check.

    Parameters
    ----------
    model : object
        A model with its own loss and backpropagation, or with layers that have forward and backward methods.
    x : ndarray
        The input of the model, of a floating dtype; samples lie along `batch_axis`.
    target : object
        The target that the loss takes.
    loss : str, callable or object, optional
        The name of a method or an attribute, a function of (prediction, target), or a loss object. By default found by
        its usual names.
    backprop : str or callable, optional
        The name of a method, or a function of (model, x, target). By default found by its usual names. A model without
        one is backpropagated by the loss's backward and then the layers', last layer first.
    forward : str or callable, optional
        The name of a method, or a function of (model, x). By default found by its usual names.
    layers : sequence of object, optional
        The layers in the order of forward. By default found in the model.
    loss_args, backprop_args : mapping, optional
        More arguments of the two, by name.
    params : sequence of str, optional
        The names of the trained parameters.
    grads : mapping, optional
        Where a parameter's gradient is, by the parameter's name: an attribute, a position or a key in the results of
        backprop, or a function of (model, results). None states that there is none.
    learning_rate : float, default 1.0
        The rate of a backpropagation that updates the parameters itself.
    batch_axis : int or None, default 0
        The axis of x along which the samples lie; None if x is one sample.
    param_scale : str or float, optional
        The factor that parameters' gradients have on purpose: "1/batch", "batch" or a number.
    seed : int, default 0
        The seed of everything random.
    accuracy : {"note", "strict"}, default "note"
        Whether a gradient that has the right formula, and loses many digits, is a note or a mismatch; see
        `check_gradient`.

    Returns
    -------
    Report
        One check for each parameter, after those of a layer at fault.

    Raises
    ------
    ArgumentTypeError, ArgumentValueError
        If an argument makes no sense, or a part of the model can't be found; the message names the argument to pass.

    Notes
    -----
    The allowed error is measured as by `check_gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> class Line:
    ...     def __init__(self):
    ...         self.w = np.array([[0.5], [-1.0]])
    ...     def forward(self, x):
    ...         return x @ self.w
    ...     def loss(self, prediction, target):
    ...         return np.sum((prediction - target) ** 2)
    ...     def backprop(self, x, target):
    ...         self.dw = 2 * x.T @ (self.forward(x) - target)
    >>> gt.check_model(Line(), np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 1))).verdict
    'match'
    """
    if isinstance(model, list | tuple | dict):
        raise ArgumentTypeError(
            f"model: got {type(model).__name__}; expected an object that holds the layers, for example "
            f"types.SimpleNamespace(layers=layers)."
        )
    check_rule(accuracy)
    inputs = read_inputs(x, batch_axis)
    scale = read_scale(param_scale, inputs[0], batch_axis)
    owner = types.SimpleNamespace(model=copied(model), loss=None, layers=None)
    if loss is not None and not isinstance(loss, str):
        owner = copied(types.SimpleNamespace(model=model, loss=loss, layers=None))
    settings = ModelSettings(
        loss if isinstance(loss, str) else None, backprop, forward, dict(loss_args or {}), dict(backprop_args or {}),
        copy.deepcopy(target), learning_rate,
    )  # fmt: skip
    places = layer_places(owner.model, layers, model)
    choices = Choices(params, grads, learning_rate, scale, scale, owes_inputs=False)
    finding = _judge_whole(owner, settings, inputs, choices, places, seed)
    located = _locate(owner, settings, inputs, places, seed, finding) if finding.failed and places else []
    return judge_accuracy(make_report("gt.check_model", [*located, finding], seed, finding.operation), accuracy)


def _judge_whole(
    owner: Any,
    settings: ModelSettings,
    inputs: tuple[Any, ...],
    choices: Choices,
    places: Sequence[LayerPlace],
    seed: int,
) -> Finding:
    name = type(owner.model).__name__
    if len(inputs) != 1:
        raise ArgumentTypeError(f"x: got a tuple of {len(inputs)}; expected one array, the model's input.")
    doubt = settle_loss(owner, settings, places, inputs[0], seed)
    recipe = ModelRecipe(owner, settings, places, len(inputs))
    choices.learning_rate = recipe.learning_rate
    try:
        user = UserObject.discover(owner, recipe, inputs, recipe.names, choices, seed)
    except ContractError as error:
        return broken_finding(name, error, notes=[doubt] if doubt else [])
    return make_finding(judge_user_object(user, inputs, name, seed), user, inputs)


def _locate(
    owner: Any,
    settings: ModelSettings,
    inputs: tuple[Any, ...],
    places: Sequence[LayerPlace],
    seed: int,
    whole: Finding,
) -> list[Finding]:
    """Return the finding of the first wrong layer, from the loss backwards.

    A stage that is wrong alone and right with the layer before it shares a rule with that layer, as cross-entropy does
    with softmax.
    """
    try:
        activations = _activations(owner, inputs[0], places, seed)
        if not has_loss_gradient(owner, settings):
            return _first_wrong_alone(owner, settings, places, activations, seed, whole)
        culprit = _first_wrong(owner, settings, places, activations, seed)
        if culprit is None:
            whole.notes.append("each layer is right alone; the way that the model combines them is wrong")
            return []
        stage = _judge_stage(owner, settings, places, activations, culprit, seed)
        _name_first(stage)
        return [stage]
    except (ArgumentValueError, ArgumentTypeError, ContractError, UntrustedError) as error:
        whole.notes.append(f"the layers could not be judged one by one: {error}")
        return []


def _activations(owner: Any, x: Any, places: Sequence[LayerPlace], seed: int) -> list[Any]:
    """Return every layer's input, and the last one's output."""
    model = copy.deepcopy(owner.model)
    activations = [x]
    with np.errstate(all="ignore"), seeded(seed):
        for place in places:
            try:
                activations.append(compose([place.read(model)])(copy.deepcopy(activations[-1])))
            except Exception as error:  # the model's own forward may do more than run its layers in this order
                raise ContractError(raised("the layers, run one after the other,", error)) from error
    return activations


def _first_wrong(
    owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], activations: list[Any], seed: int
) -> int | None:
    """Return the number of the first wrong stage from the loss backwards, the loss being the last."""
    wrong_above = False
    for i in range(len(places), -1, -1):
        wrong = _is_wrong(owner, settings, places[i:], activations[i], seed)
        if wrong_above and wrong:
            return i + 1
        if wrong and i == 0:
            return 0
        wrong_above = wrong
    return None


def _first_wrong_alone(
    owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], activations: list[Any], seed: int, whole: Finding
) -> list[Finding]:
    """Return the last layer that is wrong alone, of a model whose backpropagation begins with the loss itself."""
    for i in range(len(places) - 1, -1, -1):
        stage = _judge_stage(owner, settings, places, activations, i, seed)
        if any(check.verdict == "mismatch" and check.stage != "side-effect" for check in stage.judged.checks):
            _name_first(stage)
            return [stage]
    whole.notes.append(
        "each layer is right alone; the gradient of the loss that backpropagation begins with is wrong, or the way "
        "that the model combines the layers"
    )
    return []


def _name_first(stage: Finding) -> None:
    stage.notes.insert(0, f"from the loss backwards, the first wrong layer is {stage.label}")


def _is_wrong(owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], x: Any, seed: int) -> bool:
    rate = settings.learning_rate
    recipe = TailRecipe(settings, places, rate)
    user = UserObject.discover(owner, recipe, (x,), ["x"], Choices(learning_rate=rate), seed)
    judged = judge_without_causes(user, (x,), "", seed)
    return any(check.stage == "gradient" and check.verdict == "mismatch" for check in judged.checks)


def _judge_stage(
    owner: Any,
    settings: ModelSettings,
    places: Sequence[LayerPlace],
    activations: list[Any],
    i: int,
    seed: int,
) -> Finding:
    choices = Choices(learning_rate=settings.learning_rate, owes_inputs=i > 0)
    if i == len(places):
        loss = find_prediction_loss(owner, settings)
        x = activations[i]
        if loss is not None and loss.holder is not None:
            given = Settings(target=settings.target)
            return judge_object(copied(loss.holder), given, (x,), choices, None, seed, "the loss")
        user = UserObject.discover(owner, TailRecipe(settings, (), 1.0), (x,), ["prediction"], choices, seed)
        judged = judge_user_object(user, (x,), "loss", seed, label="the loss")
        return make_finding(judged, user, (x,), "the loss")
    layer = places[i].read(owner.model)
    label = f"layer {i}, {type(layer).__name__}"
    upstream = _right_upstream(owner, settings, places[i + 1 :], activations[i + 1], seed)
    rates = Settings(learning_rate=settings.learning_rate)
    return judge_object(copied(layer), rates, (activations[i],), choices, None, seed, label, upstream)


def _right_upstream(owner: Any, settings: ModelSettings, places: Sequence[LayerPlace], x: Any, seed: int) -> Any:
    """Return the gradient of the loss with respect to a layer's output, by autodiff; None if no loss takes that."""
    from gradtwin.comparisons.tracing import UntraceableError, trace_forward

    if find_prediction_loss(owner, settings) is None:
        return None
    fresh = copy.deepcopy(owner)
    try:
        with np.errstate(all="ignore"), seeded(seed):
            trace = trace_forward(TailRecipe(settings, places, 1.0).forward(fresh), (np.array(x),), (0,))
        trace.restore()
        (gradient,) = trace.gradient(np.ones_like(trace.value()))
    except UntraceableError as error:
        raise UntrustedError(str(error)) from error
    return np.zeros(np.shape(x)) if gradient is None else gradient
