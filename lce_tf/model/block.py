"""One layer of an encoder: attention and feed-forward, post-norm or pre-norm."""

import tensorflow as tf

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.layer import Layer, wide
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import PRECISIONS, Precision


class Block(Layer):
    """One transformer layer over the tokens of a `Layout`, `[tokens, hidden]`.

    With `cls_only` the result is that of each pair's first token alone, as `Layout.first` returns them: keys and
    values still come from every token, so it equals the first token's row of the full result.

    Attributes:
        before: whether norms come before attention and feed-forward (pre-norm); residual sums then stay in float32.
        attention_norm: None where the family's first layer has none.
        position_key, position_query: DeBERTa's own projections of distances; None if it uses those of keys and queries
            instead, and in other families.
        plain: see `lce_tf.model.tracing.plain`.
    """

    def __init__(self, config: EncoderConfig, index: int, precision: Precision, name: str):
        super().__init__(precision, name)
        size, inner_size, stddev = config.hidden_size, config.intermediate_size, config.initializer_range
        attending, feeding = (part and config.family.biases for part in (config.attention_bias, config.mlp_bias))
        self.index, self.plain, self.before, self.gated = index, False, config.family.before, config.gated
        self.size, self.heads, self.head = size, config.num_attention_heads, config.head_size
        inner = self.heads * self.head
        self.rate, self.attention_rate = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        self.activation = ACTIVATIONS[config.hidden_act]
        self.exact_gelu = config.hidden_act == "gelu"
        self.qkv = Dense(size, 3 * inner, stddev, precision, "qkv", bias=attending)
        self.attention_output = Dense(inner, size, stddev, precision, "attention_output", bias=attending)
        self.attention_norm = None
        if index or config.family.first_norm:
            self.attention_norm = make_norm(config, size, precision, "attention_norm")
        self.intermediate = Dense(size, inner_size * (1 + self.gated), stddev, precision, "intermediate", bias=feeding)
        self.output_ = Dense(inner_size, size, stddev, output_precision(config, precision), "output", bias=feeding)
        self.output_norm = make_norm(config, size, precision, "output_norm")
        self.position_key = self.position_query = None
        if config.pos_att_type and not config.share_att_key:
            if "c2p" in config.pos_att_type:
                self.position_key = Dense(size, inner, stddev, precision, "position_key")
            if "p2c" in config.pos_att_type:
                self.position_query = Dense(size, inner, stddev, precision, "position_query")

    def call(self, x, layout, layer, attention, shared, cls_only=False):
        normed = x if self.attention_norm is None or not self.before else self.attention_norm(x)
        context = layout.attended(self, layer, self.cast(normed), attention, shared, cls_only)
        x, tokens = (layout.first(x), layout.firsts()) if cls_only else (x, layout)
        if self.before:
            x += wide(tokens.dropout(self.attention_output(context), self.rate, 4 * layer + 2))
            inner = self.output_(tokens.widened(self, self.output_norm(x)))
            return x + wide(tokens.dropout(inner, self.rate, 4 * layer + 3))
        x = tokens.added(self.attention_output, self.attention_norm, x, context, self.rate, 4 * layer + 2)
        inner = tokens.widened(self, x)
        return tokens.added(self.output_, self.output_norm, x, inner, self.rate, 4 * layer + 3)

    def widened(self, x):
        """[tokens, intermediate]: the first half of the feed-forward."""
        return widened(self, self.intermediate(x))

    def queries_of(self, x):
        """[n, heads * size]: x [n, hidden] projected by the queries' part of the fused QKV layer."""
        return self.part(0, x)

    def keys_of(self, x):
        """[n, heads * size]: x [n, hidden] projected by the keys' part of the fused QKV layer."""
        return self.part(1, x)

    def part(self, part: int, x):
        """[n, heads * size]: x [n, hidden] projected to queries (part 0), keys (1) or values (2) alone."""
        product = self.qkv.product(x, tf.split(tf.convert_to_tensor(self.qkv.kernel), 3, axis=1)[part])
        if self.qkv.bias is None:
            return product
        return product + self.cast(tf.split(tf.convert_to_tensor(self.qkv.bias), 3)[part])


def widened(layer, inner):
    """The input of the feed-forward's second dense layer, from the output of its first.

    Args:
        layer: a `Block`, or a `DecoderBlock`, whose feed-forward is the same.
    """
    if not layer.gated:
        return layer.activation(inner)
    active, gate = tf.split(inner, 2, axis=-1)
    return layer.activation(active) * gate


def output_precision(config: EncoderConfig, precision: Precision) -> Precision:
    """The precision of the feed-forward's last layer: float32 where T5's sums overflow float16, as in transformers."""
    overflows = config.family.float32_output and precision.activations == "float16"
    return PRECISIONS["float32"] if overflows else precision
