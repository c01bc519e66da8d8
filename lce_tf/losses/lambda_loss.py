"""LambdaLoss: a bound of NDCG (Wang et al. 2018, "The LambdaLoss Framework for Ranking Metric Optimization")."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class LambdaLoss(RankingLoss):
    """w_ij log2(1 + exp(-sigma (z_i - z_j))), averaged over the pairs of a group in which i has the higher grade.

    With G_i = (2^grade - 1) / max DCG, D(r) = log2(1 + r), and r_i the rank of i by the current scores:

    - weights=lambdarank: w_ij = |1 / D(r_i) - 1 / D(r_j)| |G_i - G_j| (equation 15)
    - weights=ndcg2: w_ij = (1 / D(|r_i - r_j|) - 1 / D(|r_i - r_j| + 1)) |G_i - G_j| (NDCG-Loss2, equation 16)
    - weights=ndcg2++: w_ij = mu times the weight of ndcg2 plus the weight of lambdarank (NDCG-Loss2++, equation 17)

    The paper sums over the pairs. Here they are averaged, as in the other pairwise losses, so that groups with more
    pairs do not weigh more. A group whose passages all have the same grade has a loss of 0.
    """

    key = "lambda"
    help = "pairs weighted by what swapping them changes in NDCG (Wang et al. 2018)"
    grades = True
    least_group = 2
    options = {
        "weights": {
            "default": "ndcg2++",
            "help": "of the pairs; ndcg2++ was the paper's best",
            "choices": ("ndcg2++", "ndcg2", "lambdarank"),
        },
        "mu": {
            "default": 10.0,
            "help": "weight of ndcg2 in ndcg2++",
            "at_least": 0,
        },
        "sigma": {
            "default": 1.0,
            "help": "multiplies the differences of scores",
            "above": 0,
            "give": "give a number above 0, such as 1",
        },
        "k": {
            "default": 0,
            "help": "count a pair only if one of its passages is among the k highest scores, for NDCG@k; 0: all pairs",
            "at_least": 0,
        },
    }

    def call(self, logits, labels):
        z, labels = tf.cast(logits[..., -1], tf.float32), tf.cast(labels, tf.float32)
        columns = tf.range(tf.shape(z)[1])
        tied_before = (z[:, :, None] == z[:, None, :]) & (columns[:, None] > columns[None, :])
        ranks = 1 + tf.reduce_sum(tf.cast((z[:, :, None] < z[:, None, :]) | tied_before, tf.float32), axis=2)
        counted = tf.cast(labels[:, :, None] > labels[:, None, :], tf.float32)
        if self.option.k:
            top = ranks <= self.option.k
            counted *= tf.cast(top[:, :, None] | top[:, None, :], tf.float32)
        wrong = tf.nn.softplus(self.option.sigma * (z[:, None, :] - z[:, :, None])) / math.log(2)
        total = tf.reduce_sum(counted * self._weights(ranks, self._gains(labels)) * wrong, axis=[1, 2])
        return tf.math.divide_no_nan(total, tf.reduce_sum(counted, axis=[1, 2]))

    def _gains(self, labels):
        """[queries, group] gains 2^grade - 1, divided by the group's highest possible DCG (DCG@k with the option k)."""
        gains = tf.pow(2.0, labels) - 1
        positions = tf.range(1, tf.shape(labels)[1] + 1)
        seen = positions <= self.option.k if self.option.k else positions > 0
        best = tf.sort(gains, axis=1, direction="DESCENDING") * tf.cast(seen, tf.float32) * _discount(positions)
        return tf.math.divide_no_nan(gains, tf.reduce_sum(best, axis=1, keepdims=True))

    def _weights(self, ranks, gains):
        """[queries, group, group] weights of the pairs. They depend on ranks only, so they have no gradient."""
        discounts = _discount(ranks)
        apart = tf.abs(ranks[:, :, None] - ranks[:, None, :])
        rank = tf.abs(discounts[:, :, None] - discounts[:, None, :])
        # On the diagonal, which holds no pair, a distance of 1 instead of 0 keeps the discount finite.
        ndcg2 = _discount(tf.maximum(apart, 1)) - _discount(tf.maximum(apart, 1) + 1)
        weights = {
            "lambdarank": lambda: rank,
            "ndcg2": lambda: ndcg2,
            "ndcg2++": lambda: self.option.mu * ndcg2 + rank,
        }[self.option.weights]()
        return weights * tf.abs(gains[:, :, None] - gains[:, None, :])


def _discount(ranks: tf.Tensor) -> tf.Tensor:
    """1 / log2(1 + rank)."""
    return math.log(2) / tf.math.log1p(tf.cast(ranks, tf.float32))
