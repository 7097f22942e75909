"""Reports of pairs that were to be checked and could not be: nothing is known about them, and that is no match."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Cause, Report
from gradtwin.comparisons.results.environment import describe_environment
from gradtwin.comparisons.subjects.classes import GradientClass
from gradtwin.comparisons.subjects.guessing import Unfit
from gradtwin.comparisons.subjects.loading import TookTooLongError
from gradtwin.comparisons.subjects.names import CACHE_LIKE, UPSTREAM
from gradtwin.comparisons.subjects.pairing import NamedPair, Skipped, required
from gradtwin.comparisons.subjects.source import find_line
from gradtwin.comparisons.subjects.trial_points import is_target
from gradtwin.errors import GradTwinError


def report_failed(place: str, pair: NamedPair, dtype: str, seed: int, why: GradTwinError | Unfit) -> Report:
    """Return the report of a pair that can't be called, or did not return.

    It says how to check the pair alone, where that may lead further.
    """
    slug = "timeout" if isinstance(why, TookTooLongError) else "not-run"
    reason, may_help = (why.reason, why.inputs_may_help) if isinstance(why, Unfit) else (str(why), True)
    command = _command_alone(place, pair) if may_help else ""
    text = f"{reason.rstrip('.')}. Check it alone: {command}" if command else f"{reason.rstrip('.')}."
    report = _inconclusive(pair.forward_name, dtype, seed, Cause(slug, False, "", text), command)
    return replace(report, extra={**report.extra, "source": find_line(pair.gradient, pair.forward)})


def without_random(report: Report, name: str) -> Report:
    """Return the report of a check; an inconclusive one where two runs of forward differ, and nothing can be judged."""
    found = [
        check
        for check in report.checks
        if any(cause.cause == "nondeterministic" and cause.detail == "forward" for cause in check.causes)
    ]
    if not found:
        return report
    text = (
        f"{name} is not deterministic: two runs on equal inputs differ. Seed its random numbers, or pass them, such as "
        f"a mask, as an input."
    )
    cause = Cause("nondeterministic", True, "forward", text)
    undecided = _inconclusive(name, found[0].dtype, report.seed, cause, report.reproduce)
    return replace(undecided, extra={**report.extra, "notes": []})


def way_to_check(place: str, found: GradientClass) -> str:
    """Return what a class with a gradient is, and how to check it."""
    if found.pair is not None:
        return f"a class with functions: check them alone: {_command_alone(place, found.pair)}"
    if found.use:
        kind = "a layer object" if "layer" in found.use else "a model"
        return f"{kind}: use {found.use.format(f'{found.name}(...)')}"
    return "a class with methods: write them as functions of the file, and gradtwin check finds the pair"


def report_class(place: str, found: GradientClass, dtype: str, seed: int) -> Report:
    """Return the report of a class with a gradient, which is not run: its arguments are not known."""
    methods = " and ".join(found.methods)
    way = way_to_check(place, found)
    text = f"{found.name} has {methods}, and gradtwin check runs only a file's functions. It is {way}."
    command = "" if found.pair is None else _command_alone(place, found.pair)
    report = _inconclusive(found.name, dtype, seed, Cause("not-run", False, "class", text), command)
    return replace(report, extra={**report.extra, "source": find_line(found.source)})


def report_missing(
    place: str, name: str, dtype: str, seed: int, named: Sequence[NamedPair], skipped: Sequence[Skipped]
) -> Report:
    """Return the report of a name that was required and is in no pair of the file."""
    known = [known for pair in named for known in (pair.forward_name, pair.gradient_name) if known]
    why = next((f" It was skipped: {item.reason}." for item in skipped if name in item.name.split(", ")), "")
    close = get_close_matches(name, known, n=1)
    hint = why or (f" Did you mean {close[0]!r}?" if close else "")
    text = f"{name} was required, and {place} has no pair of a function and its gradient with this name.{hint}"
    return _inconclusive(name, dtype, seed, Cause("not-run", False, "required", text), "")


def report_ended(target: str, dtype: str, seed: int, how: str, doing: str, command: str) -> Report:
    """Return the report of a check whose process ended before its verdict was known."""
    return _inconclusive(target, dtype, seed, Cause("crash", True, how, describe_end(how, doing)), command)


def describe_end(how: str, doing: str = "") -> str:
    """Return the sentences on a process that ended too early."""
    code = "A call of compiled code crashed, or the process was killed."
    if how.startswith("exit"):
        code = "Code that is checked must not end its process, as os._exit and os.execv do."
    return f"the process ended ({how}){f' while {doing}' if doing else ''}, and its verdict is not known. {code}"


def _command_alone(place: str, pair: NamedPair) -> str:
    """Return the command that checks a pair at inputs of its own; empty where the gradient has no name to give.

    A function of one argument gets no y_bar, and one of forward's arguments neither; targets are not differentiated.
    """
    if "(" in pair.gradient_name:
        return ""
    style, wrt = "--vjp", []
    given = required(pair.forward)
    taken = [] if pair.gradient is None else required(pair.gradient)
    if len(taken) == 1:
        style = "--derivative"
    elif len(taken) == 2 and CACHE_LIKE.match(taken[1]):
        style = "--backward"
    elif len(taken) == len(given) > 1 and not any(map(UPSTREAM.match, taken)):
        style = "--grad"
        wrt = ["--wrt", str(next((i for i, name in enumerate(given) if not is_target(name)), 0))]
    words = ["gradtwin", "check", f"{place}:{pair.forward_name}", style, pair.gradient_name or "NAME"]
    return shlex.join([*words, "--inputs", "FILE.npz", *wrt])


def _inconclusive(operation: str, dtype: str, seed: int, cause: Cause, command: str) -> Report:
    check = Titles(operation, dtype).undecided("contract", "contract", cause)
    extra: dict[str, Any] = {"oracle": "traced", "notes": [], "source": None}
    return Report("check", (check,), seed, command, describe_environment(), extra)
