"""Pairs packed in a graph are those that are packed outside, for every template and way of cutting."""

import numpy as np
import pytest

from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.windows import expanded

TEMPLATES = {
    "bert": PairTemplate.bert(101, 102, 0),
    "roberta": PairTemplate((0,), (2, 2), (2,), 1, zeros=4, second_zero=True),
    "turned": PairTemplate((101,), (102,), (), 0, passage_first=True),
}
LENGTHS = {
    "passage": Lengths(4, 12),
    "longest": Lengths(8, 12, cut="longest"),
    "longest, left": Lengths(8, 12, cut="longest", side="left"),
    "windows": Lengths(3, 14, 4, 2, 3),
}
QUERIES, PASSAGES = ["", "ab", "abcdefghijk", "abcd"], ["", "klm", "k", "klmnopqrstuv"]


class Letters:
    """A tokenizer of which every letter is a token."""

    prompt = "z"

    def __call__(self, texts):
        return [[ord(letter) for letter in text] for text in texts]


def store_of(texts):
    ids = Letters()(texts)
    flat = np.array([token for text in ids for token in text], np.int32)
    return TokenStore(np.arange(len(ids)).astype("S"), np.cumsum([0, *map(len, ids)]), flat)


@pytest.mark.parametrize("cut", LENGTHS)
@pytest.mark.parametrize("frame", TEMPLATES)
def test_as_outside(frame, cut, monkeypatch):
    import tensorflow as tf

    from lce_tf.exporting import graph_pairs

    def in_graph(tokenizer):
        return lambda texts: tf.cast(tf.strings.unicode_decode(texts, "UTF-8"), tf.int32)

    monkeypatch.setattr(graph_pairs, "GraphTokenizer", in_graph)
    template, lengths = TEMPLATES[frame], LENGTHS[cut]
    pairs = [(q, p) for q in QUERIES for p in PASSAGES]
    texts = (tf.constant(side) for side in zip(*pairs, strict=True))
    found = graph_pairs.GraphPairs(Letters(), template, lengths)(*texts)
    queries, passages = store_of(["z" + q for q, _ in pairs]), store_of([p for _, p in pairs])
    packer = Packer(queries, passages, template, lengths)
    rows = np.arange(len(pairs))
    windows = expanded(packer, rows, rows)
    expected = packer.pack(windows.query_rows, windows.passage_rows)
    np.testing.assert_array_equal(found.input_ids, expected.input_ids)
    np.testing.assert_array_equal(found.type_0_lengths, expected.type_0_lengths)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
