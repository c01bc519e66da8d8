"""Cuts and packs pairs of strings inside a TensorFlow graph, as `lce_tf.tokens.packing` does outside."""

from typing import NamedTuple

import tensorflow as tf

from lce_tf.exporting.graph_tokenizer import GraphTokenizer
from lce_tf.model.config import Lengths
from lce_tf.tokens.tokenizers import WordPieces


class PackedStrings(NamedTuple):
    """Packed pairs; a pair whose passage has several windows takes several adjacent rows.

    Attributes:
        input_ids: [rows, length] int32, padded to the longest.
        query_lengths: [rows] int32, wordpieces of the query after cutting.
        lengths: [rows] int32, of the whole row with its three special tokens.
        pair: [rows] int64, the pair that each row belongs to.
    """

    input_ids: tf.Tensor
    query_lengths: tf.Tensor
    lengths: tf.Tensor
    pair: tf.Tensor


class GraphPairs(tf.Module):
    """`[CLS] query [SEP] passage [SEP]` from strings, as TensorFlow operations.

    Args:
        tokenizer: see `GraphTokenizer`.
        lengths: how pairs are cut, and passages into windows.
    """

    def __init__(self, tokenizer: WordPieces, lengths: Lengths):
        super().__init__(name="pairs")
        self.tokenizer = GraphTokenizer(tokenizer)
        self.special, self.lengths = tokenizer.special, lengths

    def __call__(self, query: tf.Tensor, passage: tf.Tensor) -> PackedStrings:
        """Packs `query` and `passage`, [pairs] strings each."""
        tf.debugging.assert_equal(tf.shape(query), tf.shape(passage), "query and passage must be of the same length")
        cls, sep, pad = self.special
        queries = self.tokenizer(query)[:, : self.lengths.query]
        pair, windows = self._windows(queries.row_lengths(), self.tokenizer(passage))
        queries = tf.gather(queries, pair)
        first, between = (tf.fill([tf.size(pair), 1], token) for token in (cls, sep))
        rows = tf.concat([first, queries, between, windows, between], axis=1)
        sizes = (tf.cast(ragged.row_lengths(), tf.int32) for ragged in (queries, rows))
        # Without pairs there must still be three columns, because the encoder reads the first token.
        width = tf.maximum(rows.bounding_shape(axis=1), 3)
        return PackedStrings(rows.to_tensor(pad, shape=tf.stack([-1, width])), *sizes, pair)

    def _windows(self, query_lengths: tf.Tensor, passages: tf.RaggedTensor) -> tuple[tf.Tensor, tf.RaggedTensor]:
        """The pair of each window, [windows], and its wordpieces; see `lce_tf.tokens.windows.window_counts`."""
        cut = self.lengths
        found, room = passages.row_lengths(), cut.sequence - 3 - query_lengths
        if cut.passage is not None:
            room = tf.minimum(room, cut.passage)
        counts, stride = tf.ones_like(found), 0
        if cut.windows > 1:
            stride = cut.stride
            counts = tf.minimum(-(-tf.maximum(found - cut.passage, 0) // stride) + 1, cut.windows)
        pair = tf.repeat(tf.range(passages.nrows()), counts)
        start = tf.ragged.range(counts).flat_values * stride
        kept = tf.minimum(tf.gather(found, pair) - start, tf.gather(room, pair))
        begin = tf.gather(passages.row_starts(), pair) + start
        return pair, tf.gather(passages.flat_values, tf.ragged.range(begin, begin + kept))
