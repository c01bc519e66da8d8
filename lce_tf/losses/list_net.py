"""ListNet: the softmax over graded labels as the target (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to
Listwise Approach", equation 6 with the top-one probabilities of definition 3)."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class ListNetLoss(RankingLoss):
    """-sum_j P_y(j) log P_z(j), where P_y = softmax(y / t) of the group's grades and P_z = softmax(z) of its scores.

    The target P_y never puts all its weight on one passage. If one passage of n has grade 1 and the others 0, its
    weight is e / (e + n - 1) at t = 1. As t goes to 0, its weight goes to 1 and the loss becomes LCE.
    """

    key = "list-net"
    help = "cross entropy between the softmax of the grades and that of the scores (Cao et al. 2007)"
    grades = True
    least_group = 2
    options = {
        "temperature": {
            "default": 1.0,
            "help": "divides the grades before their softmax",
            "at_least": 1e-3,
            "give": "give 0.001 or more, such as 0.1",
        }
    }

    def blind(self, members):
        return math.log(members)

    def call(self, logits, labels):
        target = tf.nn.softmax(tf.cast(labels, tf.float32) / self.option.temperature, axis=-1)
        return -tf.reduce_sum(target * tf.nn.log_softmax(tf.cast(logits[..., -1], tf.float32), axis=-1), axis=-1)
