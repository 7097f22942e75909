"""Drawn points in memory layouts that nobody asked for: what a function raises there alone is a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradtwin.comparisons.judging.gradient_judge import GradientJudge, Judgement


def judge_drawn(judge: GradientJudge, inputs: Sequence[Any], seed: int) -> tuple[Judgement, Sequence[Any]]:
    """Judge at a drawn point; where a function raises in its layout alone, at equal inputs in the plain one.

    The inputs that were judged come with it.
    """
    judged = judge.judge(inputs, seed)
    raised = _raised(judged)
    layouts = dict.fromkeys(word for x in inputs for word in _layout(x))
    if not raised or not layouts:
        return judged, inputs
    plain = [np.array(x, dtype=x.dtype.newbyteorder("="), order="C") for x in inputs]
    again = judge.judge(plain, seed)
    if _raised(again):
        return judged, inputs
    note = f"with {' or '.join(layouts)} inputs, {raised[0]}"
    return replace(again, notes={**again.notes, note: None}), plain


def _raised(judged: Judgement) -> list[str]:
    """Return the words for what the user's functions raised."""
    return [cause.text for check in judged.checks for cause in check.causes if cause.cause == "raises"]


def _layout(x: Any) -> list[str]:
    """Return the words for how an array lies in memory, none for an ordinary one."""
    words = {"strided": x.flags.c_contiguous, "read-only": x.flags.writeable, "byte-swapped": x.dtype.isnative}
    return [word for word, is_ordinary in words.items() if not is_ordinary]
