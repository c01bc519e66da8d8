"""The sum of a token's embeddings, which the first layer reads."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.layer import Layer, wide
from lce_tf.model.lookup import few_rows
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import Precision


class Embeddings(Layer):
    """Word embeddings, plus those of positions and segments where the family has them, normalised and projected.

    Attributes:
        positions, segments, norm, projection: None where there is none.
    """

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(precision, name)
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

    def call(self, layout):
        """[tokens, hidden], in the dtype of activations; float32 in a pre-norm family, whose sums stay in it."""
        x = self.cast(tf.gather(self.words, layout.input_ids))
        if self.positions is not None:
            x += self.cast(self._position_vectors(layout))
        if self.segments is not None:
            segments = layout.segments if self.segments.shape[0] > 1 else tf.zeros_like(layout.segments)
            x += self.cast(few_rows(tf.convert_to_tensor(self.segments), segments))
        x = layout.dropout(x if self.norm is None else self.norm(x), self.rate, 0)
        x = x if self.projection is None else self.projection(x)
        return wide(x) if self.config.family.before else x

    def _position_vectors(self, layout):
        if self.config.family.positions == "table":
            return layout.position_vectors(self.positions)
        # Rows are counted from the one of padding on; a padding token has that row wherever it stands.
        padding = self.config.pad_token_id
        real = tf.cast(layout.input_ids != padding, tf.int32)
        before = tf.cumsum(real, exclusive=True)
        rows = (before + real - tf.gather(before, layout.begins)) * real + padding
        return few_rows(self.positions[: layout.length + padding + 1], rows)
