"""What every loss layer offers to the training step."""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from lce_tf.losses.facts import LossFacts
from lce_tf.losses.options import options_of


class RankingLoss(LossFacts, keras.layers.Layer):
    """A loss over the logits of query groups, computed in float32 and left unreduced over queries.

    Subclasses define `call` and set the attributes of `LossFacts`, which see, where the defaults do not fit.

    Args:
        options: values of the options that the loss states; the defaults for those left out.

    Attributes:
        option: the options, one field each.
    """

    def __init__(self, name: str | None = None, **options: Any):
        super().__init__(name=name, dtype="float32")
        self.option = options_of(type(self), **options)

    def call(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One loss per query.

        Args:
            logits: [queries, group, outputs], any floating dtype.
            labels: [queries, group] float32, 1 for relevant and 0 for not; or grades, 0 for what is not relevant; or a
                teacher's scores, NaN for none.

        Returns:
            [queries] float32; the training step averages them over the global batch.
        """
        raise TypeError(f"{type(self).__name__} does not define a loss")

    def log_shares(self, logits: tf.Tensor) -> tf.Tensor:
        """[queries, group] float32 logarithms of each passage's share of its group's softmax, which R-Drop compares.

        Args:
            logits: as in `call`.
        """
        return tf.nn.log_softmax(tf.cast(logits[..., -1], tf.float32), axis=-1)


def known_labels(labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Labels with 0 in place of NaN, and float32 of the same shape, 1 where they were none; else gradients turn NaN."""
    known = tf.math.is_finite(labels)
    return tf.where(known, labels, 0.0), tf.cast(known, tf.float32)


def log_shares_of(z: tf.Tensor, members: tf.Tensor) -> tf.Tensor:
    """[..., passages] logarithms of each passage's share of the softmax over some of them.

    Args:
        z: [..., passages] float32 scores.
        members: of that shape or one that broadcasts to it: 1 for the passages in the softmax, 0 for the others. The
            result for the others is finite and to be ignored. Each row has at least one member.
    """
    # The others' scores are replaced by the lowest member's, so that none overflows, and are weighted by 0 in the sum.
    lowest = tf.reduce_min(tf.where(members > 0, z, z.dtype.max), axis=-1, keepdims=True)
    z = tf.where(members > 0, z, lowest)
    highest = tf.stop_gradient(tf.reduce_max(z, axis=-1, keepdims=True))
    total = tf.reduce_sum(members * tf.exp(z - highest), axis=-1, keepdims=True)
    return z - highest - tf.math.log(total)
