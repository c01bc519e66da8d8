"""Trigrams by arrays, compared with those of sets of strings."""

import random

import numpy as np

from lce_tf.data.pydocs.near_duplicates import shingles
from lce_tf.hard_negatives.filters import _among
from lce_tf.hard_negatives.passages import trigrams_of


def test_trigrams_are_those_of_the_sets():
    draw = random.Random(4)
    texts = ["", "one", "one two", "one two three", "a a a a a", "a b a b a b"]
    texts += [" ".join(draw.choices("abcd", k=draw.randrange(12))) for _ in range(200)]
    hashes, counts = trigrams_of(texts)
    assert hashes.dtype == np.uint64 and counts.sum() == len(hashes)
    expected = [shingles(text) for text in texts]
    assert counts.tolist() == [len(one) for one in expected]
    ends = np.cumsum(counts)
    found = [frozenset(hashes[end - count : end].tolist()) for end, count in zip(ends, counts, strict=True)]
    for i in range(0, len(texts), 7):
        for j in range(len(texts)):
            assert len(found[i] & found[j]) == len(expected[i] & expected[j])


def test_no_texts_and_texts_alone():
    hashes, counts = trigrams_of([])
    assert len(hashes) == len(counts) == 0
    alone, _ = trigrams_of(["b c d e"])
    beside, counts = trigrams_of(["a", "b c d e", "f g"])
    np.testing.assert_array_equal(beside[1 : 1 + counts[1]], alone)


def test_hashes_among_others():
    draws = np.random.default_rng(1)
    values = draws.integers(0, 1 << 63, 5000).astype(np.uint64)
    wanted = np.concatenate([values[::9], draws.integers(0, 1 << 63, 300).astype(np.uint64)])
    np.testing.assert_array_equal(_among(values, wanted), np.isin(values, wanted))
    assert not _among(values, wanted[:0]).any()
