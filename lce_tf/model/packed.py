"""The layout of pairs that share rows: the same scores as in rows of their own, in one static shape.

Attention is block-diagonal, positions begin anew with every pair, and each pair's first token is gathered by its index.
On an NVIDIA GPU the fused kernels of `lce_tf.kernels` compute attention, residual norms and GELU; elsewhere the same
operations are written out for XLA. The `PackedPairs` here are tensors, whose shapes are static.
"""

import tensorflow as tf

from lce_tf.kernels import fused
from lce_tf.model.attention import MASKED
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.hashed_dropout import HEAD_ENTRIES, dropout, kept, token_keys
from lce_tf.model.layer import wide
from lce_tf.model.layout import Layout, Tokens
from lce_tf.tokens.rows import PackedPairs


class PackedModel:
    """A `CrossEncoder` over pairs that share rows.

    Args:
        width: tokens per row. No pair is longer, and attention is computed within a row. None: all tokens are one
            sequence, in which the fused attention kernel reads only each token's own pair.
        kernels: whether the fused kernels are used; they need an NVIDIA GPU, float16 or bfloat16 and no row width.
    """

    def __init__(self, model: CrossEncoder, width: int | None, kernels: bool):
        self.model, self.width, self.kernels = model, width, kernels

    def logits(self, pairs: PackedPairs, seed: tf.Tensor | None = None) -> tf.Tensor:
        """[pairs, outputs] float32.

        Args:
            seed: [2] int32, of the dropout masks; None switches dropout off.
        """
        return self.model.scored(Packed(pairs, self.model.scoring.padding_segment, self.width, self.kernels, seed))


class _Hashed(Tokens):
    """Tokens whose dropout masks follow from a key of each, [tokens] int32, or none without a seed."""

    def __init__(self, keys, kernels: bool):
        self.keys, self.kernels = keys, kernels

    def dropout(self, x, rate, site):
        return dropout(x, rate, self.keys, site)

    def added(self, dense, norm, x, inner, rate, site):
        if not self.kernels:
            return super().added(dense, norm, x, inner, rate, site)
        keys, rate = (tf.zeros([x.shape[0]], tf.int32), 0.0) if self.keys is None else (self.keys, rate)
        weights = [wide(part) for part in (dense.bias, norm.gamma, norm.beta)]
        return fused.residual_norm(x, dense.product(inner, dense.kernel), *weights, keys, rate, site, norm.epsilon)

    def widened(self, block, x):
        dense = block.intermediate
        if self.kernels and block.exact_gelu and dense.bias.shape[0] % fused.GELU_BLOCK == 0:
            return fused.bias_gelu(dense.product(x, dense.kernel), wide(dense.bias))
        return super().widened(block, x)


class Packed(_Hashed, Layout):
    """A batch of `PackedPairs`. A padding token counts as its own pair.

    Args:
        padding_segment: segment id of padding.
        width, kernels: see `PackedModel`.
        seed: [2] int32, of the dropout masks; None switches dropout off.
    """

    def __init__(self, pairs: PackedPairs, padding_segment: int, width: int | None, kernels: bool, seed=None):
        self.pairs, self.input_ids, self.count = pairs, pairs.input_ids, pairs.starts.shape[0]
        tokens = pairs.input_ids.shape[0]
        self.length = width or tokens
        self._at, real, self._owners = tf.range(tokens), pairs.owners >= 0, tf.maximum(pairs.owners, 0)
        self.begins = tf.where(real, tf.gather(pairs.starts, self._owners), self._at)
        self._ends = tf.where(real, self.begins + tf.gather(pairs.lengths, self._owners), self._at + 1)
        self.positions = self._at - self.begins
        segments = tf.cast(self.positions >= tf.gather(pairs.type_0_lengths, self._owners), tf.int32)
        self.segments = tf.where(real, segments, padding_segment)
        self.row_positions = self.in_rows(self.positions)
        numbers = tf.where(real, tf.gather(pairs.numbers, self._owners), -1)
        super().__init__(None if seed is None else token_keys(seed, numbers, self.positions), kernels)

    def attended(self, block, layer, x, attention, shared, cls_only):
        rate, site = block.attention_rate, 4 * layer + 1
        if self.kernels:
            training = self.keys is not None
            keys = self.keys if training else tf.zeros_like(self.begins)
            context = fused.attention(
                block.qkv(x), keys, self.begins, self._ends, block.heads, rate, site, training=training
            )
        else:
            context = self._attended(block, layer, x, attention, shared, rate, site)
        return tf.gather(context, self.pairs.starts) if cls_only else context

    def _attended(self, block, layer, x, attention, shared, rate, site):
        query, key, value = self.projected(block, x)
        begins = self.in_rows(self.begins)
        same = begins[:, :, None] == begins[:, None, :]
        bias = tf.where(same, tf.zeros([], x.dtype), tf.cast(MASKED, x.dtype))[:, None]
        weights = tf.nn.softmax(attention.logits(block, layer, query, key, shared) + bias)
        if self.keys is not None and rate:
            at = self.in_rows(self._at)[:, None] - begins[:, :, None]
            heads = tf.range(block.heads)[None, :, None, None] * max(HEAD_ENTRIES, self.length)
            keep = kept(self.in_rows(self.keys)[:, None, :, None], site, at[:, None] + heads, rate)
            weights = tf.where(keep, weights * tf.cast(1 / (1 - rate), x.dtype), tf.zeros([], x.dtype))
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.reshape(context, [x.shape[0], block.heads * block.head])

    def cross_attended(self, block, query, x, site):
        size, owners = [-1, block.heads, block.head], self.pairs.owners
        key, value = (tf.reshape(wide(part), size) for part in tf.split(block.cross_key_value(x), 2, axis=1))
        query = tf.gather(tf.reshape(wide(query), size), self._owners)
        logits = tf.reduce_sum(query * key, axis=-1)
        highest = tf.stop_gradient(tf.math.unsorted_segment_max(logits, owners, self.count))
        weights = tf.exp(logits - tf.gather(highest, self._owners))
        total = tf.math.unsorted_segment_sum(weights, owners, self.count)
        weights /= tf.gather(tf.maximum(total, 1e-30), self._owners)
        if self.keys is not None and block.attention_rate:
            keys = tf.gather(tf.gather(self.keys, self.pairs.starts), self._owners)
            at = self._at - tf.gather(self.pairs.starts, self._owners)
            entries = at[:, None] + tf.range(block.heads)[None] * HEAD_ENTRIES
            keep = kept(keys[:, None], site, entries, block.attention_rate)
            weights = tf.where(keep, weights / (1 - block.attention_rate), 0.0)
        found = tf.math.unsorted_segment_sum(weights[..., None] * value, owners, self.count)
        return block.cast(tf.reshape(found, [self.count, block.heads * block.head]))

    def first(self, x):
        return tf.gather(x, self.pairs.starts)

    def firsts(self):
        return _Hashed(None if self.keys is None else self.first(self.keys), self.kernels)

    def mean(self, x):
        summed = tf.math.unsorted_segment_sum(wide(x), self.pairs.owners, self.count)
        return summed / wide(tf.maximum(self.pairs.lengths, 1))[:, None]

    def in_rows(self, x):
        return tf.reshape(x, [-1, self.length, *x.shape[1:]])
