"""Ranks, wins and losses of a small run against its first stage, counted by hand."""

from lce_tf.data.runs import Run
from lce_tf.reporting.findings import Lists, Ranked, against

QRELS = {
    "q1": {"p1": 1},
    "q2": {"p2": 2, "p9": 0},
    "q3": {"p3": 1, "p4": 1},
    "q4": {"p5": 1},
    "q5": {"p1": 1},
    "q6": {},
}
FIRST = {"q1": "p9 p1", "q2": "p2 p9", "q3": "p8 p9 p3", "q4": "p9 p8"}
RERANKED = {"q1": "p1 p9", "q2": "p9 p2", "q3": "p3 p8 p9", "q4": "p9 p8"}
BEFORE = {"q1": 0.5, "q2": 1.0, "q3": 0.25, "q4": 0.0, "q5": 0.0, "q6": 0.0}
NOW = {"q1": 1.0, "q2": 0.5, "q3": 1.0, "q4": 0.0, "q5": 0.0, "q6": 0.0}


def lists(ranked):
    ids = [p for text in ranked.values() for p in text.split()]
    offsets = [0]
    for text in ranked.values():
        offsets.append(offsets[-1] + len(text.split()))
    return Lists(Run.build(list(ranked), offsets, ids, range(len(ids), 0, -1)))


def found(min_grade=1, shown=10, depth=5):
    return against(lists(RERANKED), lists(FIRST), QRELS, min_grade, NOW, BEFORE, shown, depth)


def test_ranks_of_relevant_passages_by_group():
    # Relevant: p1 of q1, p2, p3 and p4 of q3, p5, p1 of q5. First stage: ranks 2, 1, 3; three are in no list.
    assert found().ranks_before == (1, 2, 0, 0, 0, 0, 0, 3)
    assert found().ranks_now == (2, 1, 0, 0, 0, 0, 0, 3)
    assert found(min_grade=2).ranks_before == (1, 0, 0, 0, 0, 0, 0, 0)


def test_every_group_holds_its_last_rank():
    ids = [f"p{i}" for i in range(1, 102)]
    one = lists({"q": " ".join(ids)})
    judged = {"q": {f"p{i}": 1 for i in (1, 2, 3, 4, 5, 6, 10, 11, 30, 31, 100, 101)} | {"absent": 1}}
    ranks = against(one, one, judged, 1, {"q": 1.0}, {"q": 1.0}, 1, 1).ranks_now
    assert ranks == (1, 2, 2, 2, 2, 2, 1, 1)


def test_wins_and_losses_by_their_change():
    one = found()
    assert (one.better, one.worse, one.equal) == (2, 1, 3)
    assert [change.query_id for change in one.wins] == ["q3", "q1"]
    assert [(change.query_id, change.before, change.now) for change in one.losses] == [("q2", 1.0, 0.5)]
    assert [len(found(shown=1).wins), len(found(shown=0).losses)] == [1, 0]


def test_a_query_opens_into_the_tops_of_both_lists_and_its_relevant_passages():
    one = found(depth=1)
    assert one.wins[0].passages == (Ranked("p3", 1, 3, 1), Ranked("p8", 2, 1, None))
    assert one.losses[0].passages == (Ranked("p9", 1, 2, 0), Ranked("p2", 2, 1, 2))


def test_the_best_placed_relevant_passages_are_shown_however_deep():
    ids = [f"p{i}" for i in range(1, 31)]
    before, now = lists({"q": " ".join(ids)}), lists({"q": " ".join(reversed(ids))})
    judged = {"q": {f"p{i}": 1 for i in (1, 2, 3, 4)}}
    (change,) = against(now, before, judged, 1, {"q": 0.0}, {"q": 1.0}, 5, 1).losses
    assert [passage.passage_id for passage in change.passages] == ["p30", "p4", "p3", "p2", "p1"]
    assert [passage.now for passage in change.passages] == [1, 27, 28, 29, 30]
