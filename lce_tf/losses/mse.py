"""The squared error of a teacher's logits (Ba and Caruana 2014, "Do Deep Nets Really Need to be Deep?", equation 1).

The Ettin rerankers are trained with this loss alone (Aarsen 2026).
"""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels


class MSELoss(RankingLoss):
    """(z - t)^2, averaged over the passages of the group that the teacher t has scored; 0 for a group without any.

    The model learns the scale of the teacher's scores, so give the teacher's raw logits, not ranks or probabilities.
    """

    key = "mse"
    help = "squared error of a teacher's raw logits, passage by passage (Ba and Caruana 2014)"
    teacher = True

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        error = known * tf.square(z - labels)
        return tf.math.divide_no_nan(tf.reduce_sum(error, axis=1), tf.reduce_sum(known, axis=1))
