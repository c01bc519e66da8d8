"""The training pool: usable queries, their candidates, and why other queries are left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lce_tf.data.runs import Run
from lce_tf.errors import UserError
from lce_tf.groups import pool as module
from lce_tf.groups.pool import Findings, PoolConfig, build_pool, refuse_strangers
from lce_tf.tokens.store import TokenStore


def store_of(ids):
    names = np.array([i.encode() for i in ids]) if len(ids) else np.zeros(0, "S1")
    return TokenStore(names, np.zeros(len(ids) + 1, np.int64), np.zeros(0, np.uint16))


def run_of(lists):
    offsets = np.cumsum([0, *map(len, lists.values())])
    scores = [-rank for ids in lists.values() for rank in range(len(ids))]
    return Run.build(list(lists), offsets, [i for ids in lists.values() for i in ids], scores)


def pool_of(lists, qrels, queries=None, passages=None, **config):
    queries = sorted(set(lists) | set(qrels)) if queries is None else queries
    ranked = {i for ids in lists.values() for i in ids}
    passages = sorted(ranked | {i for grades in qrels.values() for i in grades}) if passages is None else passages
    pool = build_pool(run_of(lists), qrels, store_of(queries), store_of(passages), PoolConfig(**{"group": 2, **config}))
    return pool, named(pool, queries, passages)


def named(pool, queries, passages):
    """Query id -> (set of positives, list of negatives)."""
    result = {}
    for i, row in enumerate(pool.query_rows.tolist()):
        positives = pool.positives[pool.positive_offsets[i] : pool.positive_offsets[i + 1]].tolist()
        negatives = pool.negatives[pool.negative_offsets[i] : pool.negative_offsets[i + 1]].tolist()
        result[queries[row]] = ({passages[p] for p in positives}, [passages[n] for n in negatives])
    return result


LISTS = {
    "q1": ["d3", "d1", "d2", "d4"],  # d1 relevant and within the depth
    "q2": ["d1", "d2"],  # its positive is not retrieved
    "q4": ["d1", "d2", "d3"],  # no text
    "q5": ["d1", "d2", "d3"],  # its positive is not in the collection
    "q6": ["d9", "d1", "gone"],  # one negative left: d9 is relevant, gone is not in the collection
    "q7": ["d1", "d2", "d3"],  # not judged
}
QRELS = {
    "q3": {"d1": 1},  # not in the run
    "q6": {"d9": 1},
    "q2": {"d4": 1, "d1": 0},
    "q1": {"d1": 2, "d4": 0, "d5": 1},
    "q4": {"d1": 1},
    "q5": {"nowhere": 1},
    "q8": {"d1": 0},  # judged, nothing relevant: not a training query at all
}
QUERIES = ["q1", "q2", "q3", "q5", "q6", "q7", "q8"]
PASSAGES = ["d1", "d2", "d3", "d4", "d5", "d9"]


def test_by_hand():
    pool, served = pool_of(LISTS, QRELS, QUERIES, PASSAGES, group=3)
    assert served == {"q1": ({"d1", "d5"}, ["d3", "d2", "d4"]), "q2": ({"d4"}, ["d1", "d2"])}
    assert pool.findings == Findings(
        judged=6,
        not_in_run=["q3"],
        no_text=["q4"],
        no_positive=["q5"],
        few_negatives=["q6"],
        missing_passages=["gone"],
        positives_outside=["q2"],
        relevant_among_top=3,  # q1's d1, q6's d9 and q4's d1
    )
    assert len(pool) == 2 and pool.query_keys.dtype == np.uint64 and len(set(pool.query_keys.tolist())) == 2
    assert pool.findings.summary() == (
        "6 judged queries, 1 not in the run (such as q3), 1 without text (such as q4), 1 without a positive in the "
        "collection (such as q5), 1 with too few negatives (such as q6), 1 passages of the run not in the collection "
        "(such as gone)"
    )


def test_a_summary_without_faults():
    pool, _ = pool_of({"q": ["a", "b"]}, {"q": {"a": 1}})
    assert pool.findings.summary() == "1 judged queries"


def test_each_query_counts_under_its_first_reason():
    # q is neither in the run, nor has it a text or a positive.
    pool, _ = pool_of({"p": ["a", "b"]}, {"q": {"x": 1}, "p": {"a": 1}}, ["p"], ["a", "b"])
    assert pool.findings.not_in_run == ["q"] and not pool.findings.no_text and not pool.findings.no_positive


def test_the_depth_cuts_negatives_but_not_positives():
    lists = {"q": ["a", "b", "c", "d", "e"]}
    _, served = pool_of(lists, {"q": {"e": 1}}, depth=3)
    assert served == {"q": ({"e"}, ["a", "b", "c"])}
    pool, _ = pool_of(lists, {"q": {"e": 1}}, depth=3)
    assert pool.findings.positives_outside == ["q"] and pool.findings.relevant_among_top == 0
    pool, served = pool_of(lists, {"q": {"b": 1}}, depth=3)
    assert served == {"q": ({"b"}, ["a", "c"])} and pool.findings.relevant_among_top == 1


@pytest.mark.parametrize(("group", "usable"), [(1, True), (3, True), (4, True), (5, False)])
def test_short_lists_are_skipped(group, usable):
    lists, qrels = {"q": ["a", "b", "c"], "long": list("abcdefgh")}, {"q": {"z": 1}, "long": {"z": 1}}
    pool, served = pool_of(lists, qrels, group=group)
    assert ("q" in served) == usable and pool.findings.few_negatives == ([] if usable else ["q"])


def test_short_lists_may_be_drawn_with_replacement_unless_empty():
    lists, qrels = {"q": ["a"], "none": ["z"]}, {"q": {"z": 1}, "none": {"z": 1}}
    pool, served = pool_of(lists, qrels, group=8, short_lists="replace")
    assert served == {"q": ({"z"}, ["a"])} and pool.findings.few_negatives == ["none"]


def test_a_group_of_one_needs_no_negatives():
    _, served = pool_of({"q": ["z"]}, {"q": {"z": 1}}, group=1)
    assert served == {"q": ({"z"}, [])}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"group": 0}, "--group 0"),
        ({"group": -3}, "--group -3"),
        ({"group": 2, "depth": 0}, "--negatives-depth 0"),
        ({"group": 202}, "needs 201 distinct negatives, but only the top 200"),
        ({"group": 2, "short_lists": "pad"}, "--short-lists 'pad': known are skip, replace"),
    ],
)
def test_impossible_configurations(config, words):
    with pytest.raises(UserError, match=words):
        PoolConfig(**config)


def test_large_groups_are_possible_where_they_are_allowed():
    assert PoolConfig(201).group == 201
    assert PoolConfig(1000, short_lists="replace").group == 1000


@pytest.mark.parametrize(
    ("lists", "qrels", "words"),
    [
        ({"q": ["a", "b"]}, {"q": {"a": 0}}, "no relevant passage"),
        ({"q": ["a", "b"]}, {}, "no relevant passage"),
        ({"q": ["a", "b"]}, {"other": {"a": 1}}, "no training query is usable: 1 judged queries, 1 not in the run"),
        ({"q": ["a"]}, {"q": {"a": 1}}, "1 with too few negatives .such as q."),
        ({}, {"q": {"a": 1}}, "1 not in the run"),
    ],
)
def test_nothing_usable_is_an_error_with_the_reason(lists, qrels, words):
    with pytest.raises(UserError, match=words):
        pool_of(lists, qrels)


@pytest.mark.parametrize(
    ("ranked", "asked", "words"),
    [
        ("abc", "abd", None),
        ("xy", "abd", "2 judged queries, 2 not in the run .such as a."),
        ("ax", "b", "2 judged queries, 1 not in the run .such as b., 1 without text .such as a."),
    ],
)
def test_strangers_are_found_without_passages(ranked, asked, words):
    run, qrels = run_of({name: ["p"] for name in ranked}), {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 0}}
    if words is None:
        refuse_strangers(run, qrels, store_of(asked), PoolConfig(1))
        return
    with pytest.raises(UserError, match=f"no training query is usable: {words}"):
        refuse_strangers(run, qrels, store_of(asked), PoolConfig(1))
    with pytest.raises(UserError, match=words):  # what would be said later
        build_pool(run, qrels, store_of(asked), store_of("p"), PoolConfig(1))


def test_a_run_of_another_collection_says_so():
    with pytest.raises(UserError, match="2 passages of the run not in the collection .such as x."):
        pool_of({"q": ["x", "y"]}, {"q": {"a": 1}}, ["q"], ["a", "b"])


def test_an_empty_collection():
    with pytest.raises(UserError, match="1 without a positive in the collection"):
        pool_of({"q": ["x", "y"]}, {"q": {"a": 1}}, ["q"], [])


def test_ids_that_begin_alike_or_are_not_ascii():
    lists = {"q1": ["d1", "d11", "é"], "q11": ["d11", "d1", "é"]}
    _, served = pool_of(lists, {"q11": {"d11": 1}, "q1": {"d1": 1}})
    assert served == {"q11": ({"d11"}, ["d1", "é"]), "q1": ({"d1"}, ["d11", "é"])}


def test_numbers_of_pairs_do_not_overflow():
    # Query number x collection size, for the largest that are met: 10 million queries, a billion passages.
    assert 10_000_000 * 1_000_000_000 < np.iinfo(np.int64).max


def test_draws_hang_on_the_id_and_not_on_any_place():
    one, _ = pool_of({"q1": ["a", "b"], "q2": ["a", "b"]}, {"q1": {"a": 1}, "q2": {"a": 1}})
    two, _ = pool_of({"q2": ["a", "b"], "q1": ["a", "b"]}, {"q2": {"a": 1}, "q1": {"a": 1}})
    assert one.query_keys.tolist() == two.query_keys.tolist()[::-1]
    # blake2b of "q1" with 8 bytes, little endian: pinned, because it decides the order of training data.
    assert int(one.query_keys[0]) == 7530267129497158631


NAMES = st.sampled_from([f"q{i}" for i in range(7)])
PIDS = st.sampled_from([f"d{i}" for i in range(12)])


@given(
    lists=st.dictionaries(NAMES, st.lists(PIDS, min_size=1, unique=True)),
    qrels=st.dictionaries(NAMES, st.dictionaries(PIDS, st.integers(-1, 2))),
    queries=st.lists(NAMES, unique=True),
    passages=st.lists(PIDS, unique=True),
    group=st.integers(1, 4),
    depth=st.integers(3, 8),
    short=st.sampled_from(["skip", "replace"]),
    block=st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_against_sets_and_dictionaries(lists, qrels, queries, passages, group, depth, short, block):
    served, reasons = {}, {name: [] for name in ("not_in_run", "no_text", "no_positive", "few_negatives")}
    outside, hits, missing = [], 0, set()
    for query, grades in qrels.items():
        relevant = {p for p, grade in grades.items() if grade >= 1}
        if not relevant:
            continue
        top = lists.get(query, [])[:depth]
        missing |= set(top) - set(passages)
        positives = relevant & set(passages)
        negatives = [p for p in top if p in passages and p not in relevant]
        retrieved = positives & set(top)
        hits += len(retrieved)
        need = group - 1 if short == "skip" else min(group - 1, 1)
        if query not in lists:
            reasons["not_in_run"].append(query)
        elif query not in queries:
            reasons["no_text"].append(query)
        elif not positives:
            reasons["no_positive"].append(query)
        elif len(negatives) < need:
            reasons["few_negatives"].append(query)
        else:
            served[query] = (positives, negatives)
            outside += [] if retrieved else [query]
    config = {"group": group, "depth": depth, "short_lists": short}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        if not served:
            with pytest.raises(UserError):
                pool_of(lists, qrels, queries, passages, **config)
            return
        pool, found = pool_of(lists, qrels, queries, passages, **config)
    assert found == served and list(found) == list(served)
    assert all(not positives & set(negatives) for positives, negatives in found.values())
    expected = Findings(sum(map(len, reasons.values())) + len(served), **reasons)
    expected = Findings(**{**vars(expected), "missing_passages": sorted(missing), "positives_outside": outside})
    assert vars(pool.findings) == {**vars(expected), "relevant_among_top": hits}


def test_each_positive_has_its_grade():
    qrels = {"q1": {"c": 3, "a": 1, "b": 0, "gone": 2}, "q2": {"b": 2}}
    lists = {"q1": ["a", "b", "d"], "q2": ["a", "b", "c"]}
    for positives, expected in (("judged", {"a": 1, "c": 3}), ("run", {"a": 1})):
        pool, found = pool_of(lists, qrels, ["q1", "q2"], list("abcd"), positives=positives)
        ends = pool.positive_offsets
        by_name = dict(
            zip((list("abcd")[row] for row in pool.positives[: ends[1]]), pool.grades[: ends[1]], strict=True)
        )
        assert by_name == expected and pool.grades[ends[1] :].tolist() == [2] and list(found) == ["q1", "q2"]


def test_without_positives_all_of_the_top_are_candidates():
    lists = {"q1": ["a", "b", "c"], "q2": ["a", "b"], "q3": ["a", "b", "c", "d"], "q4": ["a", "b", "c"]}
    stores = store_of(["q1", "q2", "q3"]), store_of(list("abcd"))
    run, config = run_of(lists), PoolConfig(3, 3, positives="none")
    pool = build_pool(run, {"q1": {"a": 1}}, *stores, config)
    assert (
        pool.query_rows.tolist() == [0, 2] and not len(pool.positives) and pool.positive_offsets.tolist() == [0, 0, 0]
    )
    assert pool.negatives.tolist() == [0, 1, 2, 0, 1, 2]
    assert pool.findings.summary() == (
        "4 queries of the run, 1 without text (such as q4), 1 with too few passages (such as q2)"
    )
    assert not pool.findings.positives_outside
    refuse_strangers(run, {}, stores[0], config)
    with pytest.raises(UserError, match="4 queries of the run, 4 without text"):
        refuse_strangers(run, {}, store_of(["z"]), config)
    with pytest.raises(UserError, match="--group 4: needs 4 distinct passages, but only the top 3"):
        PoolConfig(4, 3, positives="none")


@pytest.mark.parametrize(("positives", "where"), [("judged", "in the collection"), ("run", "among the run's top")])
def test_a_missing_positive_is_said_where_it_was_looked_for(positives, where):
    qrels = {"q": {"a": 1}, "r": {"z" if positives == "judged" else "c": 1}}
    run = run_of({"q": ["a", "b"], "r": ["a", "b", "c"]})
    pool = build_pool(run, qrels, store_of(["q", "r"]), store_of("abc"), PoolConfig(2, 2, positives=positives))
    assert f"1 without a positive {where} (such as r)" in pool.findings.summary()
