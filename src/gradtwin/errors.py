"""gradtwin's exceptions: each message names the argument, what was given, what was expected and what to do."""

from __future__ import annotations

from .cleaning import clean, disarm


class GradTwinError(Exception):
    """The base class of gradtwin's exceptions; a message's quotations are made safe to print."""

    def __str__(self) -> str:
        return disarm(clean(super().__str__()))


class ArgumentValueError(GradTwinError, ValueError):
    """An argument of the right type with an impossible value."""


class ArgumentTypeError(GradTwinError, TypeError):
    """An argument of the wrong type, or an array of the wrong dtype."""


class ShapeError(ArgumentValueError):
    """Arrays whose shapes don't fit an operation's signature."""


class InputFileError(GradTwinError, ValueError):
    """A file that can't be read, or has the wrong content."""


class OutputFileError(GradTwinError, OSError):
    """A file that can't be written; a file that was there before is unchanged."""


class BackendMissingError(GradTwinError, ImportError):
    """A backend whose library is not installed."""


class UnsupportedError(GradTwinError, TypeError):
    """A NumPy function for which no error bound is known."""


class GradientMismatch(GradTwinError, AssertionError):
    """A gradient, a value or an update that does not agree."""


def unknown_name(argument: str, given: object, known: list[str] | tuple[str, ...]) -> ArgumentValueError:
    """Return the error for a name that is not in a list, with the closest known name as a suggestion."""
    from difflib import get_close_matches

    close = get_close_matches(str(given), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ArgumentValueError(f"{argument}: {given!r} is not known; expected one of: {', '.join(known)}.{hint}")
