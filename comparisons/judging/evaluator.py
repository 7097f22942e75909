"""Both sides of a user's gradient at one point, before anything is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.oracles.interface import Derived, Oracle
from gradtwin.comparisons.precision.constants import JACOBIAN_ROWS
from gradtwin.comparisons.precision.size import root_mean_square
from gradtwin.comparisons.results.data import Cause
from gradtwin.comparisons.subjects.functions import Evaluation, Place, UserFunctions
from gradtwin.comparisons.subjects.interface import ContractError
from gradtwin.comparisons.subjects.reading import is_floating, resolve_wrt
from gradtwin.errors import ArgumentValueError

#: Users draw their inputs from default_rng(0) too; a y_bar equal to an input would hide faults.
UPSTREAM_STREAM = 0x79BA12

#: What is worth a line in the report; a dict, for its order.
Notes = dict[str, None]


@dataclass(frozen=True)
class Mine:
    """The user's side at one point: the differentiated positions, and a gradient for each as it came."""

    inputs: Sequence[Any]
    evaluation: Evaluation
    upstream: Array
    wrt: tuple[int, ...]
    left: tuple[Array, ...]


@dataclass(frozen=True)
class Sides(Mine):
    """Both sides at one point; `words` are what messages call each input."""

    words: tuple[str, ...]
    right: tuple[Array | None, ...]
    answer: Derived

    @property
    def y_bar(self) -> Array | None:
        """The upstream gradient that the user's functions got, None where their style has none."""
        return self.evaluation.y_bar

    @cached_property
    def operands(self) -> tuple[float, ...]:
        """The size of what each gradient is formed from: ‖ȳ ∘ y‖ over the typical size of its input, 0 if unknown.

        A gradient that is smaller than this by many digits is zero by cancellation.
        """
        with np.errstate(all="ignore"):
            products = np.multiply(self.upstream, self.evaluation.y, dtype=np.float64)
            size = float(np.linalg.norm(products.ravel()))
            reaches = [size / (root_mean_square(self.inputs[i]) or 1.0) for i in self.wrt]
        return tuple(reach if np.isfinite(reach) else 0.0 for reach in reaches)

    def operands_at(self, k: int) -> Array:
        """Return the same for each element of the k-th gradient, where a small input has a large one."""
        x = np.asarray(self.inputs[self.wrt[k]], np.float64)
        with np.errstate(all="ignore"):
            return np.asarray(self.operands[k] * np.fmax(1.0, root_mean_square(x) / np.abs(x)))

    def name(self, k: int) -> str:
        """Return the words for the k-th differentiated input."""
        return self.words[self.wrt[k]]

    def pair(self, k: int) -> tuple[Array, Array]:
        """Return both sides' k-th gradient in one shape; a large Jacobian is contracted with y_bar."""
        theirs, mine = self.right[k], self.left[k]
        shape = np.shape(self.inputs[self.wrt[k]]) if theirs is None else theirs.shape
        if mine.size != np.prod(shape, dtype=int):  # a Jacobian, of which autodiff has the product with y_bar alone
            mine = np.tensordot(self.upstream, mine, self.upstream.ndim)
        return mine.reshape(shape), np.zeros(shape, mine.dtype) if theirs is None else theirs


class Evaluator:
    """Evaluates one pair of forward and gradient, and one oracle, at any point.

    `upstream` is the upstream gradient at the point that is judged, by default a drawn one.
    """

    def __init__(
        self, user: UserFunctions, wrt: Sequence[int] | int | None, oracle: Oracle, upstream: Array | None = None
    ) -> None:
        self.user = user
        self.wrt = wrt
        self.oracle = oracle
        self._upstream = upstream

    def by(self, oracle: Oracle) -> Evaluator:
        """Return an evaluator of the same functions by another oracle."""
        return Evaluator(self.user, self.wrt, oracle, self._upstream)

    def evaluate(self, inputs: Sequence[Any], seed: int) -> Mine:
        """Run the user's side, with y_bar of a stream of gradtwin's own; ContractError where it breaks."""

        def make_y_bar(y: Array) -> Array:
            if self._upstream is not None:
                return self._upstream.astype(y.dtype)
            rng = np.random.default_rng([seed, UPSTREAM_STREAM])
            return np.asarray(rng.standard_normal(y.shape), dtype=y.dtype.newbyteorder("="))

        mine = self.run(Place(inputs, make_y_bar))
        self._check_output(mine)
        if self.user.style == "jacobian" and mine.evaluation.y.size > JACOBIAN_ROWS:
            return replace(mine, upstream=make_y_bar(mine.evaluation.y))
        return mine

    def run(self, at: Place) -> Mine:
        """Run the user's side; ContractError where it breaks."""
        evaluation = self.user.run(at)
        wrt, gradients = self._pair(at.inputs, evaluation)
        y_bar = evaluation.y_bar
        return Mine(at.inputs, evaluation, np.ones_like(evaluation.y) if y_bar is None else y_bar, wrt, gradients)

    def ask(self, mine: Mine, notes: Notes) -> Sides:
        """Return both sides; UntrustedError where the forward can't be traced."""
        answer = self.oracle.ask(mine.inputs, mine.wrt, mine.upstream)
        notes |= dict.fromkeys(answer.notes)
        words = self.user.words(len(mine.inputs))
        right = self._right(answer, mine)
        fields = {name: getattr(mine, name) for name in Mine.__dataclass_fields__}
        return Sides(**fields, words=words, right=right, answer=answer.without_tape())

    def _right(self, answer: Derived, mine: Mine) -> tuple[Array | None, ...]:
        y, wrt, inputs = mine.evaluation.y, mine.wrt, mine.inputs
        if self.user.style != "jacobian" or y.size > JACOBIAN_ROWS:
            return answer.gradients
        rows: list[list[Array]] = [[] for _ in wrt]
        for k in range(y.size):
            one_hot = np.zeros(y.size, dtype=y.dtype.newbyteorder("="))
            one_hot[k] = 1
            for row, bar, i in zip(rows, answer.pull_back(one_hot.reshape(y.shape)), wrt, strict=True):
                row.append(np.zeros(np.shape(inputs[i])) if bar is None else bar)
        shapes = [y.shape + np.shape(inputs[i]) for i in wrt]
        return tuple(np.asarray(row).reshape(shape) for row, shape in zip(rows, shapes, strict=True))

    def _check_output(self, mine: Mine) -> None:
        style, y, wrt = self.user.style, mine.evaluation.y, mine.wrt
        if style in ("grad", "value_and_grad") and y.size != 1:
            raise ArgumentValueError(
                f"forward: it returned shape {y.shape}; with {style} expected one number, whose gradient it is. "
                f"For an array-valued forward give vjp=, derivative= or jacobian=."
            )
        if style == "derivative" and (len(wrt) != 1 or y.shape != np.shape(mine.inputs[wrt[0]])):
            raise ArgumentValueError(
                f"derivative: forward takes shape {np.shape(mine.inputs[wrt[0]])} to {y.shape}; expected an "
                f"elementwise function of one array. For others give vjp= or jacobian=."
            )

    def _pair(self, inputs: Sequence[Any], evaluation: Evaluation) -> tuple[tuple[int, ...], tuple[Array, ...]]:
        """Return the differentiated positions and their gradients."""
        names = self.user.names(len(inputs))
        wrt, gradients = resolve_wrt(self.wrt, inputs, names, evaluation.gradients)
        kept = []
        for i, gradient in zip(wrt, gradients, strict=True):
            if gradient is not None:
                if not is_floating(inputs[i]):
                    raise ContractError(
                        Cause("shape", True, names[i], f"a gradient came for {names[i]}, which is not floating.")
                    )
                kept.append((i, gradient))
            elif self.wrt is not None:
                text = f"the gradient of input {i} ({names[i]}) is None, and wrt={wrt} asks for it."
                raise ContractError(Cause("shape", True, "None", text))
        if not kept:
            raise ArgumentValueError(
                "gradient: every gradient is None; expected at least one array. Is a `return` missing?"
            )
        return tuple(i for i, _ in kept), tuple(gradient for _, gradient in kept)
