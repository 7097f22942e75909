"""One operation of the catalogue at one point, NumPy backend against TensorFlow backend.

Both sides get the same inputs and the same upstream gradient, so that errors don't chain and a fault is localised.
Stages in order: contract, value, gradient (or update), side effects; a broken contract ends it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradtwin.backends.interface import Array, Backend, Operation
from gradtwin.backends.operations import find_operation
from gradtwin.comparisons.comparator import Subject, compare_arrays
from gradtwin.comparisons.report.data import Cause, Check
from gradtwin.comparisons.running_error import bound_operation
from gradtwin.errors import GradTwinError


def check_operation(
    name: str | Operation, inputs: Sequence[Array], y_bar: Array | None, left: Backend, right: Backend
) -> list[Check]:
    """Compare the value and every gradient, or the update, of an operation; one Check for each, with its side effects.

    `left` is judged against `right`; the allowed error is that of the catalogue's own rule at these inputs.
    """
    operation = find_operation(name)
    subject = Subject(operation.name, inputs[0].dtype.newbyteorder("=").name, right.mode)
    with np.errstate(all="ignore"):  # an overflow or a NaN is judged, like any other value
        if y_bar is None:
            return _check_update(operation, subject, inputs, left, right)
        return _check_gradients(operation, subject, inputs, y_bar, left, right)


def _check_gradients(
    operation: Operation,
    subject: Subject,
    inputs: Sequence[Array],
    y_bar: Array,
    left: Backend,
    right: Backend,
) -> list[Check]:
    given = [*inputs, y_bar]
    before = [x.copy() for x in given]
    try:
        y, gradients = left.value_and_gradients(operation, *inputs, y_bar=y_bar)
    except GradTwinError:
        raise
    except Exception as error:  # whatever a judged rule raises is its failure, not ours
        return [subject.check("contract", "contract", "mismatch", _raised(error))]
    side_effects = _check_side_effects(subject, (*operation.inputs, "y_bar"), given, before)
    contract = _check_contract(operation, subject, inputs, y, gradients)
    if contract.verdict == "mismatch":
        return [contract, side_effects]

    inputs, y_bar = before[:-1], before[-1]
    right_y, right_gradients = right.value_and_gradients(operation, *inputs, y_bar=y_bar)
    y_bound, *bounds = bound_operation(operation, inputs, y_bar)
    checks = [contract, compare_arrays(subject, "value", "value", y, right_y, y_bound)]
    for i, (mine, theirs, bound) in enumerate(zip(gradients, right_gradients, bounds, strict=True)):
        title = f"gradient of input {i} ({operation.inputs[i]})"
        if mine is None or theirs is None:
            text = f"{(left if mine is None else right).name} returned no gradient of {operation.inputs[i]}."
            cause = Cause("reference" if theirs is None else "shape", False, "None", text)
            checks.append(subject.check(title, "gradient", "mismatch", cause))
        else:
            checks.append(compare_arrays(subject, title, "gradient", mine, theirs, bound))
    return [*checks, side_effects]


def _check_update(
    operation: Operation, subject: Subject, inputs: Sequence[Array], left: Backend, right: Backend
) -> list[Check]:
    before = [x.copy() for x in inputs]
    changed = operation.changed
    given = [writable(x) if i in changed else x for i, x in enumerate(inputs)]
    try:
        left.update(operation, *given)
    except GradTwinError:
        raise
    except Exception as error:  # as above
        return [subject.check("contract", "contract", "mismatch", _raised(error))]
    kept = [i for i in range(len(inputs)) if i not in changed]
    names, others, expected_others = (
        [operation.inputs[i] for i in kept],
        [given[i] for i in kept],
        [before[i] for i in kept],
    )
    side_effects = _check_side_effects(subject, names, others, expected_others)
    expected = [x.astype(x.dtype.newbyteorder("=")) for x in before]
    right.update(operation, *expected)
    bounds = bound_operation(operation, before)
    checks = []
    for i, bound in zip(changed, bounds, strict=True):
        title = "update" if i == 0 else f"update of {operation.inputs[i]}"
        checks.append(compare_arrays(subject, title, "update", given[i], expected[i], bound))
    return [*checks, side_effects]


def writable(array: Array) -> Array:
    """Return a copy that can be written to, with the array's order and byte order."""
    return array.copy(order="K")


def _check_contract(
    operation: Operation,
    subject: Subject,
    inputs: Sequence[Array],
    y: Array,
    gradients: Sequence[Array | None],
) -> Check:
    causes: list[Cause] = []
    expected = [("the value", y, operation.output_shape(inputs))]
    if len(gradients) == len(inputs):
        expected += [
            (f"the gradient of {name}", gradient, x.shape)
            for name, gradient, x in zip(operation.inputs, gradients, inputs, strict=True)
            if gradient is not None
        ]
    else:
        text = (
            f"{len(gradients)} gradients came; expected {len(inputs)}, one for each of {', '.join(operation.inputs)}."
        )
        causes.append(Cause("shape", False, str(len(gradients)), text))
    for what, array, shape in expected:
        if array.shape != shape:
            text = f"{what} has shape {array.shape}; expected {shape}."
            causes.append(Cause("shape", False, str(array.shape), text))
        elif array.dtype.newbyteorder("=").name != subject.dtype:
            text = f"{what} has dtype {array.dtype}; expected {subject.dtype}."
            causes.append(Cause("dtype", False, str(array.dtype), text))
    return subject.check("contract", "contract", "mismatch" if causes else "match", *causes)


def _check_side_effects(
    subject: Subject, names: Sequence[str], given: Sequence[Array], before: Sequence[Array]
) -> Check:
    changed = [name for name, x, kept in zip(names, given, before, strict=True) if not _same(x, kept)]
    causes = [Cause("mutated-input", True, name, f"{name} was changed in place by the rule.") for name in changed]
    return subject.check("inputs unchanged", "side-effect", "mismatch" if causes else "match", *causes)


def _same(x: Array, kept: Array) -> bool:
    return bool(np.all((x == kept) | ((x != x) & (kept != kept))))


def _raised(error: Exception) -> Cause:
    where = error.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "unknown line"
    return Cause("raises", True, type(error).__name__, f"the rule raised {type(error).__name__}: {error} ({line}).")
