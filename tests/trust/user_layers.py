"""A layer as users write it."""

import numpy as np


class Dense:
    def __init__(self, w=((1.0, 1.0),) * 3):
        self.w, self.b = np.array(w), np.zeros(2)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, y_bar):
        self.dw, self.db = self.x.T @ y_bar, y_bar.sum(axis=0)
        return y_bar @ self.w.T
