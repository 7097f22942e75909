"""Optimizers' steps: the weights, a variable, change in place; nothing else does."""

from __future__ import annotations

from typing import Any

Tensor = Any


def sgd(w: Tensor, dw: Tensor, learning_rate: Tensor) -> None:
    """W ← W − η dW."""
    w.assign_sub(learning_rate * dw)
