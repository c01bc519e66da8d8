"""Cross entropy over single pairs, equations (2) and (3) of the paper."""

import math

import tensorflow as tf

from lce_tf.losses.base import RankingLoss


class CrossEntropyLoss(RankingLoss):
    """-log softmax(z)_label over the two logits of a pair, of which logit 1 is the relevant class.

    Each passage of a group is a separate example; the group's loss is their mean.
    """

    key = "ce"
    help = "cross entropy over single labelled pairs, two logits (paper, eq. 2 and 3)"
    outputs = 2
    pairs = True
    classes = True

    def blind(self, members):
        return math.log(2)

    def call(self, logits, labels):
        # softmax(z)_1 = sigmoid(z1 - z0); TensorFlow computes its logarithm without overflow or loss of precision.
        margin = tf.cast(logits[..., 1], tf.float32) - tf.cast(logits[..., 0], tf.float32)
        labels = tf.cast(labels, tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=margin), axis=-1)

    def log_shares(self, logits):
        """[queries, group, 2] float32: log softmax over the two classes of each passage."""
        return tf.nn.log_softmax(tf.cast(logits, tf.float32), axis=-1)
