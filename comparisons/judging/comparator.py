"""The one comparator: two results and the allowed difference, to a Check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.precision.bounded_array import Reals
from gradtwin.comparisons.precision.constants import UNDECIDED_PART
from gradtwin.comparisons.results.data import Cause, Check, Stage, Verdict, Worst
from gradtwin.comparisons.results.evidence import make_evidence
from gradtwin.comparisons.results.formula import merge_accuracies, merge_formulas

from .titles import Titles

_NO_NUMBER = Cause(
    "nan", True, "", "both sides are NaN in places, so nothing is known there: use inputs in forward's domain."
)


def compare_arrays(titles: Titles, name: str, stage: Stage, left: Array, right: Array, allowance: Allowance) -> Check:
    """Judge two arrays of one shape, element by element.

    The places of infinities and NaN are compared first. An element is undecided if a zero or a negated value would have
    passed too: if the allowed difference reaches the sum of the absolute terms behind it, or the value is unknown.
    """
    left64, right64 = left.astype(np.float64, copy=False), right.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        allowed = allowance.allowed
        difference = np.abs(left64 - right64)
        if (difference <= allowed).all() and ((allowed < allowance.scale) | (allowed == 0)).all():  # so all is finite
            worst = _find_worst(left64, right64, difference, allowed, allowance.value)
            title = titles.name(name)
            return Check(title, titles.operation, stage, titles.dtype, titles.mode, "match", left.size, worst=worst)
        both_nan = np.isnan(left64) & np.isnan(right64)
        same = (left64 == right64) | both_nan
        finite = np.isfinite(left64) & np.isfinite(right64)
        known = np.isfinite(allowed)
        wrong = known & ~same & ~(finite & (difference <= allowed))
        not_a_number_by_both = same & ~finite & np.isfinite(allowance.value)
        undecided = ~wrong & (((allowed >= allowance.scale) & (allowed > 0)) | ~known | not_a_number_by_both)
        verdict: Verdict = "match"
        if wrong.any():
            verdict = "mismatch"
        elif undecided.any() and _holds_most(undecided, left64, right64):
            verdict = "inconclusive"
        difference = np.where(same, 0.0, difference)
        worst = _find_worst(left64, right64, difference, allowed, allowance.value)
        evidence = None
        if verdict == "mismatch" and worst:
            evidence = make_evidence(left, right, difference, allowed, wrong, worst.index)
    causes: tuple[Cause, ...] = ()
    if verdict == "inconclusive" and not_a_number_by_both.any():
        causes = (_NO_NUMBER,)
    return Check(
        titles.name(name),
        titles.operation,
        stage,
        titles.dtype,
        titles.mode,
        verdict,
        size=left.size,
        mismatched=int(wrong.sum()),
        inconclusive=int(undecided.sum()),
        worst=worst,
        causes=(*causes, *allowance.why),
        undecided_examples=int(verdict == "inconclusive"),
        evidence=evidence,
    )


def merge_checks(checks: Sequence[Check]) -> Check:
    """Merge the checks of one thing at many points: inconclusive only if it was so at most of them."""
    if len(checks) == 1:
        return checks[0]
    undecided = sum(check.undecided_examples for check in checks)
    examples = sum(check.examples for check in checks)
    verdict: Verdict = "match"
    if any(check.verdict == "mismatch" for check in checks):
        verdict = "mismatch"
    elif undecided > UNDECIDED_PART * examples:
        verdict = "inconclusive"
    causes = {cause: None for check in checks if check.verdict == verdict for cause in check.causes}
    compared = [check for check in checks if check.worst]
    worst = max(compared, key=lambda check: check.worst.fraction if check.worst else 0.0, default=checks[0])
    return replace(
        checks[0],
        verdict=verdict,
        size=sum(check.size for check in checks),
        mismatched=sum(check.mismatched for check in checks),
        inconclusive=sum(check.inconclusive for check in checks),
        worst=worst.worst,
        causes=tuple(causes),
        examples=examples,
        undecided_examples=undecided,
        evidence=worst.evidence,
        formula=merge_formulas([check.formula for check in checks]),
        accuracy=merge_accuracies([check.accuracy for check in checks]),
    )


def _holds_most(part: Reals, left: Reals, right: Reals) -> bool:
    """Return whether some elements hold most of an array's norm; of an array of zeros, whether they are most."""
    size = np.maximum(np.abs(left), np.abs(right))
    finite = np.isfinite(size)
    if (part & ~finite).any():
        return True
    largest = size[finite].max(initial=0.0)
    weight = np.where(finite, (size / largest) ** 2 if largest > 0 else 1.0, 1.0)
    return bool(weight[part].sum() > UNDECIDED_PART * weight.sum())


def _find_worst(left: Reals, right: Reals, difference: Reals, allowed: Reals, value: Reals) -> Worst | None:
    """Return the element with the largest difference over allowed one, among those of which anything is known."""
    known = np.isfinite(allowed)
    if not known.any():
        return None
    fraction = np.divide(difference, allowed, out=np.zeros(left.shape), where=difference != 0)
    fraction[np.isnan(fraction)] = np.inf  # a NaN on one side only
    fraction[~known] = -1.0
    index = tuple([int(i) for i in np.unravel_index(fraction.argmax(), left.shape)])
    return Worst(
        index,
        float(left[index]),
        float(right[index]),
        float(value[index]),
        float(difference[index]),
        float(allowed[index]),
    )
