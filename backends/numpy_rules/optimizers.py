"""Optimizers' steps: they change the weights, the first input, and the optimizer's state in place, and nothing else.

Each is Keras's definition of the place of ε, of the bias correction, and of weight decay apart from the gradient
(Loshchilov & Hutter, *Decoupled weight decay regularization*, 2019), which is applied before the step.
"""

from __future__ import annotations

import numpy as np

from gradtwin.backends.interface import Array


def sgd(w: Array, dw: Array, learning_rate: Array) -> None:
    """W ← W − η dW."""
    w -= learning_rate * dw


def momentum(
    w: Array,
    velocity: Array,
    dw: Array,
    learning_rate: Array,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """V ← μ V − η dW;  W ← W + V, with Nesterov W ← W + μ V − η dW.

    Source: Sutskever et al., *On the importance of initialization and momentum in deep learning* (2013), eq. 1–4.
    """
    if weight_decay:
        w -= w * weight_decay * learning_rate
    step = learning_rate * dw
    velocity *= momentum
    velocity -= step
    w += velocity * momentum - step if nesterov else velocity


def rmsprop(
    w: Array, mean_square: Array, dw: Array, learning_rate: Array, rho: float = 0.9, epsilon: float = 1e-7
) -> None:
    """S ← ρ S + (1 − ρ) dW²;  W ← W − η dW / √(S + ε).

    Source: Tieleman & Hinton, *Lecture 6.5: RMSprop* (2012); Keras has ε inside the root.
    """
    mean_square *= rho
    mean_square += (1 - rho) * (dw * dw)
    w -= learning_rate * dw / np.sqrt(mean_square + epsilon)


def adagrad(w: Array, accumulator: Array, dw: Array, learning_rate: Array, epsilon: float = 1e-7) -> None:
    """G ← G + dW²;  W ← W − η dW / √(G + ε).

    Source: Duchi, Hazan & Singer, *Adaptive subgradient methods* (2011); Keras has ε inside the root.
    """
    accumulator += dw * dw
    w -= learning_rate * dw / np.sqrt(accumulator + epsilon)


def adam(
    w: Array,
    mean: Array,
    square: Array,
    steps: Array,
    dw: Array,
    learning_rate: Array,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.0,
) -> None:
    """T ← t + 1;  M ← M + (1 − β₁)(dW − M);  S ← S + (1 − β₂)(dW² − S);  W ← W − α M / (√S + ε).

    α = η √(1 − β₂ᵗ) / (1 − β₁ᵗ) corrects the bias of starting at 0; ε is the paper's ε̂, outside the root.
    Source: Kingma & Ba, *Adam: a method for stochastic optimization* (2015), §2.
    """
    if weight_decay:
        w -= w * weight_decay * learning_rate
    steps += 1
    alpha = learning_rate * np.sqrt(1 - np.power(beta_2, steps)) / (1 - np.power(beta_1, steps))
    mean += (dw - mean) * (1 - beta_1)
    square += (dw * dw - square) * (1 - beta_2)
    w -= mean * alpha / (np.sqrt(square) + epsilon)


def adamw(
    w: Array,
    mean: Array,
    square: Array,
    steps: Array,
    dw: Array,
    learning_rate: Array,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    weight_decay: float = 0.004,
) -> None:
    """W ← W − η λ W, then Adam's step.

    Source: Loshchilov & Hutter, *Decoupled weight decay regularization* (2019), algorithm 2.
    """
    adam(w, mean, square, steps, dw, learning_rate, beta_1, beta_2, epsilon, weight_decay)
