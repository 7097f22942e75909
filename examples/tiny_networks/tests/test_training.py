"""The optimizer against Keras's, and the whole network's backpropagation."""

import numpy as np
from tiny_networks.network import Network
from tiny_networks.optimizers import adam

import gradtwin as gt


def test_adam(gradtwin):
    gradtwin.assert_update(adam, "adam")


def test_backpropagation():
    rng = np.random.default_rng(0)
    gt.check_model(Network(3, 5, 4), rng.standard_normal((6, 3)), np.eye(4)[[0, 1, 2, 3, 1, 0]]).raise_if_failed()


def test_training_learns():
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((6, 3)), np.eye(4)[[0, 1, 2, 3, 1, 0]]
    network = Network(3, 16, 4)
    before = network.loss(network.forward(x), target)
    network.train(x, target, 200)
    assert network.loss(network.forward(x), target) < before / 2
