"""Binary cross entropy over one logit, with label smoothing (Szegedy et al. 2016, "Rethinking the Inception
Architecture", section 7)."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class BinaryLoss(RankingLoss):
    """Mean over a group's passages of -(q log p + (1 - q) log(1 - p)), p = sigmoid(z), q = y (1 - e) + e / 2.

    y is 1 for a grade above 0 and 0 otherwise; e is the label smoothing.
    """

    key = "binary"
    help = "binary cross entropy over one logit, every passage of the group on its own"
    grades = True
    classes = True
    options = {
        "label_smoothing": {
            "default": 0.0,
            "help": "share of each label that is spread over both classes",
            "at_least": 0,
            "below": 1,
            "give": "give a share of at least 0 and below 1, such as 0.1",
        }
    }

    def call(self, logits, labels):
        smoothing = self.option.label_smoothing
        target = tf.cast(labels > 0, tf.float32) * (1 - smoothing) + smoothing / 2
        z = tf.cast(logits[..., -1], tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=z), axis=-1)

    def log_shares(self, logits):
        """[queries, group, 2] float32: log p and log(1 - p) of each passage.

        Every passage is scored on its own, so its distribution is over the two classes, not over the group.
        """
        z = tf.cast(logits[..., -1], tf.float32)
        return tf.stack([tf.math.log_sigmoid(z), tf.math.log_sigmoid(-z)], axis=-1)
