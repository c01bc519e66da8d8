"""T5's decoder at its first step, which reads the start token alone."""

import tensorflow as tf

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.block import output_precision, widened
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.layer import Layer, wide
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import Precision


class DecoderBlock(Layer):
    """One layer of the decoder at its first step, `[pairs, hidden]`; sums stay in float32.

    A single token attends to itself with weight 1, whatever its query and key. So self-attention is the value
    projection alone.
    """

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(precision, name)
        size, inner_size, stddev = config.hidden_size, config.intermediate_size, config.initializer_range
        self.heads, self.head = config.num_attention_heads, config.head_size
        self.rate, self.attention_rate = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        self.activation, self.gated = ACTIVATIONS[config.hidden_act], config.gated
        inner = self.heads * self.head

        def dense(inputs, outputs, name, precision=precision):
            return Dense(inputs, outputs, stddev, precision, name, bias=False)

        self.self_norm = make_norm(config, size, precision, "self_norm")
        self.self_value = dense(size, inner, "self_value")
        self.self_output = dense(inner, size, "self_output")
        self.cross_norm = make_norm(config, size, precision, "cross_norm")
        self.cross_query = dense(size, inner, "cross_query")
        self.cross_key_value = dense(size, 2 * inner, "cross_key_value")
        self.cross_output = dense(inner, size, "cross_output")
        self.feed_norm = make_norm(config, size, precision, "feed_norm")
        self.intermediate = dense(size, inner_size * (1 + self.gated), "intermediate")
        self.output_ = dense(inner_size, size, "output", output_precision(config, precision))

    def call(self, x, tokens, layout, site):
        """The layer's result, [pairs, hidden] float32.

        Args:
            x: [pairs, hidden] float32.
            tokens: [tokens, hidden], the encoder's output.
            layout: the `Layout` of those tokens.
            site: number of the layer's first dropout in the model.
        """
        drop = layout.firsts().dropout
        x += wide(drop(self.self_output(self.self_value(self.self_norm(x))), self.rate, site))
        found = layout.cross_attended(self, self.cross_query(self.cross_norm(x)), tokens, site + 1)
        x += wide(drop(self.cross_output(found), self.rate, site + 2))
        inner = widened(self, self.intermediate(self.feed_norm(x)))
        return x + wide(drop(self.output_(inner), self.rate, site + 3))


class Decoder(Layer):
    """The decoder's vector after its start token, for each pair."""

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(precision, name)
        self.first_site = 4 * len(config.order) + 1
        self.blocks = [DecoderBlock(config, precision, f"block_{i}") for i in range(config.num_decoder_layers)]
        self.final_norm = make_norm(config, config.hidden_size, precision, "final_norm")

    def call(self, tokens, layout, start):
        """[layout.count, hidden] in the dtype of activations.

        Args:
            tokens, layout: see `DecoderBlock.call`.
            start: [hidden], the start token's embedding.
        """
        x = tf.repeat(wide(self.cast(start))[None], layout.count, axis=0)
        for number, block in enumerate(self.blocks):
            x = block(x, tokens, layout, self.first_site + 4 * number)
        return self.final_norm(x)
