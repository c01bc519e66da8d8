"""The cross-encoder over pairs that share rows: the same weights and scores as over slices, in one static shape.

Attention is block-diagonal, positions begin anew with every pair, and each pair's [CLS] is gathered by its index. On
an NVIDIA GPU the fused kernels of `lce_tf.kernels` compute attention, residual norms and GELU; elsewhere the same
operations are written out for XLA. The `PackedPairs` here are tensors, whose shapes are static.
"""

from typing import NamedTuple

import tensorflow as tf

from lce_tf.kernels import fused
from lce_tf.model.attention import MASKED
from lce_tf.model.block import Block, widened
from lce_tf.model.cross_encoder import CrossEncoder
from lce_tf.model.hashed_dropout import HEAD_ENTRIES, dropout, kept, token_keys
from lce_tf.model.lookup import few_rows
from lce_tf.model.norm import LayerNorm
from lce_tf.tokens.rows import PackedPairs


class _PerToken(NamedTuple):
    """Values of each token that follow from its pair, [tokens] int32 each. A padding token counts as its own pair."""

    positions: tf.Tensor
    segments: tf.Tensor
    begin: tf.Tensor
    end: tf.Tensor
    numbers: tf.Tensor


def _per_token(pairs: PackedPairs, padding_segment: int) -> _PerToken:
    at, real = tf.range(pairs.input_ids.shape[0]), pairs.owners >= 0
    owner = tf.maximum(pairs.owners, 0)
    begin = tf.where(real, tf.gather(pairs.starts, owner), at)
    positions = at - begin
    segments = tf.cast(positions >= tf.gather(pairs.type_0_lengths, owner), tf.int32)
    return _PerToken(
        positions,
        tf.where(real, segments, padding_segment),
        begin,
        tf.where(real, begin + tf.gather(pairs.lengths, owner), at + 1),
        tf.where(real, tf.gather(pairs.numbers, owner), -1),
    )


class PackedModel:
    """A `CrossEncoder` over pairs that share rows.

    Args:
        width: tokens per row. No pair is longer, and attention is computed within a row. None: all tokens are one
            sequence, in which the fused attention kernel reads only each token's own pair.
        kernels: whether the fused kernels are used; they need an NVIDIA GPU, float16 or bfloat16 and no row width.
    """

    def __init__(self, model: CrossEncoder, width: int | None, kernels: bool):
        self.model, self.width, self.kernels = model, width, kernels
        self.half = tf.as_dtype(model.encoder.compute_dtype)

    def logits(self, pairs: PackedPairs, seed: tf.Tensor | None = None) -> tf.Tensor:
        """[pairs, outputs] float32.

        Args:
            seed: [2] int32, of the dropout masks; None switches dropout off.
        """
        encoder, per_token = self.model.encoder, _per_token(pairs, self.model.scoring.padding_segment)
        keys = None if seed is None else token_keys(seed, per_token.numbers, per_token.positions)
        x = self._embedded(pairs.input_ids, per_token, keys)
        shared = encoder.attention.shared(self._in_rows(per_token.positions), self.half)
        first = encoder.config.classifier_pooling == "cls"
        for layer, block in encoder.layers:
            context = self._attended(layer, block, x, per_token, keys, shared)
            if first and layer == len(encoder.order) - 1:
                # The head reads [CLS] alone, so the rest of the last layer is computed for that token only.
                x, context = tf.gather(x, pairs.starts), tf.gather(context, pairs.starts)
                keys = None if keys is None else tf.gather(keys, pairs.starts)
            x = (self._before if block.before else self._after)(4 * layer, block, x, context, keys)
        if encoder.final_norm is not None:
            x = self._norm(encoder.final_norm, x)
        if not first:
            keys = None if keys is None else tf.gather(keys, pairs.starts)
            x = self._mean(x, pairs) if encoder.decoder is None else self._decoded(x, pairs, keys)
        return self.model.head.scored(x, keys, dropout)

    def _after(self, site: int, block: Block, x, context, keys):
        """The rest of a post-norm layer after its attention."""
        x = self._added(block.attention_output, block.attention_norm, x, context, keys, block.rate, site + 2)
        return self._added(block.output_, block.output_norm, x, self._widened(block, x), keys, block.rate, site + 3)

    def _before(self, site: int, block: Block, x, context, keys):
        """The rest of a pre-norm layer after its attention; x is float32."""
        x += self._wide(dropout(self._product(block.attention_output, context, bias=True), block.rate, keys, site + 2))
        inner = self._product(block.output_, self._widened(block, self._norm(block.output_norm, x)), bias=True)
        return x + self._wide(dropout(inner, block.rate, keys, site + 3))

    def _mean(self, x, pairs: PackedPairs):
        """[pairs, hidden] float32 mean over each pair's tokens."""
        summed = tf.math.unsorted_segment_sum(self._wide(x), pairs.owners, pairs.starts.shape[0])
        return summed / self._wide(tf.maximum(pairs.lengths, 1))[:, None]

    def _decoded(self, x, pairs: PackedPairs, keys):
        """[pairs, hidden] vectors of the decoder, whose queries each attend to the tokens of their own pair."""
        encoder, count = self.model.encoder, pairs.starts.shape[0]
        decoder, owner = encoder.decoder, tf.maximum(pairs.owners, 0)
        heads = tf.range(decoder.heads)[None] * HEAD_ENTRIES

        def attend(query, layer):
            key_value = tf.reshape(layer.cross_key_value(x), [-1, 2, decoder.heads, decoder.head])
            key, value = tf.unstack(self._wide(key_value), axis=1)
            query = tf.gather(tf.reshape(self._wide(query), [count, decoder.heads, decoder.head]), owner)
            logits = tf.reduce_sum(query * key, axis=-1)
            highest = tf.stop_gradient(tf.math.unsorted_segment_max(logits, pairs.owners, count))
            weights = tf.exp(logits - tf.gather(highest, owner))
            total = tf.math.unsorted_segment_sum(weights, pairs.owners, count)
            weights /= tf.gather(tf.maximum(total, 1e-30), owner)
            if keys is not None and layer.attention_rate:
                site = decoder.first_site + 4 * decoder.blocks.index(layer) + 2
                at = tf.range(x.shape[0]) - tf.gather(pairs.starts, owner)
                keep = kept(tf.gather(keys, owner)[:, None], site, at[:, None] + heads, layer.attention_rate)
                weights = tf.where(keep, weights / (1 - layer.attention_rate), 0.0)
            found = tf.math.unsorted_segment_sum(weights[..., None] * value, pairs.owners, count)
            return tf.cast(tf.reshape(found, [count, decoder.heads * decoder.head]), self.half)

        start = tf.gather(encoder.embeddings.words, encoder.config.decoder_start_token_id)
        return decoder.stepped(self._half(start), count, attend, lambda x, rate, site: dropout(x, rate, keys, site))

    def _in_rows(self, values):
        """The values of tokens, [tokens], as [rows, width]."""
        return tf.reshape(values, [-1, self.width or values.shape[0]])

    def _wide(self, values) -> tf.Tensor:
        return tf.cast(values, tf.float32)

    def _plain(self, variable) -> tf.Tensor:
        """The variable's float32 values."""
        return tf.cast(tf.convert_to_tensor(variable), tf.float32)

    def _half(self, variable) -> tf.Tensor:
        return tf.cast(tf.convert_to_tensor(variable), self.half)

    def _embedded(self, ids, per_token: _PerToken, keys):
        layer, config = self.model.encoder.embeddings, self.model.config
        words = self._half(tf.gather(layer.words, ids))
        if layer.positions is not None:
            words += self._half(few_rows(self._plain(layer.positions), self._position_rows(ids, per_token)))
        if layer.segments is not None:
            segments = per_token.segments if config.type_vocab_size > 1 else tf.zeros_like(per_token.segments)
            words += self._half(few_rows(self._plain(layer.segments), segments))
        x = dropout(words if layer.norm is None else self._norm(layer.norm, words), layer.rate, keys, 0)
        x = x if layer.projection is None else self._product(layer.projection, x, bias=True)
        return self._wide(x) if config.family.before else x

    def _position_rows(self, ids, per_token: _PerToken):
        """The row of each token in the table of positions."""
        config = self.model.config
        if config.family.positions == "table":
            return per_token.positions
        real = tf.cast(ids != config.pad_token_id, tf.int32)
        before = tf.cumsum(real, exclusive=True)
        return (before + real - tf.gather(before, per_token.begin)) * real + config.pad_token_id

    def _product(self, layer, x, bias: bool = False):
        dtype = layer.compute_dtype
        product = layer.product(tf.cast(x, dtype), tf.cast(tf.convert_to_tensor(layer.kernel), dtype))
        return (
            product + tf.cast(tf.convert_to_tensor(layer.bias), dtype) if bias and layer.bias is not None else product
        )

    def _norm(self, layer: LayerNorm, x):
        beta = None if layer.beta is None else self._plain(layer.beta)
        return layer.normal(x, self._plain(layer.gamma), beta)

    def _attended(self, layer: int, block: Block, x, per_token: _PerToken, keys, shared):
        """[tokens, heads * size] attention of every token to its own pair."""
        if block.before:
            x = self._half(x) if block.attention_norm is None else self._norm(block.attention_norm, x)
        qkv, rate, site = self._product(block.qkv, x, bias=True), block.attention_rate, 4 * layer + 1
        if self.kernels:
            given = tf.zeros_like(per_token.begin) if keys is None else keys
            return fused.attention(
                qkv, given, per_token.begin, per_token.end, block.heads, rate, site, training=keys is not None
            )
        width = self.width or x.shape[0]
        rows = x.shape[0] // width
        query, key, value = tf.unstack(
            tf.transpose(tf.reshape(qkv, [rows, width, 3, block.heads, block.head]), [2, 0, 3, 1, 4])
        )
        begin = tf.reshape(per_token.begin, [rows, width])
        same = begin[:, :, None] == begin[:, None, :]
        bias = tf.where(same, tf.zeros([], self.half), tf.cast(MASKED, self.half))[:, None]
        attention = self.model.encoder.attention
        weights = tf.nn.softmax(attention.logits(block, layer, query, key, shared) + bias)
        if keys is not None and rate:
            at = tf.reshape(tf.range(x.shape[0]), [rows, 1, width]) - begin[:, :, None]
            heads = tf.range(block.heads)[None, :, None, None] * max(HEAD_ENTRIES, width)
            keep = kept(tf.reshape(keys, [rows, 1, width, 1]), site, at[:, None] + heads, rate)
            weights = tf.where(keep, weights * tf.cast(1 / (1 - rate), self.half), tf.zeros([], self.half))
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.reshape(context, [x.shape[0], block.heads * block.head])

    def _added(self, layer, norm: LayerNorm, x, inner, keys, rate: float, site: int):
        """norm(x + dropout(layer(inner)))."""
        if self.kernels:
            given, rate = (tf.zeros([x.shape[0]], tf.int32), 0.0) if keys is None else (keys, rate)
            weights = [self._plain(part) for part in (layer.bias, norm.gamma, norm.beta)]
            return fused.residual_norm(x, self._product(layer, inner), *weights, given, rate, site, norm.epsilon)
        return self._norm(norm, x + dropout(self._product(layer, inner, bias=True), rate, keys, site))

    def _widened(self, block: Block, x):
        bias = block.intermediate.bias
        if self.kernels and block.exact_gelu and bias.shape[0] % fused.GELU_BLOCK == 0:
            return fused.bias_gelu(self._product(block.intermediate, x), self._plain(bias))
        return widened(block, self._product(block.intermediate, x, bias=True))
