"""Windows of documents: counted by hand and by going through the text, packed as slices of it, dealt into batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.errors import UserError
from lce_tf.groups.pipeline import SlicedBatches, slices_of
from lce_tf.groups.pool import Findings, TrainingPool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.lengths import Lengths, window_counts
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.windows import covered, expanded

CLS, SEP, PAD = 1, 2, 0


def store_of(lengths, first):
    """A text of each length; every wordpiece is another number, from `first` on."""
    names = np.array([f"{i:04}".encode() for i in range(len(lengths))])
    flat = np.arange(first, first + sum(lengths)).astype(np.uint16)
    return TokenStore(names, np.cumsum([0, *lengths]), flat)


def packer_of(lengths, window, stride, windows, queries=(3, 0)):
    return Packer(
        store_of(queries, 10), store_of(lengths, 100), (CLS, SEP, PAD), Lengths(4, window + 7, window, stride, windows)
    )


def slow(length, window, stride, most):
    """Where windows begin, found by going on until the end of the text is in one."""
    starts = [0]
    while starts[-1] + window < length and len(starts) < most:
        starts.append(starts[-1] + stride)
    return starts


@pytest.mark.parametrize(
    ("length", "stride", "count"),
    [
        (0, 75, 1),  # an empty document has one empty window
        (1, 75, 1),
        (149, 75, 1),
        (150, 75, 1),  # exactly one
        (151, 75, 2),  # 0-150 and 75-151
        (225, 75, 2),  # 75-225 reaches the end
        (226, 75, 3),
        (300, 150, 2),  # side by side
        (301, 150, 3),  # the last has one wordpiece
        (151, 1, 2),
        (10_000, 75, 8),  # 133 would be needed
    ],
)
def test_counts_by_hand(length, stride, count):
    assert window_counts(np.array([length]), 150, stride, 8).tolist() == [count]


def test_windows_of_five_texts_by_hand():
    # Windows of four wordpieces, three apart, three at most; the texts have the wordpieces 100, 101-104, 105-109, ...
    packer = packer_of([1, 4, 5, 0, 20], 4, 3, 3)
    queries, windows, offsets = expanded(packer, np.array([0, 0, 1, 0, 1]), np.arange(5))
    assert offsets.tolist() == [0, 1, 2, 4, 5, 8] and queries.tolist() == [0, 0, 1, 1, 0, 1, 1, 1]
    assert packer.counts(np.arange(5)).tolist() == [1, 1, 2, 1, 3]
    packed = packer.pack(queries, windows)
    q = [CLS, 10, 11, 12, SEP]
    assert [ids[:n] for ids, n in zip(packed.input_ids.tolist(), packed.lengths.tolist(), strict=True)] == [
        [*q, 100, SEP],
        [*q, 101, 102, 103, 104, SEP],
        [CLS, SEP, 105, 106, 107, 108, SEP],
        [CLS, SEP, 108, 109, SEP],
        [*q, SEP],
        [CLS, SEP, 110, 111, 112, 113, SEP],
        [CLS, SEP, 113, 114, 115, 116, SEP],
        [CLS, SEP, 116, 117, 118, 119, SEP],
    ]
    # The 20 wordpieces are cut: three windows reach to the tenth.
    assert covered(packer, np.zeros(5, np.int64), np.arange(5)).tolist() == [1, 4, 5, 0, 10]


def test_a_template_that_leaves_a_window_no_room_is_refused():
    # RoBERTa's: <s> query </s></s> passage </s>, one more than BERT's.
    template = PairTemplate((0,), (2, 2), (2,), 1)
    stores = store_of((9,), 10), store_of((40,), 100)
    with pytest.raises(UserError, match="--window 5: does not fit into 12 wordpieces beside a query of 4 and the 4 "):
        Packer(*stores, template, Lengths(4, 12, 5, 5, 3))
    packer = Packer(*stores, template, Lengths(4, 13, 5, 5, 3))
    assert covered(packer, np.array([0]), np.array([0])).tolist() == [15]


def test_windows_that_are_not_there_are_empty():
    packer = packer_of([5, 4, 0], 4, 2, 3)
    # Text 0 has its second window; that of text 1 would begin before its end, but its first one reaches there.
    kept = packer.measure(np.zeros(9, np.int64), np.arange(9))[1]
    assert kept.tolist() == [4, 3, 0, 4, 0, 0, 0, 0, 0]
    packed = packer.pack(np.array([0, 0]), np.array([4, 8]))
    assert packed.input_ids.tolist() == [[CLS, 10, 11, 12, SEP, SEP]] * 2


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_against_going_through_the_text(data):
    window = data.draw(st.integers(1, 9))
    stride, most = data.draw(st.integers(1, window)), data.draw(st.integers(2, 6))
    lengths = data.draw(st.lists(st.integers(0, 40), min_size=1, max_size=8))
    packer = packer_of(lengths, window, stride, most)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=12)), np.int64)
    expected = [slow(lengths[row], window, stride, most) for row in rows]
    queries, windows, offsets = expanded(packer, np.zeros(len(rows), np.int64), rows)
    assert np.diff(offsets).tolist() == packer.counts(rows).tolist() == [len(starts) for starts in expected]
    packed = packer.pack(queries, windows)
    whole = np.arange(100, 100 + sum(lengths))
    texts = np.split(whole, np.cumsum(lengths)[:-1])
    slices = [texts[row][s : s + window].tolist() for row, starts in zip(rows, expected, strict=True) for s in starts]
    for ids, length, piece in zip(packed.input_ids, packed.lengths, slices, strict=True):
        assert ids[5 : length - 1].tolist() == piece
    ends = [min(starts[-1] + window, lengths[row]) for row, starts in zip(rows, expected, strict=True)]
    assert covered(packer, np.zeros(len(rows), np.int64), rows).tolist() == ends


def test_one_window_is_the_passage_length():
    lengths = [0, 3, 4, 5, 30]
    first = Packer(store_of([3], 10), store_of(lengths, 100), (CLS, SEP, PAD), Lengths(4, 20, 4))
    rows = np.zeros(5, np.int64), np.arange(5)
    queries, windows, offsets = expanded(first, *rows)
    assert (queries == rows[0]).all() and (windows == rows[1]).all() and offsets.tolist() == [0, 1, 2, 3, 4, 5]
    many = packer_of(lengths, 4, 2, 3)
    for one, other in zip(first.pack(*rows), many.pack(rows[0], rows[1] * 3), strict=True):
        assert one.tolist() == other.tolist()


@pytest.fixture(scope="module")
def batches():
    """Groups of a positive and two negatives out of four documents a query: empty, short, two windows, many."""
    passages = store_of([0, 5, 9, 60] * 6, 100)
    pool = TrainingPool(
        np.arange(6),
        np.arange(6, dtype=np.uint64),
        np.arange(6) * 4,
        np.arange(7),
        np.concatenate([np.arange(1, 4) + 4 * q for q in range(6)]),
        np.arange(7) * 3,
        Findings(),
    )
    packer = Packer(store_of([2] * 6, 10), passages, (CLS, SEP, PAD), Lengths(4, 20, 8, 4, 3))
    return SlicedBatches(GroupSampler(pool, 3, 1), packer, 4, slices=slices_of(36, 5), multiple=4)


def test_batches_hold_every_window_in_the_order_of_the_groups(batches):
    assert batches.pairs == 36 and batches.slices == 8 and sum(batches.rows) == 36
    labels, order, slices, _ = batches.batch(2)
    dealt = batches.sampler.step(2, 4)
    assert labels.shape == (4, 3) and order.shape == (36,)
    lengths = np.concatenate([part.lengths for part in slices])
    assert (np.diff(lengths) >= 0).all()
    seen = [ids[4 : n - 1].tolist() for parts, _, sizes in slices
            for ids, n in zip(parts, sizes.tolist(), strict=True)]  # fmt: skip
    starts = {0: [0], 1: [0], 2: [0, 4], 3: [0, 4, 8]}
    for group in range(4):
        for member in range(3):
            row = int(dealt.passage_rows[group, member])
            text = batches.packer.passages.tokens[slice(*batches.packer.passages.offsets[row : row + 2])].tolist()
            rows = order.reshape(4, 3, 3)[group, member].tolist()
            expected = [text[start : start + 8] for start in starts[row % 4]]
            assert [seen[row] for row in rows if row >= 0] == expected
            assert rows[len(expected) :] == [-1] * (3 - len(expected))
    # What is not there lies among the shortest pairs, with the query alone.
    assert (lengths[: (order < 0).sum()] == 5).all() and (order < 0).sum() > 0


def test_the_dataset_has_the_shapes_of_windows(batches):
    spec = batches.dataset(0, 1).element_spec
    assert spec.order.shape == (36,) and [part.lengths.shape[0] for part in spec.pairs] == batches.rows
    found, expected = next(iter(batches.dataset(0, 1).as_numpy_iterator())), batches.batch(0)
    assert (found.labels == expected.labels).all() and (found.order == expected.order).all()
    for one, other in zip(found.pairs, expected.pairs, strict=True):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))
