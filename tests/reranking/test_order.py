"""The reranked run: scored rows by score, the others below them in their old order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.data.runs import Run, written_scores
from lce_tf.errors import UserError
from lce_tf.reranking.order import pair_rows, reordered, scores_of
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

RUN = Run.build(["q1", "q2"], [0, 4, 6], ["a", "b", "c", "d", "a", "e"], [9, 8, 7, 6, 2, 1])


def merge(run, depth, values, tag="new"):
    return reordered(run, run.cut(depth), np.array(values, np.float32), tag)


def lists(run):
    return {query: list(passages) for query, passages in run.as_dict().items()}


def test_one_logit_is_the_score_and_two_give_their_difference():
    assert scores_of(np.array([[1.5], [-2]], np.float32)).tolist() == [1.5, -2]
    # No saturation: after softmax the first two would tie at 1.
    assert scores_of(np.array([[-100, 100], [-100, 101], [3, 1]], np.float32)).tolist() == [200, 201, -2]


def test_all_scored():
    run, raw = merge(RUN, 10, [0.1, 0.4, -3, 0.2, 5, 6])
    assert lists(run) == {"q1": ["b", "d", "a", "c"], "q2": ["e", "a"]} and run.tag == "new"
    assert raw.tolist() == np.float32([0.4, 0.2, 0.1, -3, 6, 5]).tolist()
    assert run.scores.tolist() == raw.tolist()


def test_what_lies_below_the_depth_stays_below_in_its_old_order():
    run, raw = merge(RUN, 2, [-7, -5, 1, 2])
    assert lists(run) == {"q1": ["b", "a", "c", "d"], "q2": ["e", "a"]}
    assert raw.tolist()[:2] == [-5, -7] and np.isnan(raw[2:4]).all() and raw.tolist()[4:] == [2, 1]
    # The lowest score, then one less for each rank that the row had in the first stage (counted from 0).
    assert run.scores.tolist() == [-5, -7, -9, -10, 2, 1]


def test_ties_keep_the_first_stage_s_order():
    run, raw = merge(RUN, 3, [1, 2, 1, 3, 3])
    assert lists(run) == {"q1": ["b", "a", "c", "d"], "q2": ["a", "e"]}
    assert (np.diff(written_scores(run)[:4]) < 0).all() and raw[:3].tolist() == [2, 1, 1]


@pytest.mark.parametrize("value", [1e30, -1e30, 3e38, -3.4e38, 1e-30, 0.0])
def test_extreme_scores_keep_unscored_rows_below(value):
    run, _ = merge(RUN, 2, [value] * 4)
    assert lists(run) == {"q1": ["a", "b", "c", "d"], "q2": ["a", "e"]}
    written = written_scores(run)
    assert np.isfinite(written).all() and (np.diff(written[:4]) < 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("row", "named"), [(0, "query q1, passage a"), (1, "query q1, passage b"), (3, "query q2, passage e")]
)
def test_scores_that_are_not_finite_are_refused(bad, row, named):
    values = [1.0] * 4
    values[row] = bad
    with pytest.raises(UserError, match=f"{named}: the model's score is {bad}") as error:
        merge(RUN, 2, values)
    assert "--precision float32" in str(error.value)


def test_empty_lists_and_an_empty_run():
    run = Run.build(
        ["q0", "q1", "q2", "q3"],
        [
            0,
            0,
            2,
            2,
            3,
        ][:4]
        + [3],
        ["a", "b", "c"],
        [2, 1, 1],
    )
    for depth in (1, 5):
        new, raw = merge(run, depth, [1, 2, 3][: len(run.cut(depth))])
        assert new.offsets.tolist() == [0, 0, 2, 2, 3] and len(raw) == 3
    trailing = Run.build(["q1", "q2"], [0, 2, 2], ["a", "b"], [2, 1])
    assert lists(merge(trailing, 5, [1, 2])[0]) == {"q1": ["b", "a"], "q2": []}
    nothing = Run.build([], [0], [], [])
    new, raw = merge(nothing, 5, [])
    assert len(new) == 0 and raw.tolist() == []


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_against_sorting_lists(data):
    sizes = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    depth = data.draw(st.integers(1, 7))
    offsets = np.cumsum([0, *sizes])
    ids = [f"d{rank}" for size in sizes for rank in range(size)]
    run = Run.build([f"q{i}" for i in range(len(sizes))], offsets, ids, [-i for i in range(len(ids))])
    top = run.cut(depth)
    values = data.draw(st.lists(st.sampled_from([-2.5, -1, 0, 0.5, 3]), min_size=len(top), max_size=len(top)))
    new, raw = merge(run, depth, values)
    values = iter(values)
    for i, size in enumerate(sizes):
        scored = [(next(values), f"d{rank}") for rank in range(min(size, depth))]
        expected = sorted(scored, key=lambda pair: -pair[0])
        rows = slice(*offsets[i : i + 2])
        rest = [f"d{rank}".encode() for rank in range(depth, size)]
        assert new.passage_ids[rows].tolist() == [p.encode() for _, p in expected] + rest
        assert raw[rows][: len(scored)].tolist() == [score for score, _ in expected]
        assert np.isnan(raw[rows][len(scored) :]).all()


def packer_of(queries, passages):
    def store(ids):
        names = np.array([i.encode() for i in ids]) if ids else np.zeros(0, "S1")
        return TokenStore(names, np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint16))

    return Packer(store(queries), store(passages), (1, 2, 0), Lengths())


def test_pairs_as_rows_of_the_stores():
    queries, passages = pair_rows(RUN, packer_of(["q2", "x", "q1"], ["e", "d", "c", "b", "a"]))
    assert queries.tolist() == [2, 2, 2, 2, 0, 0] and passages.tolist() == [4, 3, 2, 1, 4, 0]


def test_unknown_queries_and_passages_are_named():
    with pytest.raises(UserError, match=r"in.trec: query q2 is not among the queries of D \(1 of 2 are not\)"):
        pair_rows(RUN, packer_of(["q1"], list("abcde")), "in.trec", "D")
    with pytest.raises(UserError, match=r"in.trec: passage c is not in the collection of D \(2 of 6 rows are not\)"):
        pair_rows(RUN, packer_of(["q1", "q2"], ["a", "b", "d1", "e", "cc"]), "in.trec", "D")
    with pytest.raises(UserError, match="query q1"):
        pair_rows(RUN, packer_of([], []))
