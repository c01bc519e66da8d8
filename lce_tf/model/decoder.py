"""T5's decoder at its first step, which reads the start token alone."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.attention import softmax_of_few
from lce_tf.model.block import output_precision, widened
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import Precision


class DecoderBlock(keras.layers.Layer):
    """One layer of the decoder at its first step, `[pairs, hidden]`; sums stay in float32.

    A single token attends to itself with weight 1, whatever its query and key. So self-attention is the value
    projection alone.
    """

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy, autocast=False)
        size, wide, stddev = config.hidden_size, config.intermediate_size, config.initializer_range
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
        self.intermediate = dense(size, wide * (1 + self.gated), "intermediate")
        self.output_ = dense(wide, size, "output", output_precision(config, precision))

    def call(self, x, attend, drop, site):
        """The layer's result, [pairs, hidden] float32.

        Args:
            x: [pairs, hidden] float32.
            attend: function of queries [pairs, heads * size] and this layer that returns their cross-attention to the
                encoder's tokens, in the same shape.
            drop: function of values, a rate and a site that applies dropout.
            site: number of the layer's first dropout in the model.
        """
        own = self.self_output(self.self_value(self.self_norm(x)))
        x += tf.cast(drop(own, self.rate, site), tf.float32)
        found = self.cross_output(attend(self.cross_query(self.cross_norm(x)), self))
        x += tf.cast(drop(found, self.rate, site + 2), tf.float32)
        wide = widened(self, self.intermediate(self.feed_norm(x)))
        return x + tf.cast(drop(self.output_(wide), self.rate, site + 3), tf.float32)


class Decoder(keras.layers.Layer):
    """The decoder's vector after its start token, for each pair.

    Attributes:
        row_multiple: see `lce_tf.model.tracing.filled`; 1 elsewhere.
    """

    def __init__(self, config: EncoderConfig, precision: Precision, name: str):
        super().__init__(name=name, dtype=precision.policy, autocast=False)
        self.first_site, self.row_multiple = 4 * len(config.order), 1
        self.blocks = [DecoderBlock(config, precision, f"block_{i}") for i in range(config.num_decoder_layers)]
        self.final_norm = make_norm(config, config.hidden_size, precision, "final_norm")
        self.heads, self.head = config.num_attention_heads, config.head_size

    def call(self, tokens, start, bias, seed):
        """[batch, hidden] in the compute dtype, padded with rows to ignore to a multiple of `row_multiple`.

        Args:
            tokens: [batch, length, hidden], the encoder's output.
            start: [hidden], the start token's embedding.
            bias: [batch, 1, 1, length], added to attention logits.
            seed: as in `Encoder.call`.
        """
        batch, length, _ = tf.unstack(tf.shape(tokens))

        def attend(query, layer):
            key, value = tf.split(layer.cross_key_value(tf.reshape(tokens, [batch * length, -1])), 2, axis=1)
            key, value = (
                tf.transpose(tf.reshape(part, [batch, length, self.heads, self.head]), [0, 2, 1, 3])
                for part in (key, value)
            )
            query = tf.reshape(query[:batch], [batch, self.heads, 1, self.head])
            logits = tf.matmul(query, key, transpose_b=True) + bias
            weights = softmax_of_few(logits) if self.row_multiple > 1 else tf.nn.softmax(logits)
            site = self.first_site + 4 * self.blocks.index(layer) + 2
            found = tf.matmul(dropout(weights, layer.attention_rate, seed, site), value)
            return tf.pad(tf.reshape(found, [batch, self.heads * self.head]), [[0, -batch % self.row_multiple], [0, 0]])

        def drop(x, rate, site):
            return dropout(x, rate, seed, site)

        return self.stepped(start, batch + (-batch % self.row_multiple), attend, drop)

    def stepped(self, start, rows, attend, drop):
        """[rows, hidden] in the compute dtype; `attend` and `drop` as `DecoderBlock.call` takes them."""
        x = tf.repeat(tf.cast(start, tf.float32)[None], rows, axis=0)
        for number, block in enumerate(self.blocks):
            x = block(x, attend, drop, self.first_site + 4 * number + 1)
        return self.final_norm(x)
