"""Why a gradient is wrong: repairs are tried, simplest first, and one that makes it right everywhere is the cause.

The table below is the order of simplicity. A cause is confirmed only if its repair, with the same parameters, makes
every element right here and at other points; what fits here alone is worded as a guess.

May import judging and the rooms before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.judging.point import AnotherPoint, Point
from gradtwin.comparisons.precision.constants import ENOUGH_BITS, FEW_POINTS, MOST_GUESSES, OTHER_DRAWS, OTHER_POINTS
from gradtwin.comparisons.results.data import Cause

from . import arrangement, diagonal, elementwise, regions, scaling, stale, sums, terms
from .trial import (
    Finding,
    Gradients,
    Propose,
    Repair,
    Tools,
    Trial,
    View,
    Work,
    widen,
)

#: Every cause that values can have, simplest first; and whether a constant factor may come on top of it.
CAUSES: tuple[tuple[Propose, bool], ...] = (
    (scaling.zeroed, False),
    (regions.kink, False),
    (arrangement.dtype, False),
    (arrangement.shape, True),
    (scaling.sign, False),
    (arrangement.transpose, True),
    (arrangement.swapped, True),
    (scaling.mean_for_sum, False),
    (scaling.factor, False),
    (sums.forward_broadcast, False),
    (arrangement.permuted, True),
    (elementwise.one_side, False),
    (elementwise.other_side, False),
    (elementwise.elementwise_factor, True),
    (elementwise.upstream_factor, False),
    (sums.missing_sum, True),
    (diagonal.jacobian_diagonal, True),
    (sums.not_accumulated, True),
    (stale.stale_value, True),
    (arrangement.other_way_round, False),
    (terms.missing_term, False),
    (terms.missing_multiple, False),
    (regions.partial, False),
)


def diagnose(
    point: Point,
    another: AnotherPoint,
    *,
    intermediates: Mapping[str, Array] | None = None,
    oracle_vjp: Gradients | None = None,
    rerun: Gradients | None = None,
) -> tuple[Cause, ...]:
    """Return the causes of a mismatch, those of each differentiated input that has one, simplest confirmed first.

    `another` gives the points at which a repair must hold too. `intermediates` are values inside the forward at
    `point`, by name. `oracle_vjp(inputs, y_bar)` and `rerun(inputs, y_bar)` are the oracle's and the user's gradients
    anywhere, in the order of `wrt`; causes that need them are not looked for without. Where the gradients are
    known in a sample of their entries only, every cause is a guess.
    """
    tools = Tools(oracle_vjp, rerun)

    @cache
    def elsewhere(seed: int) -> Point | None:  # judged when the first repair is tried there
        runs = 2 * (1 + OTHER_DRAWS)  # of both sides, at the point and at those moved from it
        tools.work.add(runs * sum(np.size(x) for x in (*point.inputs, point.y)), runs)
        return another(seed)

    @cache
    def view_at(seed: int, k: int) -> View | None:
        other = elsewhere(seed)
        return None if other is None or _is_same(other, point) else View(other, k, tools)

    def others(k: int, count: int) -> tuple[View, ...]:
        return tuple(view for seed in range(1, count + 1) if (view := view_at(seed, k)) is not None)

    found: dict[tuple[Finding, bool], list[str]] = {}
    wrong = 0
    for k, position in enumerate(point.wrt):
        view = View(point, k, tools, intermediates)
        view.find_others = partial(others, k)
        if not view.differs() and regions.not_a_number(view) is None:
            continue
        wrong += 1
        for finding, confirmed in _explain(view):
            found.setdefault((finding, confirmed and not point.is_sample), []).append(point.words[position])
    shared = len(point.wrt) > 1 and wrong == len(point.wrt)
    causes = [
        Cause(finding.cause, confirmed, finding.detail, _sentence(finding, confirmed, of, shared and len(of) == wrong))
        for (finding, confirmed), of in found.items()
    ]
    return tuple(sorted(causes, key=lambda cause: not cause.confirmed))


def _is_same(one: Point, other: Point) -> bool:
    """Return whether two points have the same inputs and y_bar: what holds at one proves nothing at the other."""
    pairs = zip((*one.inputs, one.y_bar), (*other.inputs, other.y_bar), strict=True)
    return all(a is b or np.array_equal(a, b) for a, b in pairs)


def _explain(view: View) -> list[tuple[Finding, bool]]:
    """Return the findings on one input's gradient, and whether each is confirmed."""
    findings: list[tuple[Finding, bool]] = []
    if (fact := regions.not_a_number(view)) is not None:
        findings.append((fact, True))
        if not view.differs():
            return findings
    possible: dict[Finding, None] = {}
    refuted: dict[Finding, None] = {}
    view.tools.work = Work()
    for repair in _repairs(view):
        if view.tools.work.is_spent:
            break
        trial = repair.attempt(view)
        if trial is not None and (repair.guess or trial.passes()):
            passed = _passed_elsewhere(repair, view)
            if not repair.guess and passed is not None and _is_proven(repair, trial, view, passed):
                return findings + [(finding, True) for finding in repair.findings]
            if passed is not None:
                possible.update(dict.fromkeys(repair.findings))
            elif _is_worth_a_guess(repair, trial, view):
                refuted.update(dict.fromkeys(repair.findings))
    unknown = Finding("unknown", "", "{gradient} is wrong in a way that no repair explains.")
    guesses = list(possible or refuted or (unknown,))[:MOST_GUESSES]
    return findings + [(finding, False) for finding in guesses]


def _is_worth_a_guess(repair: Repair, trial: Trial, view: View) -> bool:
    """Return whether a repair that another point contradicts is still worth a guess: a fitted number isn't,

    unless it is the one factor between both gradients. One number for a whole gradient isn't either.
    """
    if trial.right.size == 1 < view.right.size:
        return False
    return (
        not repair.fitted or repair.tells_where or {finding.cause for finding in repair.findings} <= {"sign", "factor"}
    )


def _repairs(view: View) -> Iterator[Repair]:
    """Yield the repairs of every cause, then those that need a factor as well."""
    for propose, _ in CAUSES:
        yield from propose(view)
    for propose, scalable in CAUSES:
        if scalable:
            for repair in propose(view):
                yield from scaling.scaled(view, repair)


def _passed_elsewhere(repair: Repair, view: View) -> list[tuple[View, Trial]] | None:
    """Return the other points at which a repair could be tried, and how it went; None if one contradicts it."""
    passed: list[tuple[View, Trial]] = []
    count = FEW_POINTS if repair.costly else OTHER_POINTS
    for other in () if repair.guess else view.find_others(count):
        trial = repair.attempt(other)
        if trial is not None and trial.is_telling():
            if not trial.passes():
                return None
            passed.append((other, trial))
    return passed


def _is_proven(repair: Repair, here: Trial, view: View, passed: list[tuple[View, Trial]]) -> bool:
    """Return whether a repair that passes everywhere could not do so by chance.

    A point that was right without the repair proves nothing. If there is only one point, it is enough, unless the
    repair's parameters were taken from it, or one number could explain it.
    """
    telling = [(other, trial) for other, trial in passed if other.differs()]
    if not repair.tells_where and _is_at_one_value([view, *(other for other, _ in telling)]):
        return False
    bits = here.evidence(view.as_given()) + sum(trial.evidence(other.as_given()) for other, trial in telling)
    return bits >= ENOUGH_BITS and (bool(telling) or (not repair.fitted and here.is_varied()))


def _is_at_one_value(views: list[View]) -> bool:
    """Return whether the input has one value wherever the gradient is wrong, and others wherever it is right.

    So it is where a kink is given another slope: one element, however often it comes, fits many a repair.
    """
    inputs = [widen(view.point.inputs[view.position]) for view in views]
    if any(x.shape != view.right.shape for x, view in zip(inputs, views, strict=True)):
        return False
    if any(view.left.shape != view.right.shape for view in views):
        return False
    wrong = np.concatenate([x[view.wrong] for x, view in zip(inputs, views, strict=True)])
    right = np.concatenate([x[view.telling & ~view.wrong] for x, view in zip(inputs, views, strict=True)])
    return bool(wrong.size and right.size and (wrong == wrong[0]).all() and (right != wrong[0]).all())


def _sentence(finding: Finding, confirmed: bool, of: list[str], everything: bool) -> str:
    if everything:
        subject = "every gradient"
    else:
        subject = f"the gradient of {of[0]}" if len(of) == 1 else f"each of the gradients of {' and '.join(of)}"
    text = finding.text.replace("{gradient}", subject)
    return text if confirmed or finding.cause == "unknown" else f"perhaps {text}"
