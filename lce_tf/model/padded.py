"""The layout of pairs that have a row each: all of a batch's padded rows, or hardly more than their real tokens."""

import tensorflow as tf

from lce_tf.model.attention import MASKED, softmax_of_few
from lce_tf.model.dropout import dropout, keep
from lce_tf.model.layer import wide
from lce_tf.model.layout import Layout, Tokens

# Without padding, the number of tokens is a multiple of this. oneDNN keeps its programs for each number that occurs:
# 0.3 GB in a training of MiniLM if the numbers are arbitrary, a third of that if they are multiples of 32.
TOKEN_MULTIPLE = 32


class Padded(Layout):
    """A batch of padded rows.

    Args:
        input_ids: [batch, length] int32.
        segment_ids: [batch, length] int32, 0 for `[CLS] query [SEP]` and 1 for `passage [SEP]`.
        mask: [batch, length], 1 for tokens and 0 for padding.
        half: dtype of activations.
        seed: [2] int32; the dropout masks are a pure function of it. None switches dropout off.
        unpadded, row_multiple: as `lce_tf.model.tracing` describes them.
    """

    def __init__(self, input_ids, segment_ids, mask, half, seed=None, unpadded: bool = False, row_multiple: int = 1):
        self.batch, self.length = tf.unstack(tf.shape(input_ids))
        self.mask, self.seed, self.row_multiple = mask, seed, row_multiple
        size = self.batch * self.length
        self._at = _real_first(tf.reshape(mask, [-1])) if unpadded else None
        at = tf.range(size) if self._at is None else self._at
        self._firsts = tf.range(self.batch) * self.length
        if unpadded:
            self._firsts = tf.cumsum(tf.reduce_sum(mask, axis=1), exclusive=True)
        bias = (1.0 - tf.cast(mask, half)) * tf.cast(MASKED, half)
        self._bias = bias[:, None, None, :]  # added to attention logits
        self.input_ids, self.segments = (self._chosen(tf.reshape(part, [-1])) for part in (input_ids, segment_ids))
        self.positions, self.begins = at % self.length, tf.gather(self._firsts, at // self.length)
        self.row_positions = tf.range(self.length)[None]
        self.count = self.batch + self._lacking

    def dropout(self, x, rate, site):
        if self.seed is None or rate == 0:
            return x
        # Drawn for padding too: a token's mask is the same whether padding is computed or not.
        kept = keep([self.batch * self.length, x.shape[1]], rate, self.seed, site, x.dtype)
        return x * self._chosen(kept) * tf.cast(1 / (1 - rate), x.dtype)

    def position_vectors(self, table):
        if self._at is not None:
            return super().position_vectors(table)
        # Without a look-up, since OpenVINO's takes positions beyond the table's end; now such a batch is an error.
        return tf.reshape(tf.tile(table[None, : self.length], [self.batch, 1, 1]), [-1, table.shape[1]])

    def attended(self, block, layer, x, attention, shared, cls_only):
        query, key, value = self.projected(block, x)
        if cls_only:
            query = query[:, :, :1]
        logits = attention.logits(block, layer, query, key, shared) + self._bias
        weights = self._softmax(logits, cls_only and not block.plain)
        weights = dropout(weights, block.attention_rate, self.seed, 4 * layer + 1)
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        context = tf.reshape(context, [-1, block.heads * block.head])
        return self._filled(context) if cls_only else self._computed(context)

    def cross_attended(self, block, query, x, site):
        key, value = (self.heads(block, part) for part in tf.split(block.cross_key_value(x), 2, axis=1))
        query = tf.reshape(query[: self.batch], [self.batch, block.heads, 1, block.head])
        weights = self._softmax(tf.matmul(query, key, transpose_b=True) + self._bias, True)
        found = tf.matmul(dropout(weights, block.attention_rate, self.seed, site), value)
        return self._filled(tf.reshape(found, [self.batch, block.heads * block.head]))

    def first(self, x):
        return self._filled(tf.gather(x, self._firsts))

    def firsts(self):
        return _Firsts(self.seed)

    def mean(self, x):
        share = tf.cast(self.mask, tf.float32)[:, None]
        share /= tf.maximum(tf.reduce_sum(share, axis=-1, keepdims=True), 1.0)
        return self._filled(tf.cast(tf.matmul(share, wide(self.in_rows(x)))[:, 0], x.dtype))

    def in_rows(self, x):
        x = x if self._at is None else self._spread(x)
        return tf.reshape(x, [self.batch, self.length, x.shape[-1]])

    def _softmax(self, logits, few: bool):
        return softmax_of_few(logits) if few and self.row_multiple > 1 else tf.nn.softmax(logits)

    @property
    def _lacking(self):
        return -self.batch % self.row_multiple

    def _filled(self, x):
        """x [batch, n] with rows to ignore up to a multiple of `row_multiple`."""
        return x if self.row_multiple == 1 else tf.pad(x, [[0, self._lacking], [0, 0]])

    def _chosen(self, x):
        """[tokens, ...]: the computed ones of x [batch * length, ...], which has no gradient."""
        return x if self._at is None else tf.gather(x, self._at)

    def _computed(self, x):
        """[tokens, n]: the computed ones of the vectors x [batch * length, n]."""
        return x if self._at is None else self._picked(x)

    # Of either the gradient is the other. That of tf.gather sums, as if rows came twice.
    def _picked(self, x):
        @tf.custom_gradient
        def picked(x):
            return tf.gather(x, self._at), self._spread

        return picked(x)

    def _spread(self, x):
        @tf.custom_gradient
        def spread(x):
            shape = [self.batch * self.length, x.shape[-1]]
            return tf.scatter_nd(self._at[:, None], x, shape), self._picked

        return spread(x)


def _real_first(mask) -> tf.Tensor:
    """Indices of all entries above 0, then of as many others as make their number a multiple of `TOKEN_MULTIPLE`.

    Args:
        mask: [tokens]; with too few others the number is no multiple.
    """
    real, padding = (tf.cast(tf.where(part)[:, 0], tf.int32) for part in (mask > 0, mask <= 0))
    return tf.concat([real, padding[: -tf.size(real) % TOKEN_MULTIPLE]], axis=0)


class _Firsts(Tokens):
    """One token a pair."""

    def __init__(self, seed):
        self.seed = seed

    def dropout(self, x, rate, site):
        return dropout(x, rate, self.seed, site)
