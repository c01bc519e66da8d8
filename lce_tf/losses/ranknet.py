"""RankNet: learning a teacher's order (Burges et al. 2005, "Learning to Rank using Gradient Descent", equation 3 with
target probabilities of 0 and 1), as for the order that a large language model gives."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels


class RankNetLoss(RankingLoss):
    """log(1 + exp(z_j - z_i)) for all i and j of a group of which the teacher puts i above j, averaged over the pairs.

    Only the order of the teacher's scores counts. Ties and what the teacher has not scored make no pair; a group
    without any has a loss of 0.
    """

    key = "ranknet"
    help = "the order that a teacher gives, pair by pair (Burges et al. 2005)"
    teacher = True
    least_group = 2

    @classmethod
    def blind(cls, members):
        return math.log(2)

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        above = tf.cast(labels[:, :, None] > labels[:, None, :], tf.float32) * known[:, :, None] * known[:, None, :]
        wrong = tf.nn.softplus(z[:, None, :] - z[:, :, None])
        return tf.math.divide_no_nan(tf.reduce_sum(above * wrong, axis=[1, 2]), tf.reduce_sum(above, axis=[1, 2]))
