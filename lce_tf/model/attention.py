"""Kinds of attention in one registry: how a family computes logits from queries, keys and their distances.

Each works on rows of tokens; a row holds one pair or several. A distance is between two tokens of a row.
"""

import math
from typing import Any, Protocol

import tensorflow as tf
import tf_keras as keras

from lce_tf.model.config import EncoderConfig
from lce_tf.model.distances import FARTHEST, deberta_buckets, t5_buckets
from lce_tf.model.layer import Layer, wide
from lce_tf.model.lookup import few_rows
from lce_tf.model.norm import make_norm
from lce_tf.model.precision import Precision

# Added to the attention logits of padding. Finite in float16, and exp(-30000) is 0 in every precision.
MASKED = -30000.0


def softmax_of_few(logits: tf.Tensor) -> tf.Tensor:
    """The softmax over the last axis, in which a row's result is bitwise independent of the number of rows.

    `tf.nn.softmax` is faster for many rows, but multiplies by a reciprocal, which some CPUs approximate for eight rows
    at a time and compute exactly for the remaining rows.
    """
    raised = tf.exp(logits - tf.reduce_max(logits, axis=-1, keepdims=True))
    return raised / tf.reduce_sum(raised, axis=-1, keepdims=True)


class Attention(Protocol):
    """What every kind of attention has; a kind with weights is a Keras layer as well."""

    def __init__(self, config: EncoderConfig, precision: Precision): ...

    def shared(self, positions: tf.Tensor, dtype) -> Any:
        """Values that all layers of a forward pass share, computed once.

        Args:
            positions: [rows or 1, length] int32, each token's position in its pair.
            dtype: of queries and keys.
        """

    def logits(self, block, layer: int, query: tf.Tensor, key: tf.Tensor, shared: Any) -> tf.Tensor:
        """[rows, heads, queries, length] logits; the caller masks padding and the tokens of other pairs.

        Args:
            block: the `Block` that computes.
            layer: the layer's number.
            query: [rows, heads, length or 1, size]; 1: the row's first token alone.
            key: [rows, heads, length, size].
            shared: the result of the method `shared`.
        """


class PlainAttention:
    """Scaled products of queries and keys (BERT, ELECTRA, RoBERTa)."""

    def __init__(self, config: EncoderConfig, precision: Precision):
        self.scale = config.head_size**-0.5

    def shared(self, positions, dtype):
        return None

    def logits(self, block, layer, query, key, shared):
        return tf.matmul(query * self.scale, key, transpose_b=True)


class BiasedAttention(Layer):
    """Adds a bias for each head and bucket of distances, the same in all layers (T5, MPNet)."""

    def __init__(self, config: EncoderConfig, precision: Precision):
        super().__init__(precision, "attention")
        self.scale = config.head_size**-0.5 if config.family.scaled else 1.0
        buckets = config.relative_attention_num_buckets
        normal = keras.initializers.TruncatedNormal(stddev=config.initializer_range)
        self.table = self.add_weight(name="table", shape=[buckets, config.num_attention_heads], initializer=normal)
        self._buckets = t5_buckets(buckets, config.relative_attention_max_distance)

    def shared(self, positions, dtype):
        length = tf.shape(positions)[1]
        bucket = tf.gather(self._buckets, -_distances(length) + FARTHEST)
        bias = few_rows(wide(self.table), tf.reshape(bucket, [-1]))
        return tf.cast(tf.transpose(tf.reshape(bias, [length, length, -1]), [2, 0, 1])[None], dtype)

    def logits(self, block, layer, query, key, shared):
        return tf.matmul(query * self.scale, key, transpose_b=True) + shared[:, :, : tf.shape(query)[2]]


class RotaryAttention:
    """Rotates queries and keys by an angle per position; some layers attend to near tokens only (ModernBERT)."""

    def __init__(self, config: EncoderConfig, precision: Precision):
        self.scale, self.size = config.head_size**-0.5, config.head_size
        self.thetas, self.reach = config.rope_thetas, config.local_attention // 2
        self.local = [kind == "sliding_attention" for kind in config.layer_types]

    def shared(self, positions, dtype):
        angles = []
        for theta in self.thetas:
            rates = [theta ** (-2 * i / self.size) for i in range(self.size // 2)]
            half = tf.cast(positions, tf.float32)[:, None, :, None] * tf.constant(rates)
            whole = tf.concat([half, half], axis=-1)
            angles.append((tf.cast(tf.cos(whole), dtype), tf.cast(tf.sin(whole), dtype)))
        far = tf.abs(_distances(tf.shape(positions)[1])) > self.reach
        return angles, tf.where(far, tf.cast(MASKED, dtype), tf.zeros([], dtype))

    def logits(self, block, layer, query, key, shared):
        angles, far = shared
        cos, sin = angles[self.local[layer]]
        queries = tf.shape(query)[2]
        query = query * cos[:, :, :queries] + _half_turned(query) * sin[:, :, :queries]
        key = key * cos + _half_turned(key) * sin
        logits = tf.matmul(query * self.scale, key, transpose_b=True)
        return logits + far[:queries] if self.local[layer] else logits


class DisentangledAttention(Layer):
    """Adds products of queries, and of keys, with embeddings of distances (DeBERTa v2 and v3)."""

    def __init__(self, config: EncoderConfig, precision: Precision):
        super().__init__(precision, "attention")
        self.kinds, self.heads, self.size = config.pos_att_type, config.num_attention_heads, config.head_size
        self.scale = 1 / math.sqrt(config.head_size * (1 + len(self.kinds)))
        self.span = config.position_buckets or config.max_relative_positions
        normal = keras.initializers.TruncatedNormal(stddev=config.initializer_range)
        self.table = self.add_weight(name="table", shape=[2 * self.span, config.hidden_size], initializer=normal)
        self.norm = make_norm(config, config.hidden_size, precision, "norm") if config.norm_rel_ebd else None
        buckets = deberta_buckets(config.position_buckets, config.max_relative_positions)
        self._rows = (buckets + self.span).clip(0, 2 * self.span - 1)

    def shared(self, positions, dtype):
        table = self.cast(self.table)
        length = positions.shape[1] or tf.shape(positions)[1]
        # Rows ascend with the distance, so the rows of distances that do not occur at this length (most of them, if
        # pairs are short) lie at both ends of the table.
        first, last = tf.gather(self._rows, FARTHEST - length + 1), tf.gather(self._rows, FARTHEST + length - 1)
        table = table[first : last + 1]
        if self.norm is not None:
            table = self.norm(table)
        return table, tf.gather(self._rows, _distances(length) + FARTHEST) - first

    def logits(self, block, layer, query, key, shared):
        table, rows = shared
        logits = tf.matmul(query * self.scale, key, transpose_b=True)
        queries = tf.shape(query)[2]
        if "c2p" in self.kinds:
            near = block.position_key or block.keys_of
            logits += self._picked(query, self._projected(near(table)), rows[:queries])
        if "p2c" in self.kinds:
            near = block.position_query or block.queries_of
            picked = self._picked(key, self._projected(near(table)), tf.transpose(rows)[:, :queries])
            logits += tf.transpose(picked, [0, 1, 3, 2])
        return logits

    def _projected(self, table):
        """[heads, distances, size] of a table [distances, hidden]."""
        return tf.transpose(tf.reshape(table, [-1, self.heads, self.size]), [1, 0, 2])

    def _picked(self, tokens, table, rows):
        """[batch, heads, n, m]: products of tokens [batch, heads, n, size] with the table's rows `rows` [n, m]."""
        batch, _, count, _ = tf.unstack(tf.shape(tokens))
        products = tf.matmul(tokens * self.scale, table[None], transpose_b=True)
        # For each token the values of the whole batch and all heads are adjacent, so the gather copies them at once.
        products = tf.reshape(tf.transpose(products, [2, 3, 0, 1]), [count, tf.shape(table)[1], batch * self.heads])
        picked = tf.gather(products, rows, batch_dims=1)
        picked = tf.reshape(picked, [count, tf.shape(rows)[1], batch, self.heads])
        return tf.transpose(picked, [2, 3, 0, 1])


def _distances(length) -> tf.Tensor:
    """[length, length] int32: each query's position minus each key's."""
    position = tf.range(length)
    return position[:, None] - position[None, :]


def _half_turned(x: tf.Tensor) -> tf.Tensor:
    first, second = tf.split(x, 2, axis=-1)
    return tf.concat([-second, first], axis=-1)


ATTENTIONS: dict[str, type[Attention]] = {
    "plain": PlainAttention,
    "biased": BiasedAttention,
    "rotary": RotaryAttention,
    "disentangled": DisentangledAttention,
}
