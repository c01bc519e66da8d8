"""`RankingLoss`, the base class of all losses, and functions that several of them use."""

from typing import Any

import tensorflow as tf
import tf_keras as keras

from lce_tf.losses.facts import LossFacts
from lce_tf.losses.options import options_of


class RankingLoss(LossFacts, keras.layers.Layer):
    """A loss over the logits of query groups, computed in float32 and left unreduced over queries.

    Subclasses define `call`, and set those attributes of `LossFacts` whose defaults do not fit.

    Args:
        options: values of the loss's options (see `LossFacts.options`); the others have their defaults.

    Attributes:
        option: the options as a frozen dataclass with one field each.

    Raises:
        UserError: an option's value is out of bounds.
        TypeError: the loss has no such option.
    """

    def __init__(self, name: str | None = None, **options: Any):
        super().__init__(name=name, dtype="float32")
        self.option = options_of(type(self), **options)

    def call(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One loss per query.

        Args:
            logits: [queries, group, outputs], any floating dtype.
            labels: [queries, group] float32: 1 for relevant passages and 0 for others; or grades, 0 for passages that
                are not relevant; or a teacher's scores, NaN for passages that it has not scored.

        Returns:
            [queries] float32; the training step averages them over the global batch.
        """
        raise TypeError(f"{type(self).__name__} does not define a loss")

    def blind(self, members: int) -> float:
        """The loss of a model that gives all passages of a group of `members` the same score; 0 if it is not known.

        A training whose loss stays there prints a warning.
        """
        return 0.0

    def log_shares(self, logits: tf.Tensor) -> tf.Tensor:
        """[queries, group] float32: log softmax of the scores over each group, which R-Drop compares.

        A loss that takes each passage on its own gives [queries, group, classes], the distribution of each.

        Args:
            logits: as in `call`.
        """
        return tf.nn.log_softmax(tf.cast(logits[..., -1], tf.float32), axis=-1)


def known_labels(labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Labels with 0 in place of NaN and infinities, and a float32 mask of the same shape, 1 where the label was finite.

    NaN is replaced because it would make gradients NaN even if multiplied by 0.
    """
    known = tf.math.is_finite(labels)
    return tf.where(known, labels, 0.0), tf.cast(known, tf.float32)


def log_shares_of(z: tf.Tensor, members: tf.Tensor) -> tf.Tensor:
    """[..., passages] float32: log softmax of the scores over some of the passages.

    Args:
        z: [..., passages] float32 scores.
        members: float32 of that shape or one that broadcasts to it: 1 for the passages in the softmax, 0 for the
            others. The result for the others is finite; ignore it. Each row needs at least one member.
    """
    # The others have weight 0 in the sum. The lowest member's score replaces their scores, so that exp cannot overflow.
    lowest = tf.reduce_min(tf.where(members > 0, z, z.dtype.max), axis=-1, keepdims=True)
    z = tf.where(members > 0, z, lowest)
    highest = tf.stop_gradient(tf.reduce_max(z, axis=-1, keepdims=True))
    total = tf.reduce_sum(members * tf.exp(z - highest), axis=-1, keepdims=True)
    return z - highest - tf.math.log(total)
