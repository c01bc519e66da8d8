"""An encoder in Keras, laid out for speed: 2-D products, fused QKV, only [CLS] in the last layer."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.attention import ATTENTIONS, MASKED
from lce_tf.model.block import Block
from lce_tf.model.config import EncoderConfig
from lce_tf.model.decoder import Decoder
from lce_tf.model.embeddings import Embeddings
from lce_tf.model.grid import Grid
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import PRECISIONS, Precision


class Encoder(keras.layers.Layer):
    """Token ids in, contextual vectors out; the family's differences live in `EncoderConfig` and `Family`.

    There is no pooler: ELECTRA has none, and the paper's equation (1) reads the final [CLS] vector itself.

    Attributes:
        blocks: the layers that have weights of their own.
        order: for each layer of the computation, its index in `blocks`.
        attention: an entry of `ATTENTIONS`.
        row_multiple: see `lce_tf.model.tracing.filled`; 1 elsewhere.
        unpadded: see `lce_tf.model.tracing.unpadded`.
        final_norm: the norm after the last layer of a pre-norm family; else None.
        decoder: the decoder of a family whose head reads the decoder's first step instead of [CLS]; else None.
    """

    def __init__(self, config: EncoderConfig, precision: Precision = PRECISIONS["float32"], name: str = "encoder"):
        super().__init__(name=name, dtype=precision.policy)
        self.config, self.row_multiple, self.unpadded, self.order = config, 1, False, config.order
        self.embeddings = Embeddings(config, precision, "embeddings")
        self.blocks = [Block(config, i, precision, f"block_{i}") for i in range(max(self.order) + 1)]
        self.attention = ATTENTIONS[config.family.attention](config, precision)
        self.final_norm = self.decoder = None
        if config.family.before:
            self.final_norm = make_norm(config, config.hidden_size, precision, "final_norm")
        if config.num_decoder_layers:
            self.decoder = Decoder(config, precision, "decoder")

    @property
    def layers(self) -> list[tuple[int, Block]]:
        """(number, block) of each layer of the computation."""
        return [(layer, self.blocks[index]) for layer, index in enumerate(self.order)]

    def call(self, input_ids, segment_ids, mask, seed=None, cls_only=True):
        """The final vectors that the head reads, or every token's.

        Args:
            input_ids: [batch, length] int32.
            segment_ids: [batch, length] int32, 0 for `[CLS] query [SEP]` and 1 for `passage [SEP]`.
            mask: [batch, length], 1 for tokens and 0 for padding.
            seed: [2] int32; the dropout masks are a pure function of it. None switches dropout off.
            cls_only: compute only the vector that the head reads. As the configuration says, it is the first token's
                (then the last layer is computed for that token alone), the mean of all tokens', or the decoder's.

        Returns:
            [batch, hidden] with `cls_only`, else [batch, length, hidden], in the compute dtype.
        """
        grid = Grid.of(mask, self.unpadded)
        bias = (1.0 - tf.cast(mask, self.compute_dtype)) * tf.cast(MASKED, self.compute_dtype)
        bias = bias[:, None, None, :]
        x = grid.computed(self.embeddings(input_ids, segment_ids, seed))
        if self.config.family.before:
            x = tf.cast(x, tf.float32)
        shared = self.attention.shared(tf.range(grid.length)[None], self.compute_dtype)
        first = cls_only and self.config.classifier_pooling == "cls"
        for layer, block in self.layers:
            last = first and layer == len(self.order) - 1
            x = block(x, bias, grid, seed, layer, self.attention, shared, cls_only=last)
        if self.final_norm is not None:
            x = self.final_norm(x)
        if first:
            return x
        tokens = grid.padded(x)
        if not cls_only:
            return tokens
        if self.decoder is not None:
            start = self.embeddings.words[self.config.decoder_start_token_id]
            return self.decoder(tokens, start, bias, seed)
        return self._mean(tokens, mask)

    def _mean(self, tokens, mask):
        """[batch, hidden] mean over the tokens that are not padding, with rows to ignore up to `row_multiple`."""
        share = tf.cast(mask, tf.float32)[:, None]
        share /= tf.maximum(tf.reduce_sum(share, axis=-1, keepdims=True), 1.0)
        mean = tf.cast(tf.matmul(share, tf.cast(tokens, tf.float32))[:, 0], self.compute_dtype)
        return tf.pad(mean, [[0, -tf.shape(mean)[0] % self.row_multiple], [0, 0]])
