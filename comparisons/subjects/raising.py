"""The report on an exception in judged code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtwin.comparisons.guards.frames import is_users
from gradtwin.comparisons.guards.messages import message_of
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import GradTwinError

from .interface import ContractError
from .reading import kind_of

#: How each function is called.
CALLED = {
    "forward": "forward(*inputs)",
    "vjp": "vjp(y_bar, *inputs)",
    "backward": "backward(y_bar, cache)",
    "grad": "grad(*inputs)",
    "derivative": "derivative(x)",
    "jacobian": "jacobian(*inputs)",
}


#: Exceptions that an input of another shape or with other values may avoid.
OF_INPUTS = (ValueError, IndexError, AssertionError)


class RefusedError(ContractError):
    """Forward raised at the inputs that it was given, and these may be at fault."""


def raised(name: str, error: BaseException) -> Cause:
    """Return the cause of an exception in a user's function: its type, message and line."""
    own = _frames_of_users(error)
    if not own and isinstance(error, GradTwinError):  # an adapter of gt.styles, whose message is complete
        return Cause("raises", True, type(error).__name__, str(error))
    if not own and name in CALLED and isinstance(error, TypeError):
        text = f"{name} can't be called as it is, {CALLED[name]}: {message_of(error)}."
        return Cause("raises", True, type(error).__name__, text)
    where = f" (in {own[-1].name}, {own[-1].filename}:{own[-1].lineno})" if own else ""
    message = message_of(error)
    text = f"{name} raised {type(error).__name__}{': ' if message else ''}{message}{where}."
    return Cause("raises", True, type(error).__name__, text)


def refused(error: ContractError, inputs: Sequence[tuple[str, Any]]) -> Exception:
    """Return what to raise for an exception of forward at its inputs, given with their names.

    It is a usage error if gradtwin could not call forward, and undecided if other inputs may help.
    """
    cause = error.__cause__
    if isinstance(cause, GradTwinError) and not _frames_of_users(cause):
        return cause
    if not isinstance(cause, OF_INPUTS):
        return error
    listed = " and ".join(f"{name} of shape {_shape_of(x)}" for name, x in inputs)
    text = f"{error.cause.text} It got {listed}. If that is not what it takes, pass other inputs."
    return RefusedError(Cause("not-run", False, error.cause.detail, text))


def _shape_of(x: Any) -> str:
    try:
        return str(np.shape(x))
    except ValueError:  # lists of unequal lengths
        return f"none ({kind_of(x)})"


def _frames_of_users(error: BaseException) -> list[traceback.FrameSummary]:
    return [frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)]
