"""KL divergence from a teacher's distribution over the group (Hinton et al. 2015, "Distilling the Knowledge in a Neural
Network"; over ranked passages as in RocketQAv2, Ren et al. 2021, equation 6)."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels, log_shares_of


class KLLoss(RankingLoss):
    """sum_j T(j) (log T(j) - log S(j)), where T = softmax(t / temperature) and S = softmax(z / temperature).

    t are the teacher's scores and z the model's. Both softmaxes are over the passages that the teacher has scored; a
    group with fewer than two of them has a loss of 0. Hinton's factor temperature^2 is left out, since the learning
    rate can make up for it.
    """

    key = "kl"
    help = "KL divergence from the softmax of a teacher's scores over the group (Ren et al. 2021)"
    teacher = True
    least_group = 2
    options = {
        "temperature": {
            "default": 1.0,
            "help": "divides the teacher's scores and the model's before the softmax",
            "at_least": 1e-3,
            "give": "give 0.001 or more, such as 2",
        }
    }

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        several = tf.cast(tf.reduce_sum(known, axis=1, keepdims=True) > 1, tf.float32)
        # log_shares_of needs a member in each row. In groups with too few scores all passages are members, and
        # `several` sets the loss to 0.
        members = 1 - several * (1 - known)
        teacher = log_shares_of(labels / self.option.temperature, members)
        model = log_shares_of(z / self.option.temperature, members)
        return tf.reduce_sum(several * members * tf.exp(teacher) * (teacher - model), axis=1)
