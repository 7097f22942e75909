"""One operation of the catalogue at one point, NumPy backend against TensorFlow backend.

Both sides get the same inputs and the same upstream gradient, so errors don't chain, and a fault shows at its
operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Array, Call, Operation
from gradtwin.backends.operations import find_operation
from gradtwin.comparisons.judging.judge import Title, judge, judge_answers
from gradtwin.comparisons.judging.proven import Proven
from gradtwin.comparisons.judging.titles import Titles
from gradtwin.comparisons.results.data import Check
from gradtwin.comparisons.subjects.interface import Answer, ContractError
from gradtwin.comparisons.subjects.rule import RightRule, RuleSubject


@dataclass(frozen=True)
class Judged:
    """A call that the judged side has answered, or that it broke its contract at."""

    call: Call
    answer: Answer | ContractError

    @property
    def results(self) -> tuple[Array | None, ...]:
        """The judged side's answers; none if it broke its contract."""
        return () if isinstance(self.answer, ContractError) else self.answer.results


def check_operation(
    name: str | Operation, inputs: Sequence[Array], y_bar: Array | None, left: Backend, right: Backend, prefix: str = ""
) -> list[Check]:
    """Compare the value and every gradient, or the update, of an operation; one Check for each, with its side effects.

    `left` is judged against `right`; the allowed error is that of the catalogue's own rule at these inputs.
    """
    call = Call(find_operation(name), tuple(inputs), y_bar)
    results = name_results(call)
    return judge(_titles(call, right, prefix), results, RuleSubject(left), RightRule(right), Proven(right), call)


def run_judged(call: Call, left: Backend) -> Judged:
    """Run a call on the side that is judged."""
    try:
        return Judged(call, RuleSubject(left).run(call))
    except ContractError as error:
        return Judged(call, error)


def compare_answers(judged: Sequence[Judged], right: Backend) -> list[list[Check]]:
    """Compare the judged side's answers to calls with the other side's, which is asked once for all of them."""
    answers = iter(right.answer([one.call for one in judged if not isinstance(one.answer, ContractError)]))
    proven = Proven(right)
    found = []
    for one in judged:
        titles = _titles(one.call, right)
        if isinstance(one.answer, ContractError):
            found.append([titles.contract(one.answer.causes)])
        else:
            theirs = Answer(next(answers))
            allowances = proven.between(one.answer, theirs, one.call)
            found.append(judge_answers(titles, name_results(one.call), one.answer, theirs, allowances))
    return found


def _titles(call: Call, right: Backend, prefix: str = "") -> Titles:
    dtype = call.inputs[0].dtype.newbyteorder("=").name
    return Titles(call.operation.name, dtype, right.mode, prefix, effects="inputs unchanged")


def name_results(call: Call) -> list[Title]:
    """Return the names of the results of a call, and the stages at which they are compared."""
    operation = call.operation
    if call.y_bar is None:
        return [("update of " + operation.inputs[i] if i else "update", "update") for i in operation.changed]
    gradients: list[Title] = [(f"gradient of input {i} ({x})", "gradient") for i, x in enumerate(operation.inputs)]
    return [("value", "value"), *gradients]
