"""The audit, compared with counts made by hand."""

import json
import math
import tracemalloc

import numpy as np
import pytest

from lce_tf.data import rows
from lce_tf.data.runs import Run
from lce_tf.groups import audit as module
from lce_tf.groups.audit import audit
from lce_tf.groups.pool import Findings, PoolConfig, TrainingPool, build_pool
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.store import TokenStore

QUERIES = {"q1": "ab", "q2": "abcdefgh", "q3": "ab", "q4": "zz", "q5": "yy"}
# p2 has p1's text, p7 has p4's; p6 is the long one.
PASSAGES = {"p1": "abc", "p2": "abc", "p3": "d", "p4": "efg", "p5": "h", "p6": "abcdefghijkl", "p7": "efg"}
RUN = {
    "q1": ["p1", "p2", "p3", "p6", "gone"],  # its positive p1, a copy of it, two others, one that is not there
    "q2": ["p3", "p2", "p5", "p7", "p4"],  # its positives p4 and p6; p7 copies p4, and p2 copies another's positive
    "q3": ["p1", "p5", "p6"],  # its positive p2 is not retrieved; p1 copies it
    "q4": ["p1"],  # one negative only
}
QRELS = {"q1": {"p1": 1}, "q2": {"p4": 1, "p6": 1}, "q3": {"p2": 1}, "q4": {"p5": 2}, "q5": {"p1": 1}}


def store(texts):
    pieces = [[ord(letter) for letter in text] for text in texts.values()]
    ids = np.array([name.encode() for name in texts])
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in pieces])])
    return TokenStore(ids, offsets, np.array(sum(pieces, []), np.uint16))


def run_of(ranked):
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in ranked.values()])])
    ids = np.array([i.encode() for ids in ranked.values() for i in ids])
    names = np.array([name.encode() for name in ranked])
    return Run(names, offsets, ids, -np.arange(len(ids), dtype=np.float64))


def audited(group=3, members=None, ranked=RUN, qrels=QRELS, short_lists="skip", query=6, sequence=14):
    packer = Packer(store(QUERIES), store(PASSAGES), (1, 2, 0), Lengths(query, sequence))
    pool = build_pool(run_of(ranked), qrels, packer.queries, packer.passages, PoolConfig(group, 200, short_lists))
    return audit(pool, packer, members or group, 30)


def test_counts_by_hand():
    found = audited()
    assert found.usable == 3 and found.findings.judged == 5
    assert found.findings.not_in_run == ["q5"] and found.findings.few_negatives == ["q4"]
    assert found.findings.missing_passages == ["gone"] and found.findings.positives_outside == ["q3"]
    assert found.findings.relevant_among_top == 2  # p1 for q1, p4 for q2
    # q1: p2 copies p1. q2: p7 copies p4, p2 copies none of its own. q3: p1 copies p2.
    assert found.copies == 3
    assert found.same_queries == 2  # q1 and q3
    # q1: 1 positive, {p2 p3 p6}; q2: 2 positives, {p3 p2 p5 p7}; q3: 1 positive, {p1 p5 p6}; two drawn of each.
    assert found.groups == 1 * math.comb(3, 2) + 2 * math.comb(4, 2) + 1 * math.comb(3, 2) == 18
    assert found.queries_cut == pytest.approx(1 / 3)  # q2 has 8 letters, 6 are kept
    # p6's 12 letters and 14 - 3 - 2 = 9 places: cut for q1 and q3; everything else fits. 3 + 4 + 3 pairs.
    assert found.passages_cut == pytest.approx(2 / 10)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_queries_counted_some_at_a_time_give_the_same(monkeypatch, size):
    whole = audited(short_lists="replace"), audited(group=2, members=1)
    monkeypatch.setattr(rows, "_CHUNK_ROWS", size)
    monkeypatch.setattr(module, "_WORDPIECES", size)
    assert (audited(short_lists="replace"), audited(group=2, members=1)) == whole
    test_counts_by_hand()


def test_memory_does_not_grow_with_the_candidates(monkeypatch):
    queries, negatives = 400, 1000
    texts, passages = (store({f"x{i}": "ab" for i in range(count)}) for count in (queries, negatives + 1))
    lists = np.tile(np.arange(1, negatives + 1, dtype=np.int32), queries)
    pool = TrainingPool(
        np.arange(queries),
        np.arange(queries, dtype=np.uint64),
        np.zeros(queries, np.int64),
        np.arange(queries + 1),
        lists,
        np.arange(queries + 1) * negatives,
        Findings(),
    )
    monkeypatch.setattr(rows, "_CHUNK_ROWS", 10_000)
    packer = Packer(texts, passages, (1, 2, 0), Lengths(6, 14))
    tracemalloc.start()
    found = audit(pool, packer, 3, 30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All 400,000 negatives have the text of the only positive. One int64 for each of them would be 3.2 MB.
    assert (found.copies, found.passages_cut, found.windows) == (queries * negatives, 0.0, 1.0)
    assert peak < 8 * len(lists)


def test_window_numbers_beyond_32_bits():
    # The last passage's windows have the numbers from 3 << 30 on; the pool's rows are 32 bits wide.
    passages = store({"p1": "ab", "p2": "abc", "p3": "d", "p4": "abcdefgh"})
    pool = TrainingPool(
        np.arange(1),
        np.arange(1, dtype=np.uint64),
        np.zeros(1, np.int64),
        np.arange(2),
        np.array([1, 3], np.int32),
        np.array([0, 2]),
        Findings(),
    )
    packer = Packer(store({"q1": "ab"}), passages, (1, 2, 0), Lengths(2, 8, 3, 1, 1 << 30))
    found = audit(pool, packer, 2, 1)
    # p4's eight letters need 8 - 3 + 1 windows of three, p2 one.
    assert (found.passages_cut, found.windows) == (0.0, 3.5)


def test_nothing_is_cut_when_all_fits_exactly():
    found = audited(query=8, sequence=3 + 8 + 12)
    assert found.queries_cut == found.passages_cut == 0


def test_single_pairs_are_counted_one_by_one():
    # 1 + 2 + 1 positives of q1, q2, q3 and q4's one, 3 + 4 + 3 + 1 negatives.
    found = audited(group=2, members=1)
    assert found.usable == 4 and found.groups == 5 + 11


def test_lists_drawn_from_with_replacement():
    found = audited(group=5, short_lists="replace")
    # Four of 3, 4, 3 and 1 negatives, repeats allowed where there are fewer than four.
    repeated = math.comb(3 + 4 - 1, 4)
    assert found.usable == 4 and found.groups == repeated + 2 * math.comb(4, 4) + repeated + math.comb(1 + 4 - 1, 4)


def test_a_positive_that_is_not_in_the_collection():
    found = audited(qrels={**QRELS, "q1": {"absent": 1}})
    assert found.findings.no_positive == ["q1"] and found.usable == 2


def test_more_combinations_than_a_float_holds_stay_a_number():
    names = {f"n{i}": "x" for i in range(1400)}
    queries, passages = store({"q1": "ab"}), store({"p1": "abc", **names})
    pool = build_pool(run_of({"q1": list(names)}), {"q1": {"p1": 1}}, queries, passages, PoolConfig(701, 1400))
    found = audit(pool, Packer(queries, passages, (1, 2, 0), Lengths()), 701, 10)
    assert math.comb(1400, 700) > 10**308 and math.isfinite(found.groups)
    assert json.loads(json.dumps(found.as_json()))["groups"] == found.groups and "e+308" in found.text()


def test_the_text_names_what_was_found():
    text = audited().text()
    lines = {line[:44].strip(): line[44:].strip() for line in text.splitlines()}
    shown = {" ".join(line.split()) for line in text.splitlines()}
    assert len(lines) == len(text.splitlines())
    assert {"judged queries 5", "usable 3", "not in the run 1 (q5)", "with too few negatives 1 (q4)"} <= shown
    assert {"negatives that copy a positive's text 3", "passages cut 20.00%", "queries cut 33.33%"} <= shown
    assert "examples in training 30 = 10.0 a query" in shown and "distinct examples possible 18" in shown
    assert "passages of the run not in the collection 1 (gone)" in shown


def test_long_lists_are_cut_in_the_text_only():
    qrels = {**QRELS, **{f"x{i}": {"p1": 1} for i in range(5)}}
    found = audited(qrels=qrels)
    assert "6 (q5, x0, x1, ...)" in found.text() and len(found.as_json()["findings"]["not_in_run"]) == 6
