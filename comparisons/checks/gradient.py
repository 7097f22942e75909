"""`check_gradient` and `assert_gradient`: a hand-derived gradient against autodiff."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradtwin.arguments import check_seed
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.signature import Signature
from gradtwin.comparisons.drawing.drawn_points import COPIES, check_memory, points, read_domains, typical_point
from gradtwin.comparisons.drawing.search import search, within_budget
from gradtwin.comparisons.guards.isolation import isolated
from gradtwin.comparisons.guards.time_limits import check_limit
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.judging.empty import flag_empty
from gradtwin.comparisons.judging.gradient_judge import GradientJudge, Judgement
from gradtwin.comparisons.precision.constants import FAILING_EXAMPLES, SHRINKING_RUNS
from gradtwin.comparisons.results.case import Case
from gradtwin.comparisons.results.data import Check, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.functions import Style, UserFunctions
from gradtwin.comparisons.subjects.reading import is_floating
from gradtwin.comparisons.subjects.source import find_line
from gradtwin.errors import ArgumentTypeError, ArgumentValueError, ShapeError
from gradtwin.memory import check_fits

from .asked import judge_drawn
from .case import make_case
from .example import describe_example, write_script
from .explaining import explain, judge_and_explain
from .strict import AccuracyRule, check_rule, judge_accuracy, single_notes


@isolated
def check_gradient(
    forward: Callable[..., Any],
    *,
    vjp: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    derivative: Callable[..., Any] | None = None,
    jacobian: Callable[..., Any] | None = None,
    value_and_grad: bool = False,
    inputs: Sequence[Any] | None = None,
    signature: str | None = None,
    wrt: Sequence[int] | int | None = None,
    reference: Callable[..., Any] | None = None,
    dtype: str = "float64",
    domain: Any = None,
    examples: int = 100,
    seed: int = 0,
    static: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    accuracy: AccuracyRule = "note",
) -> Report:
    """x_bar = y_bar · ∂y/∂x: check a hand-derived gradient of a NumPy function against autodiff.

    Pass the gradient by exactly one of `vjp`, `backward`, `grad`, `derivative`, `jacobian` and `value_and_grad`, and
    the place by exactly one of `inputs` and `signature`.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` returns an array or a number. It runs unmodified under GradientTape.
    vjp : callable, optional
        ``vjp(y_bar, *inputs)`` returns one gradient for each differentiated input. `y_bar` has the shape and the dtype
        of forward's output, and a gradient has those of its input.
    backward : callable, optional
        ``backward(y_bar, cache)`` returns one gradient for each differentiated input. Forward returns ``(y, cache)``.
    grad : callable, optional
        ``grad(*inputs)`` returns one gradient for each differentiated input of a forward that returns a number.
    derivative : callable, optional
        ``derivative(x)`` returns f′(x), with the shape of x, for an elementwise forward.
    jacobian : callable, optional
        ``jacobian(*inputs)`` returns an array of shape output + input for each differentiated input.
    value_and_grad : bool, default False
        Whether forward itself returns ``(loss, gradient, ...)``.
    inputs : tuple, optional
        The arguments of forward, to check at one point. At least one is an array of any shape and a floating dtype.
    signature : str, optional
        Shapes such as ``"(n,k),(k,m)->(n,m)"``, to check at drawn points. A failing point is shrunk to a small one.
    wrt : int or sequence of int, optional
        Positions of the differentiated inputs, in the order of the gradients. By default all floating inputs.
    reference : callable, optional
        A TensorFlow function of the same inputs that returns y. By default forward itself, under GradientTape.
    dtype : str, default "float64"
        With `signature`: the dtype of the drawn inputs, "float16", "bfloat16", "float32" or "float64".
    domain : tuple, sequence or mapping, optional
        With `signature`: the range ``(low, high)`` of drawn values, or ``(low, high, [excluded points])``. One for all
        inputs, or one for each.
    examples : int, default 100
        With `signature`: the number of drawn points.
    seed : int, default 0
        The seed of everything random, from 0 to 2³² − 1.
    static : mapping, optional
        Keyword arguments for both functions.
    timeout : float, optional
        A limit in seconds for each call of a user's function. A call that exceeds it is inconclusive, with the cause
        ``timeout``. Outside the main thread a single call of compiled code can't be interrupted.
    accuracy : {"note", "strict"}, default "note"
        What becomes of a gradient that has the right formula, and keeps less than half of the digits that its problem
        allows: a note, or a mismatch with the cause ``unstable``.

    Returns
    -------
    Report
        The verdict, and one check for each gradient. A fault of the gradient is in the report, and so is an exception
        that the user's functions raise.

    Raises
    ------
    ArgumentTypeError
        If an argument has a wrong type, or no input has a floating dtype.
    ArgumentValueError
        If the arguments don't go together, or a value is impossible.
    ShapeError
        If the output's shape is not the one of the signature.

    Notes
    -----
    The allowed error is measured: both gradients are computed again at inputs that are moved by a few units in the
    last place (stochastic arithmetic: Vignes, *A stochastic arithmetic for reliable scientific computation*, 1993;
    Parker, *Monte Carlo arithmetic*, 1997). A chosen safety factor multiplies the spread of their difference.

    Examples
    --------
    >>> import numpy as np
    >>> import gradtwin as gt
    >>> gt.check_gradient(np.tanh, derivative=lambda x: 1 - np.tanh(x) ** 2, inputs=(np.array([0.5, -1.0]),)).verdict
    'match'
    >>> gt.check_gradient(np.tanh, derivative=lambda x: 1 - x**2, inputs=(np.array([0.5, -1.0]),)).verdict
    'mismatch'
    """
    style, gradient = _choose_style(
        vjp=vjp, backward=backward, grad=grad, derivative=derivative, jacobian=jacobian, value_and_grad=value_and_grad
    )
    for name, function in (("forward", forward), (style, gradient), ("reference", reference)):
        if function is not None and not callable(function):
            raise ArgumentTypeError(f"{name}: got {type(function).__name__}; expected a function.")
    if (inputs is None) == (signature is None):
        raise ArgumentValueError(
            "inputs, signature: expected exactly one, a point to check at or shapes to draw points of."
        )
    check_seed(seed)
    check_rule(accuracy)
    if timeout is not None:
        check_limit(timeout)
    operation = getattr(forward, "__name__", type(forward).__name__)
    if static is not None and not isinstance(static, Mapping):
        raise ArgumentTypeError(f"static: got {type(static).__name__}; expected keyword arguments, a dict by name.")
    if static:
        forward = functools.partial(forward, **static)
        gradient = gradient and functools.partial(gradient, **static)
    judge = GradientJudge(UserFunctions(forward, style, gradient, timeout), wrt, reference, operation)
    if inputs is None:
        assert signature is not None
        report = _check_drawn(judge, signature, find_dtype(dtype), domain, examples, seed)
        return judge_accuracy(report, accuracy)
    given = read_inputs(inputs)
    check_arity(judge.user, len(given), "inputs")
    found = judge_and_explain(judge, given, seed)
    report = _report([found], given, judge, seed, f"inputs={len(given)} array{'s' if len(given) > 1 else ''}")
    return judge_accuracy(report, accuracy)


def _check_drawn(
    judge: GradientJudge, signature: str, dtype: np.dtype[Any], domain: Any, examples: int, seed: int
) -> Report:
    parsed = Signature.parse(signature)
    if not isinstance(examples, int) or examples < 1:
        raise ArgumentValueError(f"examples: got {examples!r}; expected a whole number from 1.")
    domains = read_domains(domain, len(parsed.inputs))
    check_memory(parsed, dtype)
    check_arity(judge.user, len(parsed.inputs), "signature")
    typical = typical_point(parsed, dtype, domains, seed)
    first = judge.judge(typical, seed)
    if _broke(first):
        return _report([first], typical, judge, seed, "")
    _check_output_shape(parsed, typical, first)
    found, failing = [first], typical if first.failed else None
    if failing is None:
        judged_at: list[Any] = [typical]

        def fails(inputs: Any) -> bool:
            judged, at = judge_drawn(judge, inputs, seed)
            found.append(judged)
            judged_at.append(at)
            return judged.failed or _broke(judged)

        if search(points(parsed, dtype, domains), fails, examples=examples, seed=seed, shrink=False) is not None:
            failing = judged_at[-1]
    if failing is None:
        return _report(found, None, judge, seed, f"signature={signature!r}")
    explained = explain(judge, found[-1])
    if explained.failed:
        short = points(parsed, dtype, domains, short=True)
        failing, explained = _shrink(judge, short, failing, explained, examples, seed)
    return _report([explained], failing, judge, seed, "")


def _shrink(
    judge: GradientJudge, short: Any, failing: Any, judged: Judgement, examples: int, seed: int
) -> tuple[Any, Judgement]:
    """Return the smallest point of short decimals that fails for the same cause; the given one if none is found."""
    cause = _main_cause(judged)
    alike: dict[Any, Judgement] = {}

    def fails_alike(inputs: Any) -> bool:
        if not _is_telling(inputs, failing):
            return False
        again = judge_and_explain(judge, inputs, seed)
        if _main_cause(again) != cause:
            return False
        alike[key(inputs)] = again
        return True

    def key(inputs: Any) -> Any:
        return tuple((x.shape, x.strides, x.tobytes()) for x in inputs)

    limited = within_budget(fails_alike, key, lambda: judge.user.runs, SHRINKING_RUNS)
    found = search(short, limited, examples=min(examples, FAILING_EXAMPLES), seed=seed)
    return (failing, judged) if found is None else (found, alike[key(found)])


def _check_output_shape(signature: Signature, inputs: Sequence[Any], found: Judgement) -> None:
    """Raise ShapeError if forward returned another shape than the signature's."""
    if found.point is None:
        return
    shapes = [np.shape(x) for x in inputs]
    expected = signature.output_shape(signature.match(shapes, found.point.names))
    if np.shape(found.point.y) != expected:
        raise ShapeError(
            f"signature: for inputs of shapes {', '.join(map(str, shapes))} it expects {expected}; forward returned "
            f"{np.shape(found.point.y)}. Correct the right side of '->' in {signature.text}."
        )


def _broke(judged: Judgement) -> bool:
    """Return whether the user's functions raised, or did not return, which ends the search for a smaller point."""
    return any(cause.cause in ("raises", "timeout") for check in judged.checks for cause in check.causes)


#: Causes whose detail is a number or a formula, and not where in an array it is.
NUMBERED = ("factor", "missing-term", "elementwise-factor")


def _main_cause(judged: Judgement) -> tuple[str, ...]:
    """Return the stage that failed first, its first cause, its certainty and its detail: 3 times is not 2 times.

    The numbers of a place or a threshold may differ in a smaller example.
    """
    for check in judged.checks:
        if check.verdict == "mismatch":
            if not check.causes:
                return (check.stage,)
            first = check.causes[0]
            detail = first.detail if first.cause in NUMBERED else re.sub(r"-?[\d.]+(e-?\d+)?", "#", first.detail)
            return check.stage, first.cause, "confirmed" if first.confirmed else "guess", detail
    return ()


def _is_telling(inputs: Sequence[Any], failing: Sequence[Any]) -> bool:
    """Return whether no axis has shrunk to one item or none: a mean, a sum and an element would be the same there."""
    for x, known in zip(inputs, failing, strict=True):
        shape, wanted = np.shape(x), np.shape(known)
        least = [min(n, 2) for n in wanted] if len(wanted) == len(shape) else [2] * max(1, len(shape))
        if len(shape) < len(least) or any(n < m for n, m in zip(shape, least, strict=True)):
            return False
    return True


def _report(found: list[Judgement], at: Any, judge: GradientJudge, seed: int, how: str) -> Report:
    """Return the report; the last judgement's inputs, `at`, are its example where it did not end in a match."""
    by_name: dict[str, list[Check]] = {}
    for judged in found:
        for check in judged.checks:
            by_name.setdefault(check.name, []).append(check)
    notes: dict[str, None] = {}
    for judged in found:
        notes |= judged.notes
    last = found[-1]
    shown = at if last.failed or _broke(last) else None
    example = None if shown is None else describe_example(judge.user, shown, last.point)
    script = write_script(judge.user, shown, seed, judge.wrt, judge.reference) if shown is not None else ""
    reproduce = script or f"gt.check_gradient({judge.operation}, {judge.user.style}=..., {how}, seed={seed})"
    cases: tuple[Case, ...] = ()
    if last.failed:
        y_bar = last.point.y_bar if last.point else None
        cases = (make_case(judge.user, judge.reference, at, y_bar, judge.wrt, seed, last.checks, script),)
    extra = {
        "oracle": last.oracle.name if last.oracle else "traced",
        "notes": single_notes(notes),
        "source": find_line(judge.user.gradient, judge.user.forward),
    }
    checks = flag_empty([merge_checks(checks) for checks in by_name.values()])
    return Report("check", checks, seed, reproduce, describe_environment(), extra, example, cases)


def _choose_style(**given: Any) -> tuple[Style, Callable[..., Any] | None]:
    chosen = [name for name, value in given.items() if value is not None and value is not False]
    if len(chosen) != 1:
        came = ", ".join(chosen) if chosen else "none"
        raise ArgumentValueError(
            f"{', '.join(given)}: got {came}; expected exactly one, the way that the gradient is written."
        )
    style: Any = chosen[0]
    return style, None if style == "value_and_grad" else given[style]


def read_inputs(inputs: Any) -> tuple[Any, ...]:
    """Return the arguments of a function; raise GradTwinError for those that can't be checked."""
    if not isinstance(inputs, tuple | list):
        raise ArgumentTypeError(
            f"inputs: got {type(inputs).__name__}; expected a tuple of forward's arguments, such as (x,) for one array."
        )
    for i, x in enumerate(inputs):
        if isinstance(x, np.ma.MaskedArray):
            raise ArgumentTypeError(
                f"inputs: input {i} is a masked array, whose masked entries have no value; expected a plain array. "
                f"Give them one by .filled(value), or leave them out by .compressed()."
            )
        if isinstance(x, np.ndarray) and x.dtype == object:
            raise ArgumentTypeError(f"inputs: input {i} is an object array; expected numbers. Convert it with .astype.")
    if not any(is_floating(x) for x in inputs):
        kinds = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in inputs) or "none"
        raise ArgumentTypeError(
            f"inputs: got {kinds}; expected at least one array of real floating numbers, which has a gradient. "
            f"Convert integers with .astype(np.float64); split complex numbers into real and imaginary parts."
        )
    size = COPIES * sum(x.nbytes for x in inputs if isinstance(x, np.ndarray))
    check_fits("inputs: checking at these", size, "Give smaller ones; a few rows show the same faults.")
    return tuple(inputs)


def check_arity(user: UserFunctions, count: int, argument: str) -> None:
    """Raise ArgumentValueError unless forward can be called with so many arguments."""
    try:
        inspect.signature(user.forward).bind(*range(count))
    except TypeError as error:
        raise ArgumentValueError(
            f"{argument}: there are {count} inputs, and forward can't be called with {count} arguments ({error}). "
            f"Bind other arguments with static= or functools.partial."
        ) from error
    except ValueError:  # a builtin without a signature
        return
