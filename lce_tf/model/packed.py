"""The cross-encoder over pairs that share rows: the same weights and scores as over slices, in one static shape.

Attention is block-diagonal, positions begin anew with every pair, and each pair's [CLS] is gathered by its index. On
an NVIDIA GPU the fused kernels of `lce_tf.kernels` compute attention, residual norms and GELU; elsewhere the same
operations are written out for XLA.
"""

from typing import NamedTuple

import tensorflow as tf

from lce_tf.kernels import fused
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.encoder import MASKED, Block, LayerNorm
from lce_tf.model.hashed_dropout import HEAD_ENTRIES, dropout, kept, token_keys


class Tokens(NamedTuple):
    """Pairs that share a sequence of tokens, as `lce_tf.tokens.packing.PackedTokens` holds them; shapes are static.

    Attributes:
        input_ids: [tokens] int32.
        pairs: [tokens] int32, -1 for padding.
        starts, query_lengths, lengths: [pairs] int32.
        numbers: [pairs] int32, of each pair in the step's batch: what its dropout masks are drawn for.
    """

    input_ids: tf.Tensor
    pairs: tf.Tensor
    starts: tf.Tensor
    query_lengths: tf.Tensor
    lengths: tf.Tensor
    numbers: tf.Tensor


class _Places(NamedTuple):
    """Values of each token that follow from its pair, [tokens] int32 each. A padding token counts as its own pair."""

    positions: tf.Tensor
    segments: tf.Tensor
    begin: tf.Tensor
    end: tf.Tensor
    numbers: tf.Tensor


def _places(tokens: Tokens, padding_segment: int) -> _Places:
    at, real = tf.range(tokens.input_ids.shape[0]), tokens.pairs >= 0
    pair = tf.maximum(tokens.pairs, 0)
    begin = tf.where(real, tf.gather(tokens.starts, pair), at)
    positions = at - begin
    segments = tf.cast(positions >= tf.gather(tokens.query_lengths, pair) + 2, tf.int32)
    return _Places(
        positions,
        tf.where(real, segments, padding_segment),
        begin,
        tf.where(real, begin + tf.gather(tokens.lengths, pair), at + 1),
        tf.where(real, tf.gather(tokens.numbers, pair), -1),
    )


class PackedModel:
    """A `CrossEncoder` over pairs that share rows.

    Args:
        width: tokens of a row, which no pair exceeds and which attention is computed within; None: all tokens are one
            sequence, in which the fused attention finds each pair.
        kernels: whether the fused kernels are used; they need an NVIDIA GPU, float16 or bfloat16 and no row width.
    """

    def __init__(self, model: CrossEncoder, width: int | None, kernels: bool):
        self.model, self.width, self.kernels = model, width, kernels
        self.half = tf.as_dtype(model.encoder.compute_dtype)

    def logits(self, tokens: Tokens, seed: tf.Tensor | None = None) -> tf.Tensor:
        """[pairs, outputs] float32.

        Args:
            seed: [2] int32, of the dropout masks; None switches dropout off.
        """
        encoder, places = self.model.encoder, _places(tokens, self.model.scoring.padding_segment)
        keys = None if seed is None else token_keys(seed, places.numbers, places.positions)
        x = self._embedded(tokens.input_ids, places, keys)
        for block in encoder.blocks:
            context = self._attended(block, x, places, keys)
            if block is encoder.blocks[-1]:
                # The score reads [CLS] alone, so what follows the last attention is computed for that only.
                x, context = tf.gather(x, tokens.starts), tf.gather(context, tokens.starts)
                keys = None if keys is None else tf.gather(keys, tokens.starts)
            place = 4 * block.index
            x = self._added(block.attention_output, block.attention_norm, x, context, keys, block.rate, place + 2)
            x = self._added(block.output_, block.output_norm, x, self._widened(block, x), keys, block.rate, place + 3)
        return self.model.head.scored(x, keys, dropout)

    def _plain(self, variable) -> tf.Tensor:
        """The variable's float32 values."""
        return tf.cast(tf.convert_to_tensor(variable), tf.float32)

    def _half(self, variable) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(variable), self.half)

    def _embedded(self, ids, places: _Places, keys):
        layer = self.model.encoder.embeddings
        words = self._half(tf.gather(layer.words, ids))
        for table, index in ((layer.positions, places.positions), (layer.segments, places.segments)):
            words += self._half(_few_rows(self._plain(table), index))
        x = dropout(self._norm(layer.norm, words), layer.rate, keys, 0)
        return x if layer.projection is None else self._product(layer.projection, x, bias=True)

    def _product(self, layer, x, bias: bool = False):
        product = layer.product(x, self._half(layer.kernel))
        return product + self._half(layer.bias) if bias else product

    def _norm(self, layer: LayerNorm, x):
        wide = tf.cast(x, tf.float32)
        centred = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + layer.epsilon) * self._plain(layer.gamma)
        return tf.cast(centred * scale + self._plain(layer.beta), self.half)

    def _attended(self, block: Block, x, places: _Places, keys):
        """[tokens, hidden] attention of every token to its own pair."""
        qkv, rate, place = self._product(block.qkv, x, bias=True), block.attention_rate, 4 * block.index + 1
        if self.kernels:
            given = tf.zeros_like(places.begin) if keys is None else keys
            return fused.attention(
                qkv, given, places.begin, places.end, block.heads, rate, place, training=keys is not None
            )
        width = self.width or x.shape[0]
        rows = x.shape[0] // width
        query, key, value = tf.unstack(
            tf.transpose(tf.reshape(qkv, [rows, width, 3, block.heads, block.head]), [2, 0, 3, 1, 4])
        )
        begin = tf.reshape(places.begin, [rows, width])
        same = begin[:, :, None] == begin[:, None, :]
        bias = tf.where(same, tf.zeros([], self.half), tf.cast(MASKED, self.half))[:, None]
        weights = tf.nn.softmax(tf.matmul(query * block.head**-0.5, key, transpose_b=True) + bias)
        if keys is not None and rate:
            at = tf.reshape(tf.range(x.shape[0]), [rows, 1, width]) - begin[:, :, None]
            heads = tf.range(block.heads)[None, :, None, None] * HEAD_ENTRIES
            keep = kept(tf.reshape(keys, [rows, 1, width, 1]), place, at[:, None] + heads, rate)
            weights = tf.where(keep, weights * tf.cast(1 / (1 - rate), self.half), tf.zeros([], self.half))
        return tf.reshape(tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3]), x.shape)

    def _added(self, layer, norm: LayerNorm, x, inner, keys, rate: float, place: int):
        """The norm of x plus what a dense layer makes of `inner`, dropped out."""
        if self.kernels:
            given, rate = (tf.zeros([x.shape[0]], tf.int32), 0.0) if keys is None else (keys, rate)
            weights = [self._plain(part) for part in (layer.bias, norm.gamma, norm.beta)]
            return fused.residual_norm(x, self._product(layer, inner), *weights, given, rate, place, norm.epsilon)
        return self._norm(norm, x + dropout(self._product(layer, inner, bias=True), rate, keys, place))

    def _widened(self, block: Block, x):
        width = block.intermediate.bias.shape[0]
        if self.kernels and block.exact_gelu and width % fused.GELU_BLOCK == 0:
            return fused.bias_gelu(self._product(block.intermediate, x), self._plain(block.intermediate.bias))
        return block.activation(self._product(block.intermediate, x, bias=True))


@tf.custom_gradient
def _few_rows(table: tf.Tensor, index: tf.Tensor):
    """table[index]; the gradient is a product with one-hot rows, since thousands of tokens share a row."""

    def gradient(upstream):
        one_hot = tf.one_hot(index, table.shape[0], dtype=upstream.dtype)
        return tf.matmul(one_hot, upstream, transpose_a=True), None

    return tf.gather(table, index), gradient
