"""Arrays of a layer that are parameters, and those that are constants."""

import numpy as np
import pytest

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer

from .other_layers import BatchNorm
from .written_layers import Dicts, X


def test_running_means_are_no_parameters():
    names = [check.name for check in check_layer(BatchNorm(), X).checks]
    assert not any("running" in name for name in names)


class Constants(Dicts):
    """Holds an encoding, a mask, a mean and a scale, which are no parameters."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(2)
        self.encoding, self.mask = rng.normal(size=X.shape), np.array([1.0, 0.0, 1.0] * 20)[: X[0].size]
        self.running_mean, self.scale = rng.normal(size=X[0].size), np.full(X[0].size, 0.5)

    def forward(self, x):
        return super().forward((x + self.encoding - self.running_mean) * self.mask * self.scale)

    def backward(self, dout):
        return super().backward(dout) * self.mask * self.scale


class NoWeights(Constants):
    """Computes no gradient of its weights."""

    def backward(self, dout):
        dx = super().backward(dout)
        del self.grads["W"]
        return dx


class NoWeightsAtAll:
    """Holds them in a list, and computes none of their gradients."""

    def __init__(self):
        self.weights = [np.random.default_rng(0).normal(size=(X.shape[1], 2))]

    def forward(self, x):
        return x @ self.weights[0]

    def backward(self, dout):
        return dout @ self.weights[0].T


@pytest.mark.parametrize(("layer", "name"), [(NoWeights, "W"), (NoWeightsAtAll, "weights[0]")])
def test_weights_without_a_gradient_are_undecided(layer, name):
    report = check_layer(layer(), X)
    undecided = [check for check in report.checks if check.verdict == "inconclusive"]
    assert report.verdict == "inconclusive", str(report)
    assert [check.name for check in undecided] == [f"gradient of parameter {name}"]
    assert "pass its place by grads=" in str(report).replace("\n", " ")
    with pytest.raises(gt.GradientMismatch):
        gt.assert_layer(layer(), X)


def test_constants_need_no_gradient():
    report = check_layer(Constants(), X)
    assert report.ok, str(report)
    assert [note for note in report.extra["notes"] if "it is not judged" in note]
    assert check_layer(NoWeights(), X, params=["b"]).ok, "left out as a constant"
    assert check_layer(Constants(), X, params=["W", "mask"]).verdict == "inconclusive", "asked for"
