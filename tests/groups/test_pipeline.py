"""Batches: the same for any start and any replica, in an order that can be inverted."""

import numpy as np
import pytest

from lce_tf.data.draws import dropout_seed
from lce_tf.groups.pipeline import SlicedBatches, slices_of
from lce_tf.groups.pool import Findings, TrainingPool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

CLS, SEP, PAD = 1, 2, 0


def store_of(lengths, first):
    """A text of each length, all of whose ids are `first` plus its row."""
    names = np.array([f"{i:04}".encode() for i in range(len(lengths))])
    flat = np.repeat(np.arange(len(lengths)) + first, lengths).astype(np.uint16)
    return TokenStore(names, np.cumsum([0, *lengths]), flat)


@pytest.fixture(scope="module")
def parts():
    """21 queries with one positive and nine candidates each; query row and passage row can be read off the ids."""
    rng = np.random.default_rng(0)
    queries, passages = store_of(rng.integers(1, 9, 21), 100), store_of(rng.integers(1, 60, 210), 1000)
    pool = TrainingPool(
        np.arange(21),
        np.arange(21, dtype=np.uint64) * np.uint64(7919),
        np.arange(21) * 10,
        np.arange(22),
        np.concatenate([np.arange(1, 10) + 10 * q for q in range(21)]),
        np.arange(22) * 9,
        Findings(),
    )
    return pool, Packer(queries, passages, (CLS, SEP, PAD), Lengths(6, 48))


def batches(parts, groups=6, members=4, slices=3, multiple=16, replicas=1, pairs=False, seed=1, width=None):
    pool, packer = parts
    sampler = GroupSampler(pool, members, seed, pairs)
    return SlicedBatches(sampler, packer, groups, replicas, slices, multiple, width)


def restored(batch):
    """[groups, members] of (query, passage) rows, read off the packed ids through `order`."""
    labels, order, slices, _ = batch
    seen = [(ids[1] - 100, ids[n] - 1000) for rows, of_type_0, _ in slices
            for ids, n in zip(rows.tolist(), of_type_0.tolist(), strict=True)]  # fmt: skip
    pairs = np.array(seen)[order]
    return pairs.reshape(*labels.shape, 2)


@pytest.mark.parametrize(("groups", "members", "slices"), [(6, 4, 3), (1, 1, 1), (5, 3, 1), (16, 1, 4), (2, 8, 16)])
def test_order_restores_the_groups(parts, groups, members, slices):
    ours = batches(parts, groups, members, slices)
    for step in range(5):
        batch = ours.batch(step)
        dealt = ours.sampler.step(step, groups)
        assert (batch[0] == dealt.labels).all() and sorted(batch[1].tolist()) == list(range(groups * members))
        found = restored(batch)
        assert (found[..., 0] == dealt.query_rows[:, None]).all() and (found[..., 1] == dealt.passage_rows).all()


def test_slices_are_equal_sorted_by_length_and_cut_to_their_own_longest(parts):
    labels, order, slices, seed = batches(parts).batch(3)
    lengths = [part.lengths for part in slices]
    assert [len(part) for part in lengths] == [8, 8, 8]
    assert (np.diff(np.concatenate(lengths)) >= 0).all()
    for ids, of_type_0, length in slices:
        assert ids.shape == (8, min(-(-length.max() // 16) * 16, 48)) and of_type_0.max() <= 8
        assert ((ids != PAD).sum(axis=1) == length).all()
    assert slices[0].input_ids.shape[1] < slices[-1].input_ids.shape[1]
    assert (labels.dtype, order.dtype) == (np.float32, np.int32)
    assert {column.dtype for part in slices for column in part} == {order.dtype}
    assert seed == dropout_seed(1, 3) != batches(parts).batch(4).dropout_seed


def test_a_fixed_width_is_that_of_every_slice_of_every_step(parts):
    fixed, free = batches(parts, width=48), batches(parts)
    assert {part.input_ids.shape[1] for step in range(9) for part in free.batch(step).pairs} > {48}
    for step in range(9):
        batch = fixed.batch(step)
        assert [part.input_ids.shape for part in batch.pairs] == [(8, 48)] * 3
        assert (restored(batch) == restored(free.batch(step))).all()
    assert all(part.shape.is_fully_defined() for part in flat(fixed.dataset(0, 1).element_spec))


def test_slicing_changes_nothing_but_padding(parts):
    assert (restored(batches(parts, slices=1).batch(2)) == restored(batches(parts, slices=6).batch(2))).all()


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("replicas", [2, 3, 6])
def test_replicas_shares_make_up_the_single_replica_s_batch(parts, replicas, pairs):
    members = 1 if pairs else 4
    one = batches(parts, 6, members, 1, pairs=pairs)
    many = batches(parts, 6 // replicas, members, 1, replicas=replicas, pairs=pairs)
    for step in range(8):
        shares = [many.batch(step, replica) for replica in range(replicas)]
        assert (np.concatenate([restored(share) for share in shares]) == restored(one.batch(step))).all()
        assert (np.concatenate([share[0] for share in shares]) == one.batch(step)[0]).all()


def flat(batch):
    """All arrays of a batch."""
    return [*batch[:2], *(column for part in batch.pairs for column in part)]


def equal(left, right):
    left, right = flat(left), flat(right)
    return len(left) == len(right) and all(
        a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in zip(left, right, strict=True)
    )


def test_the_dataset_is_the_batches_and_goes_on_anywhere(parts):
    ours = batches(parts)
    whole = list(ours.dataset(0, 7).as_numpy_iterator())
    assert len(whole) == 7 and all(equal(batch, ours.batch(step)) for step, batch in enumerate(whole))
    for first in (3, 6, 7):
        tail = list(batches(parts).dataset(first, 7).as_numpy_iterator())
        assert len(tail) == 7 - first and all(map(equal, tail, whole[first:]))


def test_the_dataset_feeds_replicas_by_turns_or_some_of_them(parts):
    ours = batches(parts, groups=2, slices=1, replicas=3)
    dealt = list(ours.dataset(1, 3).as_numpy_iterator())
    assert all(map(equal, dealt, [ours.batch(step, replica) for step in (1, 2) for replica in range(3)]))
    assert len(dealt) == 6
    some = list(ours.dataset(1, 3, [2, 0]).as_numpy_iterator())
    assert all(map(equal, some, [ours.batch(step, replica) for step in (1, 2) for replica in (2, 0)]))


def test_the_dataset_says_its_shapes(parts):
    labels, order, slices, seed = batches(parts).dataset(0, 1).element_spec
    assert labels.shape == (6, 4) and order.shape == (24,) and seed.shape == ()
    assert [[column.shape.as_list() for column in part] for part in slices] == [[[8, None], [8], [8]]] * 3


@pytest.mark.parametrize(
    ("groups", "members", "slices"),
    [
        (16, 8, 16),
        (16, 1, 2),
        (1, 1, 1),
        (9, 1, 2),
        (15, 1, 2),
        (3, 11, 5),
        (2, 17, 5),
        (5, 7, 5),
        (16, 2, 4),
        (7, 7, 7),
        (8, 32, 16),
        (16, 32, 32),
    ],
)
def test_slices_for_odd_batches(parts, groups, members, slices):
    ours = batches(parts, groups, members, slices=None)
    assert ours.slices == slices and sum(ours.rows) == ours.pairs == groups * members


def test_slices_are_even_and_no_larger_than_asked(parts):
    for pairs in range(1, 400):
        rows = batches(parts, pairs, 1, slices_of(pairs, 8)).rows
        assert sum(rows) == pairs and max(rows) <= 8 and max(rows) - min(rows) <= 1
    assert slices_of(128 * 8, pairs_a_slice=64) == 16
    assert batches(parts, 9, 1, slices=None).rows == [5, 4]
