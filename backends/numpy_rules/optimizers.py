"""Optimizers' steps: the weights, the first input, change in place; nothing else does."""

from __future__ import annotations

from gradtwin.backends.interface import Array


def sgd(w: Array, dw: Array, learning_rate: Array) -> None:
    """W ← W − η dW."""
    w -= learning_rate * dw
