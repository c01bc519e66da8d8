"""ListMLE: the likelihood of the right order (Xia et al. 2008, "Listwise Approach to Learning to Rank", equation 8),
and its position-aware form (Lan et al. 2014, "Position-Aware ListMLE", equation 5)."""

import tensorflow as tf

from lce_tf.losses.base import RankingLoss, known_labels, log_shares_of


class ListMLELoss(RankingLoss):
    """-sum_i w_i log(e^(z_i) / sum_(k >= i) e^(z_k)), where i counts passages by descending label from 1.

    With positions=equal, w_i is 1. With positions=aware, it is (2^(n - i) - 1) / sum_k (2^(n - k) - 1): the paper's
    weights divided by their sum, so that a long list does not overflow. Passages with equal labels are in the order of
    their columns, so a group's negatives are in the order in which they were drawn. Passages that a teacher has not
    scored are left out of the list.
    """

    key = "list-mle"
    help = "likelihood of the order of the grades, or of a teacher (Xia et al. 2008, Lan et al. 2014)"
    grades = True
    teacher = True
    least_group = 2
    options = {
        "positions": {
            "default": "equal",
            "help": "aware: weigh the upper positions more, by 2^(n - i) - 1; equal: all alike",
            "choices": ("equal", "aware"),
        }
    }

    def call(self, logits, labels):
        z, labels, known = tf.cast(logits[..., -1], tf.float32), *known_labels(labels)
        columns = tf.range(tf.shape(z)[1])
        tied_before = (labels[:, :, None] == labels[:, None, :]) & (columns[:, None] > columns[None, :])
        # [queries, i, j]: 1 where passage j is in the list and ranks above passage i.
        above = tf.cast((labels[:, :, None] < labels[:, None, :]) | tied_before, tf.float32) * known[:, None, :]
        members = tf.maximum(tf.eye(tf.shape(z)[1]), (1 - above) * known[:, None, :])
        shares = tf.linalg.diag_part(log_shares_of(z[:, None, :] + tf.zeros_like(members), members))
        weights = known
        if self.option.positions == "aware":
            listed = tf.reduce_sum(known, axis=1, keepdims=True)
            # The paper's weights divided by 2^(n - 1). The i-th passage has i - 1 passages above it.
            weights = known * (tf.pow(2.0, -tf.reduce_sum(above, axis=2)) - tf.pow(2.0, 1 - listed))
            weights = tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=1, keepdims=True))
        return -tf.reduce_sum(weights * shares, axis=1)
