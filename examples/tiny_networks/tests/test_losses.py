"""The loss at drawn points, and at points that Hypothesis draws for us: targets must be one-hot."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_networks.losses import softmax_cross_entropy

import gradtwin as gt


@settings(deadline=None, max_examples=10)
@given(classes=st.lists(st.integers(0, 3), min_size=1, max_size=6), scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_one_hot_targets(classes, scale):
    logits = np.random.default_rng(len(classes)).standard_normal((len(classes), 4)) * scale
    target = np.eye(4)[classes]
    gt.assert_gradient(softmax_cross_entropy, value_and_grad=True, wrt=0, inputs=(logits, target))


def test_the_value(gradtwin):
    """TensorFlow's own function as the reference judges the value too."""
    import tensorflow as tf

    def reference(logits, target):
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(target, logits))

    logits = gradtwin.rng.standard_normal((5, 4))
    gradtwin.assert_gradient(
        softmax_cross_entropy,
        value_and_grad=True,
        wrt=0,
        reference=reference,
        inputs=(logits, np.eye(4)[[0, 1, 2, 3, 1]]),
    )
