"""Asks `torch.autograd.gradcheck`, of an autograd function that calls the NumPy functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradtwin.comparisons.results.data import Verdict

from .optional import import_optional
from .question import Prepared, Question


def set_threads(threads: int) -> None:
    """Limit torch's pools; possible only before its first operation."""
    torch = import_optional("torch")
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)


def prepare_slow(question: Question) -> Prepared:
    """Put the question at the defaults: every element, by central differences."""
    return _prepare(question, fast=False)


def prepare_fast(question: Question) -> Prepared:
    """Put the question in fast mode: one random projection."""
    return _prepare(question, fast=True)


def _prepare(question: Question, fast: bool) -> Prepared:
    torch = import_optional("torch")

    class Function(torch.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(context: Any, *tensors: Any) -> Any:
            context.save_for_backward(*tensors)
            return torch.as_tensor(question.forward(*[_array(x) for x in tensors]))

        @staticmethod
        def backward(context: Any, y_bar: Any) -> Any:
            gradients = question.vjp(_array(y_bar), *[_array(x) for x in context.saved_tensors])
            return tuple(torch.as_tensor(g) for g in gradients)

    tensors = tuple(torch.from_numpy(x).requires_grad_() for x in question.inputs)

    def check() -> Verdict:
        return "match" if torch.autograd.gradcheck(Function.apply, tensors, fast_mode=fast) else "mismatch"

    return Prepared(check, lambda: Function.apply(*tensors))


def _array(tensor: Any) -> Any:
    return np.asarray(tensor.detach())
