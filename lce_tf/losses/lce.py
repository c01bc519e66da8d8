"""Localized contrastive estimation, equations (5) and (6) of the paper."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class LCELoss(RankingLoss):
    """-log of the positive's softmax share among its group, the positive in column 0 (eq. 5).

    Equation (6), the mean over the batch's queries, is the training step's. A temperature t, which the paper does not
    have, makes it the softmax of z / t: below 1 the negatives with the highest scores weigh more.
    """

    key = "lce"
    help = "localized contrastive estimation: the positive's softmax share of its group (paper, eq. 5)"
    least_group = 2
    options = {
        "temperature": {
            "default": 1.0,
            "help": "divides the scores before the softmax",
            "above": 0,
            "give": "give a number above 0, such as 0.5",
        }
    }

    @classmethod
    def blind(cls, members):
        return math.log(members)

    def call(self, logits, labels):
        return -self.log_shares(logits)[:, 0]

    def log_shares(self, logits):
        """As in `RankingLoss`, with the temperature."""
        z = tf.cast(logits[..., -1], tf.float32)
        # Left out at 1, so that what was trained before there was a temperature comes out the same to the bit.
        return tf.nn.log_softmax(z if self.option.temperature == 1 else z / self.option.temperature, axis=-1)
