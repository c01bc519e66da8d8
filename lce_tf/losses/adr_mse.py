"""ADR-MSE: the squared error of approximate ranks (Schlatt et al. 2025, "Rank-DistiLLM: Closing the Effectiveness Gap
Between Cross-Encoders and LLMs for Passage Re-Ranking", equation 2)."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels


class ADRMSELoss(RankingLoss):
    """Mean over a group's passages of (r_i - a_i)^2 / log2(1 + r_i).

    r_i is the rank of passage i by the labels; passages with equal labels share the mean of their ranks.
    a_i = 1 + sum_(j != i) sigmoid(alpha (z_j - z_i)) approximates its rank by the scores z (Qin et al. 2010). Passages
    that a teacher has not scored are left out.
    """

    key = "adr-mse"
    help = "squared error of the ranks that grades, or a teacher, give, discounted (Schlatt et al. 2025)"
    grades = True
    teacher = True
    least_group = 2
    options = {
        "alpha": {
            "default": 1.0,
            "help": "multiplies the differences of scores; high values make the ranks nearly whole numbers",
            "above": 0,
            "give": "give a number above 0, such as 1",
        }
    }

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        others = known[:, None, :]
        higher = tf.cast(labels[:, None, :] > labels[:, :, None], tf.float32) * others
        equal = tf.cast(labels[:, None, :] == labels[:, :, None], tf.float32) * others
        ranks = tf.reduce_sum(higher, axis=2) + (tf.reduce_sum(equal, axis=2) + 1) / 2
        beaten = tf.sigmoid(self.option.alpha * (z[:, None, :] - z[:, :, None])) * others
        # The sum includes j = i, whose sigmoid(0) is 1/2, hence 0.5 instead of 1.
        approximate = 0.5 + tf.reduce_sum(beaten, axis=2)
        error = known * tf.square(ranks - approximate) * math.log(2) / tf.math.log1p(tf.maximum(ranks, 1.0))
        return tf.math.divide_no_nan(tf.reduce_sum(error, axis=1), tf.reduce_sum(known, axis=1))
