"""`compare_network`: a Keras model, layer by layer, against the hand-derived rules.

Each layer gets the NumPy side's input and upstream gradient on both sides, so errors don't chain, and a fault shows at
its layer. The rule is compared with the Keras layer itself, under GradientTape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.backends.interface import Array, Operation, is_floating
from gradtwin.backends.network import Network
from gradtwin.backends.numpy_backend import NumpyBackend
from gradtwin.backends.numpy_rules import RULES
from gradtwin.backends.operations import find_operation
from gradtwin.backends.precision import find_dtype, precision_of
from gradtwin.backends.signature import Shape
from gradtwin.comparisons.causes import diagnose
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.judging.judge import Compared, compare
from gradtwin.comparisons.judging.point import Point
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.precision.constants import ELEMENTARY_ROUNDINGS
from gradtwin.comparisons.precision.running_error import Bound, bound_operation, bound_rule
from gradtwin.comparisons.results.data import Cause, Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError

from .operation import check_operation

if TYPE_CHECKING:
    from gradtwin.backends.keras_layers import Part
    from gradtwin.backends.keras_losses import KerasLoss


@isolated
def compare_network(
    keras_model: Any,
    x: Array,
    y: Array | None = None,
    *,
    loss: str | None = None,
    dtype: str | None = None,
    seed: int = 0,
) -> Report:
    """y = f(x) and x_bar = y_bar · ∂y/∂x of a Keras model, layer by layer, against the hand-derived rules.

    Both sides of a layer get the same input and the same upstream gradient. The layers are judged as in inference:
    Dropout does nothing. A layer with a fused activation is judged as its product, then its activation, then its whole
    value.

    Parameters
    ----------
    keras_model : keras.Sequential or keras.Model
        A built model: a chain of layers that are in the catalogue, or of subclasses of such layers.
    x : ndarray, shape (n, ...)
        A batch of inputs, of a floating dtype.
    y : ndarray, shape (n, ...), optional
        The targets. Without them the upstream gradient is drawn.
    loss : str, optional
        A loss of the catalogue. By default the loss that the model is compiled with. A compiled loss that the
        catalogue doesn't have gives the upstream gradient and is not judged; a note says so.
    dtype : str, optional
        The dtype of a copy of the model to compare instead.
    seed : int, default 0
        The seed of a drawn upstream gradient.

    Returns
    -------
    Report
        The value and the gradients of every layer, and of the loss.

    Raises
    ------
    UnsupportedError
        If the catalogue has no operation for a layer; the message names the layer.
    ArgumentTypeError, ArgumentValueError, ShapeError
        If the model is not built, or the data don't fit it.

    Notes
    -----
    The allowed error is derived, by running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*,
    2002, section 3.3).

    Examples
    --------
    >>> import keras
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> layer = keras.layers.Dense(2, activation="tanh", dtype="float64")
    >>> model = keras.Sequential([keras.Input((3,), dtype="float64"), layer])
    >>> gt.compare_network(model, np.ones((4, 3)), np.zeros((4, 2)), loss="mse").verdict
    'match'
    """
    from gradtwin.backends.keras_layers import read_model
    from gradtwin.backends.keras_losses import find_loss

    reading = read_model(keras_model, None if dtype is None else find_dtype(dtype).name)
    notes = []
    if reading.passed_over:
        notes.append(f"left out, because they do nothing in inference: {', '.join(reading.passed_over)}")
    if reading.regularized:
        notes.append(f"the regularization of {', '.join(reading.regularized)} is not compared")
    run = _Comparison(reading.parts, _read_x(x, reading.dtype), notes)
    with np.errstate(all="ignore"):  # an overflow or a NaN is judged, like any other value
        judged = run.judge_loss(y, loss, find_loss(keras_model) if loss is None else None, seed)
        checks = [*run.judge_layers(), *judged]
    named = "" if loss is None else f", loss={loss!r}"
    named += "" if dtype is None else f", dtype={dtype!r}"
    reproduce = f"gt.compare_network({keras_model.name}, x, y{named}, seed={seed})"
    return Report("compare", tuple(checks), seed, reproduce, describe_environment(), {"notes": notes})


class _Comparison:
    """The NumPy side's forward pass through the parts, and the outcome of judging each of them."""

    def __init__(self, parts: Sequence[Part], x: Array, notes: list[str]) -> None:
        self._parts = parts
        self._left = NumpyBackend()
        self._notes = notes
        self._inputs: list[tuple[Array, ...]] = []
        Network([part.layer for part in parts], "sse").output_shape(x)
        self._output = x
        with np.errstate(all="ignore"):
            for part in parts:
                self._inputs.append((self._output, *part.weights.values()))
                self._output = self._left.value(part.layer.bound, *self._inputs[-1])
        self._y_bar = np.ones_like(self._output)

    def judge_loss(self, y: Array | None, name: str | None, compiled: KerasLoss | None, seed: int) -> list[Check]:
        """Return the checks of the loss, if it is judged, and set the gradient that the last layer gets."""
        checks: list[Check] = []
        if name is not None and y is None:
            raise ArgumentValueError(f"y: got None; expected the targets of the loss {name!r}.")
        if y is None or (name is None and compiled is None):
            self._notes.append("no loss was judged: the upstream gradient is drawn")
            self._y_bar = self._draw(seed)
            return checks
        operation = find_operation(name) if name is not None else compiled.operation if compiled else None
        target = self._read_target(y, operation)
        if operation is not None:
            checks = self._compare_loss(operation, target, compiled)
        elif compiled is not None:
            self._y_bar = compiled.gradient(self._output, target)
            self._notes.append(
                f"the loss {compiled.title} is not in the catalogue and was not judged: the layers got its gradient "
                f"by Keras"
            )
        if not np.isfinite(self._y_bar).all():
            self._notes.append("the gradient of the loss is not finite: a drawn one was used for the layers")
            self._y_bar = self._draw(seed)
        return checks

    def _read_target(self, y: Any, operation: Operation | None) -> Array:
        from gradtwin.backends.keras_losses import as_target

        target = as_target(_read_y(y), self._output)
        if operation is not None:
            if operation.kind != "loss":
                raise ArgumentValueError(f"loss: {operation.name!r} is a {operation.kind}; expected a loss.")
            operation.validate((self._output, target))
        elif len(target) != len(self._output):
            raise ShapeError(f"y has shape {target.shape}; expected {len(self._output)} samples, as x has.")
        return target

    def _compare_loss(self, operation: Operation, target: Array, compiled: KerasLoss | None) -> list[Check]:
        from gradtwin.backends.tensorflow_backend import TensorFlowBackend

        p = self._output
        right = TensorFlowBackend()
        why = compiled.differs_at(p, target) if compiled is not None else ""
        if why:
            self._notes.append(f"{why}: the loss is judged by the catalogue's own TensorFlow rule")
        elif compiled is not None:
            right = TensorFlowBackend(rules={operation.name: compiled.rule})
        narrower = compiled.narrower_than(p.dtype) if compiled is not None else ""
        if narrower:
            self._notes.append(
                f"the loss is judged in {p.dtype}; Keras's own training computes it in {narrower}, unless "
                f"keras.config.set_floatx says otherwise"
            )
        one = np.ones((), dtype=p.dtype)
        checks = check_operation(operation, (p, target), one, self._left, right, f"loss ({operation.name}): ")
        self._y_bar = _first(self._left.value_and_gradients(operation, p, target, y_bar=one)[1])
        return checks

    def _draw(self, seed: int) -> Array:
        rng = np.random.default_rng([seed, 0x6AD])  # not the stream of a user's default_rng(0)
        return np.asarray(rng.uniform(-1, 1, self._output.shape), dtype=self._output.dtype)

    def judge_layers(self) -> list[Check]:
        """Return the checks of every layer, the first layer's first; the gradient runs from the last one back."""
        from gradtwin.backends.tensorflow_backend import TensorFlowBackend

        by_part: list[list[Check]] = []
        y_bar = self._y_bar
        for part, inputs in zip(reversed(self._parts), reversed(self._inputs), strict=True):
            operation = part.layer.bound
            rule = partial(_run_checked, part.rule, operation.output_shape(inputs), y_bar.dtype)
            right = TensorFlowBackend(rules={operation.name: rule})
            checks = check_operation(operation, inputs, y_bar, self._left, right, f"{part.title}: ")
            by_part.append(_explained(part, inputs, y_bar, checks))
            y_bar = _first(self._left.value_and_gradients(operation, *inputs, y_bar=y_bar)[1])
        checks = [check for found in reversed(by_part) for check in found]
        return [*checks, *self._judge_whole_layers()]

    def _judge_whole_layers(self) -> list[Check]:
        """Return a check of the value of each whole layer that has weights: its weights and its activation."""
        checks = []
        numbered = enumerate(self._parts)
        for _, group in groupby(numbered, key=lambda item: item[1].depth):
            members = list(group)
            parts = [part for _, part in members]
            if parts[0].variables:
                checks.append(self._judge_whole(parts, self._inputs[members[0][0]]))
        return checks

    def _judge_whole(self, parts: list[Part], inputs: tuple[Array, ...]) -> Check:
        from gradtwin.backends.tensorflow_backend import to_array, to_tensor

        x = inputs[0]
        left = x
        for part in parts:
            left = self._left.value(part.layer.bound, left, *part.weights.values())
        titles = Titles(parts[0].layer.operation, x.dtype.name, prefix=f"{parts[0].title}: ")
        name = "value of the whole layer"
        try:
            right = to_array(_run_checked(parts[0].source, left.shape, left.dtype, to_tensor(x)))
        except ContractError as error:
            return titles.failed(name, "contract", *error.causes)
        [check] = compare(titles, [Compared((name, "value"), left, right, _bound_chain(parts, inputs).of_two())])
        return check


def _explained(part: Part, inputs: tuple[Array, ...], y_bar: Array, checks: list[Check]) -> list[Check]:
    """Put a cause on the first check that fails: another value, or what repairs the gradients of Keras's layer."""
    failed = next((check for check in checks if check.verdict == "mismatch"), None)
    if failed is None or failed.causes:
        return checks
    if failed.stage == "value":
        text = f"Keras's layer computes another value than {part.layer.bound.title}: {part.layer.bound.equation}."
        causes: tuple[Cause, ...] = (Cause("forward", True, part.title, text),)
    else:
        point = _point(part, inputs, y_bar)

        def another(seed: int) -> Point | None:
            rng = np.random.default_rng([seed, 0x6AD])
            drawn = [np.asarray(rng.uniform(-2, 2, x.shape), dtype=x.dtype) for x in (*inputs, y_bar)]
            try:
                return _point(part, tuple(drawn[:-1]), drawn[-1])
            except Exception:  # a layer may raise anything elsewhere; no repair follows from it
                return None

        causes = diagnose(point, another)
    return [replace(check, causes=causes) if check is failed else check for check in checks]


def _point(part: Part, inputs: tuple[Array, ...], y_bar: Array) -> Point:
    """Return a point at which the gradients of Keras's layer are those judged, and the rule's are the right ones."""
    from gradtwin.backends.tensorflow_backend import TensorFlowBackend

    operation = part.layer.bound
    keras = TensorFlowBackend(rules={operation.name: part.rule})
    y, right = NumpyBackend().value_and_gradients(operation, *inputs, y_bar=y_bar)
    _, left = keras.value_and_gradients(operation, *inputs, y_bar=y_bar)
    bounds = bound_operation(operation, inputs, y_bar)[1:]
    return Point(
        "vjp",
        inputs,
        tuple(range(len(inputs))),
        operation.inputs,
        tuple(f"input {i} ({name})" for i, name in enumerate(operation.inputs)),
        y,
        y_bar,
        tuple(np.zeros_like(x) if g is None else g for x, g in zip(inputs, left, strict=True)),
        tuple(np.zeros_like(x) if g is None else g for x, g in zip(inputs, right, strict=True)),
        tuple(np.asarray(2 * bound.error, np.float64) for bound in bounds),
        tuple(np.asarray(bound.scale, np.float64) for bound in bounds),
    )


def _run_checked(rule: Any, shape: Shape, dtype: np.dtype[Any], *tensors: Any, **options: Any) -> Any:
    """Return the results of a Keras layer; raise ContractError if it raises, or gives another shape or dtype."""
    try:
        y = rule(*tensors, **options)
    except Exception as error:  # an exception of a layer is its failure, not gradtwin's
        text = f"Keras's layer raised {type(error).__name__}: {error}"
        raise ContractError(Cause("raises", True, type(error).__name__, text)) from error
    if tuple(y.shape) != shape:
        text = f"the value of Keras's layer has shape {tuple(y.shape)}; expected {shape}."
        raise ContractError(Cause("shape", True, str(tuple(y.shape)), text))
    if y.dtype.name != dtype.name:
        text = f"the value of Keras's layer has dtype {y.dtype.name}; expected {dtype}."
        raise ContractError(Cause("dtype", True, y.dtype.name, text))
    return y


def _bound_chain(parts: Sequence[Part], inputs: tuple[Array, ...]) -> Bound:
    """Return the bound of the parts' value, one after the other, all of whose parameters the first one has."""

    def rule(x: Any, *parameters: Any) -> tuple[Any, tuple[()]]:
        for part in parts:
            operation = part.layer.bound
            given = parameters if part is parts[0] else ()
            x = partial(RULES[operation.name], **operation.keywords)(x, *given)[0]
        return x, ()

    bound, _ = bound_rule(rule, inputs)
    if parts[-1].layer.bound.elementary:  # the accuracy of one kernel, besides the errors of its input
        kernel = ELEMENTARY_ROUNDINGS * precision_of(inputs[0].dtype).u * np.abs(bound.value).astype(np.float64)
        bound = replace(bound, error=bound.error + kernel)
    return bound


def _first(gradients: Sequence[Array | None]) -> Array:
    gradient = gradients[0]
    assert gradient is not None  # NumPy's rules give every gradient
    return gradient


def _read_x(x: Any, dtype: np.dtype[Any]) -> Array:
    if not isinstance(x, np.ndarray) or not is_floating(x.dtype):
        given = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise ArgumentTypeError(f"x: got {given}; expected an array of floating numbers. Convert it with .astype.")
    if x.ndim == 0 or len(x) == 0:
        raise ArgumentValueError(f"x: got shape {x.shape}; expected at least one sample.")
    if not np.isfinite(x).all():
        raise ArgumentValueError("x: it has NaN or infinite elements; expected finite numbers.")
    return np.ascontiguousarray(x, dtype=dtype)


def _read_y(y: Any) -> Array:
    array = np.asarray(y)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"y: got dtype {array.dtype}; expected real numbers.")
    return array
