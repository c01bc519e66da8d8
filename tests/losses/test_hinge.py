import numpy as np
import pytest
import tensorflow as tf

from lce_tf.losses.hinge import HingeLoss

LOSS = HingeLoss()


def loss(scores, dtype=tf.float32):
    """Loss per query and its gradient; `scores` [queries, group], the positive first."""
    logits = tf.constant(scores, dtype)[..., None]
    labels = tf.one_hot(tf.zeros([logits.shape[0]], tf.int32), logits.shape[1])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = LOSS(logits, labels)
    assert values.dtype == tf.float32 and values.shape == logits.shape[:1]
    return values.numpy(), tf.cast(tape.gradient(values, logits), tf.float32).numpy()[..., 0]


def test_pairs_by_hand():
    # Eq. 4, max(0, 1 - z+ + z-): 1 - 1 + .3 = .3; 1 - 3 + .5 = -1.5 -> 0; 1 - 0 + 2 = 3.
    values, gradient = loss([[1.0, 0.3], [3.0, 0.5], [0.0, 2.0]])
    np.testing.assert_allclose(values, [0.3, 0, 3], atol=1e-6)
    assert gradient.tolist() == [[-1, 1], [0, 0], [-1, 1]]


def test_mean_over_the_pairs_of_a_group():
    # z+ = 2: 1 - 2 + .5 = -.5 -> 0; 1 - 2 + 1.5 = .5; 1 - 2 + 3 = 2; mean 2.5 / 3.
    values, gradient = loss([[2.0, 0.5, 1.5, 3.0]])
    np.testing.assert_allclose(values, [2.5 / 3], atol=1e-6)
    np.testing.assert_allclose(gradient, [[-2 / 3, 0, 1 / 3, 1 / 3]], atol=1e-6)


def test_a_group_of_one_has_no_loss():
    values, gradient = loss([[4.0], [-1e4]])
    assert values.tolist() == [0, 0] and gradient.tolist() == [[0], [0]]


def test_equal_scores():
    np.testing.assert_allclose(loss(np.full([2, 5], 3.25))[0], [1, 1])


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extremes_are_finite(size):
    values, gradient = loss([[size, -size, -size], [-size, size, size]])
    np.testing.assert_allclose(values, [0, 2 * size], rtol=1e-3)
    np.testing.assert_allclose(gradient, [[0, 0, 0], [-1, 0.5, 0.5]])


def test_float16_logits_are_computed_with_in_float32():
    # 1 + 120000 is beyond float16's 65504, and 1 - 2048 + 2048.0 would lose the 1 in float16's 11 bits.
    values, gradient = loss([[-60000, 60000], [2048, 2048]], tf.float16)
    assert values.tolist() == [120001, 1]
    assert np.isfinite(gradient).all()
