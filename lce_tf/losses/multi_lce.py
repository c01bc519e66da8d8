"""Localized contrastive estimation with several positives in a group."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, log_shares_of


class MultiPositiveLCELoss(RankingLoss):
    """Mean over a group's positives P of -log(e^(z_p / t) / (e^(z_p / t) + sum over the negatives of e^(z_n / t))).

    Each positive forms a group of its own with all negatives, to which equation (5) of the LCE paper applies, so
    positives do not compete with one another. This is the supervised contrastive loss with the sum outside the
    logarithm (Khosla et al. 2020, equation 2), without the other positives in the denominator. With one positive it is
    LCE. Passages with a grade above 0 are positives; a group without one has a loss of 0.
    """

    key = "multi-lce"
    help = "LCE with several positives a group (--group-positives): each against all negatives, averaged"
    grades = True
    least_group = 2
    options = {
        "temperature": {
            "default": 1.0,
            "help": "divides the scores before the softmax",
            "at_least": 1e-3,
            "give": "give 0.001 or more, such as 0.5",
        }
    }

    def call(self, logits, labels):
        z = tf.cast(logits[..., -1], tf.float32) / self.option.temperature
        positive = tf.cast(labels > 0, tf.float32)
        # Row i: the group of passage i with all negatives.
        members = tf.maximum(tf.eye(tf.shape(z)[1]), (1 - positive)[:, None, :])
        shares = tf.linalg.diag_part(log_shares_of(z[:, None, :] + tf.zeros_like(members), members))
        # divide_no_nan: the mean over no positives at all is 0, not NaN.
        return -tf.math.divide_no_nan(tf.reduce_sum(positive * shares, axis=1), tf.reduce_sum(positive, axis=1))
