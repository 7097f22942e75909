"""Layers: forward keeps what backward needs; backward gives back the gradient of the input."""

import numpy as np


class Dense:
    """Y = X W + b."""

    def __init__(self, inputs, outputs, rng):
        self.w = rng.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        self.b = np.zeros(outputs)

    def forward(self, x):
        """Y = X W + b."""
        self.x = x
        return x @ self.w + self.b

    def backward(self, y_bar):
        """W̄ = Xᵀ Ȳ,  b̄ = Σ Ȳ,  X̄ = Ȳ Wᵀ."""
        self.dw = self.x.T @ y_bar
        self.db = y_bar.sum(axis=0)
        return y_bar @ self.w.T


class ReLU:
    """Y = max(X, 0)."""

    def forward(self, x):
        """Y = max(X, 0)."""
        self.positive = x > 0
        return np.where(self.positive, x, 0)

    def backward(self, y_bar):
        """X̄ = Ȳ where X > 0, else 0."""
        return np.where(self.positive, y_bar, 0)
