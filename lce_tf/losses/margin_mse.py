"""MarginMSE: squared error of a teacher's margins (Hofstätter et al. 2020, "Improving Efficient Neural Ranking Models
with Cross-Architecture Knowledge Distillation", equation 8)."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels


class MarginMSELoss(RankingLoss):
    """((z+ - z-) - (t+ - t-))^2, averaged over the pairs of column 0 and each other column.

    z are the model's scores and t the teacher's. Only pairs count in which the teacher has scored both passages. A
    group without such a pair has a loss of 0.
    """

    key = "margin-mse"
    help = "squared error of the margins that a teacher gives (Hofstätter et al. 2020)"
    teacher = True
    least_group = 2

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        error = (z[:, :1] - z[:, 1:]) - (labels[:, :1] - labels[:, 1:])
        counts = known[:, :1] * known[:, 1:]
        # divide_no_nan: the mean over no pairs at all is 0, not NaN.
        return tf.math.divide_no_nan(tf.reduce_sum(counts * tf.square(error), axis=1), tf.reduce_sum(counts, axis=1))
