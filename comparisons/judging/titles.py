"""The words that the checks of one judgement carry, and the checks that compare no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradtwin.comparisons.results.data import Cause, Check, Stage, Verdict


@dataclass(frozen=True)
class Titles:
    """The words for a judged thing.

    `prefix` and `suffix` surround the name of each check; `effects` is the name of the check of side effects.
    """

    operation: str
    dtype: str
    mode: str = "eager"
    prefix: str = ""
    suffix: str = ""
    effects: str = "side effects"

    def name(self, what: str) -> str:
        """Return the name of a check of something."""
        return f"{self.prefix}{what}{self.suffix}"

    def contract(self, causes: Sequence[Cause] = ()) -> Check:
        """Return the check of a function's arguments and results: a mismatch if there are causes."""
        return self._without_numbers("contract", "contract", "mismatch" if causes else "match", causes)

    def side_effects(self, causes: Sequence[Cause] = ()) -> Check:
        """Return the check of a run's side effects: a mismatch if there are causes."""
        return self._without_numbers(self.effects, "side-effect", "mismatch" if causes else "match", causes)

    def failed(self, name: str, stage: Stage, *causes: Cause) -> Check:
        """Return a mismatch that no number shows."""
        return self._without_numbers(name, stage, "mismatch", causes)

    def expected(self, name: str, stage: Stage, is_so: bool, *causes: Cause) -> Check:
        """Return a match if something is as it should be, else a mismatch."""
        return self._without_numbers(name, stage, "match" if is_so else "mismatch", causes)

    def passed_on(self, name: str, stage: Stage, verdict: Verdict, examples: int = 1) -> Check:
        """Return a check whose verdict other checks have given."""
        return self._without_numbers(name, stage, verdict, (), examples)

    def undecided(self, name: str, stage: Stage, *causes: Cause) -> Check:
        """Return a check of something that ought to be judged, and can't be."""
        return self._without_numbers(name, stage, "inconclusive", causes)

    def _without_numbers(
        self, name: str, stage: Stage, verdict: Verdict, causes: Sequence[Cause], examples: int = 1
    ) -> Check:
        return Check(
            self.name(name),
            self.operation,
            stage,
            self.dtype,
            self.mode,
            verdict,
            causes=tuple(causes),
            examples=examples,
            undecided_examples=examples * (verdict == "inconclusive"),
        )
