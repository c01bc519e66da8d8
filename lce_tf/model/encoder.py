"""An encoder in Keras, laid out for speed: 2-D products, fused QKV, only [CLS] in the last layer."""

import tensorflow as tf

from lce_tf.model.attention import ATTENTIONS
from lce_tf.model.block import Block
from lce_tf.model.config import EncoderConfig
from lce_tf.model.decoder import Decoder
from lce_tf.model.embeddings import Embeddings
from lce_tf.model.layer import Layer
from lce_tf.model.layout import Layout
from lce_tf.model.norm import make_norm
from lce_tf.model.padded import Padded
from lce_tf.model.precision import PRECISIONS, Precision


class Encoder(Layer):
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
        super().__init__(precision, name)
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

    def padded(self, input_ids, segment_ids, mask, seed=None) -> Padded:
        """The layout of a batch of padded rows, in the form that `lce_tf.model.tracing` has set; see `Padded`."""
        return Padded(input_ids, segment_ids, mask, self.half, seed, self.unpadded, self.row_multiple)

    def call(self, input_ids, segment_ids, mask, seed=None, cls_only=True):
        """The final vectors of a batch of padded rows.

        Args:
            input_ids, segment_ids, mask, seed: see `Padded`.
            cls_only: compute only the vectors that the head reads, see `pooled`.

        Returns:
            [batch, hidden] with `cls_only`, else [batch, length, hidden], in the dtype of activations.
        """
        layout = self.padded(input_ids, segment_ids, mask, seed)
        return self.pooled(layout) if cls_only else layout.in_rows(self.tokens(layout))

    def pooled(self, layout: Layout) -> tf.Tensor:
        """[layout.count, hidden]: the vector of each pair that the head reads.

        As the configuration says, it is the first token's (then the last layer is computed for that token alone), the
        mean of all tokens', or the decoder's.
        """
        if self.config.classifier_pooling == "cls":
            return self.tokens(layout, cls_only=True)
        tokens = self.tokens(layout)
        if self.decoder is None:
            return layout.mean(tokens)
        return self.decoder(tokens, layout, tf.gather(self.embeddings.words, self.config.decoder_start_token_id))

    def tokens(self, layout: Layout, cls_only: bool = False) -> tf.Tensor:
        """[tokens, hidden]: the final vector of every token, or with `cls_only` of each pair's first."""
        x = self.embeddings(layout)
        shared = self.attention.shared(layout.row_positions, self.half)
        for layer, block in self.layers:
            last = cls_only and layer == len(self.order) - 1
            x = block(x, layout, layer, self.attention, shared, cls_only=last)
        return x if self.final_norm is None else self.final_norm(x)
