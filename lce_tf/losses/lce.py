"""Localized contrastive estimation, equations (5) and (6) of the paper."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class LCELoss(RankingLoss):
    """-log of the positive's softmax share among its group, the positive in column 0 (eq. 5).

    Equation (6), the mean over the batch's queries, is the training step's.
    """

    key = "lce"
    help = "localized contrastive estimation: the positive's softmax share of its group (paper, eq. 5)"
    least_group = 2

    @classmethod
    def blind(cls, members):
        return math.log(members)

    def call(self, logits, labels):
        z = tf.cast(logits[..., -1], tf.float32)
        return -tf.nn.log_softmax(z, axis=-1)[:, 0]
