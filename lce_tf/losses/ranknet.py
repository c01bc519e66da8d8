"""RankNet: pairwise logistic loss on a teacher's order, such as a large language model's (Burges et al. 2005, "Learning
to Rank using Gradient Descent", equation 3 with target probabilities of 0 and 1)."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels


class RankNetLoss(RankingLoss):
    """log(1 + exp(z_j - z_i)), averaged over the pairs of a group in which the teacher scores i above j.

    Only the order of the teacher's scores matters. Passages with equal teacher scores, or without one, form no pair; a
    group without pairs has a loss of 0.
    """

    key = "ranknet"
    help = "the order that a teacher gives, pair by pair (Burges et al. 2005)"
    teacher = True
    least_group = 2

    def blind(self, members):
        return math.log(2)

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        above = tf.cast(labels[:, :, None] > labels[:, None, :], tf.float32) * known[:, :, None] * known[:, None, :]
        wrong = tf.nn.softplus(z[:, None, :] - z[:, :, None])
        return tf.math.divide_no_nan(tf.reduce_sum(above * wrong, axis=[1, 2]), tf.reduce_sum(above, axis=[1, 2]))
