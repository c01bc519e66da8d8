"""Teacher scores of the candidates, compared with a dictionary's."""

import numpy as np
import pytest

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.groups import teacher as module
from lce_tf.groups.pool import PoolConfig, build_pool
from lce_tf.groups.sampler import GroupSampler
from lce_tf.groups.teacher import teacher_scores
from lce_tf.tokens.store import TokenStore


def store_of(ids):
    names = np.array([i.encode() for i in ids])
    return TokenStore(names, np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint16))


def run_of(lists):
    """{query: {passage: score}} as a run."""
    offsets = np.cumsum([0, *map(len, lists.values())])
    scores = [score for row in lists.values() for score in row.values()]
    return Run.build(list(lists), offsets, [p for row in lists.values() for p in row], scores)


QUERIES, PASSAGES = [f"q{i}" for i in range(9)], [f"p{i:02}" for i in range(30)]
LISTS = {q: {f"p{(7 * i + j) % 30:02}": -float(j) for j in range(12)} for i, q in enumerate(QUERIES)}
QRELS = {q: {f"p{(7 * i + 3) % 30:02}": 1, f"p{(7 * i + 20) % 30:02}": 1} for i, q in enumerate(QUERIES)}
# Some queries and passages unknown to the teacher, others unknown to the collection, and in another order.
TAUGHT = {
    q: {f"p{(5 * i + j) % 30:02}": 0.37 * i - j for j in range(0, 20, 1 + i % 3)} | {"stranger": 9.0}
    for i, q in reversed(list(enumerate(QUERIES)))
    if i != 4
}


@pytest.fixture(params=[1, 4096])
def made(request, monkeypatch):
    """(pool, queries, passages), looked up query by query and all at once."""
    monkeypatch.setattr(module, "BLOCK", request.param)
    queries, passages = store_of(QUERIES), store_of(PASSAGES)
    return build_pool(run_of(LISTS), QRELS, queries, passages, PoolConfig(4)), queries, passages


def expected(query, passage):
    return np.float32(TAUGHT.get(query, {}).get(passage, np.nan))


def test_each_candidate_has_the_score_that_the_run_gives_it(made):
    pool, *stores = made
    found = teacher_scores(pool, run_of(TAUGHT), *stores, "t.trec")
    for rows, offsets, scores in (
        (pool.positives, pool.positive_offsets, found.positives),
        (pool.negatives, pool.negative_offsets, found.negatives),
    ):
        by_hand = [
            expected(QUERIES[query], PASSAGES[row])
            for index, query in enumerate(pool.query_rows)
            for row in rows[offsets[index] : offsets[index + 1]]
        ]
        np.testing.assert_array_equal(scores, by_hand)
    known = np.isfinite(np.concatenate([found.positives, found.negatives]))
    assert known.any() and not known.all()
    shares = [f"{np.isfinite(part).mean():.1%}" for part in (found.positives, found.negatives)]
    assert found.summary() == f"teacher scores for {shares[0]} of the positives and {shares[1]} of the negatives"


def test_groups_are_labelled_with_them(made):
    pool, *stores = made
    found = teacher_scores(pool, run_of(TAUGHT), *stores, "t.trec")
    plain, taught = (GroupSampler(pool, 4, 1, teacher=t).at(np.arange(40)) for t in (None, found))
    np.testing.assert_array_equal(plain.passage_rows, taught.passage_rows)
    by_hand = [
        [expected(QUERIES[query], PASSAGES[row]) for row in members]
        for query, members in zip(taught.query_rows, taught.passage_rows, strict=True)
    ]
    np.testing.assert_array_equal(taught.labels, by_hand)
    assert taught.labels.dtype == np.float32


@pytest.mark.parametrize("taught", [{"another": {"p00": 1.0}}, {"q0": {"stranger": 1.0}}])
def test_a_teacher_of_other_texts_is_refused(made, taught):
    pool, *stores = made
    with pytest.raises(UserError, match=r"--teacher t.trec: has scores for 0.0% .* python -m lce_tf.score"):
        teacher_scores(pool, run_of(taught), *stores, "t.trec")


def test_scores_that_32_bits_do_not_hold_are_refused(made):
    run = run_of({"q0": {"p00": 1.0, "p01": -1e39}})
    with pytest.raises(
        UserError, match=r"^--teacher t.trec: query q0, passage p01: -1e\+39: a teacher's scores must lie"
    ):
        teacher_scores(*made[:1], run, *made[1:], "t.trec")


def test_lists_without_a_positive_are_labelled_too():
    queries, passages = store_of(QUERIES), store_of(PASSAGES)
    pool = build_pool(run_of(LISTS), {}, queries, passages, PoolConfig(5, positives="none"))
    found = teacher_scores(pool, run_of(TAUGHT), queries, passages, "t.trec")
    assert found.summary() == f"teacher scores for {np.isfinite(found.negatives).mean():.1%} of the passages"
    dealt = GroupSampler(pool, 5, 1, teacher=found).at(np.arange(20))
    by_hand = [
        [expected(QUERIES[query], PASSAGES[row]) for row in members]
        for query, members in zip(dealt.query_rows, dealt.passage_rows, strict=True)
    ]
    np.testing.assert_array_equal(dealt.labels, by_hand)
    with pytest.raises(UserError, match="t.trec: has scores for 0.0% of the passages"):
        teacher_scores(pool, run_of({"zz": {"p00": 1.0}}), queries, passages, "t.trec")
