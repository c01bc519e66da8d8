import numpy as np
import tensorflow as tf

from lce_tf.losses.ranknet import RankNetLoss

LOSS = RankNetLoss()
NONE = float("nan")


def loss(scores, teacher):
    """Loss per query and its gradient; both [queries, group]."""
    logits = tf.constant(scores, tf.float32)[..., None]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = LOSS(logits, tf.constant(teacher, tf.float32))
    assert values.dtype == tf.float32
    return values.numpy(), tape.gradient(values, logits).numpy()[..., 0]


def test_ordered_pairs_by_hand():
    # The teacher orders 0, 2, 1: pairs (0, 2), (0, 1), (2, 1) with z_j - z_i of 1 - 2, .5 - 2, .5 - 1.
    values, _ = loss([[2.0, 0.5, 1.0]], [[9.0, -3.0, 0.1]])
    np.testing.assert_allclose(values, [np.mean(np.log1p(np.exp([-1.0, -1.5, -0.5])))], rtol=1e-6)


def test_only_the_order_of_the_teacher_counts():
    a, b = (loss([[0.3, 2.0, -1.0, 0.0]], [teacher])[0] for teacher in ([4.0, 3.0, 2.0, 1.0], [1e6, 5.0, 0.0, -1e6]))
    np.testing.assert_array_equal(a, b)


def test_ties_and_what_has_no_score_make_no_pair():
    # Of (0, 1) tied and 2 without score nothing is left; with 3 below both, two pairs are.
    assert loss([[2.0, 0.5, 1.0]], [[1.0, 1.0, NONE]])[0].tolist() == [0.0]
    values, gradient = loss([[2.0, 0.5, 1.0, 0.0]], [[1.0, 1.0, NONE, -1.0]])
    np.testing.assert_allclose(values, [np.mean(np.log1p(np.exp([-2.0, -0.5])))], rtol=1e-6)
    assert np.isfinite(gradient).all() and gradient[0, 2] == 0


def test_the_positive_has_no_say():
    # Column 0 ranked last by the teacher is pushed down.
    assert loss([[0.0, 0.0]], [[0.0, 1.0]])[1].tolist() == [[0.5, -0.5]]


def test_extremes_are_finite():
    values, gradient = loss([[1e30, -1e30]], [[0.0, 1.0]])
    assert np.isfinite(values).all() and np.isfinite(gradient).all()
