"""Draws without replacement: their distribution, and turns by shares."""

import numpy as np
import pytest

from lce_tf.hard_negatives.candidates import Candidates
from lce_tf.hard_negatives.drawing import drawn


def candidates(queries, lists):
    """The same lists, one a run, for every query."""
    rows = [
        (query, passage, run, rank, -float(rank))
        for query in range(queries)
        for run, row in enumerate(lists)
        for rank, passage in enumerate(row, 1)
    ]
    return Candidates(*(np.array(column) for column in zip(*rows, strict=True)))


def chosen(found, **settings):
    owners, passages = found.owners.astype(np.uint64), found.passages.astype(np.uint64)
    shares = settings.pop("shares", np.ones(int(found.runs.max()) + 1))
    return found.only(drawn(found, owners, passages, shares, **settings))


@pytest.mark.parametrize(("how", "weights"), [("uniform", [1, 1, 1]), ("rank", [6, 3, 2]), ("score", [4, 2, 1])])
def test_the_first_draw_has_the_weights(how, weights):
    found = candidates(20_000, [[0, 1, 2]])
    kept = chosen(found, per_query=1, how=how, seed=3, temperature=1 / np.log(2))
    shares = np.bincount(kept.passages, minlength=3) / 20_000
    np.testing.assert_allclose(shares, np.array(weights) / sum(weights), atol=0.012)


def test_the_top_is_the_top():
    kept = chosen(candidates(2, [[5, 3, 8, 1]]), per_query=3)
    assert kept.passages.tolist() == [5, 3, 8] * 2 and kept.owners.tolist() == [0] * 3 + [1] * 3


def test_a_sample_is_in_the_order_of_ranks_and_without_repeats():
    kept = chosen(candidates(50, [list(range(20))]), per_query=7, how="uniform", seed=1)
    rows = kept.passages.reshape(50, 7)
    assert (np.diff(rows, axis=1) > 0).all() and len({tuple(row) for row in rows.tolist()}) > 40


@pytest.mark.parametrize(("shares", "first"), [((1, 1), "ab" * 4), ((3, 1), "aabaaaba"), ((1, 3), "babbbabb")])
def test_turns_are_by_the_shares(shares, first):
    lists = [[0, 1, 2, 3, 4, 5, 6, 7], [10, 11, 12, 13, 14, 15, 16, 17]]
    kept = chosen(candidates(1, lists), per_query=8, shares=np.array(shares, float))
    assert "".join("ab"[run] for run in kept.runs) == first
    for run in (0, 1):
        assert kept.passages[kept.runs == run].tolist() == lists[run][: first.count("ab"[run])]


def test_a_passage_of_both_is_kept_once_and_the_turns_stay():
    kept = chosen(candidates(1, [[0, 1, 2, 3], [0, 1, 12, 13]]), per_query=4)
    # Run a has 0 and 1 first, so b's are 12 and 13.
    assert kept.passages.tolist() == [0, 12, 1, 13]


def test_a_run_that_has_no_more_leaves_its_turns():
    kept = chosen(candidates(1, [[0], [10, 11, 12]]), per_query=4)
    assert kept.passages.tolist() == [0, 10, 11, 12]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shares", [(1e-320, 1e-320), (1e308, 1e308), (1, 1)])
def test_shares_count_by_their_ratio(shares):
    found = candidates(1, [[0, 1, 2], [10, 11, 12]])
    assert chosen(found, per_query=4, shares=np.array(shares)).passages.tolist() == [0, 10, 1, 11]


@pytest.mark.filterwarnings("error")
def test_bounds_of_what_can_be_drawn():
    found = candidates(1, [[0, 1, 2], [10, 11, 12]])
    assert chosen(found, per_query=4, shares=np.array([1e-320, 1e300])).passages.tolist() == [10, 11, 12, 0]
    cold = candidates(9, [[4, 5, 6]])
    assert chosen(cold, per_query=1, how="score", temperature=1e-320).passages.tolist() == [4] * 9
