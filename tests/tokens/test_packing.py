"""Packing against a slow implementation and against Hugging Face's tokenizer; only the passage gives way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.model import hub
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.tokenizers import WordPieces

CLS, SEP, PAD = 101, 102, 0
IDS = st.lists(st.integers(1000, 2000), max_size=14)


def store_of(texts):
    names = np.array([f"{i}".encode() for i in range(len(texts))]) if texts else np.zeros(0, "S1")
    flat = np.array([token for text in texts for token in text], np.uint16)
    return TokenStore(names, np.cumsum([0, *map(len, texts)]), flat)


def packer_of(queries, passages, query=50, sequence=256):
    return Packer(store_of(queries), store_of(passages), (CLS, SEP, PAD), Lengths(query, sequence))


def slow(query, passage, query_cap, sequence):
    query = query[:query_cap]
    passage = passage[: sequence - 3 - len(query)]
    return [CLS, *query, SEP, *passage, SEP], len(query) + 2


def rows(*numbers):
    return np.array(numbers, np.int64)


def test_by_hand():
    packed = packer_of([[7, 8]], [[1, 2, 3], []]).pack(rows(0, 0), rows(0, 1))
    assert packed.input_ids.tolist() == [[CLS, 7, 8, SEP, 1, 2, 3, SEP], [CLS, 7, 8, SEP, SEP, PAD, PAD, PAD]]
    assert packed.type_0_lengths.tolist() == [4, 4] and packed.lengths.tolist() == [8, 5]
    assert {part.dtype for part in packed} == {np.dtype(np.int32)}


def test_the_query_keeps_its_first_wordpieces():
    packed = packer_of([list(range(1, 61))], [[99]], query=50, sequence=256).pack(rows(0), rows(0))
    assert packed.input_ids.tolist() == [[CLS, *range(1, 51), SEP, 99, SEP]]
    assert packed.type_0_lengths.tolist() == [52]


@pytest.mark.parametrize("length", [249, 250, 251, 252, 600])
def test_only_the_passage_is_cut_at_the_cap(length):
    # 3 query pieces and 3 special tokens leave 250 of 256.
    packed = packer_of([[7, 8, 9]], [list(range(1, length + 1))]).pack(rows(0), rows(0))
    kept = min(length, 250)
    assert packed.lengths.tolist() == [kept + 6] == [packed.input_ids.shape[1]]
    assert packed.input_ids[0].tolist() == [CLS, 7, 8, 9, SEP, *range(1, kept + 1), SEP]


@pytest.mark.parametrize("query", [49, 50, 51])
def test_the_query_s_cap_exactly(query):
    packed = packer_of([[7] * query], [[8] * 300]).pack(rows(0), rows(0))
    assert packed.type_0_lengths[0] == min(query, 50) + 2 and packed.lengths[0] == 256
    assert (packed.input_ids[0] == 8).sum() == 256 - 3 - min(query, 50)


def test_empty_query_and_empty_passage():
    packed = packer_of([[]], [[]]).pack(rows(0), rows(0))
    assert packed.input_ids.tolist() == [[CLS, SEP, SEP]] and packed.type_0_lengths.tolist() == [2]


def test_no_pairs():
    packed = packer_of([[1]], [[2]]).pack(rows(), rows(), multiple=16)
    assert packed.input_ids.shape == (0, 16) and packed.lengths.shape == (0,)


@pytest.mark.parametrize(
    ("passage", "multiple", "sequence", "width"),
    [(4, 16, 256, 16), (12, 16, 256, 16), (13, 16, 256, 32), (9, 1, 256, 13), (200, 16, 40, 40), (30, 16, 40, 40)],
)
def test_padding_to_a_multiple_but_not_beyond_the_sequence(passage, multiple, sequence, width):
    packed = packer_of([[1]], [[2] * passage], query=8, sequence=sequence).pack(rows(0), rows(0), multiple)
    assert packed.input_ids.shape == (1, width)
    assert (packed.input_ids[0, packed.lengths[0] :] == PAD).all()


def test_pack_to_a_width_and_not_over_it():
    packer = packer_of([[1]], [[2, 3], [4]])
    assert packer.pack_to(rows(0, 0), rows(0, 1), 7).input_ids.shape == (2, 7)
    assert packer.pack_to(rows(0), rows(0), 6).input_ids.tolist() == [[CLS, 1, SEP, 2, 3, SEP]]
    with pytest.raises(ValueError, match="6 wordpieces does not fit into 5"):
        packer.pack_to(rows(0, 0), rows(1, 0), 5)


def test_ids_above_two_bytes_signed_survive():
    packed = packer_of([[65535]], [[40000]]).pack(rows(0), rows(0))
    assert packed.input_ids.tolist() == [[CLS, 65535, SEP, 40000, SEP]]


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_against_a_slow_implementation(data):
    queries, passages = data.draw(st.lists(IDS, min_size=1, max_size=4)), data.draw(st.lists(IDS, min_size=1))
    query = data.draw(st.integers(1, 10))
    sequence, multiple = data.draw(st.integers(query + 4, 30)), data.draw(st.sampled_from([1, 4, 16]))
    pairs = data.draw(
        st.lists(st.tuples(st.integers(0, len(queries) - 1), st.integers(0, len(passages) - 1)), min_size=1)
    )
    packer = packer_of(queries, passages, query, sequence)
    q, p = rows(*(pair[0] for pair in pairs)), rows(*(pair[1] for pair in pairs))
    packed = packer.pack(q, p, multiple)
    expected = [slow(queries[i], passages[j], query, sequence) for i, j in pairs]
    assert packed.lengths.tolist() == [len(ids) for ids, _ in expected]
    assert packed.type_0_lengths.tolist() == [of_type_0 for _, of_type_0 in expected]
    longest = max(len(ids) for ids, _ in expected)
    assert packed.input_ids.shape[1] == min(-(-longest // multiple) * multiple, sequence)
    for row, (ids, _) in zip(packed.input_ids.tolist(), expected, strict=True):
        assert row == ids + [PAD] * (len(row) - len(ids))
    kept_query, kept_passage = packer.measure(q, p)
    assert (kept_query + kept_passage + 3).tolist() == packed.lengths.tolist()


def test_against_hugging_face():
    from transformers import AutoTokenizer

    folder = hub.locate("minilm")
    theirs, ours = AutoTokenizer.from_pretrained(str(folder)), WordPieces(folder)
    queries = ["what is a cross-encoder?", "naïve 😀", "x", "how long " * 12]
    passages = ["It scores a pair.", "", "word " * 500, "A passage of some length, with commas. " * 9, "שלום"]
    packer = Packer(store_of(ours(queries)), store_of(ours(passages)), ours.special, Lengths(50, 64))
    q, p = np.divmod(np.arange(len(queries) * len(passages)), len(passages))
    packed = packer.pack(q, p)
    for row in range(len(q)):
        # As lists: a passage of its own that is "" would be taken for no passage.
        expected = theirs([queries[q[row]]], [passages[p[row]]], truncation="only_second", max_length=64)
        length = packed.lengths[row]
        assert packed.input_ids[row, :length].tolist() == expected["input_ids"][0]
        segments = (np.arange(length) >= packed.type_0_lengths[row]).astype(int).tolist()
        assert segments == expected["token_type_ids"][0]
