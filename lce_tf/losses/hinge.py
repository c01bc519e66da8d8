"""The hinge (max margin) loss, equation (4) of the paper."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class HingeLoss(RankingLoss):
    """max(0, 1 - z+ + z-), averaged over the pairs of the positive (column 0) and each negative (the other columns).

    A group of one passage has no pair and a loss of 0.
    """

    key = "hinge"
    help = "max margin of 1 between the positive and each negative of its group (paper, eq. 4)"
    least_group = 2

    def blind(self, members):
        return 1.0 if members > 1 else 0.0

    def call(self, logits, labels):
        z = tf.cast(logits[..., -1], tf.float32)
        violations = tf.nn.relu(1.0 - z[:, :1] + z[:, 1:])
        # divide_no_nan: the mean over no pairs at all is 0, not NaN.
        return tf.math.divide_no_nan(tf.reduce_sum(violations, axis=1), tf.cast(tf.shape(z)[1] - 1, tf.float32))
