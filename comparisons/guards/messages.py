"""What a user's exception says, whatever its class does when it is asked."""

from __future__ import annotations


def message_of(error: BaseException) -> str:
    """Return an exception's message; a class of the user's may fail to make one."""
    try:
        return str(error)
    except Exception as failure:
        return f"its message can't be shown: {type(failure).__name__}"
