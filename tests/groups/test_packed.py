"""Packed batches: the same pairs as the sliced ones, few sizes, little padding, for any replica and part."""

import numpy as np
import pytest

from experiments.bench.lengths import packer_of, pool_of
from lce_tf.data.draws import dropout_seed
from lce_tf.groups.packed import PackedBatches
from lce_tf.groups.pipeline import SlicedBatches
from lce_tf.groups.sampler import GroupSampler

GROUPS, MEMBERS = 16, 8


@pytest.fixture(scope="module")
def packer():
    return packer_of(2_000, 300)


@pytest.fixture(scope="module")
def sampler(packer):
    return GroupSampler(pool_of(packer), MEMBERS, 5)


def planned(sampler, packer, width=None, room=10**6, replicas=1):
    return PackedBatches.planned(sampler, packer, GROUPS // replicas, replicas, width, room, 1000)


@pytest.mark.parametrize(("width", "full"), [(None, 0.96), (256, 0.92)])
def test_little_is_padding_and_sizes_are_few(sampler, packer, width, full):
    batches = planned(sampler, packer, width)
    assert len(batches.sizes) <= 3
    assert batches.efficiency(64) > full
    sizes = {batches.batch(step).pairs.input_ids.shape[1] for step in range(64)}
    assert sizes <= set(batches.sizes)


@pytest.mark.parametrize(("width", "room", "replicas"), [(None, 10**6, 1), (256, 4096, 1), (None, 3000, 2)])
def test_pairs_are_those_of_the_sliced_batches(sampler, packer, width, room, replicas):
    batches = planned(sampler, packer, width, room, replicas)
    replica = replicas - 1
    labels, order, (ids, owners, starts, _, lengths, numbers), _ = batches.batch(3, replica)
    drawn = numbers.ravel()[order] - replica * batches.pairs
    groups = drawn[::MEMBERS] // MEMBERS  # in their order in the batch
    sliced = SlicedBatches(sampler, packer, GROUPS // replicas, replicas)
    expected_labels, expected_order, slices, _ = sliced.batch(3, replica)
    np.testing.assert_array_equal(labels, expected_labels[groups])
    np.testing.assert_array_equal(drawn, (groups[:, None] * MEMBERS + np.arange(MEMBERS)).ravel())
    texts = [
        ids[part, start : start + length].tolist()
        for part in range(len(ids))
        for start, length in zip(starts[part], lengths[part], strict=True)
    ]
    expected = [row[:length].tolist() for rows, _, ends in slices for row, length in zip(rows, ends, strict=True)]
    assert [texts[i] for i in order] == [expected[i] for i in expected_order[drawn]]
    assert sorted(drawn) == list(range(batches.pairs))
    for part in range(len(ids)):
        assert (np.bincount(owners[part][owners[part] >= 0]) == lengths[part]).all()
    if room < 10**6:
        assert len(ids) > 1 and ids.shape[1] <= room * 1.2


@pytest.mark.parametrize("width", [None, 256])
def test_parts_have_whole_groups_where_these_fit(sampler, packer, width):
    batches = planned(sampler, packer, width, room=4096)
    assert batches.whole and batches.parts > 1 and max(batches.sizes) <= 1.2 * 4096
    for step in range(8):
        _, order, pairs, _ = batches.batch(step)
        share = batches.pairs // batches.parts
        assert (order // share == np.repeat(np.arange(batches.parts), share)).all()
        lengths = pairs.lengths.sum(axis=1)
        assert lengths.max() < 1.25 * lengths.mean()


def test_groups_larger_than_a_part_are_divided(sampler, packer):
    batches = planned(sampler, packer, room=400)
    assert not batches.whole and batches.parts > GROUPS and max(batches.sizes) <= 512
    assert set(batches.batch(0).pairs.numbers.ravel()) == set(range(batches.pairs))


def test_the_dataset_deals_the_same(sampler, packer):
    batches = planned(sampler, packer)
    for step, found in enumerate(batches.dataset(4, 6).as_numpy_iterator(), 4):
        expected = batches.batch(step)
        for one, other in zip((*found[:2], *found.pairs), (*expected[:2], *expected.pairs), strict=True):
            np.testing.assert_array_equal(one, other)
        assert found.dropout_seed == dropout_seed(5, step)
        # int32 would stay on the host.
        assert {part.dtype.name for part in (found.order, *found.pairs, found.dropout_seed)} == {"int64"}
        assert found.labels.dtype.name == "float32"


def test_all_replicas_of_a_step_have_one_size(sampler, packer):
    batches = planned(sampler, packer, replicas=4)
    sizes = [{batches.batch(step, replica).pairs.input_ids.shape for replica in range(4)} for step in range(16)]
    assert all(len(of_a_step) == 1 for of_a_step in sizes) and len(set.union(*sizes)) > 1


def test_each_replica_of_a_step_is_laid_out_once(sampler, packer):
    batches = planned(sampler, packer, replicas=4)
    for step in range(3):
        for replica in range(4):
            batches.batch(step, replica)
    assert batches._laid_out.cache_info().misses == 3 * 4
