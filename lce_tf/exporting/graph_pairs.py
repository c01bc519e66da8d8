"""Cuts and packs pairs of strings inside a TensorFlow graph, as `lce_tf.tokens.packing` does with NumPy."""

from typing import NamedTuple

import tensorflow as tf

from lce_tf.exporting.graph_tokenizer import GraphTokenizer
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.tokenizers import WordPieces


class PackedStrings(NamedTuple):
    """Packed pairs; a pair whose passage has several windows takes several adjacent rows.

    Attributes:
        input_ids: [rows, length] int32, padded to the longest.
        type_0_lengths: [rows] int32, number of tokens of type 0, see `lce_tf.tokens.packing.PaddedPairs`.
        lengths: [rows] int32, number of tokens with the special ones, without padding.
        pair: [rows] int64, index of the pair that each row belongs to.
    """

    input_ids: tf.Tensor
    type_0_lengths: tf.Tensor
    lengths: tf.Tensor
    pair: tf.Tensor


class GraphPairs(tf.Module):
    """TensorFlow operations that pack strings as `[CLS] query [SEP] passage [SEP]`, or by another template.

    Args:
        tokenizer: see `GraphTokenizer`.
        template: the special tokens around the texts.
        lengths: how pairs are cut, and how passages are split into windows.
    """

    def __init__(self, tokenizer: WordPieces, template: PairTemplate, lengths: Lengths):
        super().__init__(name="pairs")
        self.tokenizer, self.prompt = GraphTokenizer(tokenizer), tokenizer.prompt
        self.template, self.lengths = template, lengths

    def __call__(self, query: tf.Tensor, passage: tf.Tensor) -> PackedStrings:
        """Packs `query` and `passage`, [pairs] strings each."""
        tf.debugging.assert_equal(tf.shape(query), tf.shape(passage), "query and passage must be of the same length")
        queries, passages = self.tokenizer(self.prompt + query), self.tokenizer(passage)
        if self.lengths.cut == "longest":
            kept = _longest_first(
                queries.row_lengths(), passages.row_lengths(), self.lengths.sequence - self.template.size
            )
            pair = tf.range(passages.nrows())
            queries, windows = (self._end(text, many) for text, many in zip((queries, passages), kept, strict=True))
        else:
            room = min(self.lengths.query, self.lengths.sequence - self.template.size - 1)
            queries = self._end(queries, tf.minimum(queries.row_lengths(), room))
            pair, windows = self._windows(queries.row_lengths(), passages)
            queries = tf.gather(queries, pair)
        return self._framed(queries, windows, pair)

    def _framed(self, queries: tf.RaggedTensor, windows: tf.RaggedTensor, pair: tf.Tensor) -> PackedStrings:
        template = self.template
        first, second = (windows, queries) if template.passage_first else (queries, windows)
        before, between, after = (
            tf.tile(tf.constant([ids], tf.int32, shape=[1, len(ids)]), [tf.size(pair), 1])
            for ids in (template.before, template.between, template.after)
        )
        rows = tf.concat([before, first, between, second, after], axis=1)
        kept = [tf.cast(ragged.row_lengths(), tf.int32) for ragged in (queries, windows)]
        sizes = template.type_0_length(*kept), kept[0] + kept[1] + template.size
        # At least 3 columns, even without pairs, because the encoder reads the first token of each row.
        width = tf.maximum(rows.bounding_shape(axis=1), 3)
        return PackedStrings(rows.to_tensor(template.pad, shape=tf.stack([-1, width])), *sizes, pair)

    def _end(self, texts: tf.RaggedTensor, kept: tf.Tensor) -> tf.RaggedTensor:
        """`kept` [texts] wordpieces of each text; the others are cut at the end that `lengths.side` names."""
        begin = texts.row_starts()
        if self.lengths.side == "left":
            begin += texts.row_lengths() - kept
        return tf.gather(texts.flat_values, tf.ragged.range(begin, begin + kept))

    def _windows(self, query_lengths: tf.Tensor, passages: tf.RaggedTensor) -> tuple[tf.Tensor, tf.RaggedTensor]:
        """[windows] index of each window's pair, and its wordpieces; see `lce_tf.tokens.lengths.window_counts`."""
        cut = self.lengths
        found, room = passages.row_lengths(), cut.sequence - self.template.size - query_lengths
        if cut.passage is not None:
            room = tf.minimum(room, cut.passage)
        if cut.windows == 1:
            return tf.range(passages.nrows()), self._end(passages, tf.minimum(found, room))
        counts = tf.minimum(-(-tf.maximum(found - cut.passage, 0) // cut.stride) + 1, cut.windows)
        pair = tf.repeat(tf.range(passages.nrows()), counts)
        start = tf.ragged.range(counts).flat_values * cut.stride
        kept = tf.minimum(tf.gather(found, pair) - start, tf.gather(room, pair))
        begin = tf.gather(passages.row_starts(), pair) + start
        return pair, tf.gather(passages.flat_values, tf.ragged.range(begin, begin + kept))


def _longest_first(query: tf.Tensor, passage: tf.Tensor, room: int) -> tuple[tf.Tensor, tf.Tensor]:
    """`lce_tf.tokens.lengths.longest_first` for tensors."""
    shorter = tf.minimum(query, passage)
    less, more = tf.minimum(shorter, room // 2), tf.maximum(room - shorter, room - room // 2)
    fits, swapped = query + passage <= room, query > passage
    kept_query = tf.where(fits, query, tf.where(swapped, more, less))
    return kept_query, tf.where(fits, passage, tf.where(swapped, less, more))
