"""The cross-encoder: equation (1) of the paper on top of an encoder's final [CLS] vector."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.encoder import Encoder
from lce_tf.model.precision import PRECISIONS, Precision


class LinearHead(keras.layers.Layer):
    """Dropout and one linear unit per output on the [CLS] vector, in float32: z = T_[CLS] W + b (eq. 1)."""

    def __init__(self, config: EncoderConfig, outputs: int, name: str = "head"):
        super().__init__(name=name, dtype="float32")
        self.rate, self.place = config.hidden_dropout_prob, 4 * config.num_hidden_layers + 1
        self.linear = Dense(config.hidden_size, outputs, config.initializer_range, PRECISIONS["float32"], "linear")

    def call(self, vectors, seed):
        return self.linear(dropout(tf.cast(vectors, tf.float32), self.rate, seed, self.place))


class CrossEncoder(keras.layers.Layer):
    """Scores packed (query, passage) pairs.

    A layer and no `keras.Model`, whose exports would want a configuration of plain values for the constructor's
    arguments; checkpoints carry that in `config.json`.

    Args:
        config: the encoder's shape.
        outputs: logits a pair: 1 for losses over scores (hinge, LCE), 2 for cross entropy.
        precision: a value of `PRECISIONS`; weights and logits are float32 in all of them.
    """

    def __init__(self, config: EncoderConfig, outputs: int = 1, precision: Precision = PRECISIONS["float32"]):
        super().__init__(name="cross_encoder")
        self.config, self.outputs_, self.precision = config, outputs, precision
        self.encoder = Encoder(config, precision)
        self.head = LinearHead(config, outputs)

    def call(self, input_ids, segment_ids, mask, seed=None):
        """Logits [batch, outputs] float32; the arguments are those of `Encoder.call`."""
        return self.head(self.encoder(input_ids, segment_ids, mask, seed), seed)

    def logits(self, input_ids, query_lengths, lengths, seed=None):
        """Logits from the compact form that batches travel in: see `segments_and_mask`."""
        return self(input_ids, *segments_and_mask(input_ids, query_lengths, lengths), seed=seed)


def segments_and_mask(input_ids: tf.Tensor, query_lengths: tf.Tensor, lengths: tf.Tensor):
    """Segment ids and attention mask, [batch, length] int32 each, of packed pairs.

    Args:
        input_ids: [batch, length] int32.
        query_lengths: [batch] int32, wordpieces of the query alone.
        lengths: [batch] int32, of the whole pair; what follows is padding with segment id 0.
    """
    place = tf.range(tf.shape(input_ids)[1])[None, :]
    mask = tf.cast(place < lengths[:, None], tf.int32)
    segments = mask * tf.cast(place >= query_lengths[:, None] + 2, tf.int32)
    return segments, mask


def scores(logits: tf.Tensor) -> tf.Tensor:
    """One ranking score a pair, [...] float32, from logits [..., outputs].

    Two logits (cross entropy) give their difference z1 - z0: the order of softmax(z)_1 in eq. (2) without its
    saturation, so that no two passages tie at 1.0.
    """
    return logits[..., 0] if logits.shape[-1] == 1 else logits[..., 1] - logits[..., 0]
