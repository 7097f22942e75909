"""Every layer by the fixture `gradtwin`, whose seed is the test's own, and once more as unittest does it."""

import unittest

import numpy as np
import pytest
from tiny_networks.layers import Dense, ReLU

import gradtwin as gt


@pytest.mark.parametrize("rows", [1, 5])
def test_dense(gradtwin, rows):
    gradtwin.assert_layer(Dense(3, 2, gradtwin.rng), gradtwin.rng.standard_normal((rows, 3)))


def test_relu(gradtwin):
    gradtwin.assert_layer(ReLU(), gradtwin.rng.standard_normal((4, 3)))


class DenseCase(unittest.TestCase):
    def test_single_precision(self):
        rng = np.random.default_rng(0)
        layer = Dense(3, 2, rng)
        layer.w, layer.b = layer.w.astype(np.float32), layer.b.astype(np.float32)
        gt.assert_layer(layer, rng.standard_normal((5, 3)).astype(np.float32))
