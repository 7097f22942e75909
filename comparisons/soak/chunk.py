"""One chunk of a soak: problems are drawn with Hypothesis and judged, and a failing one is saved at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

from gradtwin.backends.backend import Backend
from gradtwin.backends.interface import Call, Operation
from gradtwin.backends.operations import find_operation
from gradtwin.backends.precision import find_dtype
from gradtwin.backends.signature import Shape
from gradtwin.comparisons.catalogue.case import make_case
from gradtwin.comparisons.checks.operation import compare_answers, run_judged
from gradtwin.comparisons.drawing.problems import VALUES, Problem, build_problem, problems, shapes_from, with_layouts
from gradtwin.comparisons.drawing.search import search
from gradtwin.comparisons.judging.comparator import merge_checks
from gradtwin.comparisons.results.case import remove_case
from gradtwin.comparisons.results.data import Check

from .plan import EXAMPLES, Chunk

#: Extents of the dimensions that the modes that compile are tried on.
SIZES = ((5, 7, 3), (16, 65, 5), (1, 1, 1))

#: Problems that a compiled mode answers in one call.
BATCH = 10


class _Batch(list[Problem]):
    """Problems that are judged together."""

    def __repr__(self) -> str:
        return f"{len(self)} problems"  # Hypothesis prints a failing value, and would print every array


def run_chunk(chunk: Chunk, folder: Path, left: Backend, right: Backend, careful: bool = False) -> dict[str, Any]:
    """Draw the chunk's problems and judge `left` by `right`; return the result, as JSON has it.

    The first problem that fails is saved at once in the folder's `findings`, and later replaced by its smallest form.
    The folder's Hypothesis database has it too, and a repeated chunk tries it first. If `careful`, each problem is
    saved before it is judged, in case it ends the process.
    """
    drawing = _Drawing(chunk, folder / "findings", left, right, careful)
    database = DirectoryBasedExampleDatabase(folder / "hypothesis" / chunk.name)
    started = time.process_time()

    search(
        _strategy(chunk),
        drawing.fails,
        examples=EXAMPLES if chunk.mode == "eager" else EXAMPLES // BATCH,
        seed=f"{chunk.seed} {chunk.number}",
        database=database,
    )
    return {**drawing.finish(), "cpu_s": time.process_time() - started, "spent_s": drawing.spent}


class _Drawing:
    """The problems drawn and the findings so far."""

    def __init__(self, chunk: Chunk, folder: Path, left: Backend, right: Backend, careful: bool) -> None:
        self._chunk, self._folder, self._left, self._right, self._careful = chunk, folder, left, right, careful
        self._examples = 0
        self._checks: dict[str, list[Check]] = {}
        self._smallest: tuple[Problem, list[Check], str] | None = None
        self.spent = {"rules": 0.0, "comparison": 0.0}  # of the CPU's time; the rest is drawing
        folder.mkdir(parents=True, exist_ok=True)

    def fails(self, drawn: Sequence[Problem]) -> bool:
        """Judge problems, and return whether one fails."""
        if self._careful and len(drawn) > 1:
            return any(self.fails([problem]) for problem in drawn)
        if self._careful:
            self._save("judging", drawn[0], [], "the process ended while this was judged")
        failing = self._judge(drawn)
        if failing is None:
            return False
        if self._smallest is None:
            self._save("drawn", *failing)
        self._smallest = failing  # Hypothesis runs the smallest last
        return True

    def _judge(self, drawn: Sequence[Problem]) -> tuple[Problem, list[Check], str] | None:
        try:
            with self._spending("rules"):
                judged = [run_judged(Call(p.operation, p.inputs, p.y_bar), self._left) for p in drawn]
            with self._spending("comparison"):
                found = compare_answers(judged, self._right)
        except Exception as error:  # gradtwin's own fault or TensorFlow's, and a finding too
            if len(drawn) > 1:  # which of them is it?
                return next(filter(None, (self._judge([problem]) for problem in drawn)), None)
            return drawn[0], [], f"{type(error).__name__}: {error}"
        if self._smallest is None:
            self._examples += len(drawn)
            for check in (check for checks in found for check in checks):
                self._checks.setdefault(check.name, []).append(check)
        for problem, checks in zip(drawn, found, strict=True):
            if any(check.verdict == "mismatch" for check in checks):
                return problem, checks, ""
        return None

    @contextmanager
    def _spending(self, on: str) -> Iterator[None]:
        started = time.process_time()
        try:
            yield
        finally:
            self.spent[on] += time.process_time() - started

    def finish(self) -> dict[str, Any]:
        """Replace the first failing problem by the smallest one on disk, and return the result of the chunk."""
        finding = None
        if self._smallest is not None:
            finding = self._save("", *self._smallest)
            remove_case(self._folder, f"{self._chunk.name}-drawn")
        remove_case(self._folder, f"{self._chunk.name}-judging")
        merged = [merge_checks(checks) for checks in self._checks.values()]
        return {
            "chunk": vars(self._chunk),
            "examples": self._examples,
            "checks": [{**check.to_dict(), "undecided_examples": check.undecided_examples} for check in merged],
            "finding": finding,
            "crash": self._smallest[2] if self._smallest else "",
        }

    def _save(self, stage: str, problem: Problem, checks: Sequence[Check], error: str) -> str:
        """Save a problem, and return the name it has."""
        name = "-".join(filter(None, (self._chunk.name, stage)))
        extra = {"chunk": vars(self._chunk)}
        chunk = self._chunk
        make_case(problem, chunk.mode, chunk.seed, checks, name=name, error=error, extra=extra).save(self._folder)
        return name


def _strategy(chunk: Chunk) -> st.SearchStrategy[_Batch]:
    operation, dtype = find_operation(chunk.operation), find_dtype(chunk.dtype)
    if chunk.mode == "eager":
        return problems(operation, dtype, layout=chunk.layout).map(lambda problem: _Batch([problem]))
    rng = chunk.random_for(whole_group=True)
    variants = operation.variants()
    variant = variants[rng.integers(len(variants))]
    sizes = SIZES[rng.integers(len(SIZES))]
    return _batches(variant, dtype, shapes_from(operation, sizes), chunk.layout)


@st.composite
def _batches(draw: st.DrawFn, operation: Operation, dtype: np.dtype[Any], shapes: list[Shape], layout: str) -> _Batch:
    """Draw problems of one shape, which one compiled graph answers; shrinks towards ordinary numbers of seed 0."""
    made = draw(
        st.lists(st.tuples(st.sampled_from(list(VALUES)), st.integers(0, 2**32 - 1)), min_size=BATCH, max_size=BATCH)
    )
    drawn = [build_problem(operation, dtype, shapes, values, seed) for values, seed in made]
    return _Batch(with_layouts(problem, [layout] * (len(problem.inputs) + 1)) for problem in drawn)
