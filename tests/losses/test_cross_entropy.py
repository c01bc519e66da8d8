import math

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.losses.cross_entropy import CrossEntropyLoss

LOSS = CrossEntropyLoss()


def loss(logits, labels, dtype=tf.float32):
    """Loss per query and its gradient; `logits` [queries, group, 2]."""
    logits = tf.constant(logits, dtype)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = LOSS(logits, tf.constant(labels, tf.float32))
    gradient = tape.gradient(values, logits)
    assert values.dtype == tf.float32 and values.shape == logits.shape[:1]
    return values.numpy(), tf.cast(gradient, tf.float32).numpy()


def test_by_hand():
    # Eq. 2: softmax((.5, 2))_1 = 1 / (1 + e^-1.5) = 1 / 1.2231302 = .8175745.
    # Eq. 3: label 1: -ln .8175745 = .2014133; label 0: -ln(1 - .8175745) = .2014133 + 1.5 = 1.7014133.
    values, gradient = loss([[[0.5, 2.0]], [[0.5, 2.0]]], [[1], [0]])
    np.testing.assert_allclose(values, [0.2014133, 1.7014133], atol=1e-6)
    # d/dz1 = p - label, d/dz0 = -(p - label).
    np.testing.assert_allclose(gradient[:, 0], [[0.1824255, -0.1824255], [-0.8175745, 0.8175745]], atol=1e-6)


def test_members_of_a_group_are_averaged():
    # (1, -1), label 1: ln(1 + e^2) = 2.1269280; (0, 0), label 0: ln 2 = .6931472; (3, 0), label 0:
    # ln(1 + e^-3) = .0485874. Sum 2.8686626, mean .9562209.
    values, _ = loss([[[1, -1], [0, 0], [3, 0]]], [[1, 0, 0]])
    np.testing.assert_allclose(values, [0.9562209], atol=1e-6)


def test_equal_logits():
    values, _ = loss(np.full([3, 2, 2], 7.5), [[1, 0], [0, 0], [1, 1]])
    np.testing.assert_allclose(values, [math.log(2)] * 3, atol=1e-6)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extremes_are_finite(size):
    values, gradient = loss([[[-size, size]], [[size, -size]], [[-size, size]]], [[1], [1], [0]])
    # Right and sure: 0. Wrong and sure: the margin itself, with a gradient of 1.
    np.testing.assert_allclose(values, [0, 2 * size, 2 * size], rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 0, 1], [0, -1, 1], atol=1e-6)


def test_float16_logits_are_computed_with_in_float32():
    # The margin 120000 is beyond float16's 65504; .2 + 2^-13's loss needs more digits than float16 has.
    values, gradient = loss([[[-60000, 60000]], [[0.0, 0.2]]], [[0], [1]], tf.float16)
    margin = float(np.float16(0.2))
    np.testing.assert_allclose(values, [120000, math.log1p(math.exp(-margin))], rtol=1e-6)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [tf.int32, tf.float64])
def test_labels_of_any_dtype(dtype):
    values = LOSS(tf.constant([[[0.5, 2.0]]]), tf.constant([[1]], dtype))
    np.testing.assert_allclose(values, [0.2014133], atol=1e-6)
