import numpy as np
import pytest
import tensorflow as tf

from lce_tf.losses.margin_mse import MarginMSELoss

LOSS = MarginMSELoss()
NONE = float("nan")


def loss(scores, teacher):
    """Loss per query and its gradient; both [queries, group], the positive first."""
    logits = tf.constant(scores, tf.float32)[..., None]
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = LOSS(logits, tf.constant(teacher, tf.float32))
    assert values.dtype == tf.float32
    return values.numpy(), tape.gradient(values, logits).numpy()[..., 0]


def test_margins_by_hand():
    # Margins 2 - .5 = 1.5 and 2 - 1 = 1; the teacher's 3 - 1 = 2 and 3 - 3 = 0: (.25 + 1) / 2.
    values, gradient = loss([[2.0, 0.5, 1.0]], [[3.0, 1.0, 3.0]])
    np.testing.assert_allclose(values, [0.625])
    # 2 * error / 2 pairs: -.5 for the first, 1 for the second; the positive's is their sum, a negative's minus its own.
    np.testing.assert_allclose(gradient, [[0.5, 0.5, -1.0]])


def test_only_margins_count():
    np.testing.assert_allclose(loss([[7.0, 5.0]], [[-1.0, -3.0]])[0], [0.0], atol=1e-6)


@pytest.mark.parametrize(
    ("teacher", "expected"),
    [([3.0, 1.0, NONE], 0.25), ([3.0, NONE, 3.0], 1.0), ([NONE, 1.0, 3.0], 0.0), ([3.0, NONE, NONE], 0.0)],
)
def test_what_the_teacher_has_not_scored_counts_for_nothing(teacher, expected):
    values, gradient = loss([[2.0, 0.5, 1.0]], [teacher])
    np.testing.assert_allclose(values, [expected])
    assert np.isfinite(gradient).all() and (gradient[0, np.isnan(teacher)] == 0).all()
