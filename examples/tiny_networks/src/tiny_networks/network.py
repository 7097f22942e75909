"""Two layers, and how they are trained."""

import numpy as np

from tiny_networks.layers import Dense, ReLU
from tiny_networks.losses import softmax_cross_entropy
from tiny_networks.optimizers import adam


class Network:
    """Dense, ReLU, Dense, and softmax cross-entropy."""

    def __init__(self, inputs, hidden, classes, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [Dense(inputs, hidden, rng), ReLU(), Dense(hidden, classes, rng)]
        self._moments = {}

    def forward(self, x):
        """Return the logits."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, prediction, target):
        """Return the loss of the logits."""
        return softmax_cross_entropy(prediction, target)[0]

    def loss_prime(self, prediction, target):
        """Return the loss's gradient."""
        return softmax_cross_entropy(prediction, target)[1]

    def backprop(self, x, target):
        """Leave every weight's gradient with its layer."""
        d = self.loss_prime(self.forward(x), target)
        for layer in reversed(self.layers):
            d = layer.backward(d)

    def train(self, x, target, steps):
        """Take steps of Adam on one batch."""
        for t in range(1, steps + 1):
            self.backprop(x, target)
            for i, layer in enumerate(self.layers):
                for name in ("w", "b"):
                    if hasattr(layer, name):
                        m, v = self._moments.get((i, name), (0.0, 0.0))
                        w, m, v = adam(getattr(layer, name), getattr(layer, "d" + name), m, v, t)
                        self._moments[i, name] = m, v
                        setattr(layer, name, w)
