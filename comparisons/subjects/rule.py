"""A rule of the catalogue, as a backend runs it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import GradTwinError

from .arrays import copies, same_values
from .interface import Answer, ContractError
from .raising import raised


class RuleSubject:
    """The rules of one backend; a call has the operation, its inputs and, unless it is an update, y_bar."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def run(self, at: Call) -> Answer:
        """Run a call on copies of its arrays that lie in memory as they do, and see whether they are changed."""
        operation, changed = at.operation, at.operation.changed
        arrays = dict(zip((*operation.inputs, "y_bar"), at.arrays, strict=False))
        copied = dict(zip(arrays, copies(at.arrays), strict=True))
        given = [copied[name] for name in operation.inputs]
        for i in changed:
            given[i] = given[i].copy(order="K")  # writable, in any layout
        results: tuple[Array | None, ...]
        broken: list[Cause] = []
        try:
            with np.errstate(all="ignore"):  # an overflow or a NaN is judged, like any other value
                if at.y_bar is None:
                    self._backend.update(operation, *given)
                    results = tuple([given[i] for i in changed])
                else:
                    y, gradients = self._backend.value_and_gradients(operation, *given, y_bar=copied["y_bar"])
                    results, broken = (y, *gradients), _check_contract(at, y, gradients)
        except (GradTwinError, ContractError):
            raise
        except Exception as error:  # an exception of a judged rule is its failure, not gradtwin's
            raise ContractError(raised("the rule", error)) from error
        if broken:
            raise ContractError(*broken)
        effects = [
            Cause("mutated-input", True, name, f"{name} was changed in place by the rule.")
            for i, name in enumerate(arrays)
            if i not in changed and not same_values(arrays[name], copied[name])
        ]
        return Answer(results, effects)


class RightRule:
    """The rules of the backend that judges; its answers are taken as they are."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def run(self, at: Call) -> Answer:
        """Return the backend's answer to a call."""
        return Answer(self._backend.answer([at])[0])


def _check_contract(call: Call, y: Array, gradients: Sequence[Array | None]) -> list[Cause]:
    """Return the faults in the number, the shapes and the dtypes of a rule's results."""
    operation, inputs = call.operation, call.inputs
    causes: list[Cause] = []
    expected = [("the value", y, operation.output_shape(inputs))]
    if len(gradients) == len(inputs):
        expected += [
            (f"the gradient of {name}", gradient, x.shape)
            for name, gradient, x in zip(operation.inputs, gradients, inputs, strict=True)
            if gradient is not None
        ]
    else:
        named = ", ".join(operation.inputs)
        text = f"the number of gradients is {len(gradients)}; expected {len(inputs)}, one for each of {named}."
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
