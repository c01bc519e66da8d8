"""Localized contrastive estimation, equations (5) and (6) of the paper."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class LCELoss(RankingLoss):
    """-log softmax(z / t)_0 over the scores of a group, whose positive is in column 0 (eq. 5).

    The training step computes equation (6), the mean over the batch's queries. The paper has no temperature t, that is,
    t = 1. With t below 1, the negatives with the highest scores get a larger part of the gradient.
    """

    key = "lce"
    help = "localized contrastive estimation: the positive's softmax share of its group (paper, eq. 5)"
    least_group = 2
    options = {
        "temperature": {
            "default": 1.0,
            "help": "divides the scores before the softmax",
            "at_least": 1e-3,
            "give": "give 0.001 or more, such as 0.5",
        }
    }

    def blind(self, members):
        return math.log(members)

    def call(self, logits, labels):
        return -self.log_shares(logits)[:, 0]

    def log_shares(self, logits):
        """As in `RankingLoss`, but with the scores divided by the temperature."""
        z = tf.cast(logits[..., -1], tf.float32)
        # No division at 1, so that training gives bitwise the same result as before the temperature existed.
        return tf.nn.log_softmax(z if self.option.temperature == 1 else z / self.option.temperature, axis=-1)
