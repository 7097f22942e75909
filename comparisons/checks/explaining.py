"""Why a gradient that was judged is wrong: other points, the oracle and the user's functions, for the causes to try."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.backends.interface import Array
from gradtwin.comparisons.causes import diagnose
from gradtwin.comparisons.drawing.redrawing import redrawn
from gradtwin.comparisons.judging.evaluator import UPSTREAM_STREAM
from gradtwin.comparisons.judging.gradient_judge import GradientJudge, Judgement
from gradtwin.comparisons.judging.point import Point
from gradtwin.comparisons.oracles.interface import Derived
from gradtwin.comparisons.subjects.functions import Place
from gradtwin.errors import ArgumentTypeError, ArgumentValueError


def judge_and_explain(judge: GradientJudge, inputs: Sequence[Any], seed: int) -> Judgement:
    """Judge at one point, and put the causes on the check of a gradient that is wrong."""
    return explain(judge, judge.judge(inputs, seed))


def explain(judge: GradientJudge, found: Judgement) -> Judgement:
    """Return the judgement with the causes of a wrong gradient on its check."""
    point, oracle = found.point, found.oracle
    if point is None or oracle is None or not found.failed:
        return found
    known = {cause.cause for check in found.checks if check.stage != "value" for cause in check.causes}
    known |= {cause.cause for check in found.checks for cause in check.causes} - {"reference"}
    values = [c for c in found.checks if c.stage == "gradient" and c.verdict == "mismatch"]
    shapes = [c for c in found.checks if c.stage == "contract" and c.verdict == "mismatch"]
    if (not values and not shapes) or known & {"forward", "reference", "raises", "nondeterministic"}:
        return found
    inputs = point.inputs

    def another(seed: int) -> Point | None:
        rng = np.random.default_rng([seed, UPSTREAM_STREAM, 1])
        for keeps_whole in (False, True):  # what only bears whole numbers is moved as far as it can be
            moved = [redrawn(x, rng, keeps_whole) if i in point.wrt else x for i, x in enumerate(inputs)]
            with suppress(ArgumentTypeError, ArgumentValueError):
                if (other := judge.look_only(moved, seed, oracle)) is not None:
                    return other
        return None

    answers: dict[Any, Derived] = {}

    def rerun(at: Sequence[Any], y_bar: Array | None) -> tuple[Array, ...]:
        evaluation = judge.user.run(Place(at, lambda y: y_bar if y_bar is not None else np.ones_like(y)))
        return tuple(g for g in evaluation.gradients if g is not None)

    def oracle_vjp(at: Sequence[Any], y_bar: Array | None) -> tuple[Array, ...]:
        upstream = np.ones_like(judge.user.value(at)) if y_bar is None else y_bar
        key = tuple((x.shape, x.dtype.str, x.tobytes()) for x in map(np.asarray, at))
        if key not in answers:  # one run of forward serves every y_bar; the last one's tape is kept
            answers.clear()
            answers[key] = oracle.ask(at, point.wrt, upstream)
        gradients = answers[key].pull_back(upstream)
        return tuple(np.zeros(np.shape(at[i])) if g is None else g for i, g in zip(point.wrt, gradients, strict=True))

    probe = None if oracle.name == "finite-differences" else oracle_vjp  # each of its answers is many evaluations
    causes = diagnose(point, another, oracle_vjp=probe, rerun=rerun)
    targets = [*values[:1], *shapes[:1]]
    checks = [
        replace(check, causes=(*causes, *check.causes)) if any(check is target for target in targets) else check
        for check in found.checks
    ]
    return replace(found, checks=checks)
