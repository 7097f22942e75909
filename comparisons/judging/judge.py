"""The one judge: two answers and the allowed differences, to checks.

Checks in order: contract, the results as they are titled, side effects. A broken contract ends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.allowance import Allowance
from gradtwin.comparisons.results.data import Cause, Check, Stage
from gradtwin.comparisons.subjects.interface import Answer, ContractError, Subject

from .comparator import compare_arrays
from .titles import Titles

At = TypeVar("At")
Where = TypeVar("Where", contravariant=True)

#: The name of a result, and the stage at which it is compared.
Title = tuple[str, Stage]


class Allowed(Protocol[Where]):
    """What two answers may differ by: proven, or measured on the functions themselves."""

    def between(self, left: Answer, right: Answer, at: Where, /) -> Sequence[Allowance]:
        """Return the allowed difference of each result."""


@dataclass(frozen=True)
class Compared:
    """One result of both sides, with its allowed difference.

    `blame` are the causes of a mismatch that is known beforehand; without an allowance it is one.
    """

    title: Title
    left: Array | None
    right: Array | None
    allowance: Allowance | None
    blame: tuple[Cause, ...] = ()


def judge(
    titles: Titles,
    results: Sequence[Title],
    left: Subject[At],
    right: Subject[At],
    allowed: Allowed[At],
    at: At,
) -> list[Check]:
    """Judge `left` against `right` at one place; `results` names the results of both."""
    try:
        mine, theirs = left.run(at), right.run(at)
    except ContractError as error:
        return [titles.contract(error.causes)]
    return judge_answers(titles, results, mine, theirs, allowed.between(mine, theirs, at))


def judge_answers(
    titles: Titles, results: Sequence[Title], mine: Answer, theirs: Answer, allowances: Sequence[Allowance]
) -> list[Check]:
    """Judge two answers: the contract of what returns a value, a check for each result, and the side effects."""
    contract = [titles.contract()] if any(stage == "value" for _, stage in results) else []
    pairs = zip(results, mine.results, theirs.results, allowances, strict=True)
    with np.errstate(all="ignore"):
        compared = compare(titles, [Compared(*pair) for pair in pairs])
    return [*contract, *compared, titles.side_effects(mine.effects)]


def compare(titles: Titles, pairs: Sequence[Compared]) -> list[Check]:
    """Compare results one by one."""
    return list(_compare(titles, pairs))


def _compare(titles: Titles, pairs: Sequence[Compared]) -> Iterator[Check]:
    for pair in pairs:
        name, stage = pair.title
        if pair.left is None or pair.right is None:
            side, slug = ("autodiff", "reference") if pair.right is None else ("the judged side", "shape")
            yield titles.failed(name, stage, Cause(slug, False, "None", f"{side} returned no {name}."))
        elif pair.allowance is None:
            yield titles.failed(name, stage, *pair.blame)
        elif pair.left.shape != pair.right.shape:
            text = f"{name} has shape {pair.left.shape} on one side and {pair.right.shape} on the other."
            yield titles.failed(name, stage, Cause("shape", False, str(pair.left.shape), text))
        else:
            check = compare_arrays(titles, name, stage, pair.left, pair.right, pair.allowance)
            yield replace(check, causes=pair.blame) if pair.blame and check.verdict == "mismatch" else check
