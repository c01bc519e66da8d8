"""What every loss layer offers to the training step."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.losses.facts import LossFacts


class RankingLoss(LossFacts, keras.layers.Layer):
    """A loss over the logits of query groups, computed in float32 and left unreduced over queries.

    Subclasses define `call` and set the attributes of `LossFacts`, which see, where the defaults do not fit.
    """

    def __init__(self, name: str | None = None):
        super().__init__(name=name, dtype="float32")

    def call(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One loss per query.

        Args:
            logits: [queries, group, outputs], any floating dtype.
            labels: [queries, group] float32, 1 for relevant and 0 for not; or a teacher's scores, NaN for none.

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
