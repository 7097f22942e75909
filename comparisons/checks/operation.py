"""One operation of the catalogue at one point, NumPy backend against TensorFlow backend.

Both sides get the same inputs and the same upstream gradient, so that errors don't chain and a fault is localised.
Stages in order: contract, value, gradient (or update), side effects; a broken contract ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call, Operation
from gradtwin.backends.operations import find_operation
from gradtwin.comparisons.judging.comparator import Subject, compare_arrays
from gradtwin.comparisons.judging.overflow import excuse_overflow
from gradtwin.comparisons.precision.running_error import bound_operation
from gradtwin.comparisons.results.data import Cause, Check, Stage
from gradtwin.errors import GradTwinError


@dataclass(frozen=True)
class Judged:
    """What the judged side made of a call: its answer, and what is wrong with it before any value is compared.

    `call` has copies of the arrays, which the judged side can't have changed.
    """

    call: Call
    answer: tuple[Array | None, ...]
    contract: tuple[Cause, ...]
    side_effects: tuple[Cause, ...]


def check_operation(
    name: str | Operation, inputs: Sequence[Array], y_bar: Array | None, left: Backend, right: Backend
) -> list[Check]:
    """Compare the value and every gradient, or the update, of an operation; one Check for each, with its side effects.

    `left` is judged against `right`; the allowed error is that of the catalogue's own rule at these inputs.
    """
    return compare_answers([run_judged(Call(find_operation(name), tuple(inputs), y_bar), left)], right)[0]


def run_judged(call: Call, left: Backend) -> Judged:
    """Run a call on the side that is judged, and look at the contract and at side effects."""
    operation, changed = call.operation, call.operation.changed
    arrays = dict(zip((*operation.inputs, "y_bar"), call.arrays, strict=False))
    kept = {name: x.copy() for name, x in arrays.items()}
    copied = Call(operation, tuple([kept[name] for name in operation.inputs]), kept.get("y_bar"))
    given = [writable(x) if i in changed else x for i, x in enumerate(call.inputs)]
    answer: tuple[Array | None, ...]
    try:
        with np.errstate(all="ignore"):  # an overflow or a NaN is judged, like any other value
            if call.y_bar is None:
                left.update(operation, *given)
                answer, contract = tuple([given[i] for i in changed]), []
            else:
                y, gradients = left.value_and_gradients(operation, *given, y_bar=call.y_bar)
                answer, contract = (y, *gradients), _check_contract(operation, call.inputs, y, gradients)
    except GradTwinError:
        raise
    except Exception as error:  # whatever a judged rule raises is its failure, not ours
        return Judged(copied, (), (_raised(error),), ())
    unchanged = [name for name in arrays if name not in [operation.inputs[i] for i in changed]]
    side_effects = [
        Cause("mutated-input", True, name, f"{name} was changed in place by the rule.")
        for name in unchanged
        if not _same(arrays[name], kept[name])
    ]
    return Judged(copied, answer, tuple(contract), tuple(side_effects))


def compare_answers(judged: Sequence[Judged], right: Backend) -> list[list[Check]]:
    """Compare what the judged side made of calls with the other side's answers, for all of which that is asked once.

    Checks in order: contract, value, gradients (or updates), side effects; a broken contract ends it.
    """
    answers = iter(right.answer([one.call for one in judged if not one.contract]))
    with np.errstate(all="ignore"):
        return [_compare(one, () if one.contract else next(answers), right) for one in judged]


def _compare(judged: Judged, theirs: tuple[Array | None, ...], right: Backend) -> list[Check]:
    call, operation = judged.call, judged.call.operation
    subject = Subject(operation.name, call.inputs[0].dtype.newbyteorder("=").name, right.mode)
    checks = []
    if judged.contract or call.y_bar is not None:
        checks.append(_check_of(subject, "contract", "contract", judged.contract))
    if not judged.contract:
        titles: list[tuple[str, Stage]]
        if call.y_bar is None:
            titles = [("update of " + operation.inputs[i] if i else "update", "update") for i in operation.changed]
        else:
            gradients = [f"gradient of input {i} ({name})" for i, name in enumerate(operation.inputs)]
            titles = [("value", "value"), *[(title, "gradient") for title in gradients]]
        bounds = bound_operation(operation, call.inputs, call.y_bar)
        compared = zip(titles, judged.answer, theirs, bounds, strict=True)
        for number, ((title, stage), mine, other, bound) in enumerate(compared):
            if mine is None or other is None:
                side = "reference" if other is None else "shape"
                text = f"{right.name if other is None else 'the judged side'} returned no {title}."
                checks.append(subject.check(title, stage, "mismatch", Cause(side, False, "None", text)))
            else:
                check = compare_arrays(subject, title, stage, mine, other, bound)
                checks.append(excuse_overflow(check, call, right, number, mine, other, bound))
    if judged.answer:
        checks.append(_check_of(subject, "inputs unchanged", "side-effect", judged.side_effects))
    return checks


def _check_of(subject: Subject, name: str, stage: Stage, causes: Sequence[Cause]) -> Check:
    return subject.check(name, stage, "mismatch" if causes else "match", *causes)


def writable(array: Array) -> Array:
    """Return a copy that can be written to, with the array's order and byte order."""
    return array.copy(order="K")


def _check_contract(
    operation: Operation, inputs: Sequence[Array], y: Array, gradients: Sequence[Array | None]
) -> list[Cause]:
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
    dtype = inputs[0].dtype.newbyteorder("=").name
    for what, array, shape in expected:
        if array.shape != shape:
            text = f"{what} has shape {array.shape}; expected {shape}."
            causes.append(Cause("shape", False, str(array.shape), text))
        elif array.dtype.newbyteorder("=").name != dtype:
            text = f"{what} has dtype {array.dtype}; expected {dtype}."
            causes.append(Cause("dtype", False, str(array.dtype), text))
    return causes


def _same(x: Array, kept: Array) -> bool:
    return bool((x == kept).all() or ((x == kept) | ((x != x) & (kept != kept))).all())


def _raised(error: Exception) -> Cause:
    where = error.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "unknown line"
    return Cause("raises", True, type(error).__name__, f"the rule raised {type(error).__name__}: {error} ({line}).")
