"""The sentence of a report on a user's functions says what happened, in words of the user's code."""

import numpy as np

import gradtwin as gt
from gradtwin.comparisons.checks.layer import check_layer

X = np.random.default_rng(0).normal(size=(5, 3))


class Scale:
    """y = a x; its backward knows no power but 1."""

    def __init__(self, power=1):
        self.power, self.a = power, np.array([1.5, -0.5, 2.0])

    def forward(self, x):
        self.x = x
        return self.a * x**self.power

    def backward(self, y_bar):
        if self.power > 1:
            raise KeyError(self.power)
        self.da = (y_bar * self.x).sum(axis=0)
        return y_bar * self.a


def test_what_was_raised_is_the_sentence():
    report = gt.check_gradient(np.square, derivative=lambda x: {}[0], inputs=(X,))
    assert str(report).startswith("MISMATCH  square: derivative raised KeyError: 0 (in ")
    assert report.checks[0].name == "contract"


def test_a_variant_is_named_before_what_it_raised():
    assert "Scale: power=2: backward raised KeyError: 2" in str(check_layer(Scale, X, variants=[{"power": 2}]))


def test_what_could_not_be_called_is_a_line_of_its_own():
    text = str(check_layer(Scale(), X[:, :2]))
    assert text.startswith("INCONCLUSIVE  Scale: it could not be checked.\nforward raised ValueError: ")
