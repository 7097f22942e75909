"""`check_accuracy`: how many digits a NumPy function keeps, and where it loses them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.signature import Signature
from gradtwin.comparisons.drawing.drawn_points import check_memory, read_domains, typical_point
from gradtwin.comparisons.drawing.magnitudes import widest
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.guards.time_limits import check_limit
from gradtwin.comparisons.judging.accuracy_judge import AccuracyJudge, Measured, accuracy_check
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Check, Details, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.plain_function import PlainFunction
from gradtwin.comparisons.subjects.reading import is_floating
from gradtwin.comparisons.subjects.source import find_line
from gradtwin.errors import ArgumentTypeError, ArgumentValueError

from .digit_sweep import sweep
from .example import describe_example
from .gradient import check_arity, read_inputs
from .unchecked import describe_end
from .worst_input import Search

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gradtwin.comparisons.tracing.wide import Loss

#: Dtypes that have a wide form.
DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class AccuracyDetails(Details):
    """Where the digits go, and the digits kept along the input's range: the keys of the JSON report."""

    where: dict[str, Any] | None = None
    points: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the keys of the JSON report."""
        return {"digits": {"where": self.where, "sweep": list(self.points)}}

    def print_to(self, report: Report, console: Console) -> None:
        """Print the verdict, the digits, the worst input, and how to run it again."""
        from gradtwin.comparisons.report.accuracy_text import print_accuracy

        print_accuracy(report, console)

    def parts(self, report: Report) -> list[Text | Table]:
        """Return the table of digits, for a page."""
        from gradtwin.comparisons.report.accuracy_text import list_digits

        return list_digits(report)


@isolated
def check_accuracy(
    function: Callable[..., Any],
    *,
    inputs: Sequence[Any] | None = None,
    signature: str | None = None,
    dtype: str = "float64",
    domain: Any = None,
    examples: int = 100,
    seed: int = 0,
    static: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    points: int = 0,
) -> Report:
    """Digits of y = f(x): how many a NumPy function keeps, how many the problem allows, and where the others go.

    The function runs unmodified in its dtype, in arithmetic precise enough for the exact value, and under TensorFlow.
    Pass the place by exactly one of `inputs` and `signature`.

    Parameters
    ----------
    function : callable
        ``function(*inputs)`` returns an array or a number.
    inputs : tuple, optional
        The arguments, to measure at one point. At least one is an array of any shape and a floating dtype.
    signature : str, optional
        Shapes such as ``"(n)->()"``, to look for the worst input. Inputs of all magnitudes are drawn, and later ones
        near those that lose most digits.
    dtype : str, default "float64"
        With `signature`: the dtype of the drawn inputs, "float16", "float32" or "float64".
    domain : tuple, sequence or mapping, optional
        With `signature`: the range ``(low, high)`` of drawn values, or ``(low, high, [excluded points])``. One for all
        inputs, or one for each. By default all numbers from u to 1/u, u being one rounding of the dtype.
    examples : int, default 100
        With `signature`: the number of drawn points.
    seed : int, default 0
        The seed of everything random, from 0 to 2³² − 1.
    static : mapping, optional
        Keyword arguments of the function.
    timeout : float, optional
        A limit in seconds for each call of the function.
    points : int, default 0
        The number of points of a sweep, for a picture: the worst input, multiplied by many factors.

    Returns
    -------
    Report
        A match if the function keeps at least half of the digits that the problem allows, or loses fewer than two. Else
        a mismatch with the cause ``unstable``, which names the operation that costs the digits. Inconclusive if a part
        of the function has no exact form, with its file and line.

    Raises
    ------
    ArgumentTypeError
        If an argument has a wrong type, or no input has a floating dtype.
    ArgumentValueError
        If the arguments don't go together, or a value is impossible.

    Notes
    -----
    The problem allows as many digits as the exact value keeps where the inputs are moved by one rounding (the
    condition: Higham, *Accuracy and Stability of Numerical Algorithms*, 2002). An operation is named where the result
    regains most of what was lost once that operation alone is computed exactly.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> report = gt.check_accuracy(lambda x: np.log(1 + np.exp(x)), inputs=(np.array([-40.0]),))
    >>> report.verdict, report.checks[0].causes[0].cause
    ('mismatch', 'unstable')
    >>> gt.check_accuracy(lambda x: np.log1p(np.exp(x)), inputs=(np.array([-40.0]),)).verdict
    'match'
    """
    if not callable(function):
        raise ArgumentTypeError(f"function: got {type(function).__name__}; expected a function.")
    if (inputs is None) == (signature is None):
        raise ArgumentValueError(
            "inputs, signature: expected exactly one, a point to measure at or shapes to look for the worst point of."
        )
    check_seed(seed)
    for name, number, least in (("examples", examples, 1), ("points", points, 0)):
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise ArgumentValueError(f"{name}: got {number!r}; expected a whole number from {least}.")
    if timeout is not None:
        check_limit(timeout)
    if static is not None and not isinstance(static, Mapping):
        raise ArgumentTypeError(f"static: got {type(static).__name__}; expected keyword arguments, a dict by name.")
    operation = getattr(function, "__name__", type(function).__name__)
    user = PlainFunction(functools.partial(function, **static) if static else function, operation, timeout)
    search = Search(AccuracyJudge(user, seed))
    if inputs is not None:
        given = read_inputs(inputs)
        check_arity(user, len(given), "inputs")
        search.measure(given)
        kind = min((np.asarray(x).dtype for x in given if is_floating(x)), key=lambda found: found.itemsize)
        domains = [widest(kind)] * len(given)
        how = f"inputs={len(given)} array{'s' if len(given) > 1 else ''}"
    else:
        assert signature is not None
        parsed, kind = Signature.parse(signature), _find_dtype(dtype)
        ordinary = read_domains(domain, len(parsed.inputs))
        domains = [widest(kind)] * len(parsed.inputs) if domain is None else ordinary
        check_memory(parsed, kind)
        check_arity(user, len(parsed.inputs), "signature")
        search.measure(typical_point(parsed, kind, ordinary, seed))
        search.climb(parsed, kind, domains, examples, seed)
        if search.worst is not None and search.worst.is_unstable:
            search.simplify(parsed, domains)
        how = f"signature={signature!r}, dtype={dtype!r}, examples={examples}"
    titles = Titles(operation, kind.name)
    reproduce = f"gt.check_accuracy({operation}, {how}, seed={seed})"
    source = find_line(function)
    report = Report(
        "accuracy", (), seed, reproduce, describe_environment(), {"notes": _notes(search), "source": source}
    )
    if search.worst is None:
        return replace(report, checks=(_undecided(titles, search),), details=AccuracyDetails())
    swept = sweep(search.judge, search.worst, domains, kind, points, evenly=domain is not None) if points else []
    return _judged(report, titles, search, search.worst, swept)


def _judged(report: Report, titles: Titles, search: Search, worst: Measured, swept: list[dict[str, Any]]) -> Report:
    """Return the report on the worst input."""
    tensorflow, value, why_not = search.judge.ask_tensorflow(worst)
    notes = [*report.extra["notes"], *([f"TensorFlow computes nothing here: {why_not}"] if why_not else [])]
    loss = search.judge.find_loss(worst) if worst.is_unstable else None
    check = accuracy_check(titles, worst, tensorflow, value, loss, search.points)
    return replace(
        report,
        checks=(check,),
        extra={**report.extra, "notes": notes},
        example=describe_example(search.judge.user, worst.inputs, None),
        details=AccuracyDetails(_where(loss), tuple(swept)),
    )


def _where(loss: Loss | None) -> dict[str, Any] | None:
    if loss is None:
        return None
    place = loss.operation.expression
    return {
        "operation": place.text or loss.operation.function,
        "function": place.function,
        "file": place.file,
        "line": place.line,
        "kind": loss.kind,
        "digits": loss.digits,
    }


def _undecided(titles: Titles, search: Search) -> Check:
    """Return the check of a function without an exact value anywhere."""
    [(reason, _)] = search.why_not.most_common(1)
    text = f"the digits of {titles.operation} can't be counted: {reason}."
    return titles.undecided("value", "value", Cause("no-exact-value", True, "", text))


def _notes(search: Search) -> list[str]:
    if search.worst is None:
        return []
    return [
        f"at {count} of {search.points} points nothing was measured: {reason}"
        for reason, count in search.why_not.most_common()
    ]


def _find_dtype(name: str) -> np.dtype[Any]:
    found = find_dtype(name)
    if found.name not in DTYPES:
        raise ArgumentValueError(f"dtype: got {name!r}, which has no exact form; expected {', '.join(DTYPES)}.")
    return found


def report_ended(target: str, dtype: str, seed: int, how: str, doing: str) -> Report:
    """Return the report of a measurement whose process ended before its outcome was known."""
    cause = Cause("crash", True, how, describe_end(how, doing))
    check = Titles(target, dtype).undecided("value", "value", cause)
    extra: dict[str, Any] = {"notes": [], "source": None}
    return Report("accuracy", (check,), seed, "", describe_environment(), extra, details=AccuracyDetails())
