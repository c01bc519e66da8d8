"""One layer of an encoder: attention and feed-forward, post-norm or pre-norm."""

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.activations import ACTIVATIONS
from lce_tf.model.attention import softmax_of_few
from lce_tf.model.config import EncoderConfig
from lce_tf.model.dense import Dense
from lce_tf.model.dropout import dropout
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import PRECISIONS, Precision


class Block(keras.layers.Layer):
    """One transformer layer over the tokens of a `Grid`, `[tokens, hidden]`.

    With `cls_only` the result is the first token's vector alone, `[batch, hidden]`: keys and values still come
    from every token, so it equals row 0 of the full result. The batch is then padded with rows to ignore to a multiple
    of `row_multiple`.

    Attributes:
        row_multiple: see `lce_tf.model.tracing.filled`; 1 elsewhere.
        before: whether norms come before attention and feed-forward (pre-norm); residual sums then stay in float32.
        attention_norm: None where the family's first layer has none.
        position_key, position_query: DeBERTa's own projections of distances; None if it uses those of keys and queries
            instead, and in other families.
    """

    def __init__(self, config: EncoderConfig, index: int, precision: Precision, name: str):
        before = config.family.before
        super().__init__(name=name, dtype=precision.policy, autocast=not before)
        size, wide, stddev = config.hidden_size, config.intermediate_size, config.initializer_range
        attending, feeding = (part and config.family.biases for part in (config.attention_bias, config.mlp_bias))
        self.index, self.plain, self.row_multiple, self.before, self.gated = index, False, 1, before, config.gated
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
        self.intermediate = Dense(size, wide * (1 + self.gated), stddev, precision, "intermediate", bias=feeding)
        self.output_ = Dense(wide, size, stddev, output_precision(config, precision), "output", bias=feeding)
        self.output_norm = make_norm(config, size, precision, "output_norm")
        self.position_key = self.position_query = None
        if config.pos_att_type and not config.share_att_key:
            if "c2p" in config.pos_att_type:
                self.position_key = Dense(size, inner, stddev, precision, "position_key")
            if "p2c" in config.pos_att_type:
                self.position_query = Dense(size, inner, stddev, precision, "position_query")

    def call(self, x, bias, grid, seed, layer, attention, shared, cls_only=False):
        normed = x if self.attention_norm is None or not self.before else self.attention_norm(x)
        normed = tf.cast(normed, self.compute_dtype)
        query, key, value = (self._one_by_one if self.plain else self._at_once)(normed, grid)
        multiple = 1
        if cls_only:
            multiple = self.row_multiple
            query, x = query[:, :, :1], tf.gather(x, grid.firsts)
        logits = attention.logits(self, layer, query, key, shared) + bias
        weights = softmax_of_few(logits) if multiple > 1 and not self.plain else tf.nn.softmax(logits)
        weights = dropout(weights, self.attention_rate, seed, 4 * layer + 1)
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        context = tf.reshape(context, [-1, self.heads * self.head])
        of, context = (None, context) if cls_only else (grid, grid.computed(context))
        if multiple > 1:
            x, context = (tf.pad(part, [[0, -grid.batch % multiple], [0, 0]]) for part in (x, context))
        context = dropout(self.attention_output(context), self.rate, seed, 4 * layer + 2, of)
        if self.before:
            x += tf.cast(context, x.dtype)
            wide = widened(self, self.intermediate(self.output_norm(x)))
            return x + tf.cast(dropout(self.output_(wide), self.rate, seed, 4 * layer + 3, of), x.dtype)
        x = self.attention_norm(x + context)
        wide = widened(self, self.intermediate(x))
        return self.output_norm(x + dropout(self.output_(wide), self.rate, seed, 4 * layer + 3, of))

    def queries_of(self, x):
        """[n, heads * size]: x [n, hidden] projected by the queries' part of the fused QKV layer."""
        return self._part(0, x)

    def keys_of(self, x):
        """[n, heads * size]: x [n, hidden] projected by the keys' part of the fused QKV layer."""
        return self._part(1, x)

    def _part(self, part: int, x):
        kernel = tf.split(tf.cast(tf.convert_to_tensor(self.qkv.kernel), x.dtype), 3, axis=1)[part]
        product = self.qkv.product(x, kernel)
        if self.qkv.bias is None:
            return product
        return product + tf.split(tf.cast(tf.convert_to_tensor(self.qkv.bias), x.dtype), 3)[part]

    def _at_once(self, x, grid):
        """Queries, keys and values, [batch, heads, length, head] each, by one product."""
        qkv = tf.reshape(grid.padded(self.qkv(x)), [grid.batch, grid.length, 3, self.heads, self.head])
        return tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]))

    def _one_by_one(self, x, grid):
        for part in range(3):
            heads = tf.reshape(grid.padded(self._part(part, x)), [grid.batch, grid.length, self.heads, self.head])
            yield tf.transpose(heads, [0, 2, 1, 3])


def widened(layer, wide):
    """The input of the feed-forward's second dense layer, from the output of its first.

    Args:
        layer: a `Block`, or a `DecoderBlock`, whose feed-forward is the same.
    """
    if not layer.gated:
        return layer.activation(wide)
    active, gate = tf.split(wide, 2, axis=-1)
    return layer.activation(active) * gate


def output_precision(config: EncoderConfig, precision: Precision) -> Precision:
    """The precision of the feed-forward's last layer: float32 where T5's sums overflow float16, as in transformers."""
    overflows = config.family.float32_output and precision.policy == "mixed_float16"
    return PRECISIONS["float32"] if overflows else precision
