import math

import numpy as np
import pytest
import tensorflow as tf

from lce_tf.losses.lce import LCELoss

LOSS = LCELoss()


def loss(scores, dtype=tf.float32):
    """Loss per query and its gradient; `scores` [queries, group], the positive first."""
    logits = tf.constant(scores, dtype)[..., None]
    labels = tf.one_hot(tf.zeros([logits.shape[0]], tf.int32), logits.shape[1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = LOSS(logits, labels)
    assert values.dtype == tf.float32 and values.shape == logits.shape[:1]
    return values.numpy(), tf.cast(tape.gradient(values, logits), tf.float32).numpy()[..., 0]


def test_by_hand():
    # Eq. 5: e^2 + e^1 + e^0 + e^1 = 7.3890561 + 2.7182818 + 1 + 2.7182818 = 13.8256197;
    # -ln(7.3890561 / 13.8256197) = 2.6265235 - 2 = .6265235.
    values, gradient = loss([[2.0, 1.0, 0.0, 1.0]])
    np.testing.assert_allclose(values, [0.6265235], atol=1e-6)
    # The softmax, less 1 for the positive: .5344467 - 1, .1966119, .0723295, .1966119.
    np.testing.assert_allclose(gradient, [[-0.4655533, 0.1966119, 0.0723295, 0.1966119]], atol=1e-6)


def test_two_members_are_a_logistic_loss():
    # ln(1 + e^(z- - z+)): ln(1 + e^-1) = .3132617, ln(1 + e^2) = 2.1269280.
    np.testing.assert_allclose(loss([[1.5, 0.5], [-1.0, 1.0]])[0], [0.3132617, 2.1269280], atol=1e-6)


def test_a_group_of_one_has_no_loss():
    values, gradient = loss([[4.0], [-1e4]])
    assert values.tolist() == [0, 0] and gradient.tolist() == [[0], [0]]


@pytest.mark.parametrize("n", [2, 8, 100])
@pytest.mark.parametrize("level", [0.0, 1e4, -1e4])
def test_equal_scores_give_ln_n(n, level):
    values, gradient = loss(np.full([3, n], level))
    np.testing.assert_allclose(values, [math.log(n)] * 3, rtol=1e-5)
    np.testing.assert_allclose(gradient[:, 1:], 1 / n, rtol=1e-5)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extremes_are_finite(size):
    values, gradient = loss([[size, -size, 0], [-size, size, 0], [size, size, -size]])
    np.testing.assert_allclose(values, [0, 2 * size, math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-1, 1, 0], [-0.5, 0.5, 0]], atol=1e-6)


def test_the_level_of_the_scores_does_not_matter():
    scores = np.array([[2.0, 1.0, 0.0, 1.0]])
    np.testing.assert_allclose(loss(scores + 100)[0], loss(scores)[0], atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_logits_are_computed_with_in_float32(dtype):
    scores = tf.cast(tf.constant([[0.1, 0.2, -0.7], [-60000, 60000, 0]]), dtype)
    exact = tf.cast(scores, tf.float64).numpy()
    values, gradient = loss(scores, dtype)
    np.testing.assert_allclose(values[0], np.log(np.exp(exact[0]).sum()) - exact[0, 0], rtol=1e-6)
    np.testing.assert_allclose(values[1], exact[1, 1] - exact[1, 0], rtol=1e-6)
    assert np.isfinite(gradient).all()
