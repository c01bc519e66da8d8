"""The cross-encoder: equation (1) of the paper on top of an encoder's final [CLS] vector."""

import tensorflow as tf

from lce_tf.model.config import PAPER_SCORING, EncoderConfig, Scoring
from lce_tf.model.encoder import Encoder
from lce_tf.model.heads import HEADS
from lce_tf.model.layer import Layer
from lce_tf.model.layout import Layout
from lce_tf.model.precision import PRECISIONS, Precision


class CrossEncoder(Layer):
    """Scores packed (query, passage) pairs.

    It is a layer and not a `keras.Model`, because exporting a `keras.Model` needs plain values for the constructor's
    arguments; checkpoints keep those in `config.json`.

    Args:
        config: the encoder's shape.
        scoring: its head, the number of logits and the segment id of padding.
        precision: a value of `PRECISIONS`; weights and logits are float32 in all of them.
    """

    def __init__(
        self, config: EncoderConfig, scoring: Scoring = PAPER_SCORING, precision: Precision = PRECISIONS["float32"]
    ):
        super().__init__(precision, "cross_encoder")
        self.config, self.scoring, self.precision = config, scoring, precision
        self.encoder = Encoder(config, precision)
        self.head = HEADS[scoring.head](config, scoring.outputs)

    def call(self, input_ids, segment_ids, mask, seed=None):
        """Logits [batch, outputs] float32 of a batch of padded rows; the arguments are those of `Padded`."""
        return self.scored(self.encoder.padded(input_ids, segment_ids, mask, seed))

    def scored(self, layout: Layout) -> tf.Tensor:
        """Logits [layout.count, outputs] float32."""
        return self.head(self.encoder.pooled(layout), layout.firsts().dropout)

    def logits(self, input_ids, type_0_lengths, lengths, seed=None):
        """Logits [batch, outputs] from the compact form of a batch, see `segments_and_mask`."""
        packed = segments_and_mask(input_ids, type_0_lengths, lengths, self.scoring.padding_segment)
        return self(input_ids, *packed, seed=seed)


def segments_and_mask(input_ids: tf.Tensor, type_0_lengths: tf.Tensor, lengths: tf.Tensor, padding_segment: int = 0):
    """Segment ids and attention mask, [batch, length] int32 each, of packed pairs.

    Args:
        input_ids: [batch, length] int32.
        type_0_lengths: [batch] int32, tokens of type 0, which come first; in BERT's template, `[CLS] query [SEP]`.
        lengths: [batch] int32, of the whole pair; what follows is padding.
        padding_segment: segment id of padding.
    """
    position = tf.range(tf.shape(input_ids)[1])[None, :]
    mask = tf.cast(position < lengths[:, None], tf.int32)
    segments = tf.cast(position >= type_0_lengths[:, None], tf.int32)
    return segments if padding_segment else mask * segments, mask
