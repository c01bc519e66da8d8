"""What every loss layer offers to the training step."""

import tensorflow as tf
import tf_keras as keras


class RankingLoss(keras.layers.Layer):
    """A loss over the logits of query groups, computed in float32 and left unreduced over queries.

    Subclasses set the class attributes and `call`.

    Attributes:
        outputs: logits a pair that the model's head must give at least; losses over scores read the last.
        pairs: True where every training example is a single labelled pair (group size 1) rather than a group
            with its positive in column 0.
    """

    outputs: int = 1
    pairs: bool = False

    def __init__(self, name: str | None = None):
        super().__init__(name=name, dtype="float32")

    def call(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One loss per query.

        Args:
            logits: [queries, group, outputs], any floating dtype.
            labels: [queries, group] float32, 1 for relevant and 0 for not.

        Returns:
            [queries] float32; the training step averages them over the global batch.
        """
        raise TypeError(f"{type(self).__name__} does not define a loss")
