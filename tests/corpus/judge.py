"""Judges the whole corpus at many seeds: right gradients accused, wrong ones missed, causes that are not the cause.

    python tests/corpus/judge.py right 0 100
    python tests/corpus/judge.py wrong 0 100
    python tests/corpus/judge.py causes 0 1

A line for each miss, and the counts at the end; the exit status is 1 if there was any. Every hundred seeds of the wrong
ones take three quarters of an hour on two cores: a process for each takes its share of the cases.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

if not __package__:  # run as a script
    sys.path[0] = str(Path(__file__).parents[1])
    __package__ = "corpus"

import gradtwin as gt
from gradtwin.comparisons.judging.gradient_judge import GradientJudge
from gradtwin.comparisons.subjects.functions import UserFunctions

from . import RIGHT, WRONG
from .case import Case
from .hard import Hard

FLOAT64 = np.dtype(np.float64)


def drawn(case: Case | Hard, seed: int, dtype: np.dtype = FLOAT64) -> tuple[np.ndarray, ...]:
    """The inputs of a case at a seed."""
    return case.make_inputs(np.random.default_rng(seed), dtype)


def verdicts(case: Case, inputs: tuple[np.ndarray, ...], seed: int) -> set[str]:
    """The verdicts of a case's checks; looking for the cause takes most of the time, and is left out."""
    style, gradient = next(iter(case.arguments().items()))
    written = UserFunctions(case.forward, style, None if gradient is True else gradient)
    judged = GradientJudge(written, case.wrt, None, case.name).judge(inputs, seed)
    return {check.verdict for check in judged.checks}


def judge_right(case: Case, seed: int) -> str:
    """What is said of a right gradient, empty if it matches."""
    return ", ".join(verdicts(case, drawn(case, seed), seed) - {"match"})


def judge_wrong(case: Case, seed: int) -> str:
    """What is said of a wrong gradient, empty if it is a mismatch."""
    found = verdicts(case, drawn(case, seed), seed)
    return "" if "mismatch" in found else ", ".join(found)


def judge_causes(case: Case, seed: int) -> str:
    """What is said of a wrong gradient's cause, empty if it is what it should be, and nothing else is confirmed."""
    report = gt.check_gradient(case.forward, **case.arguments(), inputs=drawn(case, seed), seed=seed)
    causes = [cause for check in report.checks if check.verdict == "mismatch" for cause in check.causes]
    named = {cause.cause for cause in causes}
    besides = {cause.cause for cause in causes if cause.confirmed} - case.causes
    if (case.causes <= named if case.all_of else case.causes & named) and not besides:
        return ""
    return f"{sorted(case.causes)} wanted, {sorted(named)} named, {sorted(besides)} confirmed besides"


QUESTIONS = {"right": (RIGHT, judge_right), "wrong": (WRONG, judge_wrong), "causes": (WRONG, judge_causes)}


def judge_share(task: tuple[str, int, int, range]) -> Counter[str]:
    """Judge every `step`-th case from `first` on, printing what is not as it should be."""
    question, first, step, seeds = task
    warnings.simplefilter("ignore")
    cases, judge = QUESTIONS[question]
    counts: Counter[str] = Counter()
    for case in cases[first::step]:
        if FLOAT64.name not in case.dtypes:
            continue
        counts["cases"] += 1
        for seed in seeds:
            said = judge(case, seed)
            counts["runs"] += 1
            counts["not as they should be"] += bool(said)
            if said:
                print(f"{case.name}, seed {seed}: {said}", flush=True)
    return counts


def main() -> int:
    """Judge on all cores; print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("question", choices=QUESTIONS)
    parser.add_argument("low", type=int, help="the first seed")
    parser.add_argument("high", type=int, help="the one after the last")
    asked = parser.parse_args()
    os.environ.update(OPENBLAS_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1")  # the processes share the cores
    count = os.cpu_count() or 1
    shares = [(asked.question, first, count, range(asked.low, asked.high)) for first in range(count)]
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        total = sum(pool.map(judge_share, shares), Counter())
    print(asked.question, ", ".join(f"{total[what]} {what}" for what in ("cases", "runs", "not as they should be")))
    return bool(total["not as they should be"])


if __name__ == "__main__":
    sys.exit(main())
