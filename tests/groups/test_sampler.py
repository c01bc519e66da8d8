"""Groups: a pure function of (seed, epoch, query), fair, distinct, and an epoch is a permutation."""

import numpy as np
import pytest
from scipy import stats

from lce_tf.data.runs import Run
from lce_tf.groups.pool import PoolConfig, build_pool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.tokens.store import TokenStore


def store_of(ids):
    names = np.array([i.encode() for i in ids])
    return TokenStore(names, np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint16))


def pool_of(lists, qrels, queries=None, passages=None, **config):
    queries = sorted(lists) if queries is None else queries
    ids = {i for part in (*lists.values(), *qrels.values()) for i in part}
    passages = sorted(ids) if passages is None else passages
    offsets = np.cumsum([0, *map(len, lists.values())])
    scores = [-rank for ids in lists.values() for rank in range(len(ids))]
    run = Run.build(list(lists), offsets, [i for ids in lists.values() for i in ids], scores)
    return build_pool(run, qrels, store_of(queries), store_of(passages), PoolConfig(**{"group": 4, **config}))


QUERIES = [f"q{i}" for i in range(11)]
# Query i has 6 + i negatives and 1 + i % 3 positives.
LISTS = {q: [f"n{(i * 5 + j) % 40:02}" for j in range(6 + i)] for i, q in enumerate(QUERIES)}
QRELS = {q: {f"p{i}{j}": 1 for j in range(1 + i % 3)} for i, q in enumerate(QUERIES)}
PASSAGES = sorted({i for part in (*LISTS.values(), *QRELS.values()) for i in part})


@pytest.fixture(scope="module")
def pool():
    return pool_of(LISTS, QRELS, QUERIES, PASSAGES)


def names(groups):
    """[(query, (passages))] of a batch."""
    return [
        (QUERIES[q], tuple(PASSAGES[p] for p in row))
        for q, row in zip(groups.query_rows, groups.passage_rows.tolist(), strict=True)
    ]


def test_a_group_is_a_positive_and_distinct_candidates(pool):
    groups = GroupSampler(pool, 4, seed=1).at(np.arange(220))
    assert groups.passage_rows.shape == groups.labels.shape == (220, 4)
    assert groups.query_rows.shape == (220,) and groups.labels.dtype == np.float32
    assert (groups.labels == [1, 0, 0, 0]).all()
    for query, (positive, *negatives) in names(groups):
        assert positive in QRELS[query] and set(negatives) <= set(LISTS[query]) and len(set(negatives)) == 3


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 3, 7, 11, 16, 33])
def test_any_batch_size_and_any_restart_deal_the_same(pool, batch, pairs):
    whole = GroupSampler(pool, 4, 1, pairs).at(np.arange(66))
    for step in range(66 // batch):
        fresh = GroupSampler(pool, 4, 1, pairs).step(step, batch)
        for ours, theirs in zip(fresh, whole, strict=True):
            assert (ours == theirs[step * batch : (step + 1) * batch]).all()


def test_positions_may_be_asked_for_in_any_order(pool):
    sampler = GroupSampler(pool, 4, 1)
    positions = np.random.default_rng(0).permutation(55)
    whole, mixed = sampler.at(np.arange(55)), sampler.at(positions)
    for ours, theirs in zip(mixed, whole, strict=True):
        assert (ours == theirs[positions]).all()


def test_an_epoch_is_a_permutation_and_the_next_another(pool):
    sampler = GroupSampler(pool, 4, 1)
    epochs = [sampler.at(np.arange(11) + 11 * e).query_rows.tolist() for e in range(4)]
    assert all(sorted(epoch) == list(range(11)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_a_step_over_the_seam_of_two_epochs(pool):
    sampler = GroupSampler(pool, 4, 1)
    seam = sampler.step(1, 8)  # positions 8..15: the last three of epoch 0 and the first five of epoch 1
    assert names(seam) == names(sampler.at(np.arange(8, 11))) + names(sampler.at(np.arange(11, 16)))


def test_the_group_of_a_query_and_epoch_is_what_is_dealt(pool):
    sampler = GroupSampler(pool, 4, 1)
    dealt = dict(names(sampler.at(np.arange(11, 22))))
    for index in range(11):
        ((query, group),) = names(sampler.of(np.array([index]), np.array([1])))
        assert dealt[query] == group


def test_the_order_of_files_and_stores_does_not_matter(pool):
    expected = names(GroupSampler(pool, 4, 1).at(np.arange(44)))
    rng = np.random.default_rng(1)
    for _ in range(3):
        order = rng.permutation(11)
        queries, passages = [QUERIES[i] for i in order], [PASSAGES[i] for i in rng.permutation(len(PASSAGES))]
        lists = {q: LISTS[q] for q in queries}
        qrels = {QUERIES[i]: dict(reversed(QRELS[QUERIES[i]].items())) for i in rng.permutation(11)}
        for part in ({}, {"queries": queries}):
            other = pool_of(lists, qrels, passages=PASSAGES, **{"queries": QUERIES, **part})
            groups = GroupSampler(other, 4, 1).at(np.arange(44))
            stored = part.get("queries", QUERIES)
            assert [(stored[q], row) for q, (_, row) in zip(groups.query_rows, names(groups), strict=True)] == expected
        # Negatives depend on ranks only, so the order of the collection affects only the choice of a positive.
        moved = GroupSampler(pool_of(lists, qrels, QUERIES, passages), 4, 1).at(np.arange(44))
        negatives = [tuple(passages[p] for p in row[1:]) for row in moved.passage_rows.tolist()]
        assert negatives == [row[1:] for _, row in expected]


def test_other_queries_do_not_change_a_query_s_groups(pool):
    few = pool_of({q: LISTS[q] for q in QUERIES[:4]}, QRELS, QUERIES, PASSAGES)
    for epoch in range(5):
        epochs = np.full(4, epoch)
        few_groups = names(GroupSampler(few, 4, 1).of(np.arange(4), epochs))
        assert few_groups == names(GroupSampler(pool, 4, 1).of(np.arange(4), epochs))


def test_seeds_and_epochs_differ(pool):
    one, two = (GroupSampler(pool, 4, seed).at(np.arange(110)) for seed in (1, 2))
    assert (one.query_rows != two.query_rows).any()
    of = GroupSampler(pool, 4, 1).of
    first, second = (names(of(np.arange(11), np.full(11, epoch))) for epoch in (0, 1))
    assert sum(a != b for a, b in zip(first, second, strict=True)) >= 10


def test_pinned_groups(pool):
    """If this fails, every training from a given seed sees other data: do not just change the names."""
    assert names(GroupSampler(pool, 4, 42).at(np.arange(3))) == [
        ("q9", ("p90", "n09", "n15", "n19")),
        ("q3", ("p30", "n16", "n18", "n21")),
        ("q1", ("p11", "n09", "n05", "n06")),
    ]
    dealt = GroupSampler(pool, 4, 42, pairs=True).at(np.arange(3))
    assert names(dealt) == [("q9", ("p90",)), ("q3", ("n16",)), ("q1", ("p11",))] and dealt.labels.tolist() == [
        [1],
        [0],
        [1],
    ]


def assert_even(counts):
    """Pearson's test at 1 in 10,000; the seeds are fixed, so it passes always or never."""
    assert stats.chisquare(counts.ravel()).pvalue > 1e-4


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("group", [2, 4, 7])
def test_every_candidate_is_equally_likely(group, replacement):
    one = pool_of({"q": [f"n{i:02}" for i in range(20)]}, {"q": {"p": 1}}, group=group)
    epochs = np.arange(6000)
    groups = GroupSampler(one, group, 5, replacement=replacement).of(np.zeros(6000, np.int64), epochs)
    for column in range(1, group):
        counts = np.bincount(groups.passage_rows[:, column], minlength=21)[:20]
        assert_even(counts)
    if group > 2:  # and so are pairs of candidates
        first, second = groups.passage_rows[:, 1], groups.passage_rows[:, 2]
        table = np.bincount(first * 20 + second, minlength=400).reshape(20, 20)
        assert (np.diag(table) == 0).all() != replacement
        cells = table if replacement else table[~np.eye(20, dtype=bool)]
        assert_even(cells)


def test_every_positive_is_equally_likely_and_varies_over_epochs():
    one = pool_of({"q": list("abcdef")}, {"q": {"p1": 1, "p2": 3, "p3": 1}}, passages=[*"abcdef", "p1", "p2", "p3"])
    groups = GroupSampler(one, 4, 5).of(np.zeros(3000, np.int64), np.arange(3000))
    counts = np.bincount(groups.passage_rows[:, 0])[6:]
    assert counts.sum() == 3000
    assert_even(counts)
    repeats = (groups.passage_rows[1:, 0] == groups.passage_rows[:-1, 0]).mean()
    assert abs(repeats - 1 / 3) < 0.04


def test_exactly_as_many_candidates_as_are_drawn():
    one = pool_of({"q": list("abc")}, {"q": {"p": 1}})
    for epoch in range(30):
        assert sorted(GroupSampler(one, 4, 5).of(np.array([0]), np.array([epoch])).passage_rows[0, 1:].tolist()) == [
            0,
            1,
            2,
        ]


def test_short_lists_repeat_only_where_they_must():
    lists = {"long": list("abcdefgh"), "short": ["a", "b"]}
    both = pool_of(lists, {q: {"p": 1} for q in lists}, group=6, short_lists="replace")
    rows = both.query_rows.tolist()
    sampler = GroupSampler(both, 6, 5)
    for epoch in range(20):
        groups = sampler.of(np.array([0, 1]), np.full(2, epoch))
        by_query = {sorted(lists)[row]: group[1:] for row, group in zip(rows, groups.passage_rows, strict=True)}
        assert len(set(by_query["long"].tolist())) == 5 and set(by_query["short"].tolist()) <= {0, 1}


def test_replacement_repeats_now_and_then():
    one = pool_of({"q": list("abcdef")}, {"q": {"p": 1}})
    groups = GroupSampler(one, 4, 5, replacement=True).of(np.zeros(500, np.int64), np.arange(500))
    distinct = np.array([len(set(row)) for row in groups.passage_rows[:, 1:].tolist()])
    # three draws of six: all distinct with probability 5/6 x 4/6
    assert abs((distinct == 3).mean() - 20 / 36) < 0.09


def test_groups_of_one_are_the_positive_alone():
    one = pool_of({"q": ["p"], "r": ["a"]}, {"q": {"p": 1}, "r": {"p": 1}}, group=1)
    groups = GroupSampler(one, 1, 5).step(0, 4)
    assert groups.passage_rows.tolist() == [[1]] * 4 and groups.labels.tolist() == [[1]] * 4


def test_single_pairs_alternate_and_come_from_queries_of_their_own(pool):
    dealt = GroupSampler(pool, 8, 1, pairs=True).at(np.arange(44))
    assert dealt.passage_rows.shape == dealt.labels.shape == (44, 1)
    assert dealt.labels[:, 0].tolist() == [1, 0] * 22
    assert all(sorted(dealt.query_rows[e : e + 11].tolist()) == list(range(11)) for e in range(0, 44, 11))
    for (query, (passage,)), label in zip(names(dealt), dealt.labels[:, 0], strict=True):
        assert passage in (QRELS[query] if label else LISTS[query])


def test_single_pairs_need_one_negative_only_and_every_candidate_comes():
    one = pool_of({"q": list("abcdef")}, {"q": {"p": 1}}, group=2)
    dealt = GroupSampler(one, 1, 5, pairs=True).at(np.arange(1, 6001, 2))
    counts = np.bincount(dealt.passage_rows[:, 0], minlength=7)
    assert counts[6] == 0
    assert_even(counts[:6])


def test_a_batch_larger_than_the_pool(pool):
    groups = GroupSampler(pool, 4, 1).step(0, 40)
    assert np.bincount(groups.query_rows).min() == 3 and np.bincount(groups.query_rows).max() == 4


def test_positions_far_out(pool):
    far = 300_000 * 1024 * 1000
    groups = GroupSampler(pool, 4, (1 << 63) - 1).at(np.arange(far, far + 22))
    assert len(names(groups)) == 22


GRADED = {q: {f"p{i}{j}": 1 + (i + j) % 3 for j in range(1 + i % 3)} for i, q in enumerate(QUERIES)}


@pytest.mark.parametrize("positives", [2, 3, 9])
def test_several_positives_are_distinct_and_the_rest_is_as_with_one(pool, positives):
    one, some = (GroupSampler(pool, 4, 1, positives=count).at(np.arange(220)) for count in (1, positives))
    most = set()
    for row, (query, members) in enumerate(names(some)):
        count = min(len(QRELS[query]), positives, 3)
        assert set(members[:count]) <= set(QRELS[query]) and set(members[count:]) <= set(LISTS[query])
        assert len(set(members)) == 4 and some.labels[row].tolist() == [1] * count + [0] * (4 - count)
        single = names(one)[row][1]
        assert members[0] == single[0] and members[count:] == single[count:]
        most.add(count)
    assert most == {1, 2, 3} - ({3} if positives == 2 else set())


def test_every_further_positive_is_equally_likely():
    one = pool_of({"q": ["a", "b", "c"]}, {"q": {f"p{i}": 1 for i in range(5)}})
    groups = GroupSampler(one, 4, 5, positives=3).of(np.zeros(5000, np.int64), np.arange(5000))
    for column in range(3):
        _, counts = np.unique(groups.passage_rows[:, column], return_counts=True)
        assert len(counts) == 5 and stats.chisquare(counts).pvalue > 1e-3


def test_grades_are_labels():
    graded = pool_of(LISTS, GRADED, QUERIES, PASSAGES)
    dealt = GroupSampler(graded, 4, 1, positives=2, grades=True).at(np.arange(66))
    for (query, members), labels in zip(names(dealt), dealt.labels.tolist(), strict=True):
        assert labels == [GRADED[query].get(member, 0) for member in members]
    binary = GroupSampler(graded, 4, 1, positives=2).at(np.arange(66))
    np.testing.assert_array_equal(binary.passage_rows, dealt.passage_rows)
    np.testing.assert_array_equal(binary.labels, np.minimum(dealt.labels, 1))


def test_several_positives_come_the_same_in_any_batch(pool):
    whole = GroupSampler(pool, 6, 3, positives=3).at(np.arange(66))
    for step in range(6):
        part = GroupSampler(pool, 6, 3, positives=3).step(step, 11)
        np.testing.assert_array_equal(part.passage_rows, whole.passage_rows[step * 11 :][:11])


def test_whole_lists_without_a_positive():
    lists = {q: [f"p{(i + j) % 9}" for j in range(5)] for i, q in enumerate(QUERIES)}
    bare = pool_of(lists, {}, QUERIES, [f"p{i}" for i in range(9)], group=5, positives="none")
    dealt = GroupSampler(bare, 5, 1).at(np.arange(44))
    for query, members in zip(dealt.query_rows, dealt.passage_rows, strict=True):
        assert sorted(f"p{row}" for row in members) == sorted(lists[QUERIES[query]])
    assert not dealt.labels.any() and dealt.passage_rows.dtype == np.int64
    part = GroupSampler(bare, 2, 1).at(np.arange(44))
    assert part.passage_rows.shape == (44, 2) and (part.passage_rows[:, 0] != part.passage_rows[:, 1]).all()
