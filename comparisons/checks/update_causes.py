"""Why an optimizer's step parts from Keras's: alternatives of the rule are tried at every start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.precision.constants import RATE_DIGITS, RATIO_DIGITS
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.update_rules import (
    PUBLISHED,
    PUBLISHED_NOTES,
    Agrees,
    Hyper,
    Path,
    explain,
    follow,
    forms_of,
)
from gradtwin.comparisons.subjects.update_step import UserStep

from .update_sides import RuleSteps, Starts, UserSteps, allowed_of

UNKNOWN = Cause("unknown", False, "", "no alternative of the rule explains the step")


@dataclass(frozen=True)
class Explained:
    """Why the steps part: the cause, if one was found, and the published form of the rule that they are judged by."""

    cause: Cause | None = None
    form: frozenset[str] = frozenset()

    def may_be_of_numbers(self) -> bool:
        """Return whether other numbers of the right rule may explain it: a longer or shorter step, or nothing does."""
        return self.cause is None or (self.cause.cause == "factor" and _is_positive(self.cause.detail))

    @property
    def notes(self) -> list[str]:
        """The notes on the form."""
        return [PUBLISHED_NOTES[flag] for flag in sorted(self.form)]


def _is_positive(detail: str) -> bool:
    try:
        return float(detail) > 0
    except ValueError:  # a slip of another kind
        return False


class UpdateCauses:
    """Tries alternatives of a rule, whose numbers `hyper` holds, on the user's steps."""

    def __init__(self, user: UserStep, mine: UserSteps, starts: Starts, hyper: Hyper) -> None:
        self._user, self._mine, self._starts, self._hyper = user, mine, starts, hyper

    def explain(self) -> Explained:
        """Return the slip that explains every step, or another published form, or nothing."""
        found = explain(self._hyper, self._agreeing(self._hyper), self._fitted_factors)
        if found is None:
            return Explained(self._other_numbers() or self._decay_of_its_own())
        slip, form = found
        return Explained(None if slip is PUBLISHED else Cause(slip.cause, True, slip.flag, slip.text), form)

    def parting(self, form: frozenset[str], wrong: int) -> str:
        """Return which state variable parts from the rule's, and at which step, in words."""
        paths = RuleSteps(self._hyper, self._starts, form).paths
        names = list(paths[0].states[0]) if paths[0].states else []
        texts = []
        for mine in self._mine.walk(0).states[-1]:
            step = self._first_parting(mine, names, paths)
            if step is not None:
                texts.append((step, f" The state variable {mine} differs from Keras's from step {step} on."))
        return min(texts)[1] if texts else weights_part(wrong)

    def _agreeing(self, hyper: Hyper) -> Agrees:
        """Return whether a rule with these numbers agrees with every step, for flags and a factor."""
        lefts = [walk.weights for walk in self._mine.walks()]

        def agrees(flags: frozenset[str], factor: float) -> bool:
            rights = [path.weights for path in RuleSteps(hyper, self._starts, flags, factor).paths]
            steps = range(len(rights[0]))
            return all(_agree([side[t] for side in lefts], [side[t] for side in rights]) for t in steps)

        return agrees

    def _other_numbers(self) -> Cause | None:
        """Return the cause if the step is right with one of its numbers that differs from the optimizer's."""
        for name, value in self._user.hyperparameters(self._hyper.rule).items():
            known = getattr(self._hyper, name, value)
            if known == value:
                continue
            agrees = self._agreeing(replace(self._hyper, **{name: value}))
            if any(agrees(form, 1.0) for form in forms_of(self._hyper)):
                return Cause("factor", True, name, f"the step's {name} is {value!r}, and the optimizer's {known!r}")
        return None

    def _decay_of_its_own(self) -> Cause | None:
        """Return the cause if the step takes off weight decay, where the optimizer has none."""
        hyper = self._hyper
        if hyper.weight_decay:
            return None
        (start, pulls), moved = self._starts.vectors[0], self._mine.walk(0).weights[0]
        own = self._user.hyperparameters(hyper.rule).get("weight_decay", np.nan)
        for form in forms_of(hyper):
            with np.errstate(all="ignore"):
                taken_off = follow(hyper, start, pulls, self._starts.parts, form).weights[0] - moved
                fitted = float(np.median(taken_off / (hyper.learning_rate * start)))
            for decay in dict.fromkeys((own, float(f"{fitted:.{RATE_DIGITS}g}"), fitted)):
                if not np.isfinite(decay):
                    continue
                agrees = self._agreeing(replace(hyper, weight_decay=decay))
                flags = (frozenset[str](), frozenset({"decay last"}), frozenset({"coupled decay"}))
                if any(agrees(form | flag, 1.0) for flag in flags):
                    text = f"the step applies weight decay ({decay:.6g}), and the optimizer has none"
                    return Cause("missing-term", True, f"{decay:.6g} · w", text)
        return None

    def _fitted_factors(self, form: frozenset[str]) -> list[float]:
        """Return the first step over the form's: the median of the quotients."""
        start, pulls = self._starts.vectors[0]
        with np.errstate(all="ignore"):
            right = follow(self._hyper, start, pulls, self._starts.parts, form).weights[0]
            quotients = (self._mine.walk(0).weights[0] - start) / (right - start)
        factor = float(np.median(quotients))
        rounded = float(f"{factor:.{RATE_DIGITS}g}")  # rates are decimal numbers
        return [rounded, factor] if np.isfinite(factor) else []

    def _first_parting(self, mine: str, names: Sequence[str], paths: list[Path]) -> int | None:
        """Return the step at which a state variable stops to be any of the rule's, up to a constant; None if never."""
        histories = [[states.get(mine) for states in walk.states] for walk in self._mine.walks()]
        if any(array is None for history in histories for array in history):
            return None
        longest = 0
        for name in names:
            ratio = _ratio(histories[0][0], paths[0].states[0][name])
            if ratio is None:
                continue
            for t in range(len(histories[0])):
                lefts = [np.asarray(history[t]) for history in histories]
                if not _agree(lefts, [ratio * path.states[t][name] for path in paths]):
                    longest = max(longest, t)
                    break
            else:
                return None
        return longest + 1


def weights_part(wrong: int) -> str:
    """Return the words for weights that part at a step, of which no more is known."""
    return f" The weights differ from step {wrong + 1} on."


def _ratio(left: Array | None, right: Array) -> float | None:
    """Return the constant that one array is of another: the median of their quotients; None where one is zero."""
    if left is None or left.shape != right.shape or not right.all():
        return None
    ratio = float(np.median(left / right))
    doubt = float(np.finfo(left.dtype).eps) ** RATIO_DIGITS
    nice = [number for number in (1.0, -1.0) if abs(ratio - number) <= doubt]
    return nice[0] if nice else ratio


def _agree(lefts: Sequence[Array], rights: Sequence[Array]) -> bool:
    """Return whether two arrays differ by no more than they vary between the starts."""
    allowed = allowed_of((lefts[0], rights[0]), list(zip(lefts, rights, strict=True))[1:])
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(lefts[0] - rights[0]) <= allowed) | (lefts[0] == rights[0])))
