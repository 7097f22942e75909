"""The loss of a classifier."""

import numpy as np


def softmax_cross_entropy(logits, target):
    """L = −Σ T ln softmax(Z) / n, and its gradient (softmax(Z) − T) / n; each row of T sums to 1."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -np.sum(target * (shifted - log_sum)) / len(logits)
    return loss, (np.exp(shifted - log_sum) - target) / len(logits)
