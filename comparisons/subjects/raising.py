"""The report on an exception in judged code."""

from __future__ import annotations

import traceback

from gradtwin.comparisons.guards.frames import is_users
from gradtwin.comparisons.guards.messages import message_of
from gradtwin.comparisons.results.data import Cause
from gradtwin.errors import GradTwinError

#: How each function is called.
CALLED = {
    "forward": "forward(*inputs)",
    "vjp": "vjp(y_bar, *inputs)",
    "backward": "backward(y_bar, cache)",
    "grad": "grad(*inputs)",
    "derivative": "derivative(x)",
    "jacobian": "jacobian(*inputs)",
}


def raised(name: str, error: BaseException) -> Cause:
    """Return the cause of an exception in a user's function: its type, message and line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_users(frame.filename)]
    if not own and isinstance(error, GradTwinError):  # an adapter of gt.styles, whose message is complete
        return Cause("raises", True, type(error).__name__, str(error))
    if not own and name in CALLED and isinstance(error, TypeError):
        text = f"{name} can't be called as it is, {CALLED[name]}: {message_of(error)}."
        return Cause("raises", True, type(error).__name__, text)
    where = f" (in {own[-1].name}, {own[-1].filename}:{own[-1].lineno})" if own else ""
    text = f"{name} raised {type(error).__name__}: {message_of(error)}{where}."
    return Cause("raises", True, type(error).__name__, text)
