"""The sum of a token's embeddings, which the first layer reads."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import Precision


class Embeddings(keras.layers.Layer):
    """Word embeddings, plus those of positions and segments where the family has them, normalised and projected.

    Attributes:
        positions, segments, norm, projection: None where there is none.
    """

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy)
        size, stddev = config.embedding_size, config.initializer_range
        self.rate, self.config = config.hidden_dropout_prob, config
        rows = {"words": config.vocab_size}
        if config.family.positions != "none" and config.position_biased_input:
            rows["positions"] = config.max_position_embeddings
        if config.type_vocab_size:
            rows["segments"] = config.type_vocab_size
        tables = {
            # One initialiser per table: an initialiser that is used twice returns the same values twice.
            name: self.add_weight(
                name=name, shape=[count, size], initializer=keras.initializers.TruncatedNormal(stddev=stddev)
            )
            for name, count in rows.items()
        }
        self.words, self.positions, self.segments = (tables.get(name) for name in ("words", "positions", "segments"))
        self.norm = None
        if "embedding_norm" in config.family.names:
            self.norm = make_norm(config, size, precision, "norm")
        self.projection = None
        if size != config.hidden_size or config.family.shares:
            self.projection = Dense(size, config.hidden_size, stddev, precision, "projection")

    def call(self, input_ids, segment_ids, seed):
        batch, length = tf.unstack(tf.shape(input_ids))
        words = tf.gather(self.words, input_ids)
        width = self.words.shape[1]
        x = words
        if self.positions is not None:
            x += self._position_vectors(input_ids, length)
        if self.segments is not None:
            # A product with the one-hot segment: its gradient is a small matrix product, where a gather's would be
            # a scatter of every token into two rows.
            rows = self.segments.shape[0]
            if rows == 1:
                segment_ids = tf.zeros_like(segment_ids)
            one_hot = tf.one_hot(segment_ids, rows, dtype=words.dtype)
            segments = tf.matmul(tf.reshape(one_hot, [-1, rows]), self.segments)
            x += tf.reshape(segments, [batch, length, width])
        x = tf.reshape(x, [-1, width])
        x = dropout(x if self.norm is None else self.norm(x), self.rate, seed, 0)
        return x if self.projection is None else self.projection(x)

    def _position_vectors(self, input_ids, length):
        if self.config.family.positions == "table":
            return self.positions[:length]
        padding = self.config.pad_token_id
        real = tf.cast(input_ids != padding, tf.int32)
        return tf.gather(self.positions, tf.cumsum(real, axis=1) * real + padding)
