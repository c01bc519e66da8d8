"""Where the tokens of a batch lie: all of its padded rows, or the real tokens alone."""

from typing import NamedTuple

import tensorflow as tf


class Grid(NamedTuple):
    """A batch of padded rows, of which dense layers and norms compute some tokens.

    Attributes:
        batch, length: number of rows and tokens per row.
        real: [tokens] int32 index of each computed token in [batch * length]; None: all are computed.
        firsts: [batch] int32 index of each row's first token among the computed ones.
    """

    batch: tf.Tensor
    length: tf.Tensor
    real: tf.Tensor | None
    firsts: tf.Tensor

    @classmethod
    def of(cls, mask: tf.Tensor, unpadded: bool) -> "Grid":
        """The grid of a mask [batch, length], 1 for tokens and 0 for padding, which `unpadded` leaves out."""
        batch, length = tf.unstack(tf.shape(mask))
        if not unpadded:
            return cls(batch, length, None, tf.range(batch) * length)
        real = tf.cast(tf.where(tf.reshape(mask, [-1]) > 0)[:, 0], tf.int32)
        return cls(batch, length, real, tf.cumsum(tf.reduce_sum(mask, axis=1), exclusive=True))

    def computed(self, x: tf.Tensor) -> tf.Tensor:
        """[tokens, n]: the computed ones of the vectors x [batch * length, n]."""
        return x if self.real is None else self._picked(x)

    def padded(self, x: tf.Tensor) -> tf.Tensor:
        """[batch, length, n]: the vectors x [tokens, n] in their rows, with zeros as padding."""
        x = x if self.real is None else self._spread(x)
        return tf.reshape(x, [self.batch, self.length, x.shape[-1]])

    # Of either the gradient is the other. That of tf.gather sums, as if rows came twice.
    def _picked(self, x):
        @tf.custom_gradient
        def picked(x):
            return tf.gather(x, self.real), self._spread

        return picked(x)

    def _spread(self, x):
        @tf.custom_gradient
        def spread(x):
            shape = [self.batch * self.length, x.shape[-1]]
            return tf.scatter_nd(self.real[:, None], x, shape), self._picked

        return spread(x)
